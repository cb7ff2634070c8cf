import type { Clock } from '@elasticjob/core';
import { SessionRegistry } from '@elasticjob/core/driver';
import { type RegistryHarness, registryContract } from '../../../packages/core/src/registry/registry.contract.js';
import { inState } from '../../../packages/core/src/registry/registry-harness.contract.js';
import { type ClientKind, type Host, SimulatedDriver } from './client.js';
import { settled } from './determinism.js';
import { Ensemble } from './ensemble.js';
import { Random } from './random.js';
import { Timeline } from './timeline.js';

type MutableHost = { -readonly [Key in keyof Host]: Host[Key] };

const NAMESPACE = 'contract';
const seed = Math.floor(Math.random() * 2 ** 32);

/** An ensemble in calm weather: messages arrive as fast as the event loop turns, time passes only when told. */
async function calmHarness(kind: ClientKind): Promise<RegistryHarness> {
  const random = new Random(seed);
  const timeline = new Timeline(Date.parse('2027-01-01T00:00:00Z'), random);
  const ensemble = new Ensemble({ timeline, random, tickMs: 500, delay: () => 0 });
  const machines = new Map<object, { host: MutableHost; driver: SimulatedDriver }>();
  const clock = clockOf(timeline);
  let closed = false;

  /** Lets happen what is due, up to `limit`. */
  const goOn = async (limit: number): Promise<void> => {
    for (let next = timeline.next(limit); next !== null; next = timeline.next(limit)) {
      next.run();
      await settled();
    }
  };
  const pump = async (): Promise<void> => {
    while (!closed) {
      await goOn(timeline.now);
      await settled();
    }
  };
  const pumping = pump();
  const machineOf = (registry: object): { host: MutableHost; driver: SimulatedDriver } => {
    const machine = machines.get(registry);
    if (machine === undefined) throw new Error('a registry of another harness');
    return machine;
  };
  /** Messages take no time, so that the pump does the rest. */
  const elapse = async (ms: number): Promise<void> => {
    await settled();
    await goOn(timeline.now + ms);
    await settled();
  };
  return {
    registry(options) {
      const host = { paused: false, gone: false, networkCut: false };
      const { sessionTimeoutMilliseconds: sessionTimeoutMs = 60_000 } = options ?? {};
      const world = { timeline, random, ensemble, delay: () => 0, pause: () => 0 };
      const driver = new SimulatedDriver({ ...world, host, kind, sessionTimeoutMs });
      const registry = new SessionRegistry({ namespace: NAMESPACE, clock, ...options, driver, describe: 'simulated' });
      machines.set(registry, { host, driver });
      return registry;
    },
    async disconnect(registry) {
      const { host, driver } = machineOf(registry);
      host.networkCut = true;
      driver.disconnect(false);
    },
    async reconnect(registry) {
      machineOf(registry).host.networkCut = false;
      if (registry.session.state === 'connected') await inState(registry, 'suspended');
      while (registry.session.state !== 'connected') await elapse(100);
    },
    async expire(registry) {
      ensemble.leader.close(registry.session.id);
      await elapse(10);
    },
    elapse,
    async close() {
      closed = true;
      await pumping;
    },
  };
}

function clockOf(timeline: Timeline): Clock {
  const start = timeline.now;
  return {
    now: () => Math.floor(timeline.now),
    monotonic: () => timeline.now - start,
    setTimer(ms, callback) {
      const happening = timeline.after(Math.ceil(ms), { paused: false, gone: false }, callback);
      return {
        cancel: () => {
          happening.cancelled = true;
        },
      };
    },
  };
}

registryContract(`simulated ensemble, native client, seed ${seed}`, () => calmHarness('native'));
registryContract(`simulated ensemble, wire client, seed ${seed}`, () => calmHarness('wire'));
