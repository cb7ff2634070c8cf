import { allDates, type DayRule, type MonthDate, NO_DAYS } from './cron-days.js';
import { type CronDialect, FIELD_SPECS, type FieldSpec } from './cron-fields.js';
import type { FieldReader } from './cron-text.js';

/*
 * The grammar of one field:
 *
 *   list  = item { "," item }
 *   item  = ( "*" | value [ "-" value ] ) [ "/" step ]
 *   value = number | name
 *
 * Quartz adds items that begin with the slash (as if a star stood before it), ranges that wrap around, and the marks
 * L, W and # in the two day fields.
 */

/** Reads a field without marks, to its end. */
export function readValues(reader: FieldReader, spec: FieldSpec, dialect: CronDialect): Set<number> {
  const values = new Set<number>();
  readList(reader, () => addTo(values, readItem(reader, spec, dialect), spec));
  return values;
}

/** Reads Quartz's day of month: dates, `L`, `L-3`, `LW`, `L-3W`, `15W`. */
export function readQuartzDates(reader: FieldReader): DayRule {
  const spec = FIELD_SPECS.dayOfMonth;
  const values = new Set<number>();
  const beforeLast: number[] = [];
  const nearestWeekday: MonthDate[] = [];
  const readLast = () => {
    const offset = reader.take('-') ? readNumber(reader, 0, 30) : 0;
    if (reader.take('W')) nearestWeekday.push({ beforeLast: offset });
    else beforeLast.push(offset);
  };
  readList(reader, () => {
    if (reader.take('L')) return readLast();
    const start = reader.index;
    const item = readItem(reader, spec, 'quartz');
    if (!reader.take('W')) return addTo(values, item, spec);
    if (!isSingle(item)) throw reader.unexpected('a single day before W, such as 15W', start);
    nearestWeekday.push({ day: item.low });
  });
  return { ...NO_DAYS, dates: bits(values, 1), beforeLast, nearestWeekday };
}

/** Reads Quartz's day of week: days, `L` (which means Saturday), `6L` and `FRIL`, `6#3` and `FRI#3`. */
export function readQuartzWeekdays(reader: FieldReader): DayRule {
  const spec = FIELD_SPECS.dayOfWeek.quartz;
  if (reader.takeAll('L')) return { ...NO_DAYS, weekdays: 1 << 6 };
  const start = reader.index;
  const values = new Set<number>();
  const marked: DayRule[] = [];
  readList(reader, () => {
    const item = readItem(reader, spec, 'quartz');
    const weekday = item.low - 1;
    if (!isSingle(item)) addTo(values, item, spec);
    else if (reader.take('L')) marked.push({ ...NO_DAYS, lastWeekdays: [weekday] });
    else if (reader.take('#')) marked.push({ ...NO_DAYS, nthWeekdays: [{ weekday, nth: readNumber(reader, 1, 5) }] });
    else addTo(values, item, spec);
  });
  const [only] = marked;
  if (only === undefined) return { ...NO_DAYS, weekdays: bits(values, 1) };
  if (marked.length + values.size === 1) return only;
  throw reader.unexpected('a day with L or # alone in its field (give each its own job)', start);
}

/** Joins the day fields of the Nest dialect: if both leave days out, a day that either of them means is meant. */
export function nestDays(dates: Set<number>, weekdays: Set<number>): DayRule {
  const rule = { ...NO_DAYS, dates: bits(dates, 1), weekdays: weekBits(weekdays) };
  if (rule.weekdays === EVERY_WEEKDAY) return { ...rule, weekdays: 0 };
  return rule.dates === allDates(31) ? { ...rule, dates: 0 } : rule;
}

const EVERY_WEEKDAY = 0x7f;

const bits = (values: Set<number>, first: number): number =>
  [...values].reduce((all, v) => all | (1 << (v - first)), 0);

/** Both 0 and 7 are Sunday. */
const weekBits = (values: Set<number>): number => [...values].reduce((all, value) => all | (1 << (value % 7)), 0);

function readList(reader: FieldReader, readOne: () => void): void {
  do readOne();
  while (reader.take(','));
  if (!reader.done) throw reader.unexpected('a comma or the end of the field');
}

interface Item {
  readonly star: boolean;
  readonly low: number;
  readonly high: number | null;
  readonly step: number | null;
}

const isSingle = (item: Item): boolean => !item.star && item.high === null && item.step === null;

function readItem(reader: FieldReader, spec: FieldSpec, dialect: CronDialect): Item {
  if (reader.take('*') || (dialect === 'quartz' && reader.next('/'))) {
    return { star: true, low: spec.min, high: spec.max, step: readStep(reader, dialect, spec.maxStep) };
  }
  const start = reader.index;
  const low = readValue(reader, spec);
  const high = reader.take('-') ? readValue(reader, spec) : null;
  checkRange(reader, spec, dialect, { low, high, start });
  if (dialect === 'quartz' && low.named && reader.next('/')) {
    throw reader.unexpected('no step, as Quartz ignores one after a name (write numbers, such as 2-6/2)');
  }
  const step = readStep(reader, dialect, high === null ? spec.maxStep : Number.POSITIVE_INFINITY);
  return { star: false, low: low.value, high: high?.value ?? null, step };
}

interface Value {
  readonly value: number;
  readonly named: boolean;
}

function readValue(reader: FieldReader, spec: FieldSpec): Value {
  const name = reader.takeName(spec.names);
  if (name !== null) return { value: name + spec.firstNamed, named: true };
  const names = spec.names.length === 0 ? '' : ` or a name from ${spec.names[0]} to ${spec.names.at(-1)}`;
  return { value: readNumber(reader, spec.min, spec.max, names), named: false };
}

function readNumber(reader: FieldReader, min: number, max: number, alternative = ''): number {
  const start = reader.index;
  const value = reader.takeNumber();
  if (value !== null && value >= min && value <= max) return value;
  throw reader.unexpected(`a number from ${min} to ${max}${alternative}`, start);
}

function checkRange(
  reader: FieldReader,
  spec: FieldSpec,
  dialect: CronDialect,
  range: { low: Value; high: Value | null; start: number },
): void {
  const { low, high, start } = range;
  if (high === null) return;
  if (dialect === 'quartz' && low.named !== high.named) throw reader.unexpected('two numbers or two names', start);
  const mayWrap = dialect === 'quartz' && spec !== FIELD_SPECS.year;
  if (high.value < low.value && !mayWrap) throw reader.unexpected('a range that does not go down', start);
}

/**
 * A step of zero is common in Quartz expressions (`0 0/0 * * * ?`), where it means no step. The `cron` package refuses
 * zero, and lets a step be as wide as it likes.
 */
function readStep(reader: FieldReader, dialect: CronDialect, quartzMax: number): number | null {
  if (!reader.take('/')) return null;
  const start = reader.index;
  const step = reader.takeNumber();
  const [min, max] = dialect === 'quartz' ? [0, quartzMax] : [1, Number.POSITIVE_INFINITY];
  if (step !== null && step >= min && step <= max) return step;
  const upTo = Number.isFinite(max) ? `from ${min} to ${max}` : `of at least ${min}`;
  throw reader.unexpected(`a step ${upTo}`, start);
}

function addTo(values: Set<number>, item: Item, spec: FieldSpec): void {
  const count = spec.max - spec.min + 1;
  const noStep = item.star ? 1 : count;
  const stride = item.step === 0 ? noStep : (item.step ?? 1);
  const high = item.high ?? (item.step === null ? item.low : spec.max);
  const stop = high < item.low ? high + count : high;
  for (let value = item.low; value <= stop; value += stride) values.add(spec.min + ((value - spec.min) % count));
}
