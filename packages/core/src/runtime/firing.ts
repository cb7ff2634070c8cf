import { type Assignment, estatesOf } from '../coordination/assignment-plan.js';
import { jobPath, layout } from '../coordination/job-layout.js';
import type { JobMember } from '../coordination/job-member.js';
import { MisfireFlags } from '../coordination/misfire-flags.js';
import { untilAbsent } from '../coordination/node-absence.js';
import { isPausedAt, type Pause } from '../coordination/pause.js';
import { type DueItems, FireBook } from '../execution/fire-book.js';
import { HeldFires, type HeldFiresHooks } from '../execution/held-fires.js';
import type { JobRuns, RunRequest } from '../execution/job-run.js';
import { type DueFire, MISSED_LIMIT } from '../execution/job-timer.js';
import type { Clock } from '../foundation/clock.js';
import type { Logger } from '../foundation/logger.js';
import type { Registry } from '../registry/registry.js';
import type { CronSchedule } from '../schedule/cron.js';
import type { ExecutionSource, SkipReason } from '../tracing/trace-event.js';

/** What fires are looked at with. */
export interface FiringParts {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly jobName: string;
  readonly instanceId: string;
  readonly member: JobMember;
  readonly runs: JobRuns;
  schedule(): CronSchedule | null;
  /** For how many missed fires of an item the job makes up now. */
  makeUps(): number;
  /** Whether crashed runs are executed again. */
  hasFailover(): boolean;
  /** Whether a run of the item that somebody asked for is about to begin here. */
  isAskedFor(item: number): boolean;
  run(request: RunRequest): void;
  skip(scheduledAt: number, items: readonly number[], reason: SkipReason, source: ExecutionSource): void;
  /** Items are run for the fire, but not at its time. */
  putOff(scheduledAt: number, items: readonly number[]): void;
}

/**
 * What becomes of the fires of one job on this instance: each is run for the items that are this instance's, put off until
 * it is known which these are or until their former run has ended, or recorded as skipped. The {@link FireBook} decides
 * about the items, and what operators and the connection allow is decided here.
 */
export class Firing {
  readonly #book: FireBook;
  /** Made when it is needed, as {@link #held}. */
  #flags: MisfireFlags | null = null;
  /** Made when a fire has to wait for a run: of most jobs none does. */
  #held: HeldFires | null = null;
  /** The latest plan that was looked at for fires that nobody owned, by its transaction. */
  #inherited: bigint | null = null;

  constructor(private readonly parts: FiringParts) {
    this.#book = new FireBook(parts.instanceId, () => parts.makeUps());
  }

  /** The items this instance owns now, ascending. */
  get items(): number[] {
    return this.#book.items;
  }

  /** Whether this instance owns the item now. */
  owns(item: number): boolean {
    return this.#book.owns(item);
  }

  /** A planned time has come, or was noticed. */
  fire({ scheduledAt, missed, isLate }: DueFire): void {
    const { member } = this.parts;
    // Before the first assignment it is not missed: it may be given items of any fire from now on.
    const miss = member.isConnected || !member.isAssigned ? null : 'no-session';
    for (const at of missed) this.#dispatch(this.#book.park(at, 'late'));
    this.#dispatch(this.#book.park(scheduledAt, isLate ? 'late' : miss));
    // Whose they are is known later; what the others run must not be recorded as missed here.
    if (member.isCurrent()) this.#goOn();
  }

  /** The assignment is known, for the first time or again. */
  assigned(assignment: Assignment): void {
    this.#inherit(assignment);
    this.#dispatch(this.#book.settled(assignment));
    this.resume();
  }

  /** Runs what this instance owns although no fire is due, because all instances were asked to at `scheduledAt`. */
  runNow(scheduledAt: number): void {
    this.#dispatch([{ scheduledAt, items: this.items }], 'MANUAL_TRIGGER');
  }

  /**
   * Items that were due and could not be started, over the connection of that number. Returns whether they are kept for
   * later, or recorded.
   */
  giveBack(request: RunRequest, items: readonly number[], reason: SkipReason, connection: number): boolean {
    const kept = this.#keep(request, items, reason, connection);
    if (this.parts.member.isCurrent()) this.#goOn();
    else this.resume();
    return kept;
  }

  /** Runs have ended, or will not begin: what fell into them may be made up for. */
  resume(): void {
    if (this.#held !== null || this.#book.isHolding) this.#heldFires().resume();
  }

  /** The definition may be another one. Java members never clear flags that they do not act upon. */
  redefined(): void {
    if (this.parts.makeUps() === 0) this.#misfireFlags().clear(this.items);
  }

  /** The instance leaves: what was put off is recorded. */
  giveUp(): void {
    this.#dispatch(this.#held?.giveUp() ?? this.#book.close());
  }

  /** Resolves, after {@link giveUp}, when nothing of it is left in the registry. */
  async cleared(): Promise<void> {
    await this.#held?.settled();
    await this.#flags?.settled();
  }

  /** The pause that a planned time falls into. */
  pauseAt(at: number): Pause | null {
    const pause = this.parts.member.view?.pause ?? null;
    return isPausedAt(pause, at) ? pause : null;
  }

  #misfireFlags(): MisfireFlags {
    const { registry, jobName, logger } = this.parts;
    this.#flags ??= new MisfireFlags(registry, jobName, logger);
    return this.#flags;
  }

  #heldFires(): HeldFires {
    if (this.#held !== null) return this.#held;
    const { clock, logger, member, runs, isAskedFor } = this.parts;
    const hooks: HeldFiresHooks = {
      isRunning: (item) => runs.isRunning(item) || isAskedFor(item),
      mayStart: () => member.isCurrent() && !runs.isAborted,
      unmarked: (item, signal) => this.#untilUnmarked(item, signal),
      start: (due) => this.#dispatch(due),
    };
    this.#held = new HeldFires(this.#book, this.#misfireFlags(), hooks, clock, logger);
    return this.#held;
  }

  /**
   * The latest fires of each time in which nobody owned items that are this instance's now. It hears of each plan once; what
   * its id was left before it registered was left to a former process, which may have seen to it.
   */
  #inherit(assignment: Assignment): void {
    const { clock, instanceId, member, schedule } = this.parts;
    const known = this.#inherited ?? member.since;
    if (known === null) return;
    for (const { items, after, until } of estatesOf(assignment, instanceId, known)) {
      // Of what is still to come by this instance's clock it hears by its timer.
      const last = Math.min(until, clock.now());
      this.#book.inherit(schedule()?.latestBetween(after + 1, last + 1, MISSED_LIMIT) ?? [], items);
    }
    const latest = assignment.spans[0]?.by ?? known;
    // Where the registry's data was restored its transactions count again from before: better not told than told twice.
    this.#inherited = latest > known ? latest : known;
  }

  #goOn(): void {
    this.#dispatch(this.#book.settled());
    this.resume();
  }

  #dispatch(due: readonly DueItems[], trigger?: 'MANUAL_TRIGGER'): void {
    for (const { scheduledAt, items, skip, madeUp, putOff } of due) {
      const source = trigger ?? (madeUp ? 'MISFIRE' : 'NORMAL_TRIGGER');
      if (putOff) this.parts.putOff(scheduledAt, items);
      else if (skip !== undefined) this.parts.skip(scheduledAt, items, skip, source);
      else if (this.pauseAt(scheduledAt) !== null) this.parts.skip(scheduledAt, items, 'paused', source);
      else this.#runEnabled(scheduledAt, items, source);
    }
  }

  #runEnabled(scheduledAt: number, due: readonly number[], source: ExecutionSource): void {
    const { member } = this.parts;
    const off = member.view?.disabledItems;
    const barred = due.filter((item) => !member.isEnabled || off?.has(item));
    this.parts.skip(scheduledAt, barred, 'disabled', source);
    this.parts.run({ scheduledAt, source, items: due.filter((item) => !barred.includes(item)) });
  }

  #keep(
    { scheduledAt, source }: RunRequest,
    items: readonly number[],
    reason: SkipReason,
    connection: number,
  ): boolean {
    if (source === 'MANUAL_TRIGGER') return false;
    if (reason === 'resharded') return this.#book.giveBack(scheduledAt, items);
    if (reason === 'overlap' || reason === 'running-elsewhere')
      return this.#hold(scheduledAt, items, reason === 'running-elsewhere');
    const { member, registry } = this.parts;
    // What failed although the connection was there would fail again.
    const isSame = member.isConnected && registry.session.connection === connection;
    if (reason !== 'no-session' || isSame) return false;
    return this.parts.makeUps() > 0 && this.#book.giveBack(scheduledAt, items, 'no-session');
  }

  /** Until nobody runs the item any more, nor is about to because a run of it has crashed. */
  async #untilUnmarked(item: number, signal: AbortSignal): Promise<void> {
    const { registry, jobName, hasFailover } = this.parts;
    if (hasFailover()) await untilAbsent(registry, jobPath(jobName, layout.failovering(item)), signal);
    await untilAbsent(registry, jobPath(jobName, layout.running(item)), signal);
  }

  #hold(scheduledAt: number, items: readonly number[], elsewhere: boolean): boolean {
    const skipped = this.#heldFires().hold(scheduledAt, items, elsewhere);
    if (skipped === null) return false;
    this.parts.putOff(scheduledAt, items);
    this.#dispatch(skipped);
    return true;
  }
}
