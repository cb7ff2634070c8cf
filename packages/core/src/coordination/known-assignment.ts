import type { Registry, TreeWatch } from '../registry/registry.js';
import { type Assignment, itemsOf, NO_ASSIGNMENT } from './assignment-plan.js';
import { itemsNamed, jobPath, layout } from './job-layout.js';
import { isResharding, type JobView, NO_INTEREST, type ViewInterest, viewSelection } from './job-view.js';
import { readOwners } from './resharding.js';

/** An assignment was read at this generation, over this connection. Unequal means: read again before acting. */
interface Fence {
  readonly generation: bigint;
  readonly connection: number;
}

/**
 * What became of an attempt to bring the knowledge up to date: nothing to do (or not possible while items are being
 * assigned), taken over, or overtaken by the next change while reading.
 */
export type Following = 'as-before' | 'taken-over' | 'overtaken';

/**
 * Who owns which item, as far as this instance knows, and whether that may still be acted on: only as long as no
 * reconnect happened and no notification of a resharding came since it was read.
 */
export class KnownAssignment {
  #assignment: Assignment = NO_ASSIGNMENT;
  #fence: Fence | null = null;
  #interest: ViewInterest = NO_INTEREST;

  constructor(
    private readonly registry: Registry,
    private readonly jobName: string,
    private readonly instanceId: string,
  ) {}

  /** The assignment that was last taken over. */
  get assignment(): Assignment {
    return this.#assignment;
  }

  /** Whether there ever was one. */
  get exists(): boolean {
    return this.#assignment !== NO_ASSIGNMENT;
  }

  /** Items owned by this instance, ascending. */
  get items(): number[] {
    return itemsOf(this.#assignment, this.instanceId);
  }

  /** What is watched of the job besides what always is. */
  get interest(): ViewInterest {
    return this.#interest;
  }

  /** Looks at announced crashes from now on, or no more. */
  async watchFailover(watch: TreeWatch, failover: boolean): Promise<void> {
    if (failover !== this.#interest.failover) await this.#watch(watch, { ...this.#interest, failover });
  }

  /** Takes over the assignment in force, if it is another one and known to be current once it was read. */
  async follow(view: JobView, watch: TreeWatch, itemCount: number): Promise<Following> {
    const { generation } = view.resharding;
    const fence: Fence = { generation, connection: this.registry.session.connection };
    if (isResharding(view) || this.#holds(fence)) return 'as-before';
    const assignment = await this.#inForce(view, itemCount);
    await this.#watchItems(watch, itemsOf(assignment, this.instanceId));
    if (!this.#isFresh(fence, watch)) return 'overtaken';
    this.#assignment = assignment;
    this.#fence = fence;
    return 'taken-over';
  }

  /**
   * A question to be asked later: is the assignment as known now still the one to act on? Asked after a mark was made, it
   * tells whether the mark was made under it; see G1 in docs/guarantees.md for why that is certain.
   */
  currency(watch: TreeWatch | null): () => boolean {
    const fence = this.#fence;
    return () => fence !== null && watch !== null && this.#isFresh(fence, watch);
  }

  /** The plan if it is in force, else, after a Java leader, what the nodes of the items say. */
  async #inForce(view: JobView, itemCount: number): Promise<Assignment> {
    if (view.planHolds && view.plan !== null) return { spans: view.plan.spans, dated: true };
    const names = (await this.registry.children(jobPath(this.jobName, layout.items)))?.names ?? [];
    if (names.length === 0) return NO_ASSIGNMENT;
    const owners = await readOwners(this.registry, this.jobName, itemsNamed(names));
    const list = Array.from({ length: itemCount }, (_, item) => owners.get(item)?.value ?? null);
    return { spans: [{ after: Number.NEGATIVE_INFINITY, owners: list }], dated: false };
  }

  /** The operators' switches of items are looked at before the items are run. */
  async #watchItems(watch: TreeWatch, items: readonly number[]): Promise<void> {
    if (items.join() !== this.#interest.items.join())
      await this.#watch(watch, { ...this.#interest, items: items.slice() });
  }

  async #watch(watch: TreeWatch, interest: ViewInterest): Promise<void> {
    this.#interest = interest;
    await watch.select(viewSelection(this.instanceId, interest));
  }

  #holds(fence: Fence): boolean {
    return this.#fence?.generation === fence.generation && this.#fence.connection === fence.connection;
  }

  #isFresh(fence: Fence, watch: TreeWatch): boolean {
    const { state, connection } = this.registry.session;
    if (state !== 'connected' || connection !== fence.connection || !watch.isFresh(layout.resharding)) return false;
    return (watch.snapshot.children(layout.resharding)?.stat.pzxid ?? 0n) === fence.generation;
  }
}
