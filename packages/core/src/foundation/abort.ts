import { deferred } from './deferred.js';
import { ElasticJobError } from './errors.js';

/** Somebody asked for the stop: shutdown, removal of the job, an operator. */
export class StoppedError extends ElasticJobError {
  constructor(message = 'stopped') {
    super('STOPPED', message);
  }
}

/** The registry session that made this work ours is gone, so another instance may already do it. */
export class SessionLostError extends ElasticJobError {
  constructor(message = 'the registry session was lost; another instance may own this work now') {
    super('SESSION_LOST', message, { retryable: true });
  }
}

/** The time allowed for the work ran out. */
export class DeadlineError extends ElasticJobError {
  constructor(message: string) {
    super('DEADLINE', message);
  }
}

/** The reasons an `AbortSignal` of this project is aborted with. */
export type AbortReason = StoppedError | SessionLostError | DeadlineError;

/**
 * An abort whose signal is made when somebody asks for it: most work never looks at its signal, and a thousand of them a
 * second are a burden.
 */
export class LazyAbort {
  #controller: AbortController | null = null;
  /** Somebody has a signal for good. */
  #isKept = false;
  #borrowers = 0;
  #reason: AbortReason | null = null;

  /** Aborts once; later reasons are ignored. */
  abort(reason: AbortReason): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }

  get aborted(): boolean {
    return this.#reason !== null;
  }

  get signal(): AbortSignal {
    this.#isKept = true;
    return this.#open();
  }

  /** Does work with a signal that is nobody's any more when it has settled: a signal weighs half a kilobyte. */
  async lend<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#borrowers += 1;
    try {
      return await work(this.#open());
    } finally {
      this.#borrowers -= 1;
      if (this.#borrowers === 0 && !this.#isKept) this.#controller = null;
    }
  }

  #open(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== null) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  throwIfAborted(): void {
    if (this.#reason !== null) throw this.#reason;
  }
}

/** Calls `listener` once with the reason when `signal` aborts, at once if it already has. Returns the undo. */
export function onAbort(signal: AbortSignal, listener: (reason: unknown) => void): () => void {
  if (signal.aborted) {
    listener(signal.reason);
    return () => undefined;
  }
  const handler = (): void => listener(signal.reason);
  signal.addEventListener('abort', handler, { once: true });
  return () => signal.removeEventListener('abort', handler);
}

/** Settles like `work`, or rejects with the signal's reason as soon as it aborts; `work` itself goes on. */
export async function abortable<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return work;
  const aborted = deferred<never>();
  const undo = onAbort(signal, (reason) => aborted.reject(reason));
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    undo();
  }
}
