import type { Alarm, AlarmClock } from '../schedule/alarm-clock.js';
import type { CronSchedule } from '../schedule/cron.js';

/** A fire that is due, and those that were due before it while the process could not look. */
export interface DueFire {
  /** Planned time, epoch milliseconds. */
  readonly scheduledAt: number;
  /** Planned times that are past and superseded by this one, the last {@link MISSED_LIMIT} of them, ascending. */
  readonly missed: readonly number[];
  /** Nobody looked for so long that the fire itself counts as missed. */
  readonly isLate: boolean;
}

/** More fires than this are not listed one by one after a long sleep. */
export const MISSED_LIMIT = 100;

/** A fire that is noticed later than this, milliseconds, is one that was missed; before, the timer was only slow. */
const LATE_MS = 60_000;

/** Turns a cron schedule into fires, one after the other, for as long as it is set. */
export class JobTimer {
  #schedule: CronSchedule | null = null;
  #alarm: Alarm | null = null;

  constructor(
    private readonly alarms: AlarmClock,
    private readonly now: () => number,
    private readonly onFire: (fire: DueFire) => void,
  ) {}

  /** Fires by `schedule` from now on; `null` = no more fires. A fire already due whose timer is late comes first. */
  set(schedule: CronSchedule | null): void {
    const now = this.now();
    if (this.#alarm !== null && this.#alarm.at <= now) this.#ring(this.#alarm.at, now);
    this.#schedule = schedule;
    this.#setAlarm(schedule?.next(now) ?? null);
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

  #setAlarm(next: number | null): void {
    this.#alarm?.cancel();
    this.#alarm = next === null ? null : this.alarms.set(next, ({ at, now }) => this.#ring(at, now));
  }

  /** After a sleep several fires may be due at once: the last of them is the one to run. */
  #ring(at: number, now: number): void {
    const schedule = this.#schedule;
    if (schedule === null) return;
    const next = schedule.next(at);
    if (next !== null && next <= now) {
      this.#ringLate(schedule, at, now);
    } else {
      this.#setAlarm(next);
      this.#tell(at, [], now);
    }
  }

  #ringLate(schedule: CronSchedule, at: number, now: number): void {
    const last = schedule.previous(now + 1) ?? at;
    const missed = schedule.latestBetween(at, last, MISSED_LIMIT);
    this.#setAlarm(schedule.next(last));
    this.#tell(last, missed, now);
  }

  #tell(scheduledAt: number, missed: readonly number[], now: number): void {
    this.onFire({ scheduledAt, missed, isLate: now - scheduledAt > LATE_MS });
  }
}
