import type { DayRule } from './cron-days.js';

/** Whose rules an expression follows: Quartz's (with `?`), or those of the `cron` package and `@nestjs/schedule`. */
export type CronDialect = 'quartz' | 'nest';

/** The first and the last year in which a schedule can fire, as Quartz documents them. */
export const FIRST_YEAR = 1970;
export const LAST_YEAR = 2099;

/** What a field may hold. */
export interface FieldSpec {
  /** As error messages call it: `hours`. */
  readonly label: string;
  readonly min: number;
  readonly max: number;
  /** Names in upper case; the first one means `firstNamed`. */
  readonly names: readonly string[];
  readonly firstNamed: number;
  /** The widest step that Quartz lets pass after `*` or a single value. */
  readonly maxStep: number;
}

const MONTH_NAMES = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAY_NAMES = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const numeric = (label: string, min: number, max: number, maxStep: number): FieldSpec => {
  return { label, min, max, names: [], firstNamed: 0, maxStep };
};

/** The fields, in the order of the text. The days of the week differ: 1 = Sunday for Quartz, 0 and 7 for Nest. */
export const FIELD_SPECS = {
  second: numeric('seconds', 0, 59, 59),
  minute: numeric('minutes', 0, 59, 59),
  hour: numeric('hours', 0, 23, 23),
  dayOfMonth: numeric('day of month', 1, 31, 31),
  month: { label: 'month', min: 1, max: 12, names: MONTH_NAMES, firstNamed: 1, maxStep: 12 },
  dayOfWeek: {
    quartz: { label: 'day of week', min: 1, max: 7, names: DAY_NAMES, firstNamed: 1, maxStep: 7 },
    nest: { label: 'day of week', min: 0, max: 7, names: DAY_NAMES, firstNamed: 0, maxStep: 7 },
  },
  year: numeric('year', FIRST_YEAR, LAST_YEAR, Number.POSITIVE_INFINITY),
} as const;

/** The values of one field. A process may hold thousands of these, so that there are no tables to look things up in. */
export interface FieldSet {
  /** Ascending. */
  readonly values: readonly number[];
  /** Whether nothing is left out. */
  readonly full: boolean;
  readonly first: number;
  readonly last: number;
}

/** Builds a {@link FieldSet}; `values` lie between the limits of `spec` and are not empty. */
export function fieldSet(values: ReadonlySet<number>, spec: FieldSpec): FieldSet {
  if (values.size === spec.max - spec.min + 1) return everyValue(spec);
  const sorted = [...values].sort((a, b) => a - b);
  return { values: sorted, full: false, first: sorted[0] ?? -1, last: sorted.at(-1) ?? -1 };
}

const FULL_SETS = new Map<FieldSpec, FieldSet>();

/** The set that leaves nothing out: one for all fields of a kind. */
export function everyValue(spec: FieldSpec): FieldSet {
  const { min, max } = spec;
  const known = FULL_SETS.get(spec);
  if (known !== undefined) return known;
  const values = Array.from({ length: max - min + 1 }, (_, index) => min + index);
  const set = { values, full: true, first: min, last: max };
  FULL_SETS.set(spec, set);
  return set;
}

/** The smallest value of the set that is `value` or more; -1 = none. */
export function atOrAfter(set: FieldSet, value: number): number {
  if (value <= set.first) return set.first;
  if (value > set.last) return -1;
  return set.full ? value : (set.values[firstNotBelow(set.values, value)] ?? -1);
}

/** The greatest value of the set that is `value` or less; -1 = none. */
export function atOrBefore(set: FieldSet, value: number): number {
  if (value >= set.last) return set.last;
  if (value < set.first) return -1;
  return set.full ? value : (set.values[firstNotBelow(set.values, value + 1) - 1] ?? -1);
}

/** The index of the first value that is `value` or more; there is one. */
function firstNotBelow(values: readonly number[], value: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A parsed expression: which local times it means, whatever the time zone. */
export interface CronFields {
  readonly second: FieldSet;
  readonly minute: FieldSet;
  readonly hour: FieldSet;
  readonly days: DayRule;
  readonly month: FieldSet;
  readonly year: FieldSet;
  /** Whether the seconds, minutes or hours are a wildcard: the job runs at an interval, not at a time of day. */
  readonly wildcard: boolean;
}
