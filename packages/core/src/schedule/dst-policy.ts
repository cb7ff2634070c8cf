/** What to do with local times that a change to daylight saving removes (`gap`) or repeats (`overlap`). */
export interface DstPolicy {
  /** `run-after`: one fire in the first second after the gap, for all that fell into it. `skip`: none. */
  readonly gap: 'run-after' | 'skip';
  /** Which of the two passes through a repeated local time fires. */
  readonly overlap: 'first' | 'second' | 'both';
}

/** Quartz walks a lenient calendar: a removed local time is passed over, a repeated one means the later instant. */
export const QUARTZ_DST: DstPolicy = { gap: 'skip', overlap: 'second' };

/** A job at a fixed time of day runs once a day, whatever happens to the clocks (Debian's and vixie's cron). */
export const FIXED_TIME_DST: DstPolicy = { gap: 'run-after', overlap: 'first' };

/** A job with a wildcard among its time fields keeps its interval (Debian's and vixie's cron). */
export const INTERVAL_DST: DstPolicy = { gap: 'skip', overlap: 'both' };
