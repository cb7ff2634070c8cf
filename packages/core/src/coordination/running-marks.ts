import type { Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';

/** The outcome of an attempt to mark an item as running. */
export type Claim =
  | {
      readonly claimed: true;
      /** Transaction of the mark: grows with every run of the item, on whichever instance. */
      readonly fencingToken: bigint;
    }
  | { readonly claimed: false; readonly reason: 'running-elsewhere' | 'resharded' };

/** Many items start in the same instant, and many end in the same: their marks come and go in one transaction. */
const TOGETHER = { grouped: true } as const;

/**
 * The marks `sharding/{item}/running`. A mark is created exclusively and lives in this instance's session: it is the lock
 * that keeps an item from running twice at the same time. Only whoever made a mark removes it.
 */
export class RunningMarks {
  /** Items of whose mark something was asked and no answer came: what stands there may be ours, or somebody else's. */
  readonly #doubtful = new Set<number>();

  constructor(
    private readonly registry: Registry,
    private readonly jobName: string,
    private readonly instanceId: string,
  ) {}

  /**
   * Marks the item. `isCurrent` is asked once the answer is there: ZooKeeper delivers the notification of an earlier
   * change before the answer to a later request of the same session, so an assignment that is still current by then was
   * current when the mark was made. If it is not, the mark is taken back.
   */
  async claim(item: number, isCurrent: () => boolean): Promise<Claim> {
    this.#doubtful.add(item);
    const mark = await this.registry.create(this.#path(item), this.instanceId, 'ephemeral', TOGETHER);
    this.#doubtful.delete(item);
    if (!mark.created) return { claimed: false, reason: 'running-elsewhere' };
    if (isCurrent()) return { claimed: true, fencingToken: mark.czxid };
    await this.release(item);
    return { claimed: false, reason: 'resharded' };
  }

  /**
   * Removes this instance's mark, also one it was never told of because {@link claim} failed. Not to be called after the
   * session that made it was lost. When it fails, call it again: until then the item cannot run.
   */
  async release(item: number): Promise<void> {
    if (!this.#doubtful.has(item) || (await this.#isOurs(item))) {
      this.#doubtful.add(item);
      await this.registry.remove(this.#path(item), TOGETHER);
    }
    this.#doubtful.delete(item);
  }

  async #isOurs(item: number): Promise<boolean> {
    const mark = await this.registry.read(this.#path(item));
    return mark?.stat.ephemeralOwner === this.registry.session.id;
  }

  #path(item: number): string {
    return jobPath(this.jobName, layout.running(item));
  }
}
