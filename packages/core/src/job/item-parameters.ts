import { ConfigurationError } from '../foundation/errors.js';

/**
 * Reads `0=a,1=b`, with ElasticJob's rules: parts between commas, blanks trimmed, exactly one non-empty value after one
 * `=`, keys any 32-bit integer, of equal keys the last counts. `''` gives an empty map. `null` stands for `''`.
 *
 * @throws ConfigurationError `INVALID_CONFIGURATION`, with ElasticJob's two sentences.
 * @see ElasticJob's ShardingItemParameters
 * @example parseItemParameters('0=Beijing, 1=Shanghai').get(1) // 'Shanghai'
 */
export function parseItemParameters(text: string | null): ReadonlyMap<number, string> {
  if (text === null || text === '') return NO_PARAMETERS;
  const parameters = new Map<number, string>();
  for (const part of javaSplit(text, ',')) {
    const pieces = javaSplit(trim(part), '=');
    const [key, value] = pieces;
    if (pieces.length !== 2 || key === undefined || value === undefined) throw malformed(text);
    parameters.set(itemOf(trim(key)), trim(value));
  }
  return parameters;
}

const NO_PARAMETERS: ReadonlyMap<number, string> = new Map();

/** Java's `String.split`: trailing empty pieces are dropped, an empty text is one empty piece. */
function javaSplit(text: string, separator: string): string[] {
  if (text === '') return [''];
  const pieces = text.split(separator);
  while (pieces.at(-1) === '') pieces.pop();
  return pieces;
}

/** Java's `String.trim`: everything up to the space character, and nothing else. */
function trim(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what Java trims too
  return text.replace(/^[\u0000-\u0020]+|[\u0000-\u0020]+$/g, '');
}

function itemOf(key: string): number {
  const item = /^[+-]?[0-9]+$/.test(key) ? Number(key) : Number.NaN;
  if (item >= -(2 ** 31) && item < 2 ** 31) return item === 0 ? 0 : item;
  throw new ConfigurationError('INVALID_CONFIGURATION', `Sharding item parameters key '${key}' is not an integer.`);
}

function malformed(text: string): ConfigurationError {
  return new ConfigurationError(
    'INVALID_CONFIGURATION',
    `Sharding item parameters '${text}' format error, should be int=xx,int=xx`,
  );
}
