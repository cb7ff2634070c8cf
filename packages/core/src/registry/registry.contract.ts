import { describe } from 'vitest';
import { benchOf, type RegistryHarness } from './registry-harness.contract.js';
import { nodesContract } from './registry-nodes.contract.js';
import { sessionContract } from './registry-session.contract.js';
import { watchContract } from './registry-watch.contract.js';

export type { RegistryHarness } from './registry-harness.contract.js';

/**
 * The cases that every {@link Registry} passes, whatever its driver and server. `createHarness` is called for each case.
 * What depends on a capability is asserted to be as the capability says.
 */
export function registryContract(name: string, createHarness: () => Promise<RegistryHarness>): void {
  describe(`registry contract: ${name}`, () => {
    const bench = benchOf(createHarness);
    nodesContract(bench);
    sessionContract(bench);
    watchContract(bench);
  });
}
