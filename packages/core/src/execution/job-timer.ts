import type { Alarm, AlarmClock } from '../schedule/alarm-clock.js';
import type { CronSchedule } from '../schedule/cron.js';

/** A fire that is due, and those that were due before it while the process could not look. */
export interface DueFire {
  /** Planned time, epoch milliseconds. */
  readonly scheduledAt: number;
  /** Planned times that are past and superseded by this one, the latest {@link MISSED_LIMIT} of them. */
  readonly missed: readonly number[];
}

/** More fires than this are not listed one by one after a long sleep. */
const MISSED_LIMIT = 100;

/** Turns a cron schedule into fires, one after the other, for as long as it is set. */
export class JobTimer {
  #schedule: CronSchedule | null = null;
  #alarm: Alarm | null = null;

  constructor(
    private readonly alarms: AlarmClock,
    private readonly now: () => number,
    private readonly onFire: (fire: DueFire) => void,
  ) {}

  /** Fires by `schedule` from now on; `null` = no more fires. */
  set(schedule: CronSchedule | null): void {
    this.#schedule = schedule;
    this.#arm(this.now());
  }

  /** The next planned times. */
  next(count: number): number[] {
    const fires: number[] = [];
    for (let at = this.now(); fires.length < count; ) {
      const next = this.#schedule?.next(at) ?? null;
      if (next === null) break;
      fires.push(next);
      at = next;
    }
    return fires;
  }

  #arm(after: number): void {
    this.#alarm?.cancel();
    const next = this.#schedule?.next(after) ?? null;
    this.#alarm = next === null ? null : this.alarms.set(next, ({ at, now }) => this.#ring(at, now));
  }

  /** After a sleep several fires may be due at once: the last of them is the one to run. */
  #ring(at: number, now: number): void {
    const schedule = this.#schedule;
    if (schedule === null) return;
    const last = Math.max(at, schedule.previous(now + 1) ?? at);
    const missed = last > at ? [at, ...schedule.between(at, last - 1, MISSED_LIMIT)] : [];
    this.#arm(last);
    this.onFire({ scheduledAt: last, missed: missed.slice(-MISSED_LIMIT) });
  }
}
