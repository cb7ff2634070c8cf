import { RareMap, RareSet } from '../foundation/rare-map.js';
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
 * The marks `sharding/{item}/running`. A mark is created exclusively: it is the lock that keeps an item from running twice
 * at the same time. It lives in this instance's session or, with failover, outlives it, so that it tells of a run that was
 * not ended. Only whoever made a mark removes it, and others once it is certain that nobody is there who could.
 */
export class RunningMarks {
  /** Items of whose mark something was asked and no answer came: what stands there may be ours, or somebody else's. */
  readonly #doubtful = new Set<number>();
  /** Items whose mark outlives the session, and the witness of the session that it was made in. */
  readonly #lasting = new RareMap<number, bigint>();
  /** Items whose lasting mark was taken away before their run had settled. */
  readonly #givenUp = new RareSet<number>();

  constructor(
    private readonly registry: Registry,
    private readonly jobName: string,
    private readonly instanceId: string,
  ) {}

  /**
   * Marks the item. `isCurrent` is asked once the answer is there: ZooKeeper delivers the notification of an earlier
   * change before the answer to a later request of the same session, so an assignment that is still current by then was
   * current when the mark was made. If it is not, the mark is taken back.
   *
   * @param witness the transaction of this session's witness if the mark is to outlive the session, else `null`.
   */
  async claim(item: number, isCurrent: () => boolean, witness: bigint | null = null): Promise<Claim> {
    this.#doubtful.add(item);
    if (witness === null) this.#lasting.delete(item);
    else this.#lasting.set(item, witness);
    const mode = witness === null ? 'ephemeral' : 'persistent';
    const mark = await this.registry.create(this.#path(item), this.instanceId, mode, TOGETHER);
    this.#doubtful.delete(item);
    if (!mark.created) {
      this.#lasting.delete(item);
      return { claimed: false, reason: 'running-elsewhere' };
    }
    if (isCurrent()) return { claimed: true, fencingToken: mark.czxid };
    await this.release(item);
    return { claimed: false, reason: 'resharded' };
  }

  /**
   * Removes this instance's mark, also one it was never told of because {@link claim} failed. Not to be called after the
   * session that made it was lost. When it fails, call it again: until then the item cannot run.
   */
  async release(item: number): Promise<void> {
    if (this.#givenUp.delete(item)) return;
    if (!this.#doubtful.has(item) || (await this.#isOurs(item))) {
      this.#doubtful.add(item);
      await this.registry.remove(this.#path(item), TOGETHER);
    }
    this.#doubtful.delete(item);
    this.#lasting.delete(item);
  }

  /**
   * Takes the marks away that would outlive this instance, of runs that it leaves behind: somebody ordered it to leave, and
   * nobody is to take its runs for crashed. A mark of a former session, of another witness, is not its own any more.
   */
  async giveUp(witness: bigint | null): Promise<void> {
    for (const item of this.#lasting.keys()) {
      if (this.#lasting.get(item) !== witness) continue;
      await this.release(item);
      this.#givenUp.add(item);
    }
  }

  async #isOurs(item: number): Promise<boolean> {
    const mark = await this.registry.read(this.#path(item));
    const witness = this.#lasting.get(item);
    if (witness === undefined) return mark?.stat.ephemeralOwner === this.registry.session.id;
    // Nobody else signs with this id in this session, and what was signed in a former one is older than the witness.
    return mark?.value === this.instanceId && mark.stat.czxid > witness;
  }

  #path(item: number): string {
    return jobPath(this.jobName, layout.running(item));
  }
}
