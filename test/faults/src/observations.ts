import type { JobPlan } from './job-plan.js';
import type { LedgerAnswer, LedgerWrite } from './ledger.js';

/** One call of user code, as its instance told it. Times are epoch milliseconds of the one machine. */
export interface Run {
  readonly instance: string;
  readonly job: string;
  readonly item: number;
  readonly scheduledAt: number;
  /** Fencing token: the transaction that made the run's mark. */
  readonly token: bigint;
  readonly beganAt: number;
  /** Of which instance it executes a crashed run again, `null` if nobody knows; `null` as a whole if it does not. */
  readonly takeover: { readonly from: string | null } | null;
  /** The trigger that asked for it, `null` for a fire. */
  readonly trigger: string | null;
  /** When the ledger had accepted the work. */
  endedAt: number | null;
  /** When its signal was aborted. */
  abortedAt: number | null;
  abortReason: string | null;
}

/** What the kernel recorded for a fire of an item: that it was run, or why not. */
export interface Outcome {
  readonly instance: string;
  readonly kind: 'success' | 'failure' | 'skipped';
  /** Why it failed or was skipped. */
  readonly reason: string | undefined;
  readonly at: number;
}

/** A stretch of time, epoch milliseconds; `to` is null while it lasts. */
export interface Stretch {
  readonly from: number;
  to: number | null;
}

/** What the process of an instance went through. */
export interface Life {
  readonly instance: string;
  /** When it was killed, `null` if it was not. */
  killedAt: number | null;
  /** When it stood still by SIGSTOP. */
  readonly stops: Stretch[];
}

/** The node of an instance vanished from the server: its session ended, or it left. */
export interface Departure {
  readonly instance: string;
  readonly job: string;
  /** When the watching client was told. */
  readonly at: number;
  /** The transaction of the departure, or of a later change of the same list if several were told as one. */
  readonly zxid: bigint;
  /** What it owned by the plan in force. */
  readonly items: readonly number[];
  /** Whether the watching client was connected all the time, so that `at` is the moment and not only a bound. */
  readonly exact: boolean;
}

/** Owners of a job's items for fires planned after a moment, from the plan that a leader published. */
export interface Span {
  readonly after: number;
  readonly owners: readonly (string | null)[];
}

/** A write that the ledger answered. */
export interface LedgerRecord extends LedgerWrite, LedgerAnswer {
  readonly at: number;
}

/** Everything seen of one cluster, from its instances, the ledger and a client that watches the registry. */
export interface Observations {
  readonly jobs: readonly JobPlan[];
  readonly runs: readonly Run[];
  /** The outcomes of a fire of an item, in the order in which they were told; by {@link fireKey}. */
  readonly outcomes: ReadonlyMap<string, readonly Outcome[]>;
  readonly lives: ReadonlyMap<string, Life>;
  readonly departures: readonly Departure[];
  /** By job, oldest first. */
  readonly spans: ReadonlyMap<string, readonly Span[]>;
  readonly refused: readonly LedgerRecord[];
}

/** The key of one fire of one item. */
export function fireKey(job: string, item: number, scheduledAt: number): string {
  return `${job}/${item}@${scheduledAt}`;
}

/** The owner of an item for a fire, `null` if nobody was. */
export function ownerOf(spans: readonly Span[], item: number, scheduledAt: number): string | null {
  return spans.findLast(({ after }) => after < scheduledAt)?.owners[item] ?? null;
}
