import type { RunLog } from './run-log.js';

/** Time between two fires, milliseconds. */
export const FIRE_MS = 1_000;

/** A process that was killed, when, and what it owned. */
export interface Kill {
  readonly worker: string;
  readonly at: number;
  readonly items: readonly number[];
  /** How long it may take until every item runs again, milliseconds. */
  readonly recoveryLimitMs: number;
}

/** What is said in the end of the fires in `[from, to)`, and whether it is as it should be. */
export function judge(log: RunLog, from: number, to: number, kill: Kill | null) {
  const { firesMissed, ...counts } = log.findings(from, to, FIRE_MS);
  const fine = counts.firesWithItemRunTwice === 0 && counts.overlappingRuns === 0;
  if (kill === null) {
    return { ok: fine && Object.keys(firesMissed).length === 0, ...counts, firesSkippedWithoutOwner: firesMissed };
  }
  const { recoveryLimitMs, ...killed } = kill;
  const recoveredAt = recoveryOf(log, kill);
  const recoveryMs = recoveredAt === null ? null : recoveredAt - kill.at;
  // Outside of the window from the kill to the first fire after the recovery, every item ran on every fire.
  const outside =
    recoveredAt === null
      ? []
      : [
          [from, Math.floor(kill.at)],
          [Math.ceil(recoveredAt / FIRE_MS) * FIRE_MS, to],
        ];
  const missedOutside = outside.flatMap(([begin = 0, end = 0]) =>
    Object.keys(log.findings(begin, end, FIRE_MS).firesMissed),
  );
  return {
    ok: fine && missedOutside.length === 0 && recoveryMs !== null && recoveryMs <= recoveryLimitMs,
    ...counts,
    firesSkippedWithoutOwner: firesMissed,
    killed,
    recoveryMs,
    recoveryLimitMs,
    itemsMissedOutsideTheWindow: missedOutside,
  };
}

/**
 * The same of a cluster with Java processes. These do not say which fire a run is for, and a Java leader does not say from
 * which fire on an assignment holds: single fires are counted and not judged.
 */
export function judgeMixed(log: RunLog, from: number, to: number, kills: readonly Kill[]) {
  const { firesMissed, ...counts } = log.findings(from, to, FIRE_MS);
  const killed = kills.map((kill) => {
    const recoveredAt = recoveryOf(log, kill);
    return { ...kill, recoveryMs: recoveredAt === null ? null : recoveredAt - kill.at };
  });
  const recovered = killed.every(
    ({ recoveryMs, recoveryLimitMs }) => recoveryMs !== null && recoveryMs <= recoveryLimitMs,
  );
  const everyItemRan = Object.values(counts.runsPerItem).every((runs) => runs > 0);
  return { ok: counts.overlappingRuns === 0 && recovered && everyItemRan, ...counts, firesMissed, killed };
}

/** When every item had begun again after a kill; `null` if not all have. */
function recoveryOf(log: RunLog, { at }: Kill): number | null {
  const again = log.firstRunsAfter(at);
  return again.includes(null) ? null : Math.max(...again.map(Number));
}
