import { abortable } from '../../packages/core/src/foundation/abort.js';
import { type Deferred, deferred } from '../../packages/core/src/foundation/deferred.js';

/** Keeps handlers waiting while it is closed. It is open at first. */
export class Gate {
  #closed: Deferred<void> | null = null;

  close(): void {
    this.#closed ??= deferred();
  }

  open(): void {
    this.#closed?.resolve();
    this.#closed = null;
  }

  /** Resolves when it is open; rejects with the reason of `signal`. */
  async pass(signal: AbortSignal): Promise<void> {
    if (this.#closed !== null) await abortable(this.#closed.promise, signal);
  }
}
