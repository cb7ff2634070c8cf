import { EXTENSION_POINTS, resolveExtension } from './extensions.js';
import type { JobListener, RunContext } from './job-extensions.js';

/** Told of each failure of a listener. The next listener waits for it. */
export type ListenerFailed = (error: unknown, listener: JobListener) => void | Promise<void>;

/** The listeners that a job names, in the order in which they run. Throws `UNKNOWN_EXTENSION` for an unknown name. */
export function resolveListeners(
  types: readonly string[],
  available: readonly JobListener[],
  jobName: string,
): readonly JobListener[] {
  return orderListeners(types.map((type) => resolveExtension(EXTENSION_POINTS.listener, type, available, jobName)));
}

/** Ascending by `order`, those without one last; equal orders stay as named. */
export function orderListeners(listeners: readonly JobListener[]): readonly JobListener[] {
  const orderOf = (listener: JobListener): number => listener.order ?? Number.MAX_SAFE_INTEGER;
  return listeners.toSorted((a, b) => orderOf(a) - orderOf(b));
}

/** Tells the listeners one after the other that a run begins. Never rejects because of a listener. */
export function notifyBefore(
  listeners: readonly JobListener[],
  run: RunContext,
  onError: ListenerFailed,
): Promise<void> {
  return notify(listeners, (listener) => listener.beforeJobExecuted?.(run), onError);
}

/** Tells the listeners, in the same order as before the run, that it has ended. Never rejects because of a listener. */
export function notifyAfter(
  listeners: readonly JobListener[],
  run: RunContext,
  onError: ListenerFailed,
): Promise<void> {
  return notify(listeners, (listener) => listener.afterJobExecuted?.(run), onError);
}

async function notify(
  listeners: readonly JobListener[],
  tell: (listener: JobListener) => void | Promise<void>,
  onError: ListenerFailed,
): Promise<void> {
  for (const listener of listeners) {
    try {
      await tell(listener);
    } catch (error) {
      await onError(error, listener);
    }
  }
}
