import type { Observations, Run } from './observations.js';

/** Two runs of one item at the same time. */
export interface Overlap {
  readonly earlier: Run;
  readonly later: Run;
  /** Whether the session of the earlier run had ended on the server before the later one was marked. */
  readonly sessionEnded: boolean;
}

type Seen = Pick<Observations, 'runs' | 'lives' | 'departures'>;

/**
 * All pairs of runs of one item that overlap. A run lasts from the call of user code until that is done, or its signal is
 * aborted, or its process is killed; nothing else ends it.
 *
 * Which of two came first is told by their tokens, and so is whether the first one's session still lived: the departure of
 * its instance is a transaction too, and it lies between the two tokens exactly if the session ended in between. Clocks
 * decide nothing of it.
 */
export function overlaps(seen: Seen): Overlap[] {
  return [...byItem(seen.runs)].flatMap((runs) => pairs(runs, seen));
}

/** The overlaps by what they mean: how many there are, and how many calls outlived their session. */
export interface OverlapCounts {
  /** Pairs of runs, each in a session that lived: what must never be. */
  readonly withBothSessionsAlive: number;
  /** Calls of processes that stood still or were silent, beside which another instance has run the item. */
  readonly withAStoppedProcess: number;
}

/** Counts what {@link overlaps} found. */
export function countOverlaps(found: readonly Overlap[]): OverlapCounts {
  const outlived = found.filter(({ sessionEnded }) => sessionEnded).map(({ earlier }) => earlier);
  return {
    withBothSessionsAlive: found.length - outlived.length,
    withAStoppedProcess: new Set(outlived).size,
  };
}

function byItem(runs: readonly Run[]): Iterable<Run[]> {
  const items = new Map<string, Run[]>();
  for (const run of runs) {
    const key = `${run.job}/${run.item}`;
    const others = items.get(key);
    if (others === undefined) items.set(key, [run]);
    else others.push(run);
  }
  return items.values();
}

function pairs(runs: readonly Run[], seen: Seen): Overlap[] {
  const found: Overlap[] = [];
  let going: Run[] = [];
  for (const run of [...runs].sort((one, other) => one.beganAt - other.beganAt)) {
    going = going.filter((other) => lastedUntil(other, seen) > run.beganAt);
    found.push(...going.map((other) => overlap(other, run, seen)));
    going.push(run);
  }
  return found;
}

function overlap(one: Run, other: Run, seen: Seen): Overlap {
  const [earlier, later] = one.token < other.token ? [one, other] : [other, one];
  return { earlier, later, sessionEnded: sessionEnded(earlier, later, seen) };
}

function lastedUntil({ instance, endedAt, abortedAt }: Run, { lives }: Seen): number {
  const ends = [endedAt, abortedAt, lives.get(instance)?.killedAt ?? null];
  return Math.min(...ends.map((end) => end ?? Number.POSITIVE_INFINITY));
}

function sessionEnded({ instance, job, token }: Run, later: Run, { departures }: Seen): boolean {
  return departures.some(
    (departure) =>
      departure.instance === instance &&
      departure.job === job &&
      departure.zxid > token &&
      departure.zxid < later.token,
  );
}
