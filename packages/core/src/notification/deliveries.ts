import { setMaxListeners } from 'node:events';
import { ItemPool } from '../execution/item-pool.js';
import { StoppedError } from '../foundation/abort.js';
import { type Clock, within } from '../foundation/clock.js';
import { messageOf } from '../foundation/errors.js';
import { TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';

/** How many deliveries of a job may wait; more are dropped. */
export const WAITING_PER_JOB = 50;
/** How many deliveries of all jobs may be under way. */
const AT_ONCE = 16;
/** How long one delivery may take in all, milliseconds. */
export const DELIVERY_TIMEOUT_MS = 15_000;

/** One message about the failure of a job, on its way out of the process. */
export interface Delivery {
  readonly jobName: string;
  readonly item: number | undefined;
  /** The type of the error handler, for the log. */
  readonly handler: string;
  /** What failed, for the log, should nobody else hear of it. */
  readonly failure: string;
  /** Must end when the signal aborts. */
  send(signal: AbortSignal): Promise<void>;
}

/** How long deliveries may go on when the engine stops, milliseconds. */
export interface DeliveryPatience {
  readonly drainTimeoutMs: number;
  readonly abortGraceMs: number;
}

/** The deliveries of one job, one at a time. */
interface Lane {
  readonly waiting: Delivery[];
  dropped: number;
}

/**
 * What the process tells the world about failures, beside the runs: nobody waits for it. Each job has its own lane, so that
 * one whose mail server hangs delays no other; a lane that is full drops what comes, and says how much when there is
 * room again.
 */
export class Deliveries {
  readonly #lanes = new Map<string, Lane>();
  readonly #over = new AbortController();
  readonly #pool = new ItemPool(() => AT_ONCE);
  readonly #tasks: TaskGroup;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly patience: DeliveryPatience,
  ) {
    // One listener for each delivery under way.
    setMaxListeners(0, this.#over.signal);
    this.#tasks = new TaskGroup(logger);
  }

  /** Sends it as soon as its turn comes, or drops it with a warning. */
  offer(delivery: Delivery): void {
    const { jobName } = delivery;
    const lane = this.#lanes.get(jobName);
    if (lane === undefined) {
      const opened: Lane = { waiting: [delivery], dropped: 0 };
      this.#lanes.set(jobName, opened);
      this.#tasks.run('notifications', () => this.#work(jobName, opened));
    } else if (lane.waiting.length < WAITING_PER_JOB) {
      lane.waiting.push(delivery);
    } else {
      this.#drop(lane, delivery);
    }
  }

  /**
   * Lets what waits go out, for what is left of the drain timeout but at least for the grace of aborted items, which may
   * just have failed; ends the rest, and resolves when nothing is under way.
   *
   * @param since when stopping began, by the monotonic clock.
   */
  async stop(since: number): Promise<void> {
    const { drainTimeoutMs, abortGraceMs } = this.patience;
    const left = drainTimeoutMs - (this.clock.monotonic() - since);
    await within(this.clock, Math.max(left, abortGraceMs), () => this.#tasks.drained());
    this.#over.abort(new StoppedError('the engine stops'));
    await this.#tasks.drained();
  }

  async #work(jobName: string, lane: Lane): Promise<void> {
    for (let next = lane.waiting.shift(); next !== undefined; next = lane.waiting.shift()) {
      const delivery = next;
      await this.#pool.run(() => this.#deliver(lane, delivery));
    }
    this.#lanes.delete(jobName);
    if (lane.dropped === 0) return;
    this.logger.warn('notifications of failures were dropped', { job: jobName, dropped: lane.dropped });
  }

  async #deliver(lane: Lane, delivery: Delivery): Promise<void> {
    const { jobName: job, item, handler, failure } = delivery;
    if (this.#over.signal.aborted) return this.#drop(lane, delivery);
    try {
      const sent = await within(this.clock, DELIVERY_TIMEOUT_MS, (over) => delivery.send(over), this.#over.signal);
      if (!sent) throw new Error(`not delivered within ${DELIVERY_TIMEOUT_MS} ms`);
      this.logger.debug('the failure of a job was notified', { job, item, handler });
    } catch (error) {
      if (this.#over.signal.aborted) return this.#drop(lane, delivery);
      this.logger.error('the failure of a job could not be notified', {
        job,
        item,
        handler,
        error: messageOf(error),
        failure,
      });
    }
  }

  #drop(lane: Lane, { jobName: job, item, handler, failure }: Delivery): void {
    lane.dropped++;
    if (lane.dropped > 1) return;
    const waiting = lane.waiting.length;
    this.logger.warn('a notification is dropped, and more may be', { job, item, handler, failure, waiting });
  }
}
