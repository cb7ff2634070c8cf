import { type Deferred, deferred } from './deferred.js';
import { messageOf } from './errors.js';
import type { Logger } from './logger.js';

/**
 * What starting and stopping mean, everywhere: `start` may be called twice and resolves when the thing works; `stop` is
 * safe before `start` and twice, and resolves only when nothing of it runs any more. Owners stop what they own in the
 * reverse order of starting. `lifecycle.contract.ts` checks every implementer.
 */
export interface Lifecycle {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Work that runs in the background on behalf of an owner, who awaits it when stopping. A failure is logged, never an
 * unhandled rejection.
 */
export class TaskGroup {
  #running = 0;
  /** Made when somebody waits. */
  #idle: Deferred<void> | null = null;

  constructor(private readonly logger: Logger) {}

  /** Starts `work` now; `name` is what the log calls it should it fail. */
  run(name: string, work: () => Promise<void>): void {
    this.#running += 1;
    void this.#follow(name, work);
  }

  /** Resolves when nothing runs, including what running work starts meanwhile. */
  async drained(): Promise<void> {
    while (this.#running > 0) {
      this.#idle ??= deferred();
      await this.#idle.promise;
    }
  }

  async #follow(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.error('background work failed', { work: name, error: messageOf(error) });
    }
    this.#running -= 1;
    if (this.#running > 0) return;
    this.#idle?.resolve();
    this.#idle = null;
  }
}
