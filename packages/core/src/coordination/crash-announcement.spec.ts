import { describe, expect, it } from 'vitest';
import { decodeAnnouncement, encodeAnnouncement } from './crash-announcement.js';

describe('the announcement of crashed runs', () => {
  it('tells whose they were, when they were marked, and behind whom they wait', () => {
    const runs = [
      { from: '10.0.0.1@-@1', markedAt: 1_700_000_000_000 },
      { from: null, markedAt: 7 },
    ];
    for (const behind of [null, '10.0.0.2@-@2'])
      expect(decodeAnnouncement(encodeAnnouncement({ runs, behind }), 5)).toEqual({ runs, behind });
  });

  it.each([
    '',
    'null',
    '{"v":1}',
    '{"v":2,"runs":[{"from":"a","markedAt":3}]}',
    '{"v":1,"runs":[]}',
    '{"v":1,"runs":[null]}',
    '{"v":1,"runs":[{"from":4,"markedAt":3}]}',
    '{"v":1,"runs":[{"from":"a"}]}',
    '{"v":1,"runs":[{"from":"a","markedAt":3}],"behind":4}',
  ])('of somebody else (%s) tells only when it was made', (text) => {
    expect(decodeAnnouncement(text, 5)).toEqual({ runs: [{ from: null, markedAt: 5 }], behind: null });
  });
});
