/** A timer that can be called off. */
export interface Timer {
  cancel(): void;
}

/** The only source of time of a client; a test gives its own. */
export interface Clock {
  /** Milliseconds since an arbitrary start, never going back. */
  monotonic(): number;
  /** Calls `callback` once after `ms` milliseconds; never before. */
  setTimer(ms: number, callback: () => void): Timer;
}

/** The machine's clock. Its timers keep the process alive, as an open connection does. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  setTimer(ms, callback) {
    const handle = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `ms`, or as soon as `signal` aborts. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimer(ms, end);
    signal.addEventListener('abort', end);
  });
}
