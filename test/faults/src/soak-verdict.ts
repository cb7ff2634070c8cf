import { accountForCrashes, type CrashAccounts } from './crashed-runs.js';
import { accountForFires, type LostFire } from './fire-accounts.js';
import { HAULS, TICKS } from './job-plan.js';
import type { Observations } from './observations.js';
import { countOverlaps, type Overlap, overlaps } from './overlaps.js';
import { type Distribution, distribution, takeovers } from './takeovers.js';
import { type AskedRun, accountForTriggers, type TriggerAccounts } from './trigger-accounts.js';

/** The last line of a soak; README.md of this folder defines the figures. */
export interface SoakVerdict {
  readonly ok: boolean;
  readonly minutes: number;
  readonly seed: number;
  readonly client: string;
  readonly processes: number;
  readonly failover: boolean;
  readonly runs: number;
  readonly overlapsWithBothSessionsAlive: number;
  readonly overlapsWithAStoppedProcess: number;
  readonly lateWritesRefused: number;
  readonly fires: number;
  readonly firesLost: number;
  readonly firesWithoutOwner: number;
  readonly firesCutShort: number;
  readonly firesRunTwice: number;
  /** By reason. */
  readonly firesSkipped: Readonly<Record<string, number>>;
  readonly takeovers: Distribution;
  readonly takeoversOfLongRuns: Distribution;
  readonly crashedRuns: CrashedRunCounts;
  readonly takeoversOfCrashedRuns: Distribution;
  readonly triggers: Omit<TriggerAccounts, 'wrong'>;
  /** How often each fault struck, by name. */
  readonly faults: Readonly<Record<string, number>>;
  readonly crashedInstances: number;
  /** The fault after which not everything was in order again, `null` if there was none. */
  readonly notRecoveredFrom: string | null;
  readonly interrupted: boolean;
}

/** Of jobs with failover; without it all are 0. */
export interface CrashedRunCounts {
  readonly cut: number;
  readonly executedAgain: number;
  readonly missing: number;
  readonly twice: number;
  readonly unseen: number;
}

/** What a soak knows of itself. */
export interface SoakFacts
  extends Pick<
    SoakVerdict,
    | 'minutes'
    | 'seed'
    | 'client'
    | 'processes'
    | 'failover'
    | 'faults'
    | 'crashedInstances'
    | 'notRecoveredFrom'
    | 'interrupted'
  > {
  /** Fires planned in this stretch are accounted for, epoch milliseconds. */
  readonly from: number;
  readonly to: number;
  /** What was asked for and accepted, all of it. */
  readonly asked: readonly AskedRun[];
}

/** The verdict, and what it is founded on where something is wrong. */
export interface SoakJudgement {
  readonly verdict: SoakVerdict;
  readonly lost: readonly LostFire[];
  readonly forbidden: readonly Overlap[];
  readonly crashes: CrashAccounts;
  readonly wrongTriggers: readonly AskedRun[];
}

/** Judges what was seen. */
export function judgeSoak(seen: Observations, { from, to, asked, ...facts }: SoakFacts): SoakJudgement {
  const found = overlaps(seen);
  const { withBothSessionsAlive, withAStoppedProcess } = countOverlaps(found);
  const { fires, lost, runTwice, skipped } = accountForFires(seen, from, to);
  const crashes = accountForCrashes(seen, from, to);
  const crashedRuns = countCrashes(crashes);
  const { wrong: wrongTriggers, ...triggers } = accountForTriggers(asked, seen.runs);
  // Without failover a crash loses what ran, and says so. Who interrupts does not wait for what is open.
  const triggersKept = (triggers.lost === 0 || !facts.failover) && (triggers.open === 0 || facts.interrupted);
  const ok =
    withBothSessionsAlive === 0 &&
    lost.length === 0 &&
    crashedRuns.missing === 0 &&
    crashedRuns.twice === 0 &&
    triggersKept &&
    triggers.twice === 0 &&
    triggers.misreported === 0 &&
    facts.crashedInstances === 0 &&
    facts.notRecoveredFrom === null;
  const verdict: SoakVerdict = {
    ok,
    ...pick(facts, ['minutes', 'seed', 'client', 'processes', 'failover']),
    runs: seen.runs.length,
    overlapsWithBothSessionsAlive: withBothSessionsAlive,
    overlapsWithAStoppedProcess: withAStoppedProcess,
    lateWritesRefused: seen.refused.length,
    fires: Object.values(fires).reduce((sum, count) => sum + count, 0),
    firesLost: fires.lost,
    firesWithoutOwner: fires['without-owner'],
    firesCutShort: fires['cut-short'],
    firesRunTwice: runTwice,
    firesSkipped: skipped,
    takeovers: distribution(takeovers(seen, TICKS.name)),
    takeoversOfLongRuns: distribution(takeovers(seen, HAULS.name)),
    crashedRuns,
    takeoversOfCrashedRuns: distribution(crashes.waits),
    triggers,
    ...pick(facts, ['faults', 'crashedInstances', 'notRecoveredFrom', 'interrupted']),
  };
  return { verdict, lost, forbidden: found.filter(({ sessionEnded }) => !sessionEnded), crashes, wrongTriggers };
}

function countCrashes({ crashed, missing, unfounded, unseen }: CrashAccounts): CrashedRunCounts {
  const executedAgain = crashed.length - missing.length;
  return { cut: crashed.length, executedAgain, missing: missing.length, twice: unfounded.length, unseen };
}

function pick<T, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;
}
