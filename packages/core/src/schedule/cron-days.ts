/** A date counted from an end of its month: the day `day`, or the day that lies `beforeLast` days before the last. */
export type MonthDate = { readonly day: number } | { readonly beforeLast: number };

/** Which days of a month an expression means: the union of everything given here. */
export interface DayRule {
  /** Days of the month; bit 0 is the first. */
  readonly dates: number;
  /** `L` = 0, `L-3` = 3: days before the last of the month. */
  readonly beforeLast: readonly number[];
  /** `15W`, `LW`, `L-3W`: the Monday to Friday nearest to a date, within its month. */
  readonly nearestWeekday: readonly MonthDate[];
  /** Days of the week; bit 0 is Sunday. */
  readonly weekdays: number;
  /** `FRIL`: days of the week (0 = Sunday) of which the last in the month is meant. */
  readonly lastWeekdays: readonly number[];
  /** `FRI#3`: the n-th such day of the week in the month. */
  readonly nthWeekdays: readonly { readonly weekday: number; readonly nth: number }[];
}

/** A rule that means no day, to be spread into one that means some. */
export const NO_DAYS: DayRule = {
  dates: 0,
  beforeLast: [],
  nearestWeekday: [],
  weekdays: 0,
  lastWeekdays: [],
  nthWeekdays: [],
};

/** All the days from 1 to `length` as bits. */
export const allDates = (length: number): number => 0x7fffffff >>> (31 - length);

/** A date of the proleptic Gregorian calendar. */
export interface CivilDate {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
}

/**
 * The number of days from 1970-01-01 to a date.
 *
 * @see https://howardhinnant.github.io/date_algorithms.html for the arithmetic: years begin in March, so that the leap
 * day comes last and the lengths of months follow one linear formula.
 */
export function dayNumber(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const dayOfYear = (((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) | 0) + day - 1;
  return 365 * y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468;
}

/** The date of a day number: the inverse of {@link dayNumber}, for days from 1970 on. */
export function civilDate(days: number): CivilDate {
  const shifted = days + 719_468;
  const era = (shifted / 146_097) | 0;
  const dayOfEra = shifted - era * 146_097;
  const leaps = ((dayOfEra / 1460) | 0) - ((dayOfEra / 36_524) | 0) + ((dayOfEra / 146_096) | 0);
  const yearOfEra = ((dayOfEra - leaps) / 365) | 0;
  const dayOfYear = dayOfEra - (365 * yearOfEra + ((yearOfEra / 4) | 0) - ((yearOfEra / 100) | 0));
  const monthFromMarch = ((5 * dayOfYear + 2) / 153) | 0;
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  const day = dayOfYear - (((153 * monthFromMarch + 2) / 5) | 0) + 1;
  return { year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, day };
}

const isLeap = (year: number): boolean => year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

function monthLength(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** The days of a month that `rule` means, as bits (bit 0 is the first). */
export function daysOfMonth(rule: DayRule, year: number, month: number): number {
  const length = monthLength(year, month);
  const calendar = { length, firstWeekday: (dayNumber(year, month, 1) + 4) % 7 };
  let days = rule.dates | everyWeek(rule.weekdays, calendar.firstWeekday);
  for (const offset of rule.beforeLast) days |= dateBit(length - offset);
  for (const date of rule.nearestWeekday) days |= dateBit(nearestWeekday(date, calendar));
  for (const weekday of rule.lastWeekdays) days |= dateBit(lastWeekday(weekday, calendar));
  for (const { weekday, nth } of rule.nthWeekdays) days |= dateBit(firstWeekday(weekday, calendar) + 7 * (nth - 1));
  return days & allDates(length);
}

interface MonthShape {
  readonly length: number;
  /** The day of the week of the first, 0 = Sunday. */
  readonly firstWeekday: number;
}

const dateBit = (day: number): number => (day < 1 || day > 31 ? 0 : 1 << (day - 1));

/** The days of the week as days of a month that begins on `first`: a pattern of seven bits, repeated. */
function everyWeek(weekdays: number, first: number): number {
  if (weekdays === 0) return 0;
  const week = ((weekdays >>> first) | (weekdays << (7 - first))) & 0x7f;
  return week | (week << 7) | (week << 14) | (week << 21) | (week << 28);
}

const firstWeekday = (weekday: number, month: MonthShape): number => 1 + ((weekday - month.firstWeekday + 7) % 7);

function lastWeekday(weekday: number, month: MonthShape): number {
  const first = firstWeekday(weekday, month);
  return first + 7 * Math.floor((month.length - first) / 7);
}

/** 0 if the month has no such date: then nothing is near it. */
function nearestWeekday(date: MonthDate, month: MonthShape): number {
  const day = 'day' in date ? date.day : month.length - date.beforeLast;
  if (day < 1 || day > month.length) return 0;
  const weekday = (month.firstWeekday + day - 1) % 7;
  if (weekday === 6) return day === 1 ? day + 2 : day - 1;
  if (weekday === 0) return day === month.length ? day - 2 : day + 1;
  return day;
}
