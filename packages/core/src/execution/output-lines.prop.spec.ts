import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutputLines } from './output-lines.js';

function cut(pieces: readonly string[], maxLength: number): string[] {
  const lines: string[] = [];
  const output = new OutputLines(maxLength, (line) => lines.push(line));
  for (const piece of pieces) output.write(piece);
  output.end();
  return lines;
}

describe('output cut into lines', () => {
  it('is the same however it comes in pieces', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\r', '\n') });
    fc.assert(
      fc.property(fc.array(text), fc.integer({ min: 1, max: 5 }), (pieces, maxLength) => {
        expect(cut(pieces, maxLength)).toEqual(cut([pieces.join('')], maxLength));
      }),
    );
  });

  it('drops line ends, empty lines, and what is too long', () => {
    expect(cut(['one\r\n\n\r\ntwo\nthr', 'ee\nfive!', '!!!!\n12345\r\nend'], 5)).toEqual([
      'one',
      'two',
      'three',
      'five!…',
      '12345',
      'end',
    ]);
  });
});
