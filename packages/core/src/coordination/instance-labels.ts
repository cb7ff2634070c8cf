import type { InstanceLabels } from '../job/identity.js';

/** Says of an instance that it finishes its work and takes on nothing more. Java members do not look at labels. */
export const DRAINING = 'draining';

/** Says of an instance that it cannot follow the stored definition. */
export const WAITING = 'waiting';

/** Why an instance should be given no items. */
export type Withdrawal = typeof DRAINING | typeof WAITING;

/** What the text `labels` of an instance node says. */
export interface SaidLabels {
  readonly labels: InstanceLabels;
  /** Whether the instance takes on nothing: it is leaving, or cannot follow the stored definition. */
  readonly withdrawn: boolean;
}

/** What a label's name, and its value, look like, so that all labels are one word to YAML and can be told apart. */
export const LABEL_TEXT = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;

/** The label that the strategy `WEIGHTED` looks at. */
export const WEIGHT = 'weight';

const MAX_WEIGHT = 1_000_000;

/** The weight that a text stands for: a whole number from 0 to 1000000; `null` for anything else. */
export function parseWeight(text: string): number | null {
  const weight = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  return weight <= MAX_WEIGHT ? weight : null;
}

/**
 * The text for the key `labels` of an instance node, the one thing there that Java knows and leaves alone: labels in the
 * order of their names, then why the instance withdraws. `null` for nothing to say.
 *
 * @example writeLabels({ zone: 'a', weight: '3' }, DRAINING) // 'weight=3,zone=a,draining'
 */
export function writeLabels(labels: InstanceLabels, withdrawal: Withdrawal | null = null): string | null {
  const names = Object.keys(labels).sort();
  const words = [...names.map((name) => `${name}=${labels[name]}`), ...(withdrawal === null ? [] : [withdrawal])];
  return words.length === 0 ? null : words.join();
}

/** Reads what {@link writeLabels} wrote, and of any other text what looks like it. */
export function readLabels(text: string | null): SaidLabels {
  const words = text?.split(',') ?? [];
  const withdrawn = words.includes(DRAINING) || words.includes(WAITING);
  return { labels: Object.fromEntries(words.flatMap((word) => toPair(word))), withdrawn };
}

function toPair(word: string): [string, string][] {
  const [name = '', value = '', ...more] = word.split('=');
  return more.length === 0 && LABEL_TEXT.test(name) && LABEL_TEXT.test(value) ? [[name, value]] : [];
}
