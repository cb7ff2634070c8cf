import type { WatchEvent, Watcher } from './watch-table.js';

/** Events on their way from a watcher to whoever iterates over them. */
export interface EventQueue {
  readonly push: Watcher;
  /** Ends the iteration with an error, once the events before it are taken. */
  fail(error: unknown): void;
  events(): AsyncGenerator<WatchEvent, void, undefined>;
}

/**
 * A queue that cannot grow without bound: of events that nobody has taken yet it keeps the latest of each kind and path,
 * which says as much, since an event tells that something changed and not to what. The iteration ends when `signal`
 * aborts.
 */
export function eventQueue(signal?: AbortSignal): EventQueue {
  const waiting = new Map<string, WatchEvent>();
  let failure: { readonly error: unknown } | null = null;
  let wake: () => void = () => undefined;
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  return {
    push: (event) => {
      const key = `${event.kind} ${event.path}`;
      waiting.delete(key);
      waiting.set(key, event);
      wake();
    },
    fail: (error) => {
      failure ??= { error };
      wake();
    },
    async *events() {
      const onAbort = (): void => wake();
      signal?.addEventListener('abort', onAbort);
      try {
        while (signal?.aborted !== true) {
          const [next] = waiting;
          if (next !== undefined) {
            waiting.delete(next[0]);
            yield next[1];
          } else if (failure !== null) {
            throw failure.error;
          } else {
            await changed();
          }
        }
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },
  };
}
