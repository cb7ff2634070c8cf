import { type Assignment, itemsOf, NO_ASSIGNMENT, ownerAt } from '../coordination/assignment-plan.js';
import type { SkipReason } from '../tracing/trace-event.js';

/** Items to run for a fire. */
export interface DueItems {
  readonly scheduledAt: number;
  readonly items: readonly number[];
  /** Set when the fire is not to be run but recorded as skipped. */
  readonly skip?: SkipReason;
}

interface Fire {
  readonly at: number;
  /** Items that this instance has run or skipped for the fire. */
  readonly done: Set<number>;
  /** Not looked at yet under an assignment known to be current. */
  waiting: boolean;
}

/** How many fires are remembered, so that items gained by a resharding can still be run for them. */
const REMEMBERED = 16;

/**
 * Which items this instance runs for which fire. Fires and news of reshardings may come in any order; a fire belongs to
 * the owners of the span that its planned time falls into (see {@link Assignment}), so that each item is run for it
 * once, by its old owner or by its new one, wherever the news arrived first.
 *
 * Pure state: it decides, somebody else runs.
 */
export class FireBook {
  #assignment: Assignment = NO_ASSIGNMENT;
  readonly #fires: Fire[] = [];

  constructor(private readonly instanceId: string) {}

  /** The items this instance owns now, ascending. */
  get items(): number[] {
    return itemsOf(this.#assignment, this.instanceId);
  }

  /** Whether this instance owns the item now. */
  owns(item: number): boolean {
    return ownerAt(this.#assignment, item, Number.POSITIVE_INFINITY) === this.instanceId;
  }

  /** A fire is due and the assignment is known to be current. */
  due(scheduledAt: number): DueItems[] {
    const fire = this.#note(scheduledAt);
    const due = this.#take(fire);
    fire.waiting = false;
    return due;
  }

  /**
   * A fire is due while nothing may be started. What is known to be this instance's is skipped; items of which it turns
   * out later that they had been given to this instance by then are still run.
   */
  miss(scheduledAt: number, skip: SkipReason): DueItems[] {
    return this.due(scheduledAt).map((due) => ({ ...due, skip }));
  }

  /**
   * A fire is due while the assignment is being changed: it waits for {@link settled}. When too many wait, the oldest is
   * given up for the items owned last.
   */
  park(scheduledAt: number): DueItems[] {
    const oldest = this.#fires[0];
    const given = this.#fires.length === REMEMBERED && oldest?.waiting ? this.#take(oldest) : [];
    this.#note(scheduledAt);
    return given.map((due) => ({ ...due, skip: 'superseded' }));
  }

  /**
   * The assignment is known (again). Due are the fires that waited, and of those already run the items that this
   * assignment had given to this instance by then. Of several fires an item is run for the last; the earlier ones are
   * recorded as skipped.
   */
  settled(assignment: Assignment = this.#assignment): DueItems[] {
    this.#assignment = assignment;
    const due = this.#fires.flatMap((fire) => this.#take(fire));
    for (const fire of this.#fires) fire.waiting = false;
    return lastPerItem(due);
  }

  /**
   * Items that were due for a fire but could not be marked, because a resharding came in between: they are looked at
   * again with the next assignment. Returns whether the fire is one that is remembered.
   */
  giveBack(scheduledAt: number, items: readonly number[]): boolean {
    const fire = this.#fires.find(({ at }) => at === scheduledAt);
    if (fire === undefined) return false;
    for (const item of items) fire.done.delete(item);
    fire.waiting = true;
    return true;
  }

  #note(at: number): Fire {
    const fire: Fire = { at, done: new Set(), waiting: true };
    this.#fires.push(fire);
    if (this.#fires.length > REMEMBERED) this.#fires.shift();
    return fire;
  }

  /** The items that are still to be run for the fire. An undated assignment gives nothing for fires that were run. */
  #take(fire: Fire): DueItems[] {
    if (!this.#assignment.dated && !fire.waiting) return [];
    const items = itemsOf(this.#assignment, this.instanceId, fire.at).filter((item) => !fire.done.has(item));
    for (const item of items) fire.done.add(item);
    return items.length === 0 ? [] : [{ scheduledAt: fire.at, items }];
  }
}

function lastPerItem(due: readonly DueItems[]): DueItems[] {
  const last = new Map(due.flatMap(({ scheduledAt, items }) => items.map((item) => [item, scheduledAt] as const)));
  return due.flatMap(({ scheduledAt, items }) => {
    const isLast = (item: number): boolean => last.get(item) === scheduledAt;
    const run: DueItems = { scheduledAt, items: items.filter(isLast) };
    const skipped: DueItems = { scheduledAt, items: items.filter((item) => !isLast(item)), skip: 'superseded' };
    return [skipped, run].filter((part) => part.items.length > 0);
  });
}
