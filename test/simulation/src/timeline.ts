import type { Random } from './random.js';

/** Whose events wait while it stands still, and are forgotten when it is gone. */
export interface Actor {
  readonly paused: boolean;
  readonly gone: boolean;
}

/** Something that is to happen. */
export interface Happening {
  at: number;
  order: number;
  /** Code of whom it runs; `null` for the network and the servers. */
  readonly actor: Actor | null;
  readonly run: () => void;
  cancelled: boolean;
}

const before = (one: Happening, other: Happening): boolean =>
  one.at < other.at || (one.at === other.at && one.order < other.order);

/**
 * The order of everything that happens: what comes next is what is due first, and all delays are drawn from the seed.
 * Time is in milliseconds, with fractions, and moves only from one happening to the next.
 */
export class Timeline {
  #now: number;
  #order = 0;
  #heap: Happening[] = [];
  readonly #held = new Map<Actor, Happening[]>();

  constructor(
    start: number,
    private readonly random: Random,
  ) {
    this.#now = start;
  }

  /** The true time, epoch milliseconds. */
  get now(): number {
    return this.#now;
  }

  /** Lets something happen after `delay` milliseconds. */
  after(delay: number, actor: Actor | null, run: () => void): Happening {
    return this.at(this.#now + Math.max(0, delay), actor, run);
  }

  /** Lets something happen at a true time. */
  at(at: number, actor: Actor | null, run: () => void): Happening {
    const happening = { at, order: this.#order++, actor, run, cancelled: false };
    this.#push(happening);
    return happening;
  }

  /** Takes what happens next, up to `limit`; the time moves on to it. `null` if there is nothing before the limit. */
  next(limit: number): Happening | null {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > limit) {
        this.#now = Math.max(this.#now, limit);
        return null;
      }
      this.#pop();
      if (first.cancelled || first.actor?.gone) continue;
      if (first.actor?.paused) {
        this.#hold(first.actor, first);
        continue;
      }
      this.#now = Math.max(this.#now, first.at);
      return first;
    }
  }

  /** What was held for a process that stood still happens at once, in the order in which it fell due. */
  release(actor: Actor): void {
    const held = this.#held.get(actor) ?? [];
    this.#held.delete(actor);
    const late = this.random.between(0, 2);
    for (const happening of held) {
      happening.at = this.#now + late;
      happening.order = this.#order++;
      this.#push(happening);
    }
  }

  #hold(actor: Actor, happening: Happening): void {
    const held = this.#held.get(actor);
    if (held === undefined) this.#held.set(actor, [happening]);
    else held.push(happening);
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(happening);
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up];
      if (parent === undefined || before(parent, happening)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = happening;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      let child = heap[down];
      if (child === undefined) break;
      const right = heap[down + 1];
      if (right !== undefined && before(right, child)) {
        child = right;
        down += 1;
      }
      if (before(last, child)) break;
      heap[at] = child;
      at = down;
    }
    heap[at] = last;
  }
}
