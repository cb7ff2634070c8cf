import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutToBytes, errorOf } from './notice.js';

describe('a text cut to a number of bytes', () => {
  it('has at most so many, is whole characters, and tells that it was cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.integer({ min: 4, max: 80 }), (text, max) => {
        const cut = cutToBytes(text, max);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(max);
        if (Buffer.byteLength(text) <= max) expect(cut).toBe(text);
        else expect(text.startsWith(cut.slice(0, -1)) && cut.endsWith('…')).toBe(true);
        // Less than one character more than needed is lost.
        if (cut !== text) expect(Buffer.byteLength(cut)).toBeGreaterThan(max - 4);
      }),
    );
  });
});

describe('what can be told of a failure', () => {
  it('is something for whatever was thrown, and never without end', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (thrown) => {
        expect(typeof errorOf(thrown).message).toBe('string');
        expect(typeof errorOf(new Error('outer', { cause: thrown })).trace).toBe('string');
      }),
    );
    expect(errorOf(new Error('x'.repeat(1_000_000))).trace.length).toBeLessThan(17_000);
  });
});
