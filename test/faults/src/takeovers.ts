import type { Departure, Observations, Run } from './observations.js';

/**
 * How long each item waited for its new owner, milliseconds: from the departure of its owner's node on the server to the
 * first call of user code at another instance. Which call is the first one after the departure is told by the tokens. An
 * item that its former owner runs again, in a new session, was not taken over.
 *
 * Departures that the watching client could not date (it was disconnected) are left out.
 */
export function takeovers({ departures, runs }: Pick<Observations, 'departures' | 'runs'>, job: string): number[] {
  const ofJob = runs.filter((run) => run.job === job);
  return departures
    .filter((departure) => departure.job === job && departure.exact)
    .flatMap((departure) => departure.items.flatMap((item) => waited(departure, item, ofJob)));
}

function waited({ instance, at, zxid }: Departure, item: number, runs: readonly Run[]): number[] {
  const first = runs
    .filter((run) => run.item === item && run.token > zxid)
    .reduce<Run | null>((best, run) => (best === null || run.token < best.token ? run : best), null);
  return first === null || first.instance === instance ? [] : [Math.max(0, first.beganAt - at)];
}

/** The figures told of many durations. */
export interface Distribution {
  readonly count: number;
  /** `null` of nothing. Milliseconds. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** Percentiles by nearest rank. */
export function distribution(durations: readonly number[]): Distribution {
  const ordered = [...durations].sort((one, other) => one - other);
  const rank = (share: number): number | null => ordered[Math.ceil(share * ordered.length) - 1] ?? null;
  return { count: ordered.length, p50: rank(0.5), p99: rank(0.99), max: ordered.at(-1) ?? null };
}
