import { createEngine, defineJob, type Engine, type JobOptions, systemClock, type TraceSink } from '@elasticjob/core';
import { startZooKeeper, type ZooKeeper } from '@elasticjob/test-support';
import { FireCounter } from './fire-counter.js';
import { atMost, type Figure, type KernelClient, type Question } from './question.js';
import { LoadMeter, PING_BYTES, type ServerLoad, watchCount } from './server-load.js';
import { amount, figure } from './statistics.js';

const ITEMS = 3;
const BUSY_JOBS = 10;
const IDLE_JOBS = 100;
const FIRES = 5;
const IDLE_SECONDS = 20;
/** With `tickTime` 2000 the longest session the server grants; a client that sends more often than every 13 s never pings. */
const SESSION_MS = 40_000;
/** Our own client needs one watch, on the whole tree of the job. The server counts it as two: of values, and of children. */
const WATCHES_BUDGET = 2;
const NEVER = '0 0 0 1 1 ?';

/**
 * What does a job cost the ZooKeeper server? Counted by the server, see {@link LoadMeter}.
 *
 * Asked for each client library under the kernel: `wire`, our own, and `native`, the npm package `zookeeper`. The budgets
 * are those of our own; the other can do without neither reads nor more watches.
 *
 * - **Per item and run**: the counters are read between two fires, and again some fires later when every mark is gone.
 *   No ping falls in between, because the session sends something every second.
 * - **Idle**: 20 s are measured and told per minute. Every packet has to weigh exactly what a ping weighs; a single
 *   other request would weigh more.
 * - **Watches**: of one instance that owns all items of its jobs, the most it can have of its own.
 */
export const zookeeperCost: Question = {
  name: 'zookeeper-cost',
  asks: 'How many ZooKeeper requests does a job cost, running and idle, and how many watches?',
  async answer(say, { clients }) {
    const zookeeper = await startZooKeeper({ own: true, tickTime: 2000 });
    try {
      const figures: Figure[] = [];
      for (const client of clients) {
        const ofClient = (progress: string): void => say(`${client}: ${progress}`);
        figures.push(...(await costOfRunning(zookeeper, client, ofClient)));
        figures.push(...(await costOfBeingThere(zookeeper, client, ofClient)));
      }
      return figures;
    } finally {
      await zookeeper.stop();
    }
  },
};

interface Variant {
  readonly subject: string;
  readonly namespace: string;
  readonly options: Partial<JobOptions>;
  readonly digest?: string;
  /** Requests that a run of an item may take with our own client. */
  readonly budget: { readonly writes: number; readonly reads: number };
}

const MARKED = { writes: 2, reads: 0 };
const FREE = { writes: 0, reads: 0 };
const VARIANTS: readonly Variant[] = [
  { subject: 'per item and run', namespace: 'marked', options: {}, budget: MARKED },
  { subject: 'per item and run, digest', namespace: 'guarded', options: {}, digest: 'bench:secret', budget: MARKED },
  {
    subject: 'per item and run, monitorExecution off',
    namespace: 'free',
    options: { monitorExecution: false },
    budget: FREE,
  },
];

type Say = (progress: string) => void;

async function costOfRunning(zookeeper: ZooKeeper, client: KernelClient, say: Say): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const variant of VARIANTS) {
    say(`${variant.subject}: ${FIRES} fires of ${BUSY_JOBS} jobs × ${ITEMS} items`);
    figures.push(await costPerRun(zookeeper, client, variant));
  }
  return figures;
}

async function costPerRun(zookeeper: ZooKeeper, client: KernelClient, variant: Variant): Promise<Figure> {
  const fires = new FireCounter();
  const engine = engineOn(zookeeper, client, variant, fires);
  await addJobs(engine, BUSY_JOBS, '* * * * * ?', variant.options);
  await engine.start();
  await owned(engine);
  await fires.finished(2 * BUSY_JOBS);
  const meter = await LoadMeter.of(zookeeper);
  await fires.finished(FIRES * BUSY_JOBS);
  const load = await meter.load();
  await engine.stop();
  const runs = FIRES * BUSY_JOBS * ITEMS;
  const notified = amount(load.notifications / runs, 'notification');
  return {
    subject: `ZooKeeper ${variant.subject}, ${client}`,
    figures: `${perUnit(load, runs)}; ${notified}`,
    ...(client === 'wire' ? { budget: withinRequests(load, runs, variant.budget) } : {}),
  };
}

function withinRequests({ writes, reads }: ServerLoad, runs: number, budget: Variant['budget']): Figure['budget'] {
  const promise = `≤ ${budget.writes} writes, ${budget.reads} reads`;
  return { promise, met: writes <= budget.writes * runs && reads <= budget.reads * runs };
}

/** Start-up, watches and idleness of many jobs that never fire, on one instance. */
async function costOfBeingThere(zookeeper: ZooKeeper, client: KernelClient, say: Say): Promise<Figure[]> {
  const engine = engineOn(zookeeper, client, { namespace: 'idle' }, { emit: () => undefined });
  await engine.start();
  const [watches, meter] = [await watchCount(zookeeper), await LoadMeter.of(zookeeper)];
  await addJobs(engine, IDLE_JOBS, NEVER, {});
  await owned(engine);
  const startUp = await meter.load();
  const watchesPerJob = ((await watchCount(zookeeper)) - watches) / IDLE_JOBS;
  say(`idle: ${IDLE_SECONDS} s of ${IDLE_JOBS} jobs that do not fire`);
  const idle = await whileIdle(zookeeper);
  const leaving = await LoadMeter.of(zookeeper);
  await Promise.all(engine.jobs.map(({ jobName }) => engine.remove(jobName)));
  const left = await leaving.load();
  await engine.stop();
  return [
    idleFigure(idle, client),
    {
      subject: `ZooKeeper watches per job of ${ITEMS} items, all owned here, ${client}`,
      figures: figure(watchesPerJob),
      ...(client === 'wire' ? { budget: atMost(watchesPerJob, WATCHES_BUDGET, '≤ 1 of a tree (2)') } : {}),
    },
    { subject: `ZooKeeper start-up of a new job of ${ITEMS} items, ${client}`, figures: perUnit(startUp, IDLE_JOBS) },
    { subject: `ZooKeeper leaving a job, last instance, ${client}`, figures: perUnit(left, IDLE_JOBS) },
  ];
}

async function whileIdle(zookeeper: ZooKeeper): Promise<ServerLoad> {
  const meter = await LoadMeter.of(zookeeper);
  await new Promise<void>((resolve) => systemClock.setTimer(IDLE_SECONDS * 1000, resolve));
  return meter.load();
}

function idleFigure({ packets, bytes, writes }: ServerLoad, client: KernelClient): Figure {
  const onlyPings = bytes === packets * PING_BYTES && writes === 0;
  const perMinute = figure((packets * 60) / IDLE_SECONDS);
  const what = onlyPings ? '0 requests' : `other requests than pings (${bytes} bytes, ${writes} writes)`;
  return {
    subject: `ZooKeeper per idle minute, ${IDLE_JOBS} jobs on one session, ${client}`,
    figures: `${what}, ${perMinute} packets in all (${packets} in ${IDLE_SECONDS} s, session of ${SESSION_MS / 1000} s)`,
    budget: atMost(onlyPings ? 0 : 1, 0, 'no request but pings'),
  };
}

function perUnit({ packets, reads, writes }: ServerLoad, units: number): string {
  const parts = [amount(writes / units, 'write'), amount(reads / units, 'read')];
  return `${amount(packets / units, 'request')}: ${parts.join(', ')}`;
}

function engineOn(
  { connectString }: ZooKeeper,
  client: KernelClient,
  at: { namespace: string; digest?: string },
  sink: TraceSink,
): Engine {
  const namespace = `${client}-${at.namespace}`;
  const credentials = at.digest === undefined ? {} : { digest: at.digest };
  const registry = { connectString, client, namespace, sessionTimeoutMilliseconds: SESSION_MS, ...credentials };
  return createEngine({ registry, traceSinks: [sink] });
}

async function addJobs(engine: Engine, count: number, cron: string, options: Partial<JobOptions>): Promise<void> {
  const add = (_: unknown, index: number) =>
    engine.add(defineJob({ name: `job-${index}`, cron, shardingTotalCount: ITEMS, ...options }), {
      execute: async () => undefined,
    });
  await Promise.all(Array.from({ length: count }, add));
}

async function owned(engine: Engine): Promise<void> {
  await Promise.all(engine.jobs.map((job) => job.waitFor((status) => status.items.length === ITEMS)));
}
