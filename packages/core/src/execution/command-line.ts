import { ConfigurationError } from '../foundation/errors.js';

/**
 * Splits a command line into its arguments as Java's commons-exec does: white space separates, single or double quotes
 * group, and what touches belongs together (`a'b c'` is one argument). There are no escapes, variables or patterns: a
 * backslash is a backslash.
 *
 * Throws a `ConfigurationError` naming the position (from 1) of a quote that is never closed.
 *
 * @example
 * splitCommandLine(`python3 'my report.py' --since "2 days"`); // ['python3', 'my report.py', '--since', '2 days']
 */
export function splitCommandLine(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '"' || char === "'") {
      const end = closingQuote(text, at);
      word = (word ?? '') + text.slice(at + 1, end);
      at = end;
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

function closingQuote(text: string, start: number): number {
  const quote = text.charAt(start);
  const end = text.indexOf(quote, start + 1);
  if (end >= 0) return end;
  throw new ConfigurationError(
    'INVALID_CONFIGURATION',
    `the quote ${quote} at position ${start + 1} of the command line is never closed; close it, or put it between quotes of the other kind`,
  );
}
