import { describe, expect, it } from 'vitest';
import { splitCommandLine } from './command-line.js';

describe('splitting a command line', () => {
  it.each<[string, readonly string[]]>([
    ['', []],
    ['  \t ', []],
    ['echo', ['echo']],
    ['  sh  run.sh\t-v ', ['sh', 'run.sh', '-v']],
    [`python3 'my report.py' "2 days"`, ['python3', 'my report.py', '2 days']],
    [`a'b c'"d e"f`, ['ab cd ef']],
    [`say "it's" 'a "word"'`, ['say', "it's", 'a "word"']],
    [`cmd "" ''`, ['cmd', '', '']],
    ['C:\\jobs\\run.exe \\"x y\\"', ['C:\\jobs\\run.exe', '\\x y\\']],
    ['echo $HOME * ; rm', ['echo', '$HOME', '*', ';', 'rm']],
  ])('[%s]', (line, words) => {
    expect(splitCommandLine(line)).toEqual(words);
  });

  it.each([
    [`echo "abc`, '"', 6],
    [`echo it's`, "'", 8],
    [`'a' "b' c`, '"', 5],
  ])('[%s] names the quote that is never closed', (line, quote, position) => {
    const problem = `the quote ${quote} at position ${position} of the command line is never closed; close it, or put it between quotes of the other kind`;
    // Not the line itself, which may hold a password.
    expect(() => splitCommandLine(line)).toThrow(expect.objectContaining({ message: problem }));
  });
});
