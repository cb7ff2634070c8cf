import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePause, encodePause, isPausedAt } from './pause.js';

const NOON = Date.UTC(2027, 0, 1, 12);

describe('a pause', () => {
  it('is stored as a document that Java members leave alone', () =>
    expect(encodePause({ reason: 'stocktaking', by: 'ann', until: NOON })).toBe(
      `{"v":1,"reason":"stocktaking","by":"ann","until":${NOON}}`,
    ));

  it('is read as it was written', () =>
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.option(fc.integer()), (reason, by, until) => {
        expect(decodePause(encodePause({ reason, by, until }))).toEqual({ reason, by, until });
      }),
    ));

  it.each(['', 'x', '{', 'null', '[]', '{}', '{"v":2,"until":5}', '{"v":1,"until":"noon"}', '{"v":1,"reason":3}'])(
    'holds without an end when its node says %j, since somebody meant something by it',
    (text) => expect(decodePause(text)).toMatchObject({ until: null, reason: expect.stringMatching(/cannot be read/) }),
  );

  it('keeps back the fires before its end, and not the one at its end', () => {
    const pause = { reason: '', by: '', until: NOON };
    expect([NOON - 1, NOON, NOON + 1].map((at) => isPausedAt(pause, at))).toEqual([true, false, false]);
    expect(isPausedAt({ ...pause, until: null }, Number.MAX_SAFE_INTEGER)).toBe(true);
    expect(isPausedAt(null, NOON)).toBe(false);
  });
});
