import { isAlias, isNode, isScalar, type Node, type Scalar, visit } from 'yaml';
import { yamlDocument } from '../coordination/yaml-document.js';

/** What stands in the place of a secret. */
export const MASK = '***';

/** Words in the name of something that nobody should read over somebody's shoulder. */
const WORDS = [
  'passw(?:or)?d',
  'passphrase',
  'pwd',
  'secret',
  'token',
  'credential',
  'webhook',
  'authorization',
  'cookie',
  '(?:api|access|private)[-_.]?key',
].join('|');

const SECRET = new RegExp(WORDS, 'i');

/** The end of a name with such a word in it, and the whole, of bounded length so that no text takes long to look through. */
const NAME_END = `(?:${WORDS})[\\w.-]{0,64}`;
const NAME = `[\\w.-]{0,64}${NAME_END}`;

/** `password: to the end of the line`, as a key of YAML, or of JSON with one key per line. */
const LINE = new RegExp(`^([ \\t]*(?:- )*["']?${NAME}["']?[ \\t]*:[ \\t]*)(?!''$|""$)\\S.*$`, 'gim');

/** `Authorization: Bearer …`, `Cookie: a=…; b=…`: such a value has blanks in it, and goes on to the quote or the line's end. */
const WIDE =
  /((?:authorization|cookie)[\w.-]{0,64}["']?[ \t]{0,8}[=:][ \t]{0,8})(?!\*{3}(?!\w))(?:"(?:[^"\\]|\\.)+"|'[^']+'|[^\s"'\\][^"'\r\n]*)/gi;

/** `password=…`, `"token": "…"`, within a line; and `\"token\":\"…` within a text within a text, where it ends nobody knows. */
const INLINE = new RegExp(
  `(${NAME_END}(?:\\\\{0,8}["'])?\\s{0,8}[=:]\\s{0,8})(?!\\*{3}(?!\\w))(?:"(?:[^"\\\\]|\\\\.)+"|'[^']+'|\\\\{1,8}["'][^\\r\\n]*|[^\\s,;&"'}\\]]+)`,
  'gi',
);

/** `--password …` of a command line. */
const OPTION = new RegExp(`((?<![\\w.-])--?${NAME}[ \\t]+)("(?:[^"\\\\]|\\\\.)*"|'[^']*'|\\S+)`, 'gi');

/** `Bearer …`, `Basic …` of an HTTP header. */
const HEADER = /\b(Bearer|Basic)[ \t]+[\w.~+/=-]+/gi;

/** Whether there can be anything to hide in a text. */
const SUSPECT = new RegExp(`${WORDS}|bearer|basic|://`, 'i');

/** How deep texts within texts are read: JSON in a value of YAML, and JSON in that. */
const DEPTH = 4;

/** `scheme://user:password@host`. */
const USER_INFO = /(:\/\/)[^/\s@"']{1,1024}@/g;

/** Four numbers up to 255 with dots between, as Java takes for an address, not within a longer number. */
const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ADDRESS = new RegExp(`(?<!\\d)${OCTET}(?:\\.${OCTET}){3}(?!\\d)`, 'g');

/** Whether something of this name should not be shown: `email.password`, `dingtalk.webhook`, `API_KEY`. */
export function looksSecret(name: string): boolean {
  return SECRET.test(name);
}

/** The texts with those whose name looks secret hidden; an empty one hides nothing. */
export function maskProps(props: Readonly<Record<string, string>>): Record<string, string> {
  const shown = ([name, value]: [string, string]): [string, string] => [name, maskProp(name, value)];
  return Object.fromEntries(Object.entries(props).map(shown));
}

/** One of them. A reference to a secret of the members, `{secret:NAME}`, is none. */
export function maskProp(name: string, value: string): string {
  if (value === '' || /^\{secret:[^{}]+\}$/.test(value)) return value;
  return looksSecret(name) ? MASK : maskSecrets(value);
}

/**
 * A text with what looks secret hidden, whatever it is: YAML and JSON by the names of the values, command lines, URLs and
 * the like by what stands before the secret, within the values of YAML and JSON too. A text that has such a name in it
 * and no structure that can be read is hidden altogether: rather too much than too little.
 */
export function maskSecrets(text: string): string {
  if (!SUSPECT.test(text)) return text;
  const masked = maskValues(text, DEPTH);
  if (masked !== null) return maskPhrases(masked);
  return SECRET.test(text) ? `${MASK} (${text.length} characters that cannot be read)` : maskPhrases(text);
}

/**
 * A text with every IPv4 address replaced by `ip1`, `ip2`, … in the order of their first appearance, the same one always
 * by the same word. `known` carries the words over from one text to the next.
 *
 * @see ElasticJob's SensitiveInfoUtils, which replaces within longer addresses too
 */
export function maskAddresses(text: string, known: Map<string, string> = new Map()): string {
  return text.replace(ADDRESS, (address) => {
    const word = known.get(address) ?? `ip${known.size + 1}`;
    known.set(address, word);
    return word;
  });
}

function maskPhrases(text: string): string {
  const lines = SECRET.test(text) ? text.replace(LINE, `$1${MASK}`).replace(WIDE, `$1${MASK}`) : text;
  return lines
    .replace(HEADER, `$1 ${MASK}`)
    .replace(INLINE, `$1${MASK}`)
    .replace(OPTION, `$1${MASK}`)
    .replace(USER_INFO, `$1${MASK}@`);
}

/** What is to stand in the place of a part of a text. */
interface Replacement {
  readonly start: number;
  readonly end: number;
  readonly by: string;
}

/**
 * Cuts the values out of a document by their places, so that the rest stays as it stands; `null` if that cannot be.
 * Values whose name says nothing are looked through as they were before they were written down: YAML folds long ones, and
 * JSON escapes the quotes in them.
 */
function maskValues(text: string, depth: number): string | null {
  const document = yamlDocument(text);
  if (document === null || document.errors.length > 0) return null;
  const secrets: Node[] = [];
  const replacements: Replacement[] = [];
  visit(document, {
    Pair(_, { key, value }) {
      if (!looksSecret(isScalar(key) ? String(key.value) : String(key)) || !isNode(value)) return undefined;
      secrets.push(value);
      return visit.SKIP;
    },
    Scalar(at, node) {
      if (at !== 'key' && node !== document.contents) replacements.push(...maskedScalar(text, node, depth));
    },
  });
  // What an alias stands for is written elsewhere, under another name. To YAML, the mask looks like one.
  if (secrets.some((value) => isAlias(value) && `*${value.source}` !== MASK)) return null;
  return replaced(text, [...replacements, ...secrets.flatMap((value) => hidden(text, value))]);
}

function replaced(text: string, replacements: readonly Replacement[]): string {
  const pieces: string[] = [];
  let at = 0;
  for (const { start, end, by } of replacements.toSorted((one, other) => one.start - other.start)) {
    pieces.push(text.slice(at, start), by);
    at = end;
  }
  return pieces.join('') + text.slice(at);
}

function maskedScalar(text: string, node: Scalar, depth: number): Replacement[] {
  const value = String(node.value);
  const masked = maskWithin(value, depth - 1);
  if (masked === value) return [];
  return placeOf(text, node).map(({ start, end }) => {
    const isAsItStands = text.slice(start, end) === value && !masked.startsWith('*');
    return { start, end, by: isAsItStands ? masked : JSON.stringify(masked) };
  });
}

/** A value with what looks secret hidden; what looks like a document is read as one if that can be. */
function maskWithin(value: string, depth: number): string {
  if (!SUSPECT.test(value)) return value;
  const isDocument = depth > 0 && /^\s*[[{]|\n/.test(value);
  return maskPhrases((isDocument ? maskValues(value, depth) : null) ?? value);
}

function hidden(text: string, value: Node): Replacement[] {
  const isEmpty = ({ start, end }: { start: number; end: number }) => ["''", '""'].includes(text.slice(start, end));
  return placeOf(text, value)
    .filter((place) => !isEmpty(place))
    .map((place) => ({ ...place, by: MASK }));
}

/** Where a value stands, without the line end that belongs to a block; nowhere if it is empty. */
function placeOf(text: string, { range }: Node): { start: number; end: number }[] {
  let [start, end] = range ?? [0, 0];
  while (end > start && text[end - 1] === '\n') end -= 1;
  return end > start ? [{ start, end }] : [];
}
