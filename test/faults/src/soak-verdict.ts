import { accountForFires, type LostFire } from './fire-accounts.js';
import { HAULS, TICKS } from './job-plan.js';
import type { Observations } from './observations.js';
import { countOverlaps, type Overlap, overlaps } from './overlaps.js';
import { type Distribution, distribution, takeovers } from './takeovers.js';

/** The last line of a soak; README.md of this folder defines the figures. */
export interface SoakVerdict {
  readonly ok: boolean;
  readonly minutes: number;
  readonly seed: number;
  readonly client: string;
  readonly processes: number;
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
  /** How often each fault struck, by name. */
  readonly faults: Readonly<Record<string, number>>;
  readonly crashedInstances: number;
  /** The fault after which not everything was in order again, `null` if there was none. */
  readonly notRecoveredFrom: string | null;
  readonly interrupted: boolean;
}

/** What a soak knows of itself. */
export interface SoakFacts
  extends Pick<
    SoakVerdict,
    'minutes' | 'seed' | 'client' | 'processes' | 'faults' | 'crashedInstances' | 'notRecoveredFrom' | 'interrupted'
  > {
  /** Fires planned in this stretch are accounted for, epoch milliseconds. */
  readonly from: number;
  readonly to: number;
}

/** The verdict, and what it is founded on where something is wrong. */
export function judgeSoak(
  seen: Observations,
  { from, to, ...facts }: SoakFacts,
): { readonly verdict: SoakVerdict; readonly lost: readonly LostFire[]; readonly forbidden: readonly Overlap[] } {
  const found = overlaps(seen);
  const { withBothSessionsAlive, withAStoppedProcess } = countOverlaps(found);
  const { fires, lost, runTwice, skipped } = accountForFires(seen, from, to);
  const ok =
    withBothSessionsAlive === 0 && lost.length === 0 && facts.crashedInstances === 0 && facts.notRecoveredFrom === null;
  const verdict: SoakVerdict = {
    ok,
    ...pick(facts, ['minutes', 'seed', 'client', 'processes']),
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
    ...pick(facts, ['faults', 'crashedInstances', 'notRecoveredFrom', 'interrupted']),
  };
  return { verdict, lost, forbidden: found.filter(({ sessionEnded }) => !sessionEnded) };
}

function pick<T, K extends keyof T>(from: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;
}
