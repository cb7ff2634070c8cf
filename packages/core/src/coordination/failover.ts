import { ElasticJobError, RegistryError } from '../foundation/errors.js';
import { RareMap, RareSet } from '../foundation/rare-map.js';
import { looksLikeJava } from '../job/identity.js';
import type { Operation, Registry, RegistryNode } from '../registry/registry.js';
import {
  type AnnouncedRun,
  type CrashAnnouncement,
  decodeAnnouncement,
  encodeAnnouncement,
} from './crash-announcement.js';
import { crashedRuns } from './crash-order.js';
import {
  type DropReason,
  fairShare,
  type ItemState,
  type Searcher,
  type SignedNode,
  type Verdict,
  verdictOn,
} from './crashed-run.js';
import { isInstanceId, knownItems, readItems, readPresences } from './crashed-run-reader.js';
import { jobPath, layout } from './job-layout.js';
import { withLatch } from './latch.js';
import { untilAbsent, untilNode } from './node-absence.js';
import { FAILOVER_OFF } from './reactions.js';

/** A run that its instance began and will not end. */
export interface CrashedRun extends AnnouncedRun {
  readonly item: number;
}

/** What an instance has room for. */
export interface FailoverRoom {
  /** How many crashed runs can be executed at once now. */
  readonly places: number;
  /** Whether one may wait here for its turn. */
  readonly mayWait: boolean;
  /** The items of this instance. */
  readonly own: readonly number[];
  /** Items that cannot be executed, because a call of theirs goes on here. */
  readonly busy: readonly number[];
}

/** What failover asks of the job, and tells it. */
export interface FailoverHooks {
  room(): FailoverRoom;
  /** These are this instance's now, and to be executed at once. */
  onTaken(runs: readonly CrashedRun[]): void;
  /** Nobody is to execute this one. */
  onDropped(run: CrashedRun, reason: DropReason): void;
  /** Look again: there is something that was not there before. */
  wake(): void;
  /** Runs work that nobody waits for; what fails is tried again with the next search. */
  background(name: string, work: () => Promise<void>): void;
}

/** What a search is about. */
export interface FailoverSearch {
  /** What is known to have changed since the last one, see {@link failoverSigns}. */
  readonly signs: string;
  readonly failover: boolean;
  readonly itemCount: number;
  /** How many instances share what there is. */
  readonly instances: number;
  readonly signal: AbortSignal;
}

/** What is announced of an item, and the version of the node. */
interface Announced extends CrashAnnouncement {
  readonly version: number;
}

type Waiting = Extract<Verdict, { kind: 'wait' }>;

interface Judged {
  readonly state: ItemState;
  readonly verdict: Verdict;
}

/**
 * The runs that other instances did not end. Who died is told by the id in a mark, not by the assignment. Whatever is done
 * about a crashed run is done inside the latch that Java members use too, and decided from what is read in there, by
 * {@link verdictOn}: a mark belongs to somebody else until it is certain that nobody is there any more.
 *
 * Taking a run over is one commit: it is announced, its dead mark goes, this instance signs for it, the announcement
 * goes, or tells only of those that wait behind it. Without transactions the steps come in this order, and whoever dies in
 * between leaves what the next search finds. From then on the run is this instance's, until {@link conclude}.
 */
export class Failover {
  #searched: string | null = FAILOVER_OFF;
  #closed = false;
  /** What was last done inside the latch. */
  #acting: Promise<unknown> | null = null;
  /** Items to look at although nothing is known to have changed. */
  readonly #suspects = new RareSet<number>();
  /** Items with a crashed run that this instance would take if it had room. */
  readonly #left = new RareSet<number>();
  /**
   * Items of this instance whose crashed run may wait here for its turn: there was no room for it anywhere at once, and
   * where everybody is busy all the time it would never be executed.
   */
  readonly #inTurn = new RareSet<number>();
  /** Runs that this instance signed for in this session. */
  readonly #taken = new RareMap<number, CrashedRun>();
  /** Those of them that were handed over to be executed. */
  readonly #underway = new RareSet<number>();
  /** Nodes whose end is waited for. */
  readonly #awaited = new RareSet<string>();

  constructor(
    private readonly registry: Registry,
    private readonly jobName: string,
    private readonly instanceId: string,
    private readonly hooks: FailoverHooks,
  ) {}

  /** The signs that the last search answered; `null` if there is something to look at whatever they are. */
  get searched(): string | null {
    return this.#suspects.size > 0 ? null : this.#searched;
  }

  /** The present session is another one than before: what was signed in the former one is to be found like others'. */
  reset(): void {
    this.doubt();
    this.#taken.clear();
    this.#underway.clear();
    this.#inTurn.clear();
  }

  /** The next search looks at all items, whatever the signs say. */
  doubt(): void {
    if (this.#searched !== FAILOVER_OFF) this.#searched = null;
  }

  /** Something stands in the way of this item, perhaps the mark of a crashed run. */
  suspect(item: number): void {
    this.#suspects.add(item);
    this.hooks.wake();
  }

  /** A mark keeps this instance from running its item, perhaps that of a crashed run that nobody had room for. */
  obstructed(item: number): void {
    this.#inTurn.add(item);
    this.suspect(item);
  }

  /** A run has ended here: there may be room for what was left. */
  reconsider(): void {
    if (this.#left.size === 0) return;
    for (const item of this.#left.values()) this.#suspects.add(item);
    this.#left.clear();
    this.hooks.wake();
  }

  /** Takes over what this instance has room for, and away what nobody is to execute. */
  async search(request: FailoverSearch): Promise<void> {
    const suspects = this.#suspects.values();
    this.#suspects.clear();
    try {
      const isWhole = request.signs !== this.#searched;
      const items = isWhole ? await knownItems(this.registry, this.jobName) : suspects;
      while (await this.#pass(items, request));
      this.#searched = request.signs;
    } catch (error) {
      for (const item of suspects) this.#suspects.add(item);
      throw error;
    }
  }

  /** The run was executed. Called before its mark goes, so that nobody finds a takeover without one. */
  async conclude(item: number): Promise<void> {
    await this.#conclude(item);
    // Another run of it may have crashed before this one could begin.
    this.suspect(item);
  }

  /** The run could not be executed now: it stays this instance's, and is looked at again. */
  giveBack(item: number): void {
    this.#underway.delete(item);
    this.suspect(item);
  }

  /** The instance is about to leave: it takes nothing more. */
  close(): void {
    this.#closed = true;
  }

  /** The instance leaves: what it took and did not begin is for others; what it began is over. */
  async withdraw(): Promise<void> {
    this.close();
    await Promise.allSettled([this.#acting]);
    for (const item of this.#taken.keys()) {
      const run = this.#underway.has(item) ? undefined : this.#taken.get(item);
      if (run !== undefined) await this.#return(run);
      await this.#conclude(item);
    }
  }

  /** Announces the run before those that wait behind it. Until the note of it is gone, the first is the one it stands for. */
  async #return({ item, from, markedAt }: CrashedRun): Promise<void> {
    const path = this.#at(layout.failoverItem(item));
    for (let told = false; !told; ) {
      const found = await this.#announcedAt(item);
      const value = encodeAnnouncement({ runs: [{ from, markedAt }, ...(found?.runs ?? [])], behind: null });
      if (found === null) told = (await this.registry.create(path, value, 'persistent')).created;
      else if (found.behind !== this.instanceId) return;
      else told = (await this.registry.write(path, value, found.version)).written;
    }
  }

  async #conclude(item: number): Promise<void> {
    await Promise.all([this.#forget(layout.failovering(item)), this.#forget(layout.failover(item))]);
    this.#taken.delete(item);
    this.#underway.delete(item);
  }

  /** Resolves to whether another pass may find something. */
  async #pass(items: readonly number[], request: FailoverSearch): Promise<boolean> {
    const possible = await this.#possible(items, request);
    if (possible.length === 0) return false;
    const found = possible.map(({ state }) => state.item);
    const latch = this.#at(layout.failoverLatch);
    return withLatch(this.registry, latch, () => this.#actOn(found, request), request.signal);
  }

  /** A leave waits for it, and then gives back what was taken. */
  async #actOn(items: readonly number[], request: FailoverSearch): Promise<boolean> {
    if (this.#closed) return false;
    const acting = this.#act(items, request);
    this.#acting = acting;
    return acting;
  }

  /** Inside the latch. What was read outside may have changed: everything is read and judged again. */
  async #act(items: readonly number[], request: FailoverSearch): Promise<boolean> {
    const work = await this.#possible(items, request);
    const crashed = work.filter(({ verdict }) => verdict.kind === 'take');
    const share = this.#share(crashed, request.instances);
    if (work.length > 0) await this.registry.ensure(this.#at(layout.failoverItems));
    await Promise.all(work.filter(({ verdict }) => verdict.kind === 'drop').map((one) => this.#drop(one)));
    const resumed = work.filter(({ verdict }) => verdict.kind === 'resume');
    const own = await Promise.all([
      ...resumed.map(({ state }) => this.#resume(state)),
      ...share.map(({ state }) => this.#take(state)),
    ]);
    // Whoever leaves gives them back.
    if (this.#closed) return false;
    for (const { item } of own) {
      this.#underway.add(item);
      this.#inTurn.delete(item);
    }
    if (own.length > 0) this.hooks.onTaken(own);
    return crashed.length > share.length;
  }

  /** What is to be done and can be. What cannot be done yet is looked at again when that may have changed. */
  async #possible(items: readonly number[], request: FailoverSearch): Promise<Judged[]> {
    const judged = await this.#judge(items, request);
    for (const { state, verdict } of judged)
      if (verdict.kind === 'wait') this.#await(state, verdict, request.signal);
      else if (verdict.kind === 'nothing' && state.mark === null) this.#inTurn.delete(state.item);
    const work = judged.filter(({ verdict }) => this.#isWork(verdict));
    const possible = work.filter((one) => !this.#isBarred(one));
    const { own } = this.hooks.room();
    for (const { state } of work.filter((one) => !possible.includes(one))) {
      this.#left.add(state.item);
      if (own.includes(state.item)) this.#inTurn.add(state.item);
    }
    return possible;
  }

  /** What stands in this instance's own way, and as much of the rest as is its share. */
  #share(crashed: readonly Judged[], instances: number): Judged[] {
    const own = crashed.filter(({ state }) => this.#inTurn.has(state.item));
    const others = crashed.filter((one) => !own.includes(one));
    const { places } = this.hooks.room();
    return [...own, ...others.slice(0, Math.max(0, fairShare(crashed.length, instances, places) - own.length))];
  }

  async #judge(items: readonly number[], { failover, itemCount }: FailoverSearch): Promise<Judged[]> {
    const { registry, jobName, instanceId } = this;
    const states = await readItems(registry, jobName, items);
    const keepsItsNode = (id: string): boolean => id === instanceId || !failover || !looksLikeJava(id);
    const presenceOf = await readPresences(registry, jobName, states, keepsItsNode);
    const self: Searcher = { instanceId, itemCount, failover, underway: this.#underway };
    return states.map((state) => ({ state, verdict: verdictOn(state, presenceOf, self) }));
  }

  #isWork({ kind }: Verdict): boolean {
    return kind === 'take' || kind === 'resume' || kind === 'drop';
  }

  /** Whether this instance cannot execute it now. */
  #isBarred({ state, verdict }: Judged): boolean {
    if (verdict.kind === 'drop') return false;
    const { places, mayWait, busy } = this.hooks.room();
    if (busy.includes(state.item)) return true;
    return verdict.kind === 'take' && places < 1 && !(mayWait && this.#inTurn.has(state.item));
  }

  async #take(state: ItemState): Promise<CrashedRun> {
    const { item } = state;
    const { found, run, rest } = await this.#crashed(state);
    // Before it is known whether it worked: if the answer is lost, the next search finds it signed.
    this.#taken.set(item, run);
    const signing = this.#commit([
      this.#announce(item, found, { runs: [run, ...rest], behind: null }),
      this.#removals(state),
      // First what decides whose it is.
      [{ kind: 'create', path: this.#at(layout.failovering(item)), value: this.instanceId, mode: 'persistent' }],
      [{ kind: 'create', path: this.#at(layout.failover(item)), value: this.instanceId, mode: 'ephemeral' }],
      [this.#announceRest(item, rest)],
    ]);
    await signing.catch((error: unknown) => {
      if (ElasticJobError.is(error, 'REGISTRY_FAILURE')) this.#taken.delete(item);
      throw error;
    });
    return run;
  }

  async #resume(state: ItemState): Promise<CrashedRun> {
    const { item, mark } = state;
    const { found, run: first, rest } = await this.#crashed(state);
    const run = this.#taken.get(item) ?? first;
    this.#taken.set(item, run);
    await this.#sign(this.#at(layout.failover(item)));
    const isOver = found !== null && rest.length === 0;
    await this.#commit([
      rest.length === 0 ? [] : this.#announce(item, found, { runs: rest, behind: this.instanceId }),
      this.#removals({ item, mark, takeover: null }),
      isOver ? [this.#announceRest(item, rest)] : [],
    ]);
    return run;
  }

  /** Of another session, what stands there says nothing: the note is this instance's. */
  async #sign(path: string): Promise<void> {
    while (!(await this.registry.create(path, this.instanceId, 'ephemeral')).created) {
      const found = await this.registry.read(path);
      if (found?.stat.ephemeralOwner === this.registry.session.id) return;
      if (found !== null) await this.registry.remove(path);
    }
  }

  async #drop({ state, verdict }: Judged): Promise<void> {
    const { item, announced } = state;
    const { run, rest } = await this.#crashed(state);
    await this.#commit([this.#removals(state), announced ? [this.#announceRest(item, [])] : []]);
    if (verdict.kind !== 'drop') return;
    for (const one of [run, ...rest]) this.hooks.onDropped({ item, ...one }, verdict.reason);
  }

  /** The dead's nodes, in the versions that were read. */
  #removals({ item, mark, takeover }: Pick<ItemState, 'item' | 'mark' | 'takeover'>): Operation[] {
    const removal = (path: string, node: ItemState['mark']): Operation[] =>
      node === null ? [] : [{ kind: 'remove', path: this.#at(path), version: node.version }];
    return [...removal(layout.running(item), mark), ...removal(layout.failovering(item), takeover)];
  }

  /** The crashed run that is the next to be executed again, and those after it. */
  async #crashed(state: ItemState): Promise<{
    readonly found: Announced | null;
    readonly run: CrashedRun;
    readonly rest: readonly AnnouncedRun[];
  }> {
    const { item, announced } = state;
    const found = announced ? await this.#announcedAt(item) : null;
    const [first, ...rest] = crashedRuns(state, found);
    if (first === undefined) throw interfered(this.#at(layout.failoverItem(item)), 'NO_NODE');
    return { found, run: { item, ...first }, rest };
  }

  async #announcedAt(item: number): Promise<Announced | null> {
    const node = await this.registry.read(this.#at(layout.failoverItem(item)));
    return node === null ? null : { ...decodeAnnouncement(node.value, node.stat.ctime), version: node.stat.version };
  }

  /** Makes the announcement tell this, if it does not. */
  #announce(item: number, found: Announced | null, announcement: CrashAnnouncement): Operation[] {
    const path = this.#at(layout.failoverItem(item));
    const value = encodeAnnouncement(announcement);
    if (found === null) return [{ kind: 'create', path, value, mode: 'persistent' }];
    return encodeAnnouncement(found) === value ? [] : [{ kind: 'write', path, value, version: found.version }];
  }

  /** After this instance has signed for one run, those that are left wait behind it. */
  #announceRest(item: number, rest: readonly AnnouncedRun[]): Operation {
    const path = this.#at(layout.failoverItem(item));
    if (rest.length === 0) return { kind: 'remove', path };
    return { kind: 'write', path, value: encodeAnnouncement({ runs: rest, behind: this.instanceId }) };
  }

  /**
   * Only members that do not wait for the latch, those that conclude what they took, and people can have changed anything
   * meanwhile. Without transactions what came before the step that failed is done: an announcement is taken back if the
   * run it tells of turns out to have ended.
   */
  async #commit(stages: readonly (readonly Operation[])[]): Promise<void> {
    const [[announcement] = [], [removal, ...more] = []] = stages;
    const result = await this.registry.commit(stages.filter((stage) => stage.length > 0));
    if (result.committed) return;
    const { operation, reason } = result;
    const hasEnded = removal?.kind === 'remove' && operation.path === removal.path && more.length === 0;
    if (hasEnded && announcement?.kind === 'create' && !this.registry.capabilities.atomicCommit)
      await this.registry.remove(announcement.path);
    throw interfered(operation.path, reason);
  }

  /** What cannot be told from a node made later is gone: ours was not repeated on it. */
  async #forget(path: string): Promise<void> {
    try {
      await this.registry.remove(this.#at(path));
    } catch (error) {
      if (!ElasticJobError.is(error, 'RESULT_UNKNOWN')) throw error;
    }
  }

  #await({ item, mark, takeover }: ItemState, { until, isLeaving }: Waiting, signal: AbortSignal): void {
    const [node, path] = until === 'unmarked' ? [mark, layout.running(item)] : [takeover, layout.failovering(item)];
    const key = `${path}:${isLeaving}:${node?.czxid}`;
    if (node === null || this.#awaited.has(key)) return;
    this.#awaited.add(key);
    this.hooks.background('waiting for what somebody else signed', async () => {
      try {
        await this.#untilOver(this.#at(path), node, isLeaving, signal);
      } finally {
        this.#awaited.delete(key);
      }
      this.suspect(item);
    });
  }

  /** Whoever signed may also come back under its id, in a session that has nothing to do with it. */
  async #untilOver(path: string, node: SignedNode, isLeaving: boolean, signal: AbortSignal): Promise<void> {
    if (!isInstanceId(node.instanceId)) return untilAbsent(this.registry, path, signal);
    const isOver = (witness: RegistryNode | null): boolean =>
      witness === null ? isLeaving : witness.stat.czxid > node.czxid;
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    try {
      await Promise.race([
        untilAbsent(this.registry, path, either),
        untilNode(this.registry, this.#at(layout.witness(node.instanceId)), isOver, either),
      ]);
    } finally {
      ended.abort();
    }
  }

  #at(path: string): string {
    return jobPath(this.jobName, path);
  }
}

function interfered(path: string, reason: string): RegistryError {
  const message = `${path}: ${reason}: somebody else changed a crashed run that was being taken over; it is read again`;
  return new RegistryError('REGISTRY_FAILURE', message, { path, retryable: true });
}
