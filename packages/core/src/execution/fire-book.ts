import { type Assignment, itemsOf, NO_ASSIGNMENT, ownerAt, reachesBackTo } from '../coordination/assignment-plan.js';
import type { SkipReason } from '../tracing/trace-event.js';

/** Items to run for a fire. */
export interface DueItems {
  readonly scheduledAt: number;
  readonly items: readonly number[];
  /** Set when the fire is not to be run but recorded as skipped. */
  readonly skip?: SkipReason;
  /** The fire could not be run at its time and is made up for. */
  readonly madeUp?: true;
  /** Not due yet: to be run once the fires before it have been. */
  readonly putOff?: true;
}

/** Why a fire could not be looked at in time. */
export type Miss = 'late' | 'no-session' | 'no-owner';

interface Fire {
  readonly at: number;
  /** Only these items are looked at for it; `null` = all that are this instance's. */
  only: readonly number[] | null;
  /** Items that this instance has run or skipped for the fire. */
  readonly done: Set<number>;
  /** Items that are to be run for the fire as soon as the run that it fell into has ended. */
  readonly held: Set<number>;
  /** Not looked at yet under an assignment known to be current. */
  waiting: boolean;
  missed: Miss | null;
  /** A resharding after it was seen that says whose it was: no later one can change that. */
  isFinal: boolean;
}

/** How many fires are remembered, so that items gained by a resharding can still be run for them. */
const REMEMBERED = 16;

/** How many fires are remembered of which something is still to be decided. */
const UNDECIDED = 128;

/**
 * Which items this instance runs for which fire. Fires and news of reshardings may come in any order; a fire belongs to
 * the owners of the span that its planned time falls into (see {@link Assignment}), so that each item is run for it
 * once, by its old owner or by its new one, wherever the news arrived first.
 *
 * What could not be run at its time is decided here too: for the latest `makeUps()` missed fires of an item it is made
 * up, in their order, and the others are recorded. A fire that falls into a run of its item is held until that has ended.
 *
 * Pure state: it decides, somebody else runs.
 */
export class FireBook {
  #assignment: Assignment = NO_ASSIGNMENT;
  #closed = false;
  readonly #fires: Fire[] = [];

  /** @param makeUps for how many missed fires of an item it is made up; asked whenever one is missed. */
  constructor(
    private readonly instanceId: string,
    private readonly makeUps: () => number = () => 0,
  ) {}

  /** The items this instance owns now, ascending. */
  get items(): number[] {
    return itemsOf(this.#assignment, this.instanceId);
  }

  /** Whether this instance owns the item now. */
  owns(item: number): boolean {
    return ownerAt(this.#assignment, item, Number.POSITIVE_INFINITY) === this.instanceId;
  }

  /** Whether a fire is held for any item. */
  get isHolding(): boolean {
    return this.#fires.some(({ held }) => held.size > 0);
  }

  /** Items for which fires are held, ascending. */
  get heldItems(): number[] {
    const items = new Set(this.#fires.flatMap(({ held }) => [...held]));
    return [...items].sort((one, other) => one - other);
  }

  /** A fire is due and the assignment is known to be current. */
  due(scheduledAt: number): DueItems[] {
    return [...this.park(scheduledAt), ...this.settled()];
  }

  /**
   * A fire is due. It waits for {@link settled}: until it is known who owns what. `missed`: it could not be run at its
   * time. When too many wait, the oldest is given up for the items owned last.
   */
  park(scheduledAt: number, missed: Miss | null = null): DueItems[] {
    // It inherited the fire a moment before its own timer rang.
    const known = this.#fires.find(({ at, only }) => at === scheduledAt && only !== null);
    if (known === undefined) this.#add(scheduledAt, missed);
    else this.#widen(known, missed);
    while (this.#fires.length > REMEMBERED) {
      const decided = this.#fires.findIndex(({ waiting, held }) => !waiting && held.size === 0);
      if (decided === -1) break;
      this.#fires.splice(decided, 1);
    }
    return this.#fires.length > UNDECIDED ? this.#giveUpOldest() : [];
  }

  /**
   * Fires of a time in which nobody owned these items, which the next assignment leaves to this instance: {@link settled}
   * with it tells what becomes of them. One that waits, because it came only just before that, is not missed.
   */
  inherit(planned: readonly number[], items: readonly number[]): void {
    for (const at of planned) {
      const fire = this.#find(at);
      if (fire === undefined) this.#add(at, 'no-owner', items);
      else if (!fire.waiting) fire.missed ??= 'no-owner';
    }
    this.#fires.sort((one, other) => one.at - other.at);
  }

  /**
   * The assignment is known (again). Due are the fires that waited, and of those already run the items that this
   * assignment had given to this instance by then. Of several fires an item is run for the last ones; the earlier ones
   * are recorded as skipped.
   */
  settled(assignment: Assignment = this.#assignment): DueItems[] {
    // Under the same assignment there is nothing new about fires that were looked at.
    const open = assignment === this.#assignment ? this.#fires.filter(({ waiting }) => waiting) : [...this.#fires];
    const forgotten = open.filter(({ at }) => !reachesBackTo(assignment, at)).flatMap((fire) => this.#presume(fire));
    this.#assignment = assignment;
    const lost = open.flatMap((fire) => this.#letGo(fire));
    const taken = open.map((fire) => ({ fire, items: this.#take(fire) }));
    for (const fire of open) fire.waiting = false;
    return [...forgotten, ...lost, ...this.#choose(taken)];
  }

  /**
   * Items that were due for a fire but could not be started: they are looked at again with the next assignment. `missed`:
   * by then it is too late for the fire's own time. Returns whether the fire is one that is remembered.
   */
  giveBack(scheduledAt: number, items: readonly number[], missed: Miss | null = null): boolean {
    const fire = this.#find(scheduledAt);
    if (fire === undefined || this.#closed || !reachesBackTo(this.#assignment, scheduledAt)) return false;
    for (const item of items) fire.done.delete(item);
    fire.waiting = true;
    fire.missed ??= missed;
    return true;
  }

  /**
   * Items that were due for a fire, of which an earlier run is still going on: {@link free} gives them out again. Returns
   * what is skipped for their sake, `null` if nothing is made up for or the fire is not one that is remembered.
   */
  hold(scheduledAt: number, items: readonly number[]): DueItems[] | null {
    const fire = this.#find(scheduledAt);
    if (fire === undefined || this.#closed || this.makeUps() === 0) return null;
    for (const item of items) {
      fire.done.delete(item);
      fire.held.add(item);
    }
    // Since they were due an assignment may have told that they are another's.
    return [...this.#letGo(fire), ...items.flatMap((item) => this.#surplusOf(item))];
  }

  /** No run of the item is going on any more: the earliest of the fires held for it is due. */
  free(item: number): DueItems[] {
    const fire = this.#holding(item)[0];
    if (fire === undefined) return [];
    fire.held.delete(item);
    fire.done.add(item);
    return [
      { scheduledAt: fire.at, items: [item], ...(this.makeUps() === 0 ? { skip: 'overlap' } : { madeUp: true }) },
    ];
  }

  /**
   * This instance leaves: nothing is run any more. What is held, and what still waits to be known whose it is, is recorded;
   * the latter for the items that are this instance's as far as it has been told.
   */
  close(): DueItems[] {
    this.#closed = true;
    return this.#fires.flatMap((fire) => {
      const { at: scheduledAt } = fire;
      const held = [...fire.held].sort((one, other) => one - other);
      fire.held.clear();
      for (const item of held) fire.done.add(item);
      const waiting = fire.waiting ? this.#take(fire) : [];
      fire.waiting = false;
      return [
        { scheduledAt, items: held, skip: 'overlap' as const },
        { scheduledAt, items: waiting, skip: fire.missed ?? 'no-session' },
      ].filter(({ items }) => items.length > 0);
    });
  }

  #add(at: number, missed: Miss | null, only: readonly number[] | null = null): void {
    this.#fires.push({ at, only, done: new Set(), held: new Set(), waiting: true, missed, isFinal: false });
  }

  #widen(fire: Fire, missed: Miss | null): void {
    fire.only = null;
    if (!fire.waiting) fire.missed = missed;
    fire.waiting = true;
  }

  #find(scheduledAt: number): Fire | undefined {
    return this.#fires.find(({ at }) => at === scheduledAt);
  }

  /** The fires held for an item, earliest first. */
  #holding(item: number): Fire[] {
    return this.#fires.filter(({ held }) => held.has(item)).sort((one, other) => one.at - other.at);
  }

  /** Only for the latest fires of an item it is made up. */
  #surplusOf(item: number): DueItems[] {
    const held = this.#holding(item);
    return held.slice(0, Math.max(0, held.length - this.makeUps())).map((fire) => {
      fire.held.delete(item);
      fire.done.add(item);
      return { scheduledAt: fire.at, items: [item], skip: 'superseded' };
    });
  }

  #giveUpOldest(): DueItems[] {
    const oldest = this.#fires.shift();
    if (oldest === undefined) return [];
    const items = [...new Set([...oldest.held, ...this.#take(oldest)])].sort((one, other) => one - other);
    return items.length === 0 ? [] : [{ scheduledAt: oldest.at, items, skip: oldest.missed ?? 'superseded' }];
  }

  /**
   * Held items that are somebody else's for the fire, as it turns out: that instance sees to them. After a resharding
   * that nobody dated they are its owner's only if they were not moved, and are recorded otherwise; so are those of a fire
   * that no plan reaches back to, and none that was seen told of.
   */
  #letGo(fire: Fire): DueItems[] {
    if (fire.held.size === 0) return [];
    const { dated, spans } = this.#assignment;
    const isCovered = reachesBackTo(this.#assignment, fire.at);
    if (dated && !isCovered && fire.isFinal) return [];
    if (dated && isCovered) fire.isFinal ||= spans.some(({ after }) => after >= fire.at);
    const mine = itemsOf(this.#assignment, this.instanceId, fire.at);
    const others = [...fire.held].filter((item) => !mine.includes(item));
    for (const item of others) fire.held.delete(item);
    if ((dated && isCovered) || others.length === 0) return [];
    for (const item of others) fire.done.add(item);
    return [{ scheduledAt: fire.at, items: others, skip: 'resharded' }];
  }

  /**
   * A fire that is still to be looked at, and of which the next assignment does not say any more whose it was. Nothing is
   * run for it; better recorded twice than not at all, it is recorded for the items that were this instance's as far as it
   * has been told.
   */
  #presume(fire: Fire): DueItems[] {
    if (!fire.waiting) return [];
    const items = this.#take(fire);
    fire.waiting = false;
    return items.length === 0 ? [] : [{ scheduledAt: fire.at, items, skip: fire.missed ?? 'resharded' }];
  }

  /** The items that are still to be run for the fire. An undated assignment gives nothing for fires that were run. */
  #take(fire: Fire): number[] {
    if (!this.#assignment.dated && !fire.waiting) return [];
    const items = itemsOf(this.#assignment, this.instanceId, fire.at);
    const open = items.filter(
      (item) => !fire.done.has(item) && !fire.held.has(item) && (fire.only?.includes(item) ?? true),
    );
    for (const item of open) fire.done.add(item);
    return open;
  }

  /** Which of the fires taken for an item are run, now or one after the other; the others are skipped. */
  #choose(taken: readonly { readonly fire: Fire; readonly items: readonly number[] }[]): DueItems[] {
    const [first] = taken;
    // Nearly always: one fire at its time, and nothing before it.
    const isPlain = taken.length === 1 && first?.fire.missed === null && !this.#closed && !this.isHolding;
    if (first !== undefined && isPlain) {
      return first.items.length === 0 ? [] : [{ scheduledAt: first.fire.at, items: first.items }];
    }
    const makeUps = this.makeUps();
    const runnable = new Map<number, Fire[]>();
    for (const { fire, items } of taken) {
      if (this.#closed || (fire.missed !== null && makeUps === 0)) continue;
      for (const item of items) runnable.set(item, [...(runnable.get(item) ?? []), fire]);
    }
    const chosen = new Map([...runnable].map(([item, fires]) => [item, fires.slice(-Math.max(1, makeUps))]));
    return taken.flatMap(({ fire, items }) => {
      const later = items.filter((item) => chosen.get(item)?.includes(fire) && this.#isQueued(item, fire, chosen));
      const now = items.filter((item) => chosen.get(item)?.includes(fire) && !later.includes(item));
      const never = items.filter((item) => !now.includes(item) && !later.includes(item));
      const reason = this.#closed ? 'no-session' : 'superseded';
      const skipped: DueItems = { scheduledAt: fire.at, items: never, skip: fire.missed ?? reason };
      const run: DueItems = { scheduledAt: fire.at, items: now, ...(fire.missed === null ? {} : { madeUp: true }) };
      const superseded = this.hold(fire.at, later) ?? [];
      const queued: DueItems = {
        scheduledAt: fire.at,
        items: later.filter((item) => fire.held.has(item)),
        putOff: true,
      };
      return [skipped, ...superseded, queued, run].filter((part) => part.items.length > 0);
    });
  }

  /** Whether earlier fires of the item come first. */
  #isQueued(item: number, fire: Fire, chosen: ReadonlyMap<number, readonly Fire[]>): boolean {
    return chosen.get(item)?.[0] !== fire || this.#holding(item).length > 0;
  }
}
