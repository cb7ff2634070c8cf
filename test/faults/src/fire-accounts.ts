import { firesOf, type JobPlan } from './job-plan.js';
import { fireKey, type Life, type Observations, ownerOf } from './observations.js';

/**
 * What became of one fire of one item.
 *
 * - `accounted`: it has an outcome; or more than one, where an owner that stood still wakes and records it too.
 * - `without-owner`: nobody owned it, or its owner was dead or stood still at that moment.
 * - `cut-short`: its owner was killed before it could have ended.
 * - `lost`: its owner was there all the time that the fire may take, and nothing was recorded.
 */
export type FireAccount = 'accounted' | 'without-owner' | 'cut-short' | 'lost';

/** A fire that nobody accounts for although its owner could have. */
export interface LostFire {
  readonly job: string;
  readonly item: number;
  readonly scheduledAt: number;
  readonly owner: string;
}

/** How the fires of a stretch of time were accounted for. */
export interface FireAccounts {
  readonly fires: Readonly<Record<FireAccount, number>>;
  readonly lost: readonly LostFire[];
  /** Fires of an item for which user code was called more than once, not counting the calls that take over a crashed run. */
  readonly runTwice: number;
  /** Outcomes that tell of a fire that was not run, by reason. */
  readonly skipped: Readonly<Record<string, number>>;
}

/** What a fire may take beyond its work: a session that ends, and requests that are tried again. */
export const SETTLE_MS = 10_000;

/**
 * Accounts for every fire of every item planned in `[from, to]`, except of jobs whose work does not end by itself: their
 * fires have no outcome for as long as they please.
 */
export function accountForFires(seen: Observations, from: number, to: number): FireAccounts {
  const fires = { accounted: 0, 'without-owner': 0, 'cut-short': 0, lost: 0 };
  const lost: LostFire[] = [];
  const skipped: Record<string, number> = {};
  for (const job of seen.jobs.filter(({ workMs }) => workMs !== null)) {
    for (const scheduledAt of firesOf(job, from, to)) {
      for (let item = 0; item < job.items; item++) {
        const account = accountFor(seen, job, item, scheduledAt);
        fires[account] += 1;
        const owner = ownerOf(seen.spans.get(job.name) ?? [], item, scheduledAt);
        if (account === 'lost' && owner !== null) lost.push({ job: job.name, item, scheduledAt, owner });
        for (const reason of skipReasons(seen, job, item, scheduledAt)) skipped[reason] = (skipped[reason] ?? 0) + 1;
      }
    }
  }
  return { fires, lost, runTwice: countRunTwice(seen, from, to), skipped };
}

function accountFor(seen: Observations, job: JobPlan, item: number, scheduledAt: number): FireAccount {
  if (seen.outcomes.has(fireKey(job.name, item, scheduledAt))) return 'accounted';
  const owner = ownerOf(seen.spans.get(job.name) ?? [], item, scheduledAt);
  const life = owner === null ? undefined : seen.lives.get(owner);
  if (life === undefined || !wasUp(life, scheduledAt)) return 'without-owner';
  const killed = life.killedAt !== null && life.killedAt <= scheduledAt + (job.workMs ?? 0) + SETTLE_MS;
  return killed ? 'cut-short' : 'lost';
}

function wasUp({ killedAt, stops }: Life, at: number): boolean {
  if (killedAt !== null && killedAt <= at) return false;
  return !stops.some(({ from, to }) => from <= at && (to === null || at <= to));
}

function skipReasons(seen: Observations, job: JobPlan, item: number, scheduledAt: number): string[] {
  const outcomes = seen.outcomes.get(fireKey(job.name, item, scheduledAt)) ?? [];
  return outcomes.flatMap(({ kind, reason }) => (kind === 'skipped' && reason !== undefined ? [reason] : []));
}

function countRunTwice({ runs }: Observations, from: number, to: number): number {
  const calls = new Map<string, number>();
  for (const { job, item, scheduledAt, takeover, trigger } of runs) {
    if (scheduledAt < from || scheduledAt > to || takeover !== null || trigger !== null) continue;
    const key = fireKey(job, item, scheduledAt);
    calls.set(key, (calls.get(key) ?? 0) + 1);
  }
  return [...calls.values()].filter((count) => count > 1).length;
}
