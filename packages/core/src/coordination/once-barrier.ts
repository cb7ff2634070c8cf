import { abortable, LazyAbort, StoppedError } from '../foundation/abort.js';
import { type Clock, sleep } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import { ElasticJobError, ExecutionError } from '../foundation/errors.js';
import { RareMap, RareSet } from '../foundation/rare-map.js';
import type { Operation, Registry, RegistryNode } from '../registry/registry.js';
import { itemNamed, jobPath, layout, type OncePhase } from './job-layout.js';
import { withLatch } from './latch.js';
import {
  arrivalAt,
  LATER,
  missingItems,
  type Slot,
  standingOf,
  UNPLANNED,
  withArrival,
  withoutGeneration,
} from './once-arrivals.js';
import { endOf, readRecord, withEnded } from './once-record.js';

/** All items of one fire, at its begin or its end. */
export interface OnceRound {
  readonly phase: OncePhase;
  /** See {@link generationOf}. */
  readonly generation: string;
  /** The planned time, or that of the trigger, epoch milliseconds. */
  readonly scheduledAt: number;
  /** How many items the job has. */
  readonly itemCount: number;
}

/** What an instance brings to a round. */
export interface OncePass extends OnceRound {
  /** The items that have come to this point here. */
  readonly items: readonly number[];
  /** How long to wait for the others, milliseconds. */
  readonly timeoutMs: number;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/** What the barrier asks about the members of the job. */
export interface OnceMembers {
  /** Whether an instance is registered in this session, see {@link sessionText}. */
  isThere(session: string): boolean;
  /** The session of the instance that a fire of an item belongs to; `null` if it is not known, or has none. */
  sessionOf(item: number, scheduledAt: number): string | null;
  /** The items whose fire belongs to this instance; `null` while that is not known. */
  ownAmong(items: readonly number[], scheduledAt: number): number[] | null;
  /** Whether the instance that it belongs to is gone and the fire will not become another's. */
  isOrphan(item: number, scheduledAt: number): boolean;
}

/** What stands below `guarantee/{phase}`. */
interface Arrivals {
  readonly slots: readonly Slot[];
  /** Whether there is anything else, which nobody of us made, or that went while it was read. */
  readonly others: boolean;
}

/** Pause before something that failed, or is not to be watched, is looked at again, milliseconds. */
const LOOK_AGAIN_MS = 1000;

/** Operations of one commit at most, so that it fits into one request. */
const OPERATIONS_AT_ONCE = 1000;

/**
 * Waits for all items of a fire, on whichever instances they are, and has something called once for all of them.
 *
 * Each instance writes into the nodes `guarantee/{phase}/{item}` of its items that they have come, and for which fire: so
 * fires do not get into each other's way however long one of them takes. Items that are not run for the fire are written
 * in too, by whoever skips them. When all are there, the instance with the highest item calls, inside ElasticJob's latch, and then
 * writes the fire into the record and takes the arrivals away, in one commit: that is what the others wait for. If it is gone
 * before that, the next one calls.
 *
 * Java members use the same nodes without a word about the fire; an arrival of theirs stands for any. When they come last
 * they call, and remove all arrivals.
 */
export class OnceBarrier {
  readonly #waiting = new RareSet<() => void>();
  /** The calls of the rounds that this instance takes part in, by {@link roundName}; several of its runs may be in one. */
  readonly #calls = new RareMap<string, OnceCall>();
  readonly #closed = new LazyAbort();

  constructor(
    private readonly registry: Registry,
    private readonly clock: Clock,
    private readonly jobName: string,
    private readonly instanceId: string,
    private readonly members: OnceMembers,
  ) {}

  /** Something changed about the members: whoever waits looks again. */
  wake(): void {
    for (const wake of this.#waiting.values()) wake();
  }

  /** This instance leaves: nobody waits for the end of other instances' items any more. */
  close(): void {
    this.#closed.abort(new StoppedError(`job '${this.jobName}' stops here`));
    this.wake();
  }

  /**
   * Resolves when the round is over: `call` was called here or elsewhere, or the round was given up by another instance.
   * Rejects with what `call` threw, with the reason of the signal, or, having given the round up, with `ONCE_TIMEOUT`.
   * An instance that leaves does not wait for the end of others' items.
   */
  async pass(pass: OncePass, call: () => Promise<void>): Promise<void> {
    await this.#untilDone(pass.signal, () => this.#arrive(pass, pass.items, sessionText(this.registry.session.id)));
    const once = this.#callOf(pass, call);
    const look = new Look();
    this.#waiting.add(look.wake);
    const timer = this.clock.setTimer(pass.timeoutMs, () => look.expire());
    const root = this.#at(layout.arrivals(pass.phase));
    try {
      const watch = await this.#untilDone(pass.signal, () =>
        this.registry.watchTree(root, [{ path: '', children: 'nodes' }], look.wake),
      );
      try {
        const seen = (): Slot[] => slotsOf(watch.snapshot.children('')?.names, (name) => watch.snapshot.node(name));
        await this.#untilOver(pass, once, look, seen);
      } finally {
        watch.close();
      }
    } finally {
      timer.cancel();
      this.#waiting.delete(look.wake);
      once.passes -= 1;
      if (once.passes === 0) this.#calls.delete(roundName(pass));
    }
  }

  /** One for all passes of this instance through the round that go on at the same time, so that none calls once more. */
  #callOf(pass: OncePass, call: () => Promise<void>): OnceCall {
    const known = pass.generation === UNPLANNED ? undefined : this.#calls.get(roundName(pass));
    const once = known ?? new OnceCall(call);
    once.passes += 1;
    if (pass.generation !== UNPLANNED) this.#calls.set(roundName(pass), once);
    return once;
  }

  /**
   * These items are not run for the fire: nobody is to wait for them. Left out are those whose fire is another instance's, as
   * it turns out once that is known: an instance that was cut off skips what it believes to own.
   *
   * @param mayRun whether somebody may be executing what was marked and not run here: that is waited for.
   */
  async excuse(round: OnceRound, skipped: readonly number[], mayRun: boolean, signal: AbortSignal): Promise<void> {
    await this.#untilDone(signal, async () => {
      if (!(await this.#isOpen(round))) return;
      const items = await this.#ownOf(round, skipped, signal);
      if (items.length === 0) return;
      while (mayRun && (await this.#anyMarked(items))) {
        if (this.#closed.aborted) return;
        await sleep(this.clock, LOOK_AGAIN_MS, signal);
      }
      if (await this.#arrive(round, items, null)) await this.#endSkipped(round);
    });
  }

  /** Somebody who waits sees to the end of a round, unless there is nobody: then nothing ran, and there is nothing to call for. */
  async #endSkipped(round: OnceRound): Promise<void> {
    const names = (await this.registry.children(this.#at(layout.arrivals(round.phase))))?.names ?? [];
    if (names.length < round.itemCount) return;
    const { slots } = await this.#readSlots(round.phase);
    const isSkipped = slots.every((slot) => arrivalAt(slot.value, round.generation)?.by === null);
    if (isSkipped && missingItems(slots, round).length === 0) await this.#end(round, null, false);
  }

  /**
   * These items are run for the fire later than at its time. At this phase nobody waits for them; whoever comes first of
   * those that come at all sees to the call. Left out are those whose fire is another instance's.
   */
  async putOff(round: OnceRound, held: readonly number[], signal: AbortSignal): Promise<void> {
    await this.#untilDone(signal, async () => {
      if (!(await this.#isOpen(round))) return;
      const items = await this.#ownOf(round, held, signal);
      if (items.length > 0) await this.#arrive(round, items, LATER);
    });
  }

  /**
   * Whether the round has not ended. Who stood still, or has a server that lags, goes by what it knew before: with the answer
   * to a write comes all that was decided before it.
   */
  async #isOpen(round: OnceRound): Promise<boolean> {
    await this.registry.ensure(this.#at(layout.arrivals(round.phase)));
    return !(await this.#hasEnded(round));
  }

  async #ownOf({ scheduledAt }: OnceRound, items: readonly number[], signal: AbortSignal): Promise<number[]> {
    for (;;) {
      const own = this.members.ownAmong(items, scheduledAt);
      if (own !== null) return own;
      if (this.#closed.aborted) return [];
      await sleep(this.clock, LOOK_AGAIN_MS, signal);
    }
  }

  async #untilOver(pass: OncePass, once: OnceCall, look: Look, slots: () => Slot[]): Promise<void> {
    while (!this.#isOver(pass, slots())) {
      const standing = await this.#standing(pass, slots(), look);
      if (standing.reached && (standing.caller === sessionText(this.registry.session.id) || standing.caller === null)) {
        await this.#untilDone(pass.signal, () => this.#callInside(pass, once));
        return once.rethrow();
      }
      if (pass.phase === 'completed' && this.#closed.aborted) return;
      if (look.expired) await this.#giveUp(pass, slots());
      await abortable(look.changed(), pass.signal);
    }
  }

  /** Whether somebody has taken the arrivals of this instance away: that is done when the round is over. */
  #isOver({ items, generation }: OncePass, slots: readonly Slot[]): boolean {
    const own = slots.filter((slot) => items.includes(slot.item));
    return items.some((item) => {
      const slot = own.find((each) => each.item === item);
      return slot === undefined || arrivalAt(slot.value, generation) === undefined;
    });
  }

  async #standing(round: OnceRound, slots: readonly Slot[], look: Look): Promise<ReturnType<typeof standingOf>> {
    const { scheduledAt } = round;
    const missing = missingItems(slots, round);
    const isOrphan = (item: number): boolean => this.members.isOrphan(item, scheduledAt);
    // Whoever takes a crashed run over brings its item, and so does an instance that an operator told to leave.
    if (missing.length > 0 && missing.every(isOrphan) && (await this.#anyMarked(missing))) {
      this.#lookLater(look);
      return { reached: false };
    }
    return standingOf(slots, round, {
      isOrphan,
      isThere: (session) => this.members.isThere(session),
      sessionOf: (item) => this.members.sessionOf(item, scheduledAt),
    });
  }

  async #anyMarked(items: readonly number[]): Promise<boolean> {
    const paths = items.flatMap((item) => [layout.running(item), layout.failovering(item), layout.failoverItem(item)]);
    const nodes = await Promise.all(paths.map((path) => this.registry.read(this.#at(path))));
    return nodes.some((node) => node !== null);
  }

  #lookLater(look: Look): void {
    void sleep(this.clock, LOOK_AGAIN_MS).then(look.wake);
  }

  /**
   * Calls unless it was done, in which case what is left of it is cleared. Decided by what is read inside the latch, which
   * a Java member that came last enters too.
   */
  async #callInside(pass: OncePass, once: OnceCall): Promise<void> {
    const inside = async (): Promise<void> => {
      if (!once.called && !(await this.#hasEnded(pass))) {
        if (this.#isOver(pass, (await this.#readSlots(pass.phase)).slots)) return;
        await once.make();
      }
      // The latch is kept until that is done: nobody is to call again as long as this session lives.
      await this.#untilDone(pass.signal, () => this.#end(pass, this.instanceId));
    };
    await withLatch(this.registry, this.#at(layout.onceLatch(pass.phase)), inside, pass.signal);
  }

  async #giveUp(pass: OncePass, slots: readonly Slot[]): Promise<never> {
    const { phase, timeoutMs, signal } = pass;
    await this.#untilDone(signal, () => this.#end(pass, null));
    const missing = missingItems(slots, pass).join(', ');
    const seen = missing === '' ? 'the call for all of them did not end' : `item ${missing} did not come`;
    throw new ExecutionError(
      'ONCE_TIMEOUT',
      `job '${this.jobName}', fire ${new Date(pass.scheduledAt).toISOString()}: not all items had ${phase} within ${timeoutMs} ms: ` +
        `${seen}. The listener is not called for this fire; see why the item is late, or allow more time (${phase}TimeoutMs).`,
      { jobName: this.jobName },
    );
  }

  /** Writes down that these items have come; resolves to `false` if the round is over, which leaves nothing behind. */
  async #arrive(round: OnceRound, items: readonly number[], by: string | null): Promise<boolean> {
    const { phase, generation } = round;
    const [ended] = await Promise.all([
      this.#hasEnded(round),
      ...items.map((item) => this.#arriveOne(this.#at(layout.arrival(phase, item)), { generation, by })),
    ]);
    if (ended) await this.#end(round, null, false);
    return !ended;
  }

  async #arriveOne(path: string, arrival: { readonly generation: string; readonly by: string | null }): Promise<void> {
    for (;;) {
      const made = await this.#createArrival(path, withArrival('', arrival));
      if (made) return;
      const node = await this.registry.read(path);
      if (node === null) continue;
      const value = withArrival(node.value, arrival);
      if (value === node.value) return;
      if ((await this.registry.write(path, value, node.stat.version)).written) return;
    }
  }

  async #createArrival(path: string, value: string): Promise<boolean> {
    return (await this.registry.create(path, value, 'persistent', { grouped: true })).created;
  }

  async #hasEnded({ phase, generation }: OnceRound): Promise<boolean> {
    if (generation === UNPLANNED) return false;
    const node = await this.registry.read(this.#at(layout.once));
    return node !== null && endOf(readRecord(node.value), phase, generation) !== undefined;
  }

  /**
   * Ends the round, if it has not ended, and takes its arrivals away; `withJava` also those that do not say which round they
   * are for: Java members are at another one if this one is long over.
   */
  async #end(round: OnceRound, by: string | null, withJava = true): Promise<void> {
    for (;;) {
      const [record, arrivals] = await Promise.all([this.#recordNode(), this.#readSlots(round.phase)]);
      const clearing = this.#clearing(round, arrivals, withJava);
      const stages = [this.#noteEnd(round, by, record), ...clearing.stages].filter((stage) => stage.length > 0);
      if (stages.length === 0) return;
      // If not, somebody came or went meanwhile: what stands there now is read.
      const { committed } = await this.registry.commit(stages);
      if (committed && clearing.isWhole) return;
    }
  }

  /** Decides, so it comes first where a commit is not one transaction. */
  #noteEnd({ phase, generation }: OnceRound, by: string | null, record: RegistryNode): Operation[] {
    const value = generation === UNPLANNED ? null : withEnded(record.value, phase, { generation, by });
    if (value === null) return [];
    return [{ kind: 'write', path: record.path, value, version: record.stat.version }];
  }

  /** If Java members took part, the parent goes with the last arrival: its removal is what they wait for. */
  #clearing(
    { phase, generation }: OnceRound,
    { slots, others }: Arrivals,
    withJava: boolean,
  ): { stages: Operation[][]; isWhole: boolean } {
    const left = slots.map((slot) => ({ slot, value: withoutGeneration(slot.value, generation) }));
    const changed = left.filter(({ slot, value }) => (slot.value === '' ? withJava : value !== slot.value));
    const isWhole = changed.length <= OPERATIONS_AT_ONCE;
    const operations = changed.slice(0, OPERATIONS_AT_ONCE).map(({ slot, value }): Operation => {
      const path = this.#at(layout.arrival(phase, slot.item));
      const { version } = slot;
      return value === '' ? { kind: 'remove', path, version } : { kind: 'write', path, value, version };
    });
    const isWithJava = withJava && slots.some(({ value }) => value === '');
    const isLast = isWithJava && isWhole && !others && left.every(({ value }) => value === '');
    const root: Operation = { kind: 'remove', path: this.#at(layout.arrivals(phase)) };
    return { stages: [operations, isLast ? [root] : []], isWhole };
  }

  async #recordNode(): Promise<RegistryNode> {
    const path = this.#at(layout.once);
    for (;;) {
      const node = await this.registry.read(path);
      if (node !== null) return { ...node, path };
      await this.registry.ensure(path);
    }
  }

  async #readSlots(phase: OncePhase): Promise<Arrivals> {
    const root = this.#at(layout.arrivals(phase));
    const names = (await this.registry.children(root))?.names ?? [];
    const nodes = await Promise.all(names.map((name) => this.registry.read(`${root}/${name}`)));
    const byName = new Map(names.map((name, position) => [name, nodes[position] ?? null]));
    const slots = slotsOf(names, (name) => byName.get(name) ?? null);
    return { slots, others: slots.length < names.length };
  }

  /** Tries again until it is done: nobody is to wait for an instance because its connection was lost. */
  async #untilDone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await work();
      } catch (error) {
        if (!isPassing(error) || this.#closed.aborted) throw error;
        await sleep(this.clock, LOOK_AGAIN_MS, signal);
      }
    }
  }

  #at(path: string): string {
    return jobPath(this.jobName, path);
  }
}

/** What one who waits is told. */
class Look {
  expired = false;
  #changed: Deferred<void> = deferred();

  readonly wake = (): void => this.#changed.resolve();

  expire(): void {
    this.expired = true;
    this.wake();
  }

  /** Resolves when there was a change since the last time this resolved. */
  async changed(): Promise<void> {
    await this.#changed.promise;
    this.#changed = deferred();
  }
}

/** What the listeners do, at most once, whatever becomes of what is done after it. */
class OnceCall {
  called = false;
  /** How many passes share it. */
  passes = 0;
  #failure: { readonly error: unknown } | null = null;

  constructor(private readonly call: () => Promise<void>) {}

  async make(): Promise<void> {
    this.called = true;
    try {
      await this.call();
    } catch (error) {
      // The round has ended all the same; thrown once that is written down.
      this.#failure = { error };
    }
  }

  /** Once, to whoever sees the round end first. */
  rethrow(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure !== null) throw failure.error;
  }
}

function roundName({ phase, generation }: OnceRound): string {
  return `${phase} ${generation}`;
}

/** How a session is written in an arrival. */
export function sessionText(session: bigint): string {
  return session.toString(16);
}

/** An outage passes, and what is only not known is found out by trying again. */
function isPassing(error: unknown): boolean {
  return ElasticJobError.is(error) && (error.retryable || error.code === 'RESULT_UNKNOWN');
}

function slotsOf(names: readonly string[] = [], nodeOf: (name: string) => RegistryNode | null): Slot[] {
  return names.flatMap((name) => {
    const item = itemNamed(name);
    const node = nodeOf(name);
    if (item === null || node === null) return [];
    return [{ item, value: node.value, version: node.stat.version, mzxid: node.stat.mzxid }];
  });
}
