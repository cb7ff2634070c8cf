import { type Deferred, deferred } from '../foundation/deferred.js';

/**
 * Lets at most `size()` pieces of work run at the same time; the others wait in the order in which they came. The size
 * is asked again whenever work comes or ends, so it may change at any time: running work is never stopped for it. What
 * is not a number of at least 1 counts as 1; `size` must not throw.
 *
 * @example
 * const pool = new ItemPool(() => policy.size());
 * await Promise.all(items.map((item) => pool.run(() => execute(item))));
 */
export class ItemPool {
  #running = 0;
  readonly #waiting: Deferred<void>[] = [];

  constructor(private readonly size: () => number) {}

  /** Runs `work` as soon as there is room, and settles as it does. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length === 0 && this.#running < this.#limit) this.#running++;
    else await this.#turn();
    try {
      return await work();
    } finally {
      this.#running--;
      this.admit();
    }
  }

  get #limit(): number {
    return Math.max(1, Math.floor(this.size()) || 1);
  }

  #turn(): Promise<void> {
    const turn = deferred();
    this.#waiting.push(turn);
    this.admit();
    return turn.promise;
  }

  /** Starts the waiting work for which there is room now. Call it when the size has grown. */
  admit(): void {
    while (this.#running < this.#limit) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#running++;
      next.resolve();
    }
  }
}
