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

/** The values of one field, with a lookup in both directions that costs one array access. */
export interface FieldSet {
  /** Ascending. */
  readonly values: readonly number[];
  /** Whether nothing is left out. */
  readonly full: boolean;
  readonly first: number;
  readonly last: number;
  readonly following: Int16Array;
  readonly preceding: Int16Array;
}

/** Builds a {@link FieldSet}; `values` lie between the limits of `spec` and are not empty. */
export function fieldSet(values: ReadonlySet<number>, spec: FieldSpec): FieldSet {
  const sorted = [...values].sort((a, b) => a - b);
  const following = new Int16Array(spec.max + 1).fill(-1);
  const preceding = new Int16Array(spec.max + 1).fill(-1);
  for (let value = spec.max, near = -1; value >= 0; value--) following[value] = near = values.has(value) ? value : near;
  for (let value = 0, near = -1; value <= spec.max; value++) preceding[value] = near = values.has(value) ? value : near;
  const full = sorted.length === spec.max - spec.min + 1;
  return { values: sorted, full, first: sorted[0] ?? -1, last: sorted.at(-1) ?? -1, following, preceding };
}

/** The set that leaves nothing out. */
export function everyValue(spec: FieldSpec): FieldSet {
  return fieldSet(new Set(Array.from({ length: spec.max - spec.min + 1 }, (_, index) => spec.min + index)), spec);
}

/** The smallest value of the set that is `value` or more; -1 = none. */
export function atOrAfter(set: FieldSet, value: number): number {
  return set.following[value] ?? -1;
}

/** The greatest value of the set that is `value` or less; -1 = none. */
export function atOrBefore(set: FieldSet, value: number): number {
  return set.preceding[Math.min(value, set.preceding.length - 1)] ?? -1;
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
