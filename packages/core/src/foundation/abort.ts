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

/** A controller that follows parent signals until it is released, so that long-lived parents keep no listeners. */
export interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(reason: AbortReason): void;
  /** Stops following the parents. Call it when the work has settled. */
  release(): void;
}

/**
 * A new controller that aborts when any parent does, with the parent's reason.
 *
 * `AbortSignal.any` is not used: on Node 20 a long-lived parent keeps every signal derived from it.
 *
 * @example
 * const abort = linkAbort(sessionSignal);
 * try { await work(abort.signal); } finally { abort.release(); }
 */
export function linkAbort(...parents: readonly (AbortSignal | undefined)[]): LinkedAbort {
  const controller = new AbortController();
  const releases: (() => void)[] = [];
  const release = (): void => {
    for (const undo of releases.splice(0)) undo();
  };
  for (const parent of parents) {
    if (parent === undefined) continue;
    releases.push(onAbort(parent, (reason) => controller.abort(reason)));
  }
  return { signal: controller.signal, abort: (reason) => controller.abort(reason), release };
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
