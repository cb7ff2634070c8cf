import { describeFields } from './cron-describe.js';
import { type CronDialect, type CronFields, FIRST_YEAR, LAST_YEAR } from './cron-fields.js';
import { dialectOf, parseFields } from './cron-parser.js';
import { wallAtOrAfter, wallAtOrBefore } from './cron-wall.js';
import { type DstPolicy, FIXED_TIME_DST, INTERVAL_DST, QUARTZ_DST } from './dst-policy.js';
import { type OffsetSpan, processTimeZone, type TimeZone, timeZone, WIDEST_OFFSET } from './time-zone.js';

/** How to read an expression. What is absent or `null` has its default. */
export interface CronOptions {
  /** Default: Quartz if the text holds a `?`, else Nest. */
  readonly dialect?: CronDialect | null | undefined;
  /** IANA name, or Java's `GMT+8:00`. Default: the zone of the process. */
  readonly timeZone?: string | null | undefined;
  /**
   * Default: Quartz's own behaviour for a Quartz expression. For a Nest expression, that of Debian's cron: a wildcard in
   * the seconds, minutes or hours keeps its interval, and anything else runs once for a repeated or removed time.
   */
  readonly dst?: DstPolicy | null | undefined;
}

/**
 * Reads a cron expression.
 *
 * @throws ConfigurationError `INVALID_CRON` for an expression that cannot be understood, `INVALID_CONFIGURATION` for an
 * unknown time zone. An expression that never fires (`0 0 0 30 2 ?`) is no error here: see
 * {@link CronSchedule.neverFires}.
 * @example
 * const schedule = parseCron('0 30 2 ? * FRIL', { timeZone: 'Asia/Shanghai' });
 * schedule.next(Date.UTC(2027, 0, 1)); // 1801161000000, the last Friday of January at 02:30
 */
export function parseCron(text: string, options: CronOptions = {}): CronSchedule {
  const dialect = options.dialect ?? dialectOf(text);
  const fields = parseFields(text, dialect);
  const zone = timeZone(options.timeZone ?? processTimeZone());
  return new CronSchedule(text, dialect, fields, zone, options.dst ?? defaultPolicy(dialect, fields));
}

function defaultPolicy(dialect: CronDialect, fields: CronFields): DstPolicy {
  if (dialect === 'quartz') return QUARTZ_DST;
  return fields.wildcard ? INTERVAL_DST : FIXED_TIME_DST;
}

const FIRST_SECOND = Date.UTC(FIRST_YEAR) / 1000 - WIDEST_OFFSET;
const END_SECOND = Date.UTC(LAST_YEAR + 1) / 1000 + WIDEST_OFFSET;

/**
 * The instants at which an expression fires in a time zone, from 1970 to 2099. All instants are epoch milliseconds, and
 * every fire is a whole second. Immutable; made by {@link parseCron}.
 */
export class CronSchedule {
  constructor(
    /** The expression as given. */
    readonly text: string,
    readonly dialect: CronDialect,
    private readonly fields: CronFields,
    private readonly zone: TimeZone,
    /** What happens when the clocks change. */
    readonly dst: DstPolicy,
  ) {}

  /** The name of the time zone, as given. */
  get timeZone(): string {
    return this.zone.name;
  }

  /** Whether there is no date at all that the expression means, such as 30 February. */
  get neverFires(): boolean {
    return Number.isNaN(wallAtOrAfter(this.fields, 0));
  }

  /** The first fire strictly after an instant; `null` = there is none any more. */
  next(after: number): number | null {
    let second = Math.max(Math.floor(after / 1000) + 1, FIRST_SECOND);
    while (second < END_SECOND) {
      const span = this.zone.spanAt(second);
      if (second === span.start && this.#firesAfterGap(span)) return second * 1000;
      const range = firingRange(span, this.dst);
      const wall = wallAtOrAfter(this.fields, Math.max(second + span.offset, range.from));
      if (wall < range.to) return (wall - span.offset) * 1000;
      // If the clocks go back at the end of this span, earlier local times come again; otherwise none before `wall` does.
      if (span.after < span.offset) second = span.end;
      else if (Number.isNaN(wall)) return null;
      else second = Math.max(span.end, wall - WIDEST_OFFSET);
    }
    return null;
  }

  /** The last fire strictly before an instant; `null` = there was none since 1970. */
  previous(before: number): number | null {
    let second = Math.min(Math.ceil(before / 1000) - 1, END_SECOND);
    while (second >= FIRST_SECOND) {
      const span = this.zone.spanAt(second);
      const range = firingRange(span, this.dst);
      const wall = wallAtOrBefore(this.fields, Math.min(second + span.offset, range.to - 1));
      if (wall >= range.from) return (wall - span.offset) * 1000;
      if (this.#firesAfterGap(span)) return span.start * 1000;
      if (span.before > span.offset) second = span.start - 1;
      else if (Number.isNaN(wall)) return null;
      else second = Math.min(span.start - 1, wall + WIDEST_OFFSET);
    }
    return null;
  }

  /** The fires from `from` (inclusive) to `to` (exclusive), at most `limit` of them. */
  between(from: number, to: number, limit: number): number[] {
    const fires: number[] = [];
    for (let fire = this.next(from - 1); fire !== null && fire < to && fires.length < limit; fire = this.next(fire)) {
      fires.push(fire);
    }
    return fires;
  }

  /** The latest fires from `from` (inclusive) to `to` (exclusive), at most `limit` of them, ascending. */
  latestBetween(from: number, to: number, limit: number): number[] {
    const fires: number[] = [];
    let fire = this.previous(to);
    for (; fire !== null && fire >= from && fires.length < limit; fire = this.previous(fire)) fires.unshift(fire);
    return fires;
  }

  /** Whether it fires in the second that an instant lies in. */
  matches(instant: number): boolean {
    const second = Math.floor(instant / 1000) * 1000;
    return this.next(second - 1) === second;
  }

  /**
   * The schedule in English.
   *
   * @example
   * parseCron('0 30 2 ? * FRIL', { timeZone: 'Asia/Shanghai' }).describe();
   * // at 02:30:00 on the last Friday of every month (Asia/Shanghai)
   */
  describe(): string {
    return `${describeFields(this.fields)} (${this.zone.name})`;
  }

  /** Whether the gap at the start of a span swallowed a fire that is made up for at its start. */
  #firesAfterGap(span: OffsetSpan): boolean {
    if (span.offset <= span.before || this.dst.gap === 'skip') return false;
    return wallAtOrAfter(this.fields, span.start + span.before) < span.start + span.offset;
  }
}

/**
 * The local times of a span at which it may fire: all of them, except those of an overlap at either end for which the
 * policy prefers the other pass.
 */
function firingRange(span: OffsetSpan, dst: DstPolicy): { from: number; to: number } {
  const repeats = dst.overlap === 'first' ? Math.max(0, span.before - span.offset) : 0;
  const comesAgain = dst.overlap === 'second' ? Math.max(0, span.offset - span.after) : 0;
  return { from: span.start + span.offset + repeats, to: span.end + span.offset - comesAgain };
}
