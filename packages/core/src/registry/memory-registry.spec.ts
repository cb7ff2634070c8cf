import { ManualClock } from '../foundation/clock.js';
import { MemoryServer } from './memory-server.js';
import type { Delivery } from './memory-session.js';
import { type RegistryHarness, registryContract } from './registry.contract.js';
import type { Capabilities } from './registry.js';
import { inState } from './registry-harness.contract.js';

/** A server on a manual clock; of what is in flight at a cut, half has been applied. */
async function memoryHarness(
  { atomicCommit, recursiveWatch }: Pick<Capabilities, 'atomicCommit' | 'recursiveWatch'>,
  delivery?: Delivery,
): Promise<RegistryHarness> {
  const clock = new ManualClock('2027-01-01T00:00:00Z');
  const server = new MemoryServer({ clock, delivery });
  return {
    registry: (options) => server.registry({ namespace: 'contract', atomicCommit, recursiveWatch, ...options }),
    async disconnect(registry) {
      server.cut(registry.session.id, 0.5);
    },
    async reconnect(registry) {
      if (registry.session.state === 'connected') await inState(registry, 'suspended');
      server.restore(registry.session.id);
      await inState(registry, 'connected');
    },
    async expire(registry) {
      server.expire(registry.session.id);
    },
    elapse: (ms) => clock.advance(ms),
    close: async () => server.stop(),
  };
}

/** Messages take a random number of turns, as on a network. */
function delaysOf(seed: number): Delivery {
  let state = seed;
  const draw = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * 3);
  };
  return (deliver) => {
    const wait = (turns: number): void => void setImmediate(() => (turns > 0 ? wait(turns - 1) : deliver()));
    wait(draw());
  };
}

const seed = Math.floor(Math.random() * 2 ** 32);

const all = { atomicCommit: true, recursiveWatch: true };
const none = { atomicCommit: false, recursiveWatch: false };

registryContract('memory server that can do all', () => memoryHarness(all));
registryContract('memory server without transactions and recursive watches', () => memoryHarness(none));
registryContract(`memory server with delays of seed ${seed}`, () => memoryHarness(all, delaysOf(seed)));
registryContract(`memory server without either, with delays of seed ${seed}`, () =>
  memoryHarness(none, delaysOf(seed)),
);
