import {
  type CoordinationTrace,
  createEngine,
  defineJob,
  type Engine,
  systemClock,
  type TraceEvent,
  type TraceSink,
} from '@elasticjob/core';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import { startZooKeeper, type ZooKeeper } from '@elasticjob/test-support';
import { atMost, type Figure, type KernelClient, type Question } from './question.js';
import { LoadMeter } from './server-load.js';
import { figure, median } from './statistics.js';

const INSTANCES = 10;
const ROUNDS = 3;
const BUDGET_MS = 1000;

/**
 * How soon are the items of an instance that goes owned by the others? Ten instances of one job, each with a session of
 * its own; one goes, and the time runs until the remaining nine together own all items, each knowing it for certain. Two
 * ways to go: a member *leaves* (`engine.stop()`; it runs from the moment the leaving is announced), or the leader
 * *vanishes* (its session ends; it runs from the call that ends it, as after a crash once the server has noticed).
 *
 * All ten instances share one event loop and one processor core, so that what ten machines do side by side is done here
 * one after the other: the figures are upper bounds for the kernel's part of it.
 */
export const reOwn: Question = {
  name: 're-own',
  asks: 'How soon are the items of an instance that goes owned by the others?',
  async answer(say, { clients }) {
    const zookeeper = await startZooKeeper({ own: true, tickTime: 2000, durable: true });
    try {
      const figures: Figure[] = [];
      for (const client of clients) {
        for (const items of [100, 1000]) figures.push(...(await measure(zookeeper, client, items, say)));
      }
      return figures;
    } finally {
      await zookeeper.stop();
    }
  },
};

async function measure(
  zookeeper: ZooKeeper,
  client: KernelClient,
  items: number,
  say: (progress: string) => void,
): Promise<Figure[]> {
  const cluster = new Cluster(zookeeper, client, items);
  say(`${client}, ${figure(items)} items: starting ${INSTANCES} instances`);
  for (let number = 1; number <= INSTANCES; number++) await cluster.start(number);
  const ways: readonly Way[] = [
    { subject: 'a member leaves', leads: false, go: (engine) => engine.stop() },
    { subject: 'the leader vanishes', leads: true, go: (engine) => engine.registry.stop() },
  ];
  const figures: Figure[] = [];
  for (const way of ways) {
    say(`${client}, ${figure(items)} items: ${way.subject}, ${ROUNDS} times`);
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await cluster.lose(way));
    figures.push(
      describe(`re-own ${figure(items)} items over ${INSTANCES} instances, ${way.subject}, ${client}`, rounds),
    );
  }
  await cluster.stop();
  return figures;
}

function describe(subject: string, rounds: readonly Round[]): Figure {
  const times = rounds.map(({ ms }) => ms);
  const requests = median(rounds.map(({ packets }) => packets));
  const slowest = Math.max(...times);
  return {
    subject,
    figures: `${figure(median(times))} ms (slowest of ${rounds.length} ${figure(slowest)} ms), ${figure(requests)} requests`,
    budget: atMost(slowest, BUDGET_MS, `≤ ${figure(BUDGET_MS)} ms`),
  };
}

/** How an instance goes. */
interface Way {
  readonly subject: string;
  /** Whether it is the leader that goes. */
  readonly leads: boolean;
  go(engine: Engine): Promise<void>;
}

/** What it took until the others had its items. */
interface Round {
  readonly ms: number;
  /** Requests of all instances to the server until the one that went was gone. */
  readonly packets: number;
}

/** Instances of one job, and who owns how many of its items. */
class Cluster implements TraceSink {
  readonly #engines = new Map<number, Engine>();
  /** Items owned, by instance. */
  readonly #owned = new Map<string, number>();
  #settled: { readonly instances: number; readonly all: Deferred<number> } | null = null;
  /** When an instance last said that it leaves. */
  #announced: number | null = null;

  constructor(
    private readonly zookeeper: ZooKeeper,
    private readonly client: KernelClient,
    private readonly items: number,
  ) {}

  /** Starts an instance; resolves when the items are spread over it too. */
  async start(number: number): Promise<void> {
    const { client, items } = this;
    const { connectString } = this.zookeeper;
    const namespace = `re-own-${client}-${items}`;
    const registry = { connectString, client, namespace, sessionTimeoutMilliseconds: 40_000 };
    const engine = createEngine({ registry, instanceId: `10.0.0.${number}@-@${number}`, traceSinks: [this] });
    const definition = defineJob({ name: 'job', cron: '0 0 0 1 1 ?', shardingTotalCount: items });
    await engine.add(definition, { execute: async () => undefined });
    this.#engines.set(number, engine);
    const spread = this.#spread(this.#engines.size);
    await engine.start();
    await spread;
  }

  /** Lets one instance go and another come in its place. */
  async lose(way: Way): Promise<Round> {
    const [number, engine] = this.#pick(way);
    const meter = await LoadMeter.of(this.zookeeper);
    this.#engines.delete(number);
    this.#owned.delete(engine.identity.instanceId);
    this.#announced = null;
    const spread = this.#spread(this.#engines.size);
    const called = systemClock.monotonic();
    const going = way.go(engine);
    const owned = await spread;
    const from = this.#announced ?? called;
    await going;
    const { packets } = await meter.load();
    await engine.stop();
    await this.start(number);
    return { ms: owned - from, packets };
  }

  async stop(): Promise<void> {
    for (const engine of this.#engines.values()) await engine.registry.stop();
    await Promise.all([...this.#engines.values()].map((engine) => engine.stop()));
  }

  emit(event: TraceEvent): void {
    if (event.kind !== 'coordination') return;
    if (event.event === 'draining') this.#announced ??= systemClock.monotonic();
    if (event.event === 'assigned') this.#assigned(event);
  }

  #assigned({ instanceId, details: { items } }: CoordinationTrace): void {
    if (this.#settled === null || !Array.isArray(items)) return;
    if (![...this.#engines.values()].some(({ identity }) => identity.instanceId === instanceId)) return;
    this.#owned.set(instanceId, items.length);
    const counts = [...this.#owned.values()].filter((count) => count > 0);
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total === this.items && counts.length === this.#settled.instances) {
      this.#settled.all.resolve(systemClock.monotonic());
    }
  }

  /** Resolves to when `instances` of them own all items together. */
  #spread(instances: number): Promise<number> {
    this.#settled = { instances, all: deferred<number>() };
    return this.#settled.all.promise;
  }

  #pick(way: Way): [number, Engine] {
    const found = [...this.#engines].find(([, engine]) => engine.job('job').status().isLeader === way.leads);
    if (found === undefined) throw new Error(`no instance to choose for '${way.subject}'`);
    return found;
  }
}
