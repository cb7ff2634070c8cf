import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitCommandLine } from './command-line.js';

/** Single quotes around everything, but double quotes around single ones. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'"'"'`)}'`;
}

describe('a command line', () => {
  it('gives back any words that were quoted and joined', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'é', ' ', '\t', '\n', '"', "'", '\\', '$') })),
        (words) => {
          expect(splitCommandLine(words.map(quoted).join(' \t'))).toEqual(words);
        },
      ),
    );
  });

  it('without quotes is what white space separates', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '-', ' ', '\t', '\n', '\\') }), (line) => {
        expect(splitCommandLine(line)).toEqual(line.split(/\s+/).filter((word) => word !== ''));
      }),
    );
  });
});
