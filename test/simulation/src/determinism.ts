import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { Random } from './random.js';

/**
 * Takes chance out of the kernel while `work` goes on: jitter and uuids are drawn from the seed, so that a history can
 * be repeated. One history at a time in each thread.
 */
export async function repeatable<T>(seed: number, work: () => Promise<T>): Promise<T> {
  const { random } = Math;
  const { randomUUID } = crypto;
  const chance = new Random(seed ^ 0x5eed);
  let uuids = 0;
  Math.random = () => chance.next();
  crypto.randomUUID = () => `00000000-0000-4000-8000-${String(uuids++).padStart(12, '0')}`;
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    Math.random = random;
    crypto.randomUUID = randomUUID;
    syncBuiltinESMExports();
  }
}

/** Lets every promise that can settle without time passing do so: all microtasks, whatever they start. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
