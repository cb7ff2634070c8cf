import { abortable, onAbort, StoppedError } from './abort.js';
import { deferred } from './deferred.js';

/** A timer that can be called off. */
export interface Timer {
  cancel(): void;
}

/**
 * The only source of time. Wall time (`now`) is for fires and records; durations are measured with `monotonic`, which
 * never jumps when somebody sets the machine's clock.
 */
export interface Clock {
  /** Wall time, epoch milliseconds. */
  now(): number;
  /** Milliseconds since an arbitrary start, never going back. */
  monotonic(): number;
  /** Calls `callback` once after `ms` milliseconds (at most 2^31-1); never before. */
  setTimer(ms: number, callback: () => void): Timer;
}

/** The machine's clock. Its timers keep the process alive, as an application expects of a scheduler. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(ms, callback) {
    return new SystemTimer(setTimeout(callback, ms));
  },
};

/** Weighs less than a closure: every job has one. */
class SystemTimer implements Timer {
  constructor(private readonly timeout: NodeJS.Timeout) {}

  cancel(): void {
    clearTimeout(this.timeout);
  }
}

/** Resolves after `ms`; rejects with the signal's reason if that aborts first. */
export async function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const done = deferred();
  const timer = clock.setTimer(ms, () => done.resolve());
  const undo = signal === undefined ? () => undefined : onAbort(signal, (reason) => done.reject(reason));
  try {
    await done.promise;
  } finally {
    undo();
    timer.cancel();
  }
}

/**
 * Whether `work` finished within `ms`. Work that is given up, because of the time or of `signal`, is told so by its own
 * signal; in the second case this rejects with the signal's reason.
 */
export async function within(
  clock: Clock,
  ms: number,
  work: (over: AbortSignal) => Promise<void>,
  signal?: AbortSignal,
): Promise<boolean> {
  const over = new AbortController();
  const late = sleep(clock, ms, over.signal).then(
    () => false,
    () => false,
  );
  const done = work(over.signal).then(() => true);
  try {
    return await abortable(Promise.race([done, late]), signal);
  } finally {
    // Whichever is still under way ends by this; its rejection says nothing new.
    done.catch(() => undefined);
    over.abort(new StoppedError());
  }
}

interface PendingTimer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock that moves only when told, for tests. Timers fire in the order of their due time, then of their creation,
 * and everything they start is given the chance to run before the next one fires.
 *
 * @example
 * const clock = new ManualClock('2027-01-01T00:00:00Z');
 * await clock.advance(60_000);
 */
export class ManualClock implements Clock {
  #now: number;
  #elapsed = 0;
  #order = 0;
  readonly #timers = new Set<PendingTimer>();

  /** @param start epoch milliseconds or an ISO text. */
  constructor(start: number | string = 0) {
    this.#now = typeof start === 'number' ? start : Date.parse(start);
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  setTimer(ms: number, callback: () => void): Timer {
    // Whole milliseconds, as real timers have them: fractions would add up, and a test arrive a hair before a fire.
    const timer = { at: this.#elapsed + Math.ceil(Math.max(0, ms)), order: this.#order++, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** How many timers are armed; a test that ends with more than it expects has leaked one. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Moves both clocks on by `ms`, firing what falls due on the way. */
  async advance(ms: number): Promise<void> {
    const target = this.#elapsed + ms;
    await settle();
    for (let next = this.#nextDue(target); next !== undefined; next = this.#nextDue(target)) {
      this.#timers.delete(next);
      this.#move(Math.max(next.at, this.#elapsed));
      next.callback();
      await settle();
    }
    this.#move(target);
    await settle();
  }

  /** Moves on to a wall time (epoch milliseconds or ISO text). Going back is not possible: use {@link setWallTime}. */
  async advanceTo(time: number | string): Promise<void> {
    const target = typeof time === 'number' ? time : Date.parse(time);
    await this.advance(Math.max(0, target - this.#now));
  }

  /** Sets the wall clock alone, as a person or NTP does; durations and timers do not move. */
  setWallTime(time: number | string): void {
    this.#now = typeof time === 'number' ? time : Date.parse(time);
  }

  #move(elapsed: number): void {
    this.#now += elapsed - this.#elapsed;
    this.#elapsed = elapsed;
  }

  #nextDue(limit: number): PendingTimer | undefined {
    let next: PendingTimer | undefined;
    for (const timer of this.#timers) {
      if (timer.at > limit) continue;
      if (next === undefined || timer.at < next.at || (timer.at === next.at && timer.order < next.order)) next = timer;
    }
    return next;
  }
}

/** Lets every promise that can settle without time passing do so: a few turns of the event loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
