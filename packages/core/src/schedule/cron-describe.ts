import { allDates, type DayRule, type MonthDate } from './cron-days.js';
import type { CronFields, FieldSet } from './cron-fields.js';

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** Times of day are listed one by one up to this many. */
const MOST_TIMES = 6;

/** What the fields mean, in English: time, days, months, years. */
export function describeFields(fields: CronFields): string {
  const days = dayPhrase(fields.days);
  const times = timesOfDay(fields);
  const time = times === null ? intervalPhrase(fields) : `at ${times}`;
  const every = days === '' && times !== null ? 'every day' : days;
  return [time, every, monthPhrase(fields), yearPhrase(fields.year)].filter((part) => part !== '').join(' ');
}

function timesOfDay({ hour, minute, second }: CronFields): string | null {
  if (hour.values.length * minute.values.length * second.values.length > MOST_TIMES) return null;
  const times = hour.values.flatMap((h) => minute.values.flatMap((m) => second.values.map((s) => [h, m, s])));
  return enumerate(times.map((parts) => parts.map(twoDigits).join(':')));
}

function intervalPhrase({ hour, minute, second }: CronFields): string {
  const onTheMinute = second.last === 0;
  const onTheHour = onTheMinute && minute.last === 0;
  const parts = [
    onTheMinute ? '' : unitPhrase(second, 'second'),
    onTheHour || (minute.full && !onTheMinute) ? '' : unitPhrase(minute, 'minute'),
    hourPhrase(hour, onTheHour),
  ];
  return parts.filter((part) => part !== '').join(' ');
}

function hourPhrase(hour: FieldSet, onTheHour: boolean): string {
  if (hour.full) return onTheHour ? 'every hour' : '';
  if (onTheHour) return `at ${enumerate(hour.values.map((value) => `${twoDigits(value)}:00`))}`;
  const ranges = runs(hour.values).map(([low, high]) => `${twoDigits(low)}:00 to ${twoDigits(high)}:59`);
  return `from ${enumerate(ranges)}`;
}

function unitPhrase(set: FieldSet, unit: string): string {
  if (set.full) return `every ${unit}`;
  const step = evenStep(set.values);
  if (step !== null && set.first === 0 && 60 % step === 0 && set.values.length === 60 / step)
    return `every ${step} ${unit}s`;
  return `at ${unit}${set.values.length === 1 ? '' : 's'} ${ranges(set.values)}`;
}

function evenStep([first = 0, second = first, ...rest]: readonly number[]): number | null {
  const step = second - first;
  if (step < 2) return null;
  return rest.every((value, index) => value === second + step * (index + 1)) ? step : null;
}

/** Empty = every day. */
function dayPhrase(rule: DayRule): string {
  if (rule.dates === allDates(31) || rule.weekdays === 0x7f) return '';
  const phrases = [
    ...datePhrases(rule.dates),
    ...rule.beforeLast.map((days) => `the ${fromLast(days)}`),
    ...rule.nearestWeekday.map(nearestPhrase),
    ...rule.lastWeekdays.map((weekday) => `the last ${WEEKDAYS[weekday]}`),
    ...rule.nthWeekdays.map(({ weekday, nth }) => `the ${ORDINALS[nth - 1]} ${WEEKDAYS[weekday]}`),
  ];
  const weekly = weekPhrases(rule.weekdays);
  const monthly = phrases.length === 0 ? [] : [`on ${enumerate(phrases)}`];
  const weeks = weekly.length === 0 ? [] : [`on ${enumerate(weekly)}`];
  return [...monthly, ...weeks].join(' and ');
}

const dateList = (bits: number): number[] =>
  Array.from({ length: 31 }, (_, i) => i + 1).filter((day) => bits & (1 << (day - 1)));

function datePhrases(dates: number): string[] {
  const days = dateList(dates);
  if (days.length === 0) return [];
  return [`day${days.length === 1 ? '' : 's'} ${ranges(days)}`];
}

function weekPhrases(weekdays: number): string[] {
  const days = [1, 2, 3, 4, 5, 6, 7].filter((day) => weekdays & (1 << (day % 7)));
  return runs(days).flatMap(([low, high]) => {
    if (high - low < 2) return days.filter((day) => day >= low && day <= high).map((day) => WEEKDAYS[day % 7] ?? '');
    return [`${WEEKDAYS[low % 7]} to ${WEEKDAYS[high % 7]}`];
  });
}

function fromLast(days: number): string {
  if (days === 0) return 'last day';
  return `day that is ${days} day${days === 1 ? '' : 's'} before the last`;
}

function nearestPhrase(date: MonthDate): string {
  if ('day' in date) return `the working day nearest to day ${date.day}`;
  return date.beforeLast === 0 ? 'the last working day' : `the working day nearest to the ${fromLast(date.beforeLast)}`;
}

function monthPhrase({ days, month }: CronFields): string {
  if (!month.full) return `in ${enumerate(month.values.map((value) => MONTHS[value - 1] ?? ''))}`;
  const everyDay = days.dates === allDates(31);
  const onlyWeekly = days.weekdays !== 0 && days.dates === 0;
  return everyDay || onlyWeekly ? '' : 'of every month';
}

function yearPhrase(year: FieldSet): string {
  if (year.full) return '';
  const values = year.values.slice(0, MOST_TIMES);
  const more = year.values.length > values.length ? ' and later' : '';
  return `in ${more === '' ? ranges(values) : values.join(', ') + more}`;
}

/** `1 to 5 and 9`. */
function ranges(values: readonly number[]): string {
  return enumerate(
    runs(values).flatMap(([low, high]) => (high - low < 2 ? span(low, high).map(String) : [`${low} to ${high}`])),
  );
}

const span = (low: number, high: number): number[] => Array.from({ length: high - low + 1 }, (_, index) => low + index);

/** Splits ascending values where they are not consecutive. */
function runs(values: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const value of values) {
    const open = found.at(-1);
    if (open !== undefined && open[1] === value - 1) open[1] = value;
    else found.push([value, value]);
  }
  return found;
}

const twoDigits = (value: number | undefined): string => String(value).padStart(2, '0');

function enumerate(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
