import { describe, expect, it } from 'vitest';
import { decodeAnnouncement, encodeAnnouncement } from './crash-announcement.js';

describe('the announcement of a crashed run', () => {
  it('tells whose run it was, and when it was marked', () => {
    const run = { from: '10.0.0.1@-@1', markedAt: 1_700_000_000_000 };
    expect(decodeAnnouncement(encodeAnnouncement(run), 5)).toEqual(run);
    expect(decodeAnnouncement(encodeAnnouncement({ from: null, markedAt: 7 }), 5)).toEqual({ from: null, markedAt: 7 });
  });

  it.each(['', 'null', '{"v":1}', '{"v":2,"from":"a","markedAt":3}', '{"v":1,"from":4,"markedAt":3}'])(
    'of somebody else (%s) tells only when it was made',
    (text) => {
      expect(decodeAnnouncement(text, 5)).toEqual({ from: null, markedAt: 5 });
    },
  );
});
