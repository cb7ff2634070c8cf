import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, Scalar } from 'yaml';
import { plainType } from './job-yaml-scalar.js';
import { MOST_LEVELS, yamlDocument } from './yaml-document.js';

/**
 * What makes a stored text unreadable, as a sentence. The decoders turn it into a value: an operator's typing error is no
 * failure of the program.
 */
export class UnreadableYaml extends Error {}

/** A stored document: a mapping of known names. Values are read by what the field is, not by how they look. */
export interface YamlBean {
  readonly text: string;
  readonly document: Document.Parsed;
  readonly pairs: ReadonlyMap<string, Pair<Node, Node | null>>;
}

const TAG = 'tag:yaml.org,2002:';
const CORE_TAGS = ['str', 'int', 'bool', 'float', 'null', 'binary', 'map', 'seq', 'timestamp'].map((tag) => TAG + tag);

/**
 * Reads YAML 1.1 as SnakeYAML fills a bean: block, flow or JSON; of equal keys the last counts; unknown names and tags of
 * classes are refused.
 */
export function readBean(text: string, names: readonly string[]): YamlBean {
  const document = yamlDocument(text);
  if (document === null) {
    throw new UnreadableYaml(
      `seen values nested more than ${MOST_LEVELS} deep, expected one option per line: name: value`,
    );
  }
  const [error] = document.errors;
  if (error !== undefined) throw new UnreadableYaml(`not YAML: ${error.message.split('\n')[0]}`);
  const root = document.contents;
  if (!isMap<Node, Node | null>(root)) throw new UnreadableYaml('seen no options, expected one per line: name: value');
  checkTag('the document', root);
  const pairs = new Map<string, Pair<Node, Node | null>>();
  for (const pair of root.items) {
    const name = isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
    if (!names.includes(name))
      throw new UnreadableYaml(`${name}: unknown option, expected one of ElasticJob's: remove it`);
    pairs.set(name, pair);
  }
  return { text, document, pairs };
}

/** A text; `null` if it is missing, or null. */
export function readText(bean: YamlBean, name: string): string | null {
  const node = nodeOf(bean, name);
  return node === undefined || isNull(node) ? null : scalarText(name, node);
}

/** A flag, `false` if it is missing, as in Java's bean. */
export function readFlag(bean: YamlBean, name: string): boolean {
  const node = nodeOf(bean, name);
  if (node === undefined) return false;
  const text = scalarText(name, node).toLowerCase();
  if (['true', 'yes', 'on'].includes(text)) return true;
  if (['false', 'no', 'off'].includes(text)) return false;
  throw seen(name, text, 'expected true or false');
}

/** A 32-bit whole number, also binary, octal (`010`), hexadecimal, or base 60 (`1:30`), as YAML 1.1 has them. */
export function readInteger(bean: YamlBean, name: string, absent: number): number {
  const node = nodeOf(bean, name);
  if (node === undefined) return absent;
  const text = scalarText(name, node);
  const number = plainType(text) === 'integer' ? integerOf(text) : Number.NaN;
  if (number >= -(2 ** 31) && number < 2 ** 31) return number;
  throw seen(name, text, 'expected a whole number of 32 bits');
}

/** A list of texts, empty if it is missing or null. */
export function readTexts(bean: YamlBean, name: string): readonly string[] {
  const node = nodeOf(bean, name);
  if (node === undefined || isNull(node)) return [];
  checkTag(name, node);
  if (!isSeq<Node>(node)) throw seen(name, String(node), 'expected a list');
  return node.items.map((item, index) => presentText(`${name}.${index}`, resolved(bean, `${name}.${index}`, item)));
}

/** Texts by name; numbers and flags in the form that Java gives them. Empty if it is missing or null. */
export function readProps(bean: YamlBean, name: string): Readonly<Record<string, string>> {
  const node = nodeOf(bean, name);
  if (node === undefined || isNull(node)) return {};
  checkTag(name, node);
  if (!isMap<Node, Node | null>(node)) throw seen(name, String(node), 'expected texts by name');
  return Object.fromEntries(
    node.items.map(({ key, value }) => {
      const path = `${name}.${String(key)}`;
      return [presentText(path, resolved(bean, path, key)), propText(path, resolved(bean, path, value))];
    }),
  );
}

/** The node of a value with aliases followed; `undefined` if the document does not have the name. */
export function nodeOf(bean: YamlBean, name: string): Node | undefined {
  const pair = bean.pairs.get(name);
  return pair === undefined ? undefined : resolved(bean, name, pair.value);
}

/** Whether a value is null: empty or `~` or `null`, unless quoted. */
export function isNull(node: Node): boolean {
  if (!isScalar(node)) return false;
  if (node.tag !== undefined) return node.tag === `${TAG}null`;
  return node.type === Scalar.PLAIN && plainType(String(node.value)) === 'null';
}

/** The error for a value that cannot be what it should. */
export function seen(name: string, value: string, remedy: string): UnreadableYaml {
  const shown = value.length > 80 ? `${value.slice(0, 79)}…` : value;
  return new UnreadableYaml(`${name}: seen '${shown.trimEnd()}', ${remedy}`);
}

function resolved(bean: YamlBean, name: string, node: Node | null): Node {
  if (node === null) return new Scalar(null);
  if (!isAlias(node)) return node;
  const target = node.resolve(bean.document);
  if (target === undefined) throw seen(name, `*${node.source}`, 'expected an anchor of that name before it');
  return target;
}

function checkTag(name: string, node: Node): void {
  if (node.tag === undefined || CORE_TAGS.includes(node.tag)) return;
  throw seen(name, node.tag.replace(TAG, '!!'), 'expected a value without a tag');
}

function scalarText(name: string, node: Node): string {
  checkTag(name, node);
  if (!isScalar(node)) throw seen(name, String(node), 'expected a single value');
  const text = String(node.value ?? '');
  return node.tag === `${TAG}binary` ? Buffer.from(text, 'base64').toString('utf8') : text;
}

function presentText(name: string, node: Node): string {
  const text = scalarText(name, node);
  if (isNull(node)) throw seen(name, text, "expected a text: write '' for an empty one");
  return text;
}

/** Java reads such values as what they look like and then prints them. Of dates the text is kept. */
function propText(name: string, node: Node): string {
  const text = presentText(name, node);
  if (node.tag !== undefined || !isScalar(node) || node.type !== Scalar.PLAIN) return text;
  const type = plainType(text);
  if (type === 'bool') return String(/^(?:yes|true|on)$/i.test(text));
  if (type === 'integer') return String(integerOf(text));
  return type === 'float' ? doubleText(text) : text;
}

function integerOf(text: string): number {
  const [, sign, digits = ''] = /^([-+]?)(.*)$/.exec(text.replaceAll('_', '')) ?? [];
  return (sign === '-' ? -1 : 1) * magnitudeOf(digits) + 0;
}

function magnitudeOf(digits: string): number {
  if (digits.includes(':')) return sexagesimal(digits);
  return Number(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits);
}

function sexagesimal(digits: string): number {
  return digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}

/** Java's `Double.toString`. */
function doubleText(text: string): string {
  const plain = text.replaceAll('_', '').toLowerCase();
  if (plain.endsWith('.nan')) return 'NaN';
  if (plain.endsWith('.inf')) return plain.startsWith('-') ? '-Infinity' : 'Infinity';
  const sign = plain.startsWith('-') ? '-' : '';
  const magnitude = sexagesimal(plain.replace(/^[-+]/, ''));
  if (magnitude !== 0 && (magnitude < 1e-3 || magnitude >= 1e7)) {
    const [mantissa = '', exponent = ''] = magnitude.toExponential().split('e');
    return `${sign}${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${exponent.replace('+', '')}`;
  }
  return `${sign}${Number.isInteger(magnitude) ? `${magnitude}.0` : magnitude}`;
}
