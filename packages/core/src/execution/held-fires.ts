import type { MisfireFlags } from '../coordination/misfire-flags.js';
import { LazyAbort, StoppedError } from '../foundation/abort.js';
import { type Clock, sleep } from '../foundation/clock.js';
import { ElasticJobError, messageOf } from '../foundation/errors.js';
import { TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import { RareSet } from '../foundation/rare-map.js';
import type { DueItems, FireBook } from './fire-book.js';

/** What holds fires needs to know, and who starts them in the end. */
export interface HeldFiresHooks {
  /** Whether a run of the item is going on here. */
  isRunning(item: number): boolean;
  /** Whether something may be started now: the assignment is known, and nobody said to end. */
  mayStart(): boolean;
  /** Resolves when nobody runs the item any more, or rejects. */
  unmarked(item: number, signal: AbortSignal): Promise<void>;
  start(due: readonly DueItems[]): void;
}

/** Pause before a mark is looked at again after that failed, milliseconds. */
const RETRY_MS = 1000;

/**
 * Makes up for fires that fell into a run of their item: right after the run where it went on here, and where it went on
 * elsewhere as soon as its mark is gone. Which fires these are, and for how many it is made up, is the fire book's
 * decision. While there are any, the item's misfire flag is up.
 */
export class HeldFires {
  readonly #elsewhere = new RareSet<number>();
  readonly #stopped = new LazyAbort();
  readonly #tasks: TaskGroup;

  constructor(
    private readonly book: FireBook,
    private readonly flags: MisfireFlags,
    private readonly hooks: HeldFiresHooks,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {
    this.#tasks = new TaskGroup(logger);
  }

  /**
   * Items that were due for a fire and are running, here or `elsewhere`. Returns what is skipped for their sake, `null`
   * if their fire is not made up for.
   */
  hold(scheduledAt: number, items: readonly number[], elsewhere: boolean): DueItems[] | null {
    const skipped = this.book.hold(scheduledAt, items);
    if (skipped !== null && elsewhere) for (const item of items) this.#awaitMark(item);
    return skipped;
  }

  /** Starts what can be started now. To be called whenever that may have become more, or other items are held. */
  resume(): void {
    if (this.hooks.mayStart()) {
      for (const item of this.book.heldItems) {
        if (this.#elsewhere.has(item) || this.hooks.isRunning(item)) continue;
        this.hooks.start(this.book.free(item));
      }
    }
    this.flags.follow(this.book.heldItems);
  }

  /** The instance leaves: nothing is held any more. Returns what is to be recorded for it. */
  giveUp(): DueItems[] {
    this.#stopped.abort(new StoppedError());
    const given = this.book.close();
    this.flags.follow([]);
    return given;
  }

  /** Resolves when no mark is waited for any more. */
  settled(): Promise<void> {
    return this.#tasks.drained();
  }

  #awaitMark(item: number): void {
    if (this.#elsewhere.has(item)) return;
    this.#elsewhere.add(item);
    this.#tasks.run('wait for a mark to go', async () => {
      await this.#unmarked(item);
      this.#elsewhere.delete(item);
      this.resume();
    });
  }

  async #unmarked(item: number): Promise<void> {
    const { signal } = this.#stopped;
    try {
      await this.hooks.unmarked(item, signal);
    } catch (error) {
      if (signal.aborted) return;
      this.logger.debug('the mark of an item is looked at again later', { item, error: messageOf(error) });
      await sleep(this.clock, RETRY_MS, signal).catch((reason: unknown) => {
        if (!ElasticJobError.is(reason, 'STOPPED')) throw reason;
      });
    }
  }
}
