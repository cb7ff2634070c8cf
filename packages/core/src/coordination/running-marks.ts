import { ElasticJobError, RegistryError } from '../foundation/errors.js';
import { RareMap, RareSet } from '../foundation/rare-map.js';
import type { CommitResult, ExclusiveMode, Operation, Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';

/** The outcome of an attempt to mark an item as running. */
export type Claim =
  | {
      readonly claimed: true;
      /** Transaction of the mark: grows with every run of the item, on whichever instance. */
      readonly fencingToken: bigint;
    }
  | { readonly claimed: false; readonly reason: 'running-elsewhere' | 'resharded' };

/** The outcome of {@link RunningMarks.claimWith}; `refused`: the other change could not be made. */
export type JointClaim =
  | { readonly claimed: true; readonly fencingToken: bigint }
  | { readonly claimed: false; readonly reason: 'running-elsewhere' | 'refused' };

/** Many items start in the same instant, and many end in the same: their marks come and go in one transaction. */
const TOGETHER = { grouped: true } as const;

/**
 * The marks `sharding/{item}/running`. A mark is created exclusively: it is the lock that keeps an item from running twice
 * at the same time. It lives in this instance's session or, with failover, outlives it, so that it tells of a run that was
 * not ended. Only whoever made a mark removes it, and others once it is certain that nobody is there who could.
 */
export class RunningMarks {
  /** Items of whose mark something was asked and no answer came: what stands there may be ours, or somebody else's. */
  readonly #doubtful = new RareSet<number>();
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
    const mode = this.#attempt(item, witness);
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
   * Marks the item together with another change: both are made, or neither. Unlike {@link claim} it does not ask whether
   * the assignment is current: the caller does, once this has resolved. Without transactions the mark comes first, and is
   * taken back if the change is refused. Many are made together, as single marks are.
   */
  async claimWith(item: number, witness: bigint | null, change: Operation): Promise<JointClaim> {
    const path = this.#path(item);
    const mode = this.#attempt(item, witness);
    const mark: Operation = { kind: 'create', path, value: this.instanceId, mode };
    let result = await this.registry.commit([[mark], [change]], TOGETHER);
    if (!result.committed && result.reason === 'NO_NODE' && result.operation.path === path) {
      await this.registry.ensure(jobPath(this.jobName, layout.item(item)));
      result = await this.registry.commit([[mark], [change]], TOGETHER);
    }
    if (!result.committed) {
      const isMarked = result.operation.path !== path && !this.registry.capabilities.atomicCommit;
      if (isMarked) await this.release(item);
      this.#forget(item);
      return { claimed: false, reason: result.operation.path === path ? 'running-elsewhere' : 'refused' };
    }
    const fencingToken = result.zxid ?? (await this.registry.read(path))?.stat.czxid;
    if (fencingToken === undefined) throw unmade(path);
    this.#doubtful.delete(item);
    return { claimed: true, fencingToken };
  }

  /**
   * Removes this instance's mark together with other changes, in one transaction. Resolves to `false` if that cannot be
   * done: because it is not certain what stands there, or one of the changes was refused, or there are no transactions.
   * Then nothing was done.
   */
  async releaseWith(item: number, changes: readonly Operation[]): Promise<boolean> {
    const isCertain = !this.#doubtful.has(item) && !this.#givenUp.has(item);
    if (!isCertain || !this.registry.capabilities.atomicCommit) return false;
    this.#doubtful.add(item);
    const result = await this.#removeWith(item, changes);
    this.#doubtful.delete(item);
    if (result.committed) this.#lasting.delete(item);
    return result.committed;
  }

  async #removeWith(item: number, changes: readonly Operation[]): Promise<CommitResult> {
    try {
      return await this.registry.commit([changes, [{ kind: 'remove', path: this.#path(item) }]], TOGETHER);
    } catch (error) {
      throw ElasticJobError.is(error, 'RESULT_UNKNOWN') ? unanswered(error) : error;
    }
  }

  /** Notes that a mark is about to be made, and how. */
  #attempt(item: number, witness: bigint | null): ExclusiveMode {
    this.#doubtful.add(item);
    if (witness === null) this.#lasting.delete(item);
    else this.#lasting.set(item, witness);
    return witness === null ? 'ephemeral' : 'persistent';
  }

  #forget(item: number): void {
    this.#doubtful.delete(item);
    this.#lasting.delete(item);
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

/** The error of a change whose answer was lost and which may be asked for again. */
export function unanswered(cause: ElasticJobError): RegistryError {
  return new RegistryError('CONNECTION_LOSS', cause.message, { cause, retryable: true });
}

function unmade(path: string): RegistryError {
  const message = `${path}: the mark was gone before its transaction could be read`;
  return new RegistryError('SESSION_LOST', message, { path, retryable: true });
}
