import { expect } from 'vitest';
import type { Cluster } from './src/cluster.js';
import { accountForCrashes } from './src/crashed-runs.js';
import { accountForFires } from './src/fire-accounts.js';
import type { Instance } from './src/instance.js';
import { countOverlaps, overlaps } from './src/overlaps.js';

/** Two jobs like those of the soak, of fewer items: what several processes on a small machine do easily. */
export const TICKS = { name: 'ticks', items: 6, everySeconds: 1, workMs: 80 } as const;
export const HAULS = { name: 'hauls', items: 3, everySeconds: 2, workMs: 1_200 } as const;

/** Work that a crash meets in mid-run, and whose next fire is so far away that a takeover comes first. */
export const VOYAGES = { name: 'voyages', items: 4, everySeconds: 12, workMs: 2_000, failover: true } as const;

/** Work that ends only when it is aborted. */
export const VIGIL = { name: 'vigil', items: 4, everySeconds: 1, workMs: null } as const;

/** What must hold whatever was broken, for the fires planned in `[from, to]`. */
export function expectNothingForbidden(cluster: Cluster, from: number, to: number): void {
  expect(countOverlaps(overlaps(cluster.observer)).withBothSessionsAlive).toBe(0);
  const { lost, runTwice } = accountForFires(cluster.observer, from, to);
  expect(lost).toEqual([]);
  expect(runTwice).toBe(0);
  const { missing, unfounded } = accountForCrashes(cluster.observer, from, to);
  expect([missing, unfounded]).toEqual([[], []]);
  expect(cluster.crashed.map(({ id }) => id)).toEqual([]);
}

/** How many nodes of this instance have vanished, over all jobs. */
export function departuresOf(cluster: Cluster, { id }: Instance): number {
  return cluster.observer.departures.filter(({ instance }) => instance === id).length;
}

/** Resolves when the session of an instance has ended on the server, for every job. */
export async function departed(cluster: Cluster, { id }: Instance): Promise<void> {
  await cluster.until(() => cluster.observer.hasDeparted(id));
}
