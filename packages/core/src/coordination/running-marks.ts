import { ElasticJobError, RegistryError } from '../foundation/errors.js';
import { RareMap } from '../foundation/rare-map.js';
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

/**
 * What an instance knows of its mark: the session in which it was made, and in which it stands; `doubtful`: something was
 * asked and no answer came, so that what stands there may be ours or somebody else's; `given-up`: taken away before the run
 * had settled.
 */
type KnownMark = bigint | 'doubtful' | 'given-up';

/** Many items start in the same instant, and many end in the same: their marks come and go in one transaction. */
const TOGETHER = { grouped: true } as const;

/**
 * The marks `sharding/{item}/running`. A mark is created exclusively: it is the lock that keeps an item from running twice
 * at the same time. It lives in this instance's session or, with failover, outlives it, so that it tells of a run that was
 * not ended. Only whoever made a mark removes it, and others once it is certain that nobody is there who could.
 */
export class RunningMarks {
  /** What is known of the marks of items that this instance has marked, or tried to. */
  readonly #marks = new RareMap<number, KnownMark>();
  /** Items whose mark outlives the session, and the witness of the session that it was made in. */
  readonly #lasting = new RareMap<number, bigint>();

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
    const { id } = this.registry.session;
    const mode = this.#attempt(item, witness);
    const mark = await this.registry.create(this.#path(item), this.instanceId, mode, TOGETHER);
    if (!mark.created) {
      this.#forget(item);
      return { claimed: false, reason: 'running-elsewhere' };
    }
    this.#marks.set(item, id);
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
    const { id } = this.registry.session;
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
    this.#marks.set(item, id);
    return { claimed: true, fencingToken };
  }

  /**
   * Removes this instance's mark together with other changes, in one transaction. Resolves to `false` if that cannot be
   * done: because it is not certain what stands there, or one of the changes was refused, or there are no transactions.
   * Then nothing was done.
   */
  async releaseWith(item: number, changes: readonly Operation[]): Promise<boolean> {
    const { id } = this.registry.session;
    if (this.#marks.get(item) !== id || !this.registry.capabilities.atomicCommit) return false;
    this.#marks.set(item, 'doubtful');
    const result = await this.#removeWith(item, changes);
    if (result.committed) this.#forget(item);
    else this.#marks.set(item, id);
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
    this.#marks.set(item, 'doubtful');
    if (witness === null) this.#lasting.delete(item);
    else this.#lasting.set(item, witness);
    return witness === null ? 'ephemeral' : 'persistent';
  }

  #forget(item: number): void {
    this.#marks.delete(item);
    this.#lasting.delete(item);
  }

  /**
   * Removes this instance's mark, also one it was never told of because {@link claim} failed; nothing where it has not
   * tried to make one. Not to be called after the session that made it was lost. When it fails, call it again: until then
   * the item cannot run.
   */
  async release(item: number): Promise<void> {
    const known = this.#marks.get(item);
    if (known === this.registry.session.id || (known === 'doubtful' && (await this.#isOurs(item)))) {
      this.#marks.set(item, 'doubtful');
      await this.registry.remove(this.#path(item), TOGETHER);
    }
    this.#forget(item);
  }

  /**
   * Takes the marks away that would outlive this instance, of runs that it leaves behind: somebody ordered it to leave, and
   * nobody is to take its runs for crashed. A mark of a former session, of another witness, is not its own any more.
   */
  async giveUp(witness: bigint | null): Promise<void> {
    for (const item of this.#lasting.keys()) {
      if (this.#lasting.get(item) !== witness) continue;
      await this.release(item);
      this.#marks.set(item, 'given-up');
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
