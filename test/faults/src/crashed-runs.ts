import type { JobPlan } from './job-plan.js';
import { fireKey, type Observations, type Run } from './observations.js';

/** A run that its instance will not end: its session was over first. */
export interface CrashedRun {
  readonly run: Run;
  /** When its process was killed, its signal aborted or its session over, whichever was told first; epoch milliseconds. */
  readonly cutAt: number;
  /** The run that took it over, `null` if there was none. */
  readonly again: Run | null;
}

/** What became of the crashed runs of jobs with failover. */
export interface CrashAccounts {
  /** All that were cut in the stretch that was looked at. */
  readonly crashed: readonly CrashedRun[];
  /** Those of them that nobody executed again. */
  readonly missing: readonly CrashedRun[];
  /** Takeovers of runs that had been taken over already, or of an instance whose session had not ended. */
  readonly unfounded: readonly Run[];
  /**
   * Takeovers of runs that were not seen to be cut, of instances whose sessions had ended: they had just been marked, or
   * had just ended and their marks still stood.
   */
  readonly unseen: number;
  /** From the departure of the crashed instance's node to the call of user code elsewhere, milliseconds. */
  readonly waits: readonly number[];
}

type Seen = Pick<Observations, 'jobs' | 'runs' | 'outcomes' | 'lives' | 'departures'>;

interface Sorted {
  crashed: CrashedRun[];
  unfounded: Run[];
  unseen: number;
}

/**
 * Accounts for the runs that crashed in `[from, to]`: each is to be executed again exactly once. What came first is told by
 * the tokens of an item's runs. A run crashed if neither its work was done nor its outcome recorded when its session
 * ended; whether the mark of one that had ended still stood then cannot be seen from here, so that both is right for it.
 */
export function accountForCrashes(seen: Observations, from: number, to: number): CrashAccounts {
  const jobs = seen.jobs.filter(({ failover }) => failover);
  const sorted = jobs.flatMap((job) => runsByItem(seen, job).map((runs) => sortOut(runs, seen)));
  const crashed = sorted.flatMap((one) => one.crashed).filter(({ cutAt }) => cutAt >= from && cutAt <= to);
  return {
    crashed,
    missing: crashed.filter(({ again }) => again === null),
    unfounded: sorted.flatMap((one) => one.unfounded),
    unseen: sorted.reduce((sum, one) => sum + one.unseen, 0),
    waits: crashed.flatMap(({ run, again }) => (again === null ? [] : waited(run, again, seen))),
  };
}

function runsByItem({ runs }: Seen, job: JobPlan): Run[][] {
  const ofJob = runs.filter((run) => run.job === job.name);
  return Array.from({ length: job.items }, (_, item) =>
    ofJob.filter((run) => run.item === item).sort((one, other) => (one.token < other.token ? -1 : 1)),
  );
}

/** Goes through the runs of one item in the order of their marks. */
function sortOut(runs: readonly Run[], seen: Seen): Sorted {
  const sorted: Sorted = { crashed: [], unfounded: [], unseen: 0 };
  const takenFrom = new Map<string | null, Run>();
  let open: CrashedRun[] = [];
  for (const run of runs) {
    if (run.takeover !== null) {
      const { from } = run.takeover;
      const settled = open.find((crash) => crash.run.instance === from) ?? open[0];
      if (settled !== undefined) sorted.crashed.push({ ...settled, again: run });
      else if (hasEnded(from, takenFrom.get(from), run, seen)) sorted.unseen += 1;
      else sorted.unfounded.push(run);
      open = open.filter((crash) => crash !== settled);
      takenFrom.set(from, run);
    }
    const cutAt = cutOff(run, seen);
    if (cutAt !== null) open.push({ run, cutAt, again: null });
  }
  sorted.crashed.push(...open);
  return sorted;
}

/** When a run was cut off by the end of its session, `null` if it was not. */
function cutOff(run: Run, seen: Seen): number | null {
  const { instance, job, token, endedAt, abortedAt, abortReason } = run;
  const departed = seen.departures.find(
    (departure) => departure.instance === instance && departure.job === job && departure.zxid > token,
  );
  const never = Number.POSITIVE_INFINITY;
  const goneAt = Math.min(seen.lives.get(instance)?.killedAt ?? never, departed?.at ?? never);
  if (goneAt < settledAt(run, seen)) return goneAt;
  return abortReason === 'SESSION_LOST' && endedAt === null ? abortedAt : null;
}

/** When its work was done or its outcome told by its instance. */
function settledAt({ instance, job, item, scheduledAt, beganAt, endedAt }: Run, { outcomes }: Seen): number {
  const told = (outcomes.get(fireKey(job, item, scheduledAt)) ?? [])
    .filter((outcome) => outcome.instance === instance && outcome.kind !== 'skipped' && outcome.at >= beganAt)
    .map(({ at }) => at);
  return Math.min(endedAt ?? Number.POSITIVE_INFINITY, ...told);
}

/**
 * Whether a session of an instance, or of any if nobody knew of which, ended before a takeover, and after the last one from
 * the same. A departure that the watching client could not date may have come before.
 */
function hasEnded(from: string | null, since: Run | undefined, until: Run, { departures, lives }: Seen): boolean {
  const isConcerned = (instance: string): boolean => from === null || instance === from;
  const departed = departures.some(
    ({ instance, job, zxid, exact }) =>
      isConcerned(instance) && job === until.job && zxid > (since?.token ?? 0n) && (zxid < until.token || !exact),
  );
  const killed = [...lives.values()].some(
    ({ instance, killedAt }) =>
      isConcerned(instance) && killedAt !== null && killedAt > (since?.beganAt ?? 0) && killedAt < until.beganAt,
  );
  return departed || killed;
}

function waited(run: Run, again: Run, { departures }: Seen): number[] {
  const departure = departures.find(
    ({ instance, job, zxid }) => instance === run.instance && job === run.job && zxid > run.token && zxid < again.token,
  );
  return departure?.exact ? [Math.max(0, again.beganAt - departure.at)] : [];
}
