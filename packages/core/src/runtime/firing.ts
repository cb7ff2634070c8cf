import type { Assignment } from '../coordination/assignment-plan.js';
import type { JobMember } from '../coordination/job-member.js';
import { isPausedAt, type Pause } from '../coordination/pause.js';
import { type DueItems, FireBook } from '../execution/fire-book.js';
import type { RunRequest } from '../execution/job-run.js';
import type { DueFire } from '../execution/job-timer.js';
import type { ExecutionSource, SkipReason } from '../tracing/trace-event.js';

/** What fires are looked at with. */
export interface FiringParts {
  readonly instanceId: string;
  readonly member: JobMember;
  run(request: RunRequest): void;
  skip(scheduledAt: number, items: readonly number[], reason: SkipReason, source: ExecutionSource): void;
}

/**
 * What becomes of the fires of one job on this instance: each is run for the items that are this instance's, put off until
 * it is known which these are, or recorded as skipped. The {@link FireBook} decides about the items, and what operators
 * and the connection allow is decided here.
 */
export class Firing {
  readonly #book: FireBook;

  constructor(private readonly parts: FiringParts) {
    this.#book = new FireBook(parts.instanceId);
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
  fire({ scheduledAt, missed }: DueFire): void {
    for (const at of missed) this.parts.skip(at, this.items, 'late', 'NORMAL_TRIGGER');
    this.#dispatch(this.#dueFor(scheduledAt), 'NORMAL_TRIGGER');
  }

  /** The assignment is known, for the first time or again. */
  assigned(assignment: Assignment): void {
    this.#dispatch(this.#book.settled(assignment), 'NORMAL_TRIGGER');
  }

  /** Runs what this instance owns although no fire is due, because all instances were asked to at `scheduledAt`. */
  runNow(scheduledAt: number): void {
    this.#dispatch([{ scheduledAt, items: this.items }], 'MANUAL_TRIGGER');
  }

  /** Items that were due and could not be started. Returns whether that is seen to here. */
  giveBack(scheduledAt: number, items: readonly number[], reason: SkipReason): boolean {
    if (reason !== 'resharded') return false;
    if (!this.#book.giveBack(scheduledAt, items)) this.parts.skip(scheduledAt, items, 'resharded', 'NORMAL_TRIGGER');
    if (this.parts.member.isCurrent()) this.#dispatch(this.#book.settled(), 'NORMAL_TRIGGER');
    return true;
  }

  /** The pause that a planned time falls into. */
  pauseAt(at: number): Pause | null {
    const pause = this.parts.member.view?.pause ?? null;
    return isPausedAt(pause, at) ? pause : null;
  }

  #dueFor(scheduledAt: number): DueItems[] {
    const { member } = this.parts;
    if (!member.isConnected) return this.#book.miss(scheduledAt, 'no-session');
    return member.isCurrent() ? this.#book.due(scheduledAt) : this.#book.park(scheduledAt);
  }

  #dispatch(due: readonly DueItems[], source: ExecutionSource): void {
    for (const { scheduledAt, items, skip } of due) {
      if (skip !== undefined) this.parts.skip(scheduledAt, items, skip, source);
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
}
