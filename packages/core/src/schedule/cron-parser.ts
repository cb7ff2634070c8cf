import type { DayRule } from './cron-days.js';
import {
  type CronDialect,
  type CronFields,
  everyValue,
  FIELD_SPECS,
  type FieldSet,
  type FieldSpec,
  fieldSet,
} from './cron-fields.js';
import { nestDays, readQuartzDates, readQuartzWeekdays, readValues } from './cron-grammar.js';
import { FieldReader, invalidCron, type TextPosition } from './cron-text.js';

/** The abbreviations that the `cron` package knows. */
const PRESETS: Readonly<Record<string, string>> = {
  '@secondly': '* * * * * *',
  '@minutely': '0 * * * * *',
  '@hourly': '0 0 * * * *',
  '@daily': '0 0 0 * * *',
  '@weekly': '0 0 0 * * 0',
  '@weekdays': '0 0 0 * * 1-5',
  '@weekends': '0 0 0 * * 0,6',
  '@monthly': '0 0 0 1 * *',
  '@yearly': '0 0 0 1 1 *',
};

/**
 * The dialect of an expression. Nothing is guessed: Quartz demands a `?` in one of its day fields, and
 * `@nestjs/schedule` refuses it anywhere.
 */
export function dialectOf(text: string): CronDialect {
  return text.includes('?') ? 'quartz' : 'nest';
}

/** Parses an expression; throws ConfigurationError `INVALID_CRON` which points at what is wrong. */
export function parseFields(text: string, dialect: CronDialect): CronFields {
  return dialect === 'quartz' ? parseQuartz(text) : parseNest(text);
}

function parseQuartz(text: string): CronFields {
  const words = splitWords(text);
  if (words.length < 6) throw tooFew(text, 'six or seven fields (seconds first) for Quartz');
  if (words.length > 7) throw tooMany(text, words[7], 'at most seven fields for Quartz');
  const read = (index: number, spec: FieldSpec) => {
    return fieldSet(readValues(readerOf(text, words[index], spec), spec, 'quartz'), spec);
  };
  const [second, minute, hour] = [read(0, FIELD_SPECS.second), read(1, FIELD_SPECS.minute), read(2, FIELD_SPECS.hour)];
  const dates = readUnlessOpen(readerOf(text, words[3], FIELD_SPECS.dayOfMonth), readQuartzDates);
  const month = read(4, FIELD_SPECS.month);
  const weekdays = readUnlessOpen(readerOf(text, words[5], FIELD_SPECS.dayOfWeek.quartz), readQuartzWeekdays);
  const year = words.length === 7 ? read(6, FIELD_SPECS.year) : ANY_YEAR;
  const days = onlyOne(dates, weekdays, { text, index: words[5]?.start ?? 0, label: 'day of week' });
  return { second, minute, hour, days, month, year, wildcard: isWildcard(words, [second, minute, hour]) };
}

/** Reads a day field unless it is `?`, which leaves the choice to the other one. */
function readUnlessOpen(reader: FieldReader, read: (reader: FieldReader) => DayRule): DayRule | null {
  return reader.takeAll('?') ? null : read(reader);
}

function onlyOne(dates: DayRule | null, weekdays: DayRule | null, place: TextPosition): DayRule {
  if (dates !== null && weekdays !== null) {
    throw invalidCron(place, 'both a day of month and a day of week', '"?" in one of the two, as Quartz demands');
  }
  const days = dates ?? weekdays;
  if (days !== null) return days;
  throw invalidCron(place, '"?" in both day fields', '"?" in only one of them (write "*" for every day)');
}

function parseNest(source: string): CronFields {
  const text = PRESETS[source.trim().toLowerCase()] ?? source;
  const given = splitWords(text);
  if (text.trimStart().startsWith('@')) throw unknownPreset(text, given[0]);
  if (given.length < 5) throw tooFew(text, 'five or six fields');
  if (given.length > 6) throw tooMany(text, given[6], 'at most six fields (Quartz, with "?", has a year)');
  const words = given.length === 6 ? given : [undefined, ...given];
  refuseMarks(text, words[3], /[LW#]/i);
  refuseMarks(text, words[5], /#|L$/i);
  const values = (index: number, spec: FieldSpec) => readValues(readerOf(text, words[index], spec), spec, 'nest');
  const read = (index: number, spec: FieldSpec) => fieldSet(values(index, spec), spec);
  const second = words[0] === undefined ? ON_THE_MINUTE : read(0, FIELD_SPECS.second);
  const [minute, hour] = [read(1, FIELD_SPECS.minute), read(2, FIELD_SPECS.hour)];
  const dates = values(3, FIELD_SPECS.dayOfMonth);
  const month = read(4, FIELD_SPECS.month);
  const days = nestDays(dates, values(5, FIELD_SPECS.dayOfWeek.nest));
  return { second, minute, hour, days, month, year: ANY_YEAR, wildcard: isWildcard(words, [second, minute, hour]) };
}

/** Says how to get what the author of `0 0 12 L * *` had in mind. */
function refuseMarks(text: string, field: Word | undefined, marks: RegExp): void {
  if (field === undefined || !marks.test(field.word)) return;
  const expected = 'plain days, as L, W and # belong to Quartz: write "?" in the other day field to use them';
  throw invalidCron({ text, index: field.start }, `"${field.word}"`, expected);
}

const ANY_YEAR = everyValue(FIELD_SPECS.year);

const ON_THE_MINUTE = fieldSet(new Set([0]), FIELD_SPECS.second);

/** A field's text and where it begins. */
interface Word {
  readonly word: string;
  readonly start: number;
}

function splitWords(text: string): Word[] {
  return [...text.matchAll(/\S+/g)].map((match) => ({ word: match[0], start: match.index }));
}

function readerOf(text: string, field: Word | undefined, spec: FieldSpec): FieldReader {
  return new FieldReader(text, spec.label, field?.word ?? '', field?.start ?? text.length);
}

/** `0-23/1` in the hours is as much a wildcard as `*`, and so is `*` with a step. */
function isWildcard(words: readonly (Word | undefined)[], sets: readonly FieldSet[]): boolean {
  return words.slice(0, 3).some((field) => field?.word.startsWith('*')) || sets.some((set) => set.full);
}

function unknownPreset(text: string, field: Word | undefined): Error {
  const known = Object.keys(PRESETS).join(', ');
  return invalidCron({ text, index: field?.start ?? 0 }, `"${field?.word}"`, `one of ${known}`);
}

function tooFew(text: string, expected: string): Error {
  return invalidCron({ text, index: text.length }, 'the end of the expression', expected);
}

function tooMany(text: string, field: Word | undefined, expected: string): Error {
  return invalidCron({ text, index: field?.start ?? 0 }, `"${field?.word}"`, expected);
}
