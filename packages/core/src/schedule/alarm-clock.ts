import type { Clock, Timer } from '../foundation/clock.js';
import { messageOf } from '../foundation/errors.js';
import type { Lifecycle } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import { AlarmHeap, type HeapEntry } from './alarm-heap.js';

/** An alarm that has been set. */
export interface Alarm {
  /** The wall time it was set to, epoch milliseconds. */
  readonly at: number;
  /** It will not ring. Safe at any time, also after it rang. */
  cancel(): void;
}

/** A ring: the wall time the alarm was set to, and the wall time now. `now - at` is how late it is, never negative. */
export interface Ring {
  readonly at: number;
  readonly now: number;
}

/**
 * The longest time that a timer is armed for, milliseconds. Timers count elapsed time, alarms mean wall time: by waking
 * now and then the alarm clock notices that the wall clock was set, or that the machine slept.
 */
export const LONGEST_WAIT_MS = 30_000;

/**
 * How many alarms ring before everything else gets its turn. A thousand jobs due in one second would otherwise all begin
 * before the first of them gets anywhere, with all of their garbage alive at once.
 */
const RINGS_AT_ONCE = 100;

/** An alarm that has yet to ring. Its own handle, since every job has one. */
class PendingAlarm implements Alarm, HeapEntry {
  index = -1;

  constructor(
    readonly at: number,
    readonly order: number,
    readonly callback: (ring: Ring) => void,
    private readonly onCancel: (alarm: PendingAlarm) => void,
  ) {}

  cancel(): void {
    this.onCancel(this);
  }
}

/**
 * One alarm clock for all jobs: the pending alarms in a heap, and a single timer for the earliest of them.
 *
 * An alarm rings once, when the wall clock shows its time or later, and never before. If the wall clock jumps forward or
 * the machine wakes from sleep, an alarm that is overdue rings within {@link LONGEST_WAIT_MS} and shows how late it is.
 * If the wall clock jumps back, alarms wait for their time to come again. Alarms for one instant ring in the order in
 * which they were set. Alarms set while the clock is stopped are kept, and ring once it has started.
 *
 * @example
 * const alarms = new AlarmClock(systemClock, logger);
 * await alarms.start();
 * const alarm = alarms.set(schedule.next(systemClock.now()), ({ at, now }) => run(at, now - at));
 */
export class AlarmClock implements Lifecycle {
  readonly #pending = new AlarmHeap<PendingAlarm>();
  /** Taken out of the heap in this wake and about to ring, in order. */
  readonly #due = new Set<PendingAlarm>();
  #order = 0;
  #running = false;
  #ringing = false;
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  async start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    this.#arm();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#putBack();
  }

  /**
   * Sets an alarm to a wall time (epoch milliseconds); one in the past rings as soon as possible, never from within this
   * call. `callback` should be quick: whatever takes time is its own task.
   */
  set(at: number, callback: (ring: Ring) => void): Alarm {
    const alarm = new PendingAlarm(at, this.#order++, callback, this.#cancel);
    this.#pending.push(alarm);
    if (this.#pending.peek() === alarm) this.#arm();
    return alarm;
  }

  /** How many alarms have yet to ring. */
  get size(): number {
    return this.#pending.size + this.#due.size;
  }

  readonly #cancel = (alarm: PendingAlarm): void => {
    this.#pending.remove(alarm);
    this.#due.delete(alarm);
  };

  #arm(): void {
    if (!this.#running || this.#ringing) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    const next = this.#pending.peek();
    if (next === undefined && this.#due.size === 0) return;
    const wait = this.#due.size > 0 || next === undefined ? 0 : Math.ceil(Math.max(0, next.at - this.clock.now()));
    this.#timer = this.clock.setTimer(Math.min(wait, LONGEST_WAIT_MS), () => this.#wake());
  }

  /** A timer may wake a little early, or late by hours: only the wall clock decides what rings. */
  #wake(): void {
    this.#timer = undefined;
    this.#ringing = true;
    this.#ringDue();
    this.#ringing = false;
    this.#arm();
  }

  /**
   * What is due is set apart before anything rings, so that an alarm which a callback sets to the past waits for the
   * next wake: it can hold up neither the others nor the process.
   */
  #ringDue(): void {
    const now = this.clock.now();
    for (let alarm = this.#pending.peek(); alarm !== undefined && alarm.at <= now; alarm = this.#pending.peek()) {
      this.#pending.remove(alarm);
      this.#due.add(alarm);
    }
    let turns = RINGS_AT_ONCE;
    for (const alarm of this.#due) {
      if (!this.#running || turns-- === 0) break;
      this.#due.delete(alarm);
      this.#ring(alarm, Math.max(alarm.at, this.clock.now()));
    }
    if (!this.#running) this.#putBack();
  }

  #putBack(): void {
    for (const alarm of this.#due) this.#pending.push(alarm);
    this.#due.clear();
  }

  #ring({ at, callback }: PendingAlarm, now: number): void {
    try {
      callback({ at, now });
    } catch (error) {
      this.logger.error('alarm callback failed', { at, error: messageOf(error) });
    }
  }
}
