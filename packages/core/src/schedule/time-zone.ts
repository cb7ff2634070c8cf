import { ConfigurationError } from '../foundation/errors.js';

/** A stretch of time in which a zone's clocks run steadily. All in seconds; `start` is inclusive, `end` exclusive. */
export interface OffsetSpan {
  readonly start: number;
  readonly end: number;
  /** Local time minus UTC. */
  readonly offset: number;
  /** The offset just before `start`; smaller than `offset` = a gap, greater = an overlap. */
  readonly before: number;
  /** The offset at `end`. */
  readonly after: number;
}

/** A time zone as cron needs it: where an instant lies between two changes of the clocks. */
export interface TimeZone {
  /** As given by the user. */
  readonly name: string;
  /** The span that holds an instant (epoch seconds). Spans may end where nothing changes, for instance at a new year. */
  spanAt(second: number): OffsetSpan;
}

/** No zone was ever farther from UTC, in seconds. */
export const WIDEST_OFFSET = 16 * 3600;

/** Zones never change while a process lives, and finding their transitions costs some hundred calls to `Intl`. */
const known = new Map<string, TimeZone>();

/**
 * The zone of a name: an IANA name (`Europe/Berlin`), `UTC`, or Java's `GMT`, `GMT+8`, `GMT+8:00`, `GMT-0330`.
 *
 * @throws ConfigurationError if there is no such zone.
 */
export function timeZone(name: string): TimeZone {
  const existing = known.get(name);
  if (existing !== undefined) return existing;
  const offset = fixedOffset(name);
  const zone = offset === null ? ianaZone(name) : fixedZone(name, offset);
  known.set(name, zone);
  return zone;
}

/** The process's zone for each value that its variable `TZ` has had; finding it takes `Intl` as long as a job's start. */
const processZones = new Map<string | undefined, string>();

/** The name of the zone that the process runs in, also after it has changed its variable `TZ`. */
export function processTimeZone(): string {
  const { TZ } = process.env;
  const name = processZones.get(TZ) ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
  processZones.set(TZ, name);
  return name;
}

const JAVA_OFFSET = /^GMT([+-])(\d{1,2})(?::?([0-5]\d))?$/;

function fixedOffset(name: string): number | null {
  if (name === 'GMT' || name === 'UTC') return 0;
  const match = JAVA_OFFSET.exec(name);
  if (match === null) return null;
  const [, sign, hours, minutes = '0'] = match;
  if (Number(hours) > 14) throw unknownZone(name);
  return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}

function fixedZone(name: string, offset: number): TimeZone {
  const always = {
    start: Number.NEGATIVE_INFINITY,
    end: Number.POSITIVE_INFINITY,
    offset,
    before: offset,
    after: offset,
  };
  return { name, spanAt: () => always };
}

function ianaZone(name: string): TimeZone {
  const offsetAt = offsetReader(name);
  const years = new Map<number, readonly OffsetSpan[]>();
  let latest: OffsetSpan | undefined;
  return {
    name,
    spanAt(second) {
      if (latest !== undefined && second >= latest.start && second < latest.end) return latest;
      const year = new Date(second * 1000).getUTCFullYear();
      const spans = years.get(year) ?? spansOfYear(offsetAt, year);
      years.set(year, spans);
      latest = spans.find((span) => second < span.end) ?? fail(name, second);
      return latest;
    },
  };
}

function fail(name: string, second: number): never {
  throw new RangeError(`no offset of ${name} is known at ${second} s; cron works with the years 1970 to 2099`);
}

type OffsetReader = (second: number) => number;

function offsetReader(name: string): OffsetReader {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (error) {
    throw unknownZone(name, error);
  }
  return (second) => localSeconds(format.format(second * 1000)) - second;
}

/** Reads what `en-US` writes: `3/14/2027, 03:00:00`. */
function localSeconds(text: string): number {
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = (text.match(/\d+/g) ?? []).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
}

/** Two changes that cancel each other lie weeks apart everywhere, so that a probe a week finds each of them. */
const PROBE = 7 * 86_400;

function spansOfYear(offsetAt: OffsetReader, year: number): readonly OffsetSpan[] {
  const yearStart = Date.UTC(year) / 1000;
  const yearEnd = Date.UTC(year + 1) / 1000;
  const spans: OffsetSpan[] = [];
  let start = yearStart;
  let before = offsetAt(yearStart - 1);
  let offset = offsetAt(yearStart);
  for (let low = yearStart; low < yearEnd; low += PROBE) {
    const high = Math.min(low + PROBE, yearEnd);
    const after = offsetAt(high);
    if (after === offset) continue;
    const end = changeBetween(offsetAt, low, high);
    if (end === yearEnd) continue;
    spans.push({ start, end, offset, before, after });
    [start, before, offset] = [end, offset, after];
  }
  spans.push({ start, end: yearEnd, offset, before, after: offsetAt(yearEnd) });
  return spans;
}

/** The second in (`low`, `high`] from which the offset of `high` holds. */
function changeBetween(offsetAt: OffsetReader, low: number, high: number): number {
  const target = offsetAt(high);
  let [same, changed] = [low, high];
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2);
    if (offsetAt(middle) === target) changed = middle;
    else same = middle;
  }
  return changed;
}

function unknownZone(name: string, cause?: unknown): ConfigurationError {
  const advice = 'use an IANA name such as "Europe/Berlin" or an offset such as "GMT+8:00"';
  return new ConfigurationError('INVALID_CONFIGURATION', `Unknown time zone "${name}": ${advice}.`, { cause });
}
