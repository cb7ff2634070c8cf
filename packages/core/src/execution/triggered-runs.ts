import type { CrashedRun } from '../coordination/failover.js';
import type { JobView } from '../coordination/job-view.js';
import type { RunningMarks } from '../coordination/running-marks.js';
import type { TriggerEntry, TriggerHold } from '../coordination/trigger-entry.js';
import type { TriggerLedger, TriggerState } from '../coordination/trigger-ledger.js';
import type { TriggerOutcome, TriggerRecord, TriggerSkip } from '../coordination/trigger-record.js';
import { LazyAbort, StoppedError } from '../foundation/abort.js';
import type { Clock, Timer } from '../foundation/clock.js';
import { messageOf } from '../foundation/errors.js';
import type { TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import { RareMap, RareSet } from '../foundation/rare-map.js';
import type { RunOrder } from '../job/context.js';
import type { CallEnd, Ownership, RunClaim, RunRequest } from './job-run.js';
import { OpenRuns } from './open-runs.js';

/** What triggered runs need to know of the job, and who begins them in the end. */
export interface TriggeredRunsHooks {
  /** What is known of the job; `null` before it is a member. */
  view(): JobView | null;
  /** Whether anything may be begun now: who owns what is known, and this instance takes part. */
  mayBegin(): boolean;
  /** Whether this instance owns the item. */
  owns(item: number): boolean;
  /** How many items there are, if it is this instance's to see to those beyond; else `null`. */
  surplusFrom(): number | null;
  /** Whether a run of the item is going on here. */
  isRunning(item: number): boolean;
  isPaused(): boolean;
  isDisabled(item: number): boolean;
  /** Who begins a run now. */
  self(): Pick<TriggerHold, 'instanceId' | 'session'>;
  /** What marks are made with; `null` if the job makes none. */
  marking(): { readonly marks: RunningMarks; readonly witness: bigint | null } | null;
  /** As for a fire, from the moment of the call. */
  ownership(): Ownership;
  /** Whether the assignment as known at the moment of this call still holds, to be asked later. */
  currency(): () => boolean;
  /** Resolves when the run has ended. */
  run(request: RunRequest, ownership: Ownership): Promise<void>;
  /** Runs of one fire are not begun, for this reason. */
  onSkipped(scheduledAt: number, items: readonly number[], reason: TriggerSkip): void;
  /** The mark of an item kept it from being begun. */
  onMarked(item: number): void;
  /** Items are not seen to any more: what waits for its turn may begin. */
  onReleased(): void;
  /** Resolves when nobody runs the item any more. */
  unmarked(item: number, signal: AbortSignal): Promise<void>;
}

/** What triggered runs work with. */
export interface TriggeredRunsServices {
  readonly ledger: TriggerLedger;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tasks: TaskGroup;
}

/** How a crashed run that a trigger asked for is run again. */
export interface AdoptedRun {
  readonly scheduledAt: number;
  readonly order: RunOrder;
  /** Around the ownership of a run that was taken over. */
  around(ownership: Ownership): Ownership;
}

/** A run that was begun for entries of one fire. */
interface StartedRun {
  /** What they were seen to together with. */
  readonly group: readonly TriggerEntry[];
  readonly entries: readonly TriggerEntry[];
  /** Those that are this instance's, by their items. */
  readonly taken: Map<number, TriggerState>;
  /** Whether another look may find more. */
  moves: boolean;
}

const NO_NAMES: readonly string[] = [];

/**
 * Pauses before what could not be begun for no reason that tells when it can is looked at again, milliseconds. A trigger
 * that is not complete most likely will be in a moment.
 */
const LOOK_AGAIN_MS = { first: 20, longest: 1000 } as const;

/** The longest message of a failure that is kept in the registry. */
const MESSAGE_LENGTH = 200;

/**
 * Begins the runs that were asked for of the items that this instance owns: of each item the earliest that is open, once
 * no run of the item is going on. What it begins is its own from the transaction that made the mark, and its outcome is
 * told in the one that removes it; until then an entry is anybody's who owns the item.
 *
 * Level-triggered like all coordination: {@link look} may be called at any time and as often as you like.
 */
export class TriggeredRuns {
  readonly #open = new OpenRuns();
  readonly #records = new RareMap<string, TriggerRecord>();
  /** Triggers that were not complete when they were last looked at. */
  readonly #incomplete = new RareSet<string>();
  /** Items of which an entry is being seen to, and the entries it is seen to together with. */
  readonly #engaged = new RareMap<number, readonly TriggerEntry[]>();
  /** Entries that were begun anew here after a crash, by their items. */
  readonly #adopted = new RareMap<number, string>();
  /** Items that wait until a run elsewhere has ended. */
  readonly #awaited = new RareSet<number>();
  #again: { readonly at: number; readonly timer: Timer } | null = null;
  /** For how long a trigger that is not complete is left alone the next time, milliseconds. */
  #patience: number = LOOK_AGAIN_MS.first;
  readonly #stopped = new LazyAbort();

  constructor(
    private readonly services: TriggeredRunsServices,
    private readonly hooks: TriggeredRunsHooks,
  ) {}

  /** Begins what can be begun. To be called whenever that may have become more. */
  look(): void {
    this.#follow();
    if (this.#open.isEmpty || this.#stopped.aborted || !this.hooks.mayBegin()) return;
    const groups = new Map<string, TriggerEntry[]>();
    const isOwn = this.#ownItems();
    for (const item of this.#open.items()) {
      const entry = !isOwn(item) || this.#isBusy(item) ? undefined : this.#nextOf(item);
      if (entry === undefined) continue;
      const group = `${entry.id}-${entry.fire}`;
      groups.set(group, [...(groups.get(group) ?? []), entry]);
    }
    for (const entries of groups.values()) this.#engage(entries, () => this.#serve(entries));
  }

  #isBusy(item: number): boolean {
    return this.#engaged.has(item) || this.#awaited.has(item) || this.hooks.isRunning(item);
  }

  /** Whether a run of the item may be about to begin here. */
  isEngaged(item: number): boolean {
    return this.#engaged.has(item);
  }

  /** Begins nothing more. */
  stop(): void {
    this.#stopped.abort(new StoppedError());
    this.#again?.timer.cancel();
  }

  /** Whether a crashed run of the item may be one that was asked for. */
  concerns(item: number): boolean {
    this.#follow();
    return this.#open.concerns(item);
  }

  /** What a crashed run was asked for with, if a trigger asked for it. */
  async adopt({ item, from }: CrashedRun): Promise<AdoptedRun | null> {
    const { ledger } = this.services;
    const { session } = this.hooks.self();
    for (const entry of await ledger.entriesOf(item)) {
      const state = await ledger.state(entry);
      const hold = state?.hold ?? null;
      if (state === null || hold === null) continue;
      // What this instance runs of its own accord is not what has crashed.
      const isCrashed = hold.instanceId === from && hold.session !== session;
      if (!isCrashed && this.#adopted.get(item) !== entry.name) continue;
      const record = await ledger.record(entry.id);
      const fire = record?.fires[entry.fire];
      if (record === null || fire === undefined) continue;
      const around = (ownership: Ownership): Ownership => this.#takenOver(state, ownership);
      return { scheduledAt: fire.at, order: orderOf(record, entry), around };
    }
    return null;
  }

  /** Takes the list over, as far as it has changed. */
  #follow(): void {
    if (!this.#open.follow(this.hooks.view()?.openTriggers ?? NO_NAMES)) return;
    for (const id of this.#records.keys()) if (!this.#open.hasTrigger(id)) this.#records.delete(id);
  }

  /** Tells whether entries of an item are this instance's to see to. */
  #ownItems(): (item: number) => boolean {
    const surplusFrom = this.hooks.surplusFrom();
    return (item) => this.hooks.owns(item) || (surplusFrom !== null && item >= surplusFrom);
  }

  /** The entry of the item that comes next, if it can be begun. */
  #nextOf(item: number): TriggerEntry | undefined {
    for (const entry of this.#open.ofItem(item)) {
      const hold = this.#open.holdOf(entry);
      if (hold !== undefined) {
        this.#engage([entry], () => this.#seeAfter(entry, hold));
        return undefined;
      }
      if (this.#incomplete.has(entry.id)) continue;
      const record = this.#records.get(entry.id);
      if (record === undefined || this.#hasPlace(record, entry)) return entry;
    }
    return undefined;
  }

  /** Whether the trigger's own limit allows the run: the first of its entries have places. */
  #hasPlace({ concurrency }: TriggerRecord, entry: TriggerEntry): boolean {
    return concurrency === null || this.#open.isAmongFirst(concurrency, entry);
  }

  /** Sees to entries, one after the other for each item. `work` resolves to whether another look may find more. */
  #engage(entries: readonly TriggerEntry[], work: () => Promise<boolean>): void {
    for (const { item } of entries) this.#engaged.set(item, entries);
    this.services.tasks.run('triggered runs', async () => {
      const again = await this.#attempt(work);
      for (const { item } of entries) this.#disengage(item, entries);
      if (again) this.look();
      this.hooks.onReleased();
    });
  }

  #disengage(item: number, entries: readonly TriggerEntry[]): void {
    if (this.#engaged.get(item) === entries) this.#engaged.delete(item);
  }

  async #attempt(work: () => Promise<boolean>): Promise<boolean> {
    try {
      return await work();
    } catch (error) {
      this.services.logger.warn('a triggered run could not be seen to and is looked at again', {
        error: messageOf(error),
      });
      this.#lookLater();
      return false;
    }
  }

  /** Looks again within the time, milliseconds. */
  #lookLater(withinMs: number = LOOK_AGAIN_MS.longest): void {
    const at = this.services.clock.monotonic() + withinMs;
    if (this.#stopped.aborted || (this.#again !== null && this.#again.at <= at)) return;
    this.#again?.timer.cancel();
    const timer = this.services.clock.setTimer(withinMs, () => {
      this.#again = null;
      this.#incomplete.clear();
      this.look();
    });
    this.#again = { at, timer };
  }

  // ---- entries that nobody has begun ----------------------------------------------------------------------------------

  /** Entries of one fire of one trigger, of different items. */
  async #serve(entries: readonly TriggerEntry[]): Promise<boolean> {
    const [first] = entries;
    const record = first === undefined ? null : await this.#record(first.id);
    if (first === undefined) return false;
    if (record === null) {
      // It is being asked for at this moment; or whoever asked has died, and it is taken away one day.
      this.#incomplete.add(first.id);
      this.#lookLater(this.#patience);
      this.#patience = Math.min(2 * this.#patience, LOOK_AGAIN_MS.longest);
      return true;
    }
    this.#patience = LOOK_AGAIN_MS.first;
    const isOwn = this.#ownItems();
    const isStill = ({ item }: TriggerEntry): boolean => !this.hooks.isRunning(item) && isOwn(item);
    if (this.#stopped.aborted || !this.hooks.mayBegin()) return false;
    const open = entries.filter((entry) => isStill(entry) && this.#hasPlace(record, entry));
    const obstacles = open.map((entry) => [entry, this.#obstacle(record, entry)] as const);
    for (const reason of new Set(obstacles.map(([, each]) => each))) {
      const barred = obstacles.filter(([, each]) => each === reason).map(([entry]) => entry);
      if (reason === 'wait') this.#lookLater();
      else if (reason !== null) await this.#skip(record, barred, reason);
    }
    const runnable = obstacles.filter(([, reason]) => reason === null).map(([entry]) => entry);
    const isSkipped = obstacles.some(([, reason]) => reason !== null && reason !== 'wait');
    if (runnable.length === 0) return isSkipped || open.length < entries.length;
    // The others need not wait for the run to end.
    for (const entry of entries) if (!runnable.includes(entry)) this.#disengage(entry.item, entries);
    const run = this.#run(record, entries, runnable);
    this.look();
    return run;
  }

  /** Why an entry is not begun: for good, or for now. */
  #obstacle({ kind }: TriggerRecord, { item }: TriggerEntry): TriggerSkip | 'wait' | null {
    const surplusFrom = this.hooks.surplusFrom();
    if (surplusFrom !== null && item >= surplusFrom) return 'surplus';
    if (this.hooks.isDisabled(item)) return 'disabled';
    if (!this.hooks.isPaused()) return null;
    // Whoever triggers a job means now; a backfill means all of its fires.
    return kind === 'backfill' ? 'wait' : 'paused';
  }

  /** Entries of one fire. */
  async #skip(record: TriggerRecord, entries: readonly TriggerEntry[], reason: TriggerSkip): Promise<void> {
    const told = await Promise.all(entries.map((entry) => this.#concludeSkipped(entry, reason)));
    const items = entries.filter((_, index) => told[index]).map(({ item }) => item);
    const at = record.fires[entries[0]?.fire ?? 0]?.at ?? record.at;
    if (items.length > 0) this.hooks.onSkipped(at, items, reason);
  }

  /** Whether it was this instance that told so. */
  async #concludeSkipped(entry: TriggerEntry, reason: TriggerSkip): Promise<boolean> {
    const state = await this.services.ledger.state(entry);
    if (state !== null && state.hold !== null) {
      this.#open.noteHeld(entry, state.hold);
      return false;
    }
    const isTold = state !== null && (await this.services.ledger.conclude(state, this.#outcome('skipped', { reason })));
    if (isTold || state === null) this.#open.noteOver(entry);
    return isTold;
  }

  /** Resolves to whether another look may find more. */
  async #run(
    record: TriggerRecord,
    group: readonly TriggerEntry[],
    entries: readonly TriggerEntry[],
  ): Promise<boolean> {
    const [first] = entries;
    if (first === undefined) return false;
    const scheduledAt = record.fires[first.fire]?.at ?? record.at;
    const items = entries.map(({ item }) => item);
    const request: RunRequest = { scheduledAt, source: 'MANUAL_TRIGGER', items, order: orderOf(record, first) };
    const run: StartedRun = { group, entries, taken: new Map(), moves: false };
    await this.hooks.run(request, this.#ownership(run));
    return run.moves;
  }

  #ownership(run: StartedRun): Ownership {
    const ordinary = this.hooks.ownership();
    const isCurrent = this.hooks.currency();
    const entryOf = (item: number): TriggerEntry => {
      const entry = run.entries.find((each) => each.item === item);
      if (entry === undefined) throw new Error(`item ${item} was not asked for`);
      return entry;
    };
    return {
      ...ordinary,
      claim: (item) => this.#claim(entryOf(item), isCurrent, run),
      settled: (item) => {
        this.#disengage(item, run.group);
        ordinary.settled(item);
      },
      // What is not begun is left to the next look.
      giveBack: () => {
        this.#lookLater();
        return true;
      },
      release: async (item, ended) => {
        const state = run.taken.get(item);
        if (state === undefined) return this.#undo(entryOf(item));
        if (ended === null) return this.services.ledger.putBack(state, this.#marks);
        await this.#conclude(state, ended, this.#marks);
        run.moves = true;
      },
    };
  }

  async #claim(entry: TriggerEntry, isCurrent: () => boolean, run: StartedRun): Promise<RunClaim> {
    const { ledger } = this.services;
    const take = await ledger.take(entry, this.#hold(), this.hooks.marking());
    switch (take.kind) {
      case 'taken':
        if (!isCurrent()) {
          await ledger.putBack(take.state, this.#marks);
          return { claimed: false, reason: 'resharded' };
        }
        run.taken.set(entry.item, take.state);
        return { claimed: true, fencingToken: take.fencingToken };
      case 'over':
        this.#open.noteOver(entry);
        run.moves = true;
        break;
      case 'held':
        this.#open.noteHeld(entry, take.hold);
        run.moves = true;
        break;
      case 'running-elsewhere':
        this.hooks.onMarked(entry.item);
        this.#awaitMark(entry);
    }
    return { claimed: false, reason: 'running-elsewhere' };
  }

  /** An attempt to take it was never answered: it may have succeeded. */
  async #undo(entry: TriggerEntry): Promise<void> {
    const state = await this.services.ledger.state(entry);
    const { instanceId, session } = this.hooks.self();
    const isOurs = state?.hold?.instanceId === instanceId && state.hold.session === session;
    if (state !== null && isOurs) await this.services.ledger.putBack(state, this.#marks);
    else await this.#marks?.release(entry.item);
  }

  async #conclude(state: TriggerState, { failure }: CallEnd, marks: RunningMarks | null): Promise<void> {
    const end = failure === null ? 'done' : 'failed';
    const message = failure === null ? null : messageOf(failure.error).slice(0, MESSAGE_LENGTH);
    const { instanceId, since } = state.hold ?? this.#hold();
    await this.services.ledger.conclude(state, this.#outcome(end, { instanceId, startedAt: since, message }), marks);
    this.#open.noteOver(state.entry);
  }

  #awaitMark({ item }: TriggerEntry): void {
    if (this.#awaited.has(item)) return;
    this.#awaited.add(item);
    this.services.tasks.run('wait for a mark to go', async () => {
      const isGone = await this.#attempt(() => this.#unmarked(item));
      this.#awaited.delete(item);
      if (isGone) this.look();
    });
  }

  async #unmarked(item: number): Promise<boolean> {
    const { signal } = this.#stopped;
    try {
      await this.hooks.unmarked(item, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }

  // ---- entries that somebody has begun --------------------------------------------------------------------------------

  /** A run that its instance has left behind is lost, unless somebody takes it over. */
  async #seeAfter(entry: TriggerEntry, hold: TriggerHold): Promise<boolean> {
    const { ledger } = this.services;
    const state = await ledger.state(entry);
    if (state === null) {
      this.#open.noteOver(entry);
      return true;
    }
    if (state.hold === null || state.hold.session !== hold.session || state.hold.instanceId !== hold.instanceId) {
      this.#open.noteFree(entry);
      return true;
    }
    const isThere = this.hooks.view()?.members.get(hold.instanceId)?.session === hold.session;
    // Whoever is there may give it back without beginning it, and nobody is told of that.
    if (isThere || !(await ledger.isDead(entry, hold))) {
      this.#lookLater();
      return false;
    }
    const { instanceId, since: startedAt } = hold;
    if (await ledger.conclude(state, this.#outcome('lost', { instanceId, startedAt }))) this.#open.noteOver(entry);
    return true;
  }

  /** A crashed run is begun anew by whoever has taken it over, and is then told of as if it had never crashed. */
  #takenOver(crashed: TriggerState, ordinary: Ownership): Ownership {
    const { ledger } = this.services;
    let own: TriggerState | null = null;
    return {
      ...ordinary,
      claim: async (item) => {
        const take = await ledger.take(crashed.entry, this.#hold(), this.hooks.marking(), crashed);
        // Somebody has told of its end: it is looked at anew, as a run that nobody asked for.
        if (take.kind !== 'taken') return { claimed: false, reason: 'running-elsewhere' };
        own = take.state;
        this.#adopted.set(item, take.state.entry.name);
        return { claimed: true, fencingToken: take.fencingToken };
      },
      release: async (item, ended) => {
        if (own !== null && ended !== null) {
          await this.#conclude(own, ended, null);
          this.#adopted.delete(item);
        }
        await ordinary.release(item, ended);
      },
    };
  }

  // ---- common ---------------------------------------------------------------------------------------------------------

  async #record(id: string): Promise<TriggerRecord | null> {
    const known = this.#records.get(id);
    if (known !== undefined) return known;
    const record = await this.services.ledger.record(id);
    if (record !== null) this.#records.set(id, record);
    return record;
  }

  get #marks(): RunningMarks | null {
    return this.hooks.marking()?.marks ?? null;
  }

  #hold(): TriggerHold {
    return { ...this.hooks.self(), since: this.services.clock.now() };
  }

  #outcome(end: TriggerOutcome['end'], rest: Partial<TriggerOutcome>): TriggerOutcome {
    const endedAt = this.services.clock.now();
    return { instanceId: null, startedAt: null, reason: null, message: null, ...rest, end, endedAt };
  }
}

function orderOf(record: TriggerRecord, { id, fire }: TriggerEntry): RunOrder {
  const { kind, by, key, jobParameter } = record;
  return { trigger: { kind, id, by, key }, jobParameter, window: record.fires[fire]?.window ?? null };
}
