/**
 * Writes texts as SnakeYAML 2.2 does with its default options, byte for byte, since Java members compare and people diff
 * what stands in the registry: plain where that reads back as the same text, else single quotes, else double quotes; a
 * literal block for several lines; base64 for control characters; lines folded at the first blank beyond column 80.
 *
 * @see org.yaml.snakeyaml.emitter.Emitter, org.yaml.snakeyaml.resolver.Resolver
 */

const WIDTH = 80;

/** Line breaks of YAML 1.1 that newer readers do not know; Java writes them raw, we escape them. */
const OLD_BREAK = /[\u0085\u2028\u2029]/;
/** What can stand in a YAML document at all; the rest is written as base64. */
const PRINTABLE = /^[\t\n\r\u0020-\u007e\u0085\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;
/** Characters that only double quotes can hold. */
const SPECIAL = /[^\n\u0020-\u007e\u0085\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** Texts that a plain scalar would turn into another type, by YAML 1.1 as SnakeYAML has it. */
const OTHER_TYPE = {
  bool: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
  null: /^(?:~|null|Null|NULL)?$/,
  integer:
    /^[-+]?(?:0b_*[01][01_]*|0_*[0-7][0-7_]*|0|[1-9][0-9_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  float:
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.[0-9_]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  merge: /^<<$/,
  timestamp:
    /^\d{4}-(?:\d\d-\d\d|\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/,
} as const;

/** The type that YAML 1.1 gives to a plain scalar. */
export type PlainType = keyof typeof OTHER_TYPE | 'text';

/** What a reader takes a plain scalar for. */
export function plainType(text: string): PlainType {
  for (const [type, pattern] of Object.entries(OTHER_TYPE) as [PlainType, RegExp][])
    if (pattern.test(text)) return type;
  return 'text';
}

/**
 * One line, or as many as a text needs: what stands before it, `key: ` or `- `, and the text.
 *
 * @param indent how far the lines that continue the text are indented.
 * @example writeLine('cron: ', '*\u002f5 * * * * ?', 2) // "cron: '*\u002f5 * * * * ?'\n"
 */
export function writeLine(start: string, text: string, indent: number): string {
  const scalar = writeScalar(text, start.length, indent);
  return scalar.endsWith('\n') ? start + scalar : `${start}${scalar}\n`;
}

function writeScalar(text: string, column: number, indent: number): string {
  if (!PRINTABLE.test(text)) return `!!binary |-\n${' '.repeat(indent)}${Buffer.from(text, 'utf8').toString('base64')}`;
  if (SPECIAL.test(text) || OLD_BREAK.test(text)) return doubleQuoted(text, column, indent);
  if (text.includes('\n')) return isBlock(text) ? literal(text, indent) : doubleQuoted(text, column, indent);
  return isPlain(text) ? folded(text, column, indent) : singleQuoted(text, column, indent);
}

/**
 * A key. Java writes keys of several lines and of 123 characters and more behind a `?`; here they are quoted, which reads
 * back the same.
 */
export function writeKey(text: string): string {
  const unfolded = Number.NEGATIVE_INFINITY;
  if (SPECIAL.test(text) || OLD_BREAK.test(text) || text.includes('\n')) return doubleQuoted(text, unfolded, 0);
  return isPlain(text) ? text : singleQuoted(text, unfolded, 0);
}

function isPlain(text: string): boolean {
  if (text.startsWith(' ') || text.endsWith(' ') || /^0[0-9_]+$/.test(text)) return false;
  if (/^(?:---|\.\.\.|[#,[\]{}&*!|>'"%@`]|[?:-](?:[\0 \t]|$))/.test(text)) return false;
  return !/:(?: |$)| #/.test(text) && plainType(text) === 'text';
}

function isBlock(text: string): boolean {
  return !text.endsWith(' ') && !text.includes(' \n');
}

function literal(text: string, indent: number): string {
  const hint = /^[\n ]/.test(text) ? '2' : '';
  const keep = text === '\n' || text.endsWith('\n\n') ? '+' : '';
  const chomp = text.endsWith('\n') ? keep : '-';
  return `|${hint}${chomp}\n${text.replace(/^(?=.)/gm, ' '.repeat(indent))}`;
}

/** Breaks the line instead of writing a single blank, where the line is already too long. */
function folded(text: string, column: number, indent: number): string {
  let at = column;
  return text.replace(/[^ ]+| +/g, (piece) => {
    if (piece === ' ' && at > WIDTH) {
      at = indent;
      return `\n${' '.repeat(indent)}`;
    }
    at += piece.length;
    return piece;
  });
}

function singleQuoted(text: string, column: number, indent: number): string {
  const inner = text.replaceAll("'", "''");
  const [, head = '', body = '', tail = ''] = /^( *)(.*?)( *)$/su.exec(inner) ?? [];
  return `'${head}${folded(body, column + 1 + head.length, indent)}${tail}'`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\t': 't',
  '\n': 'n',
  '\r': 'r',
  '"': '"',
  '\\': '\\',
  '\u0085': 'N',
  '\u00a0': '_',
  '\u2028': 'L',
  '\u2029': 'P',
};

/**
 * Non-ASCII characters end a run of text just as escapes do, and after each run the line may be broken with `\`; the
 * blank that a line begins with is escaped too.
 */
function doubleQuoted(text: string, column: number, indent: number): string {
  let out = '"';
  let at = column + 1;
  let start = 0;
  const flush = (end: number): void => {
    out += text.slice(start, end);
    at += end - start;
    start = end;
  };
  for (let end = 0; end < text.length; end++) {
    const unit = text.charAt(end);
    if (!/[ !#-[\]-~]/.test(unit)) {
      flush(end);
      const character = String.fromCodePoint(text.codePointAt(end) ?? 0);
      const written = ESCAPES[unit] === undefined ? asPrintable(character) : `\\${ESCAPES[unit]}`;
      out += written;
      at += written.length;
      end += character.length - 1;
      start = end + 1;
    }
    const mayBreak = end > 0 && end < text.length - 1 && (unit === ' ' || start >= end);
    if (!mayBreak || at + (end - start) <= WIDTH) continue;
    if (start < end) flush(end);
    out += `\\\n${' '.repeat(indent)}`;
    at = indent;
    if (text.charAt(start) === ' ') {
      out += '\\';
      at += 1;
    }
  }
  flush(text.length);
  return `${out}"`;
}

/** Only keys can hold characters that no document may contain: values with them are base64. */
function asPrintable(character: string): string {
  if (PRINTABLE.test(character)) return character;
  const hex = character.charCodeAt(0).toString(16);
  return hex.length <= 2 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`;
}
