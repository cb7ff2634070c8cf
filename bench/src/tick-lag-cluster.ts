import { systemClock, type Timer } from '@elasticjob/core';
import { deferred } from '@elasticjob/core/testing';
import { startZooKeeper, type ZooKeeper } from '@elasticjob/test-support';
import { ZooKeeper as ZooKeeperClient } from '@elasticjob/zookeeper-client';
import type { Figure, KernelClient, Question } from './question.js';
import { figure, median, quantile } from './statistics.js';
import type { Call, TickLagOrder, TickLagSetup, TickLagTold } from './tick-lag-worker.js';
import { WorkerProcess } from './worker-process.js';

const PROCESSES = 3;
/** How long nobody's items have to stay as they are before they count as spread. */
const QUIET_MS = 3000;
const WARM_UP_FIRES = 15;
/** Nodes that are made and removed again before anything is measured, as a server in service has long done. */
const WARM_UP_NODES = 30_000;
const FIRES = 20;
const LOADS = [
  { jobs: 10, budgetMs: 15 },
  { jobs: 100, budgetMs: 40 },
  { jobs: 1000, budgetMs: 200 },
] as const;

/** Measured elsewhere, with the same 10, 100 and 1,000 jobs each second on a machine of two cores. */
const REFERENCES: readonly Figure[] = [
  { subject: 'for comparison, BullMQ 6, three workers', figures: 'p99 112, 205, 494 ms' },
  { subject: 'for comparison, @nestjs/schedule, one process, no cluster', figures: 'p99 12, 36, 178 ms' },
].map(({ subject, figures }) => ({
  subject,
  figures: `${figures} with 10, 100, 1,000 jobs (measured on another machine of two cores)`,
}));

/**
 * How late is a handler called in a cluster? Three processes share jobs of one item each, which all fire at the same
 * instant of every second; each call waits for its `running` mark, on a server that writes to the disk before it answers.
 * The lag is the wall clock when the handler is called, minus the planned time of its fire.
 *
 * A JVM of a few seconds interprets much of its code, and so does a process that has hardly run a job: the server is given
 * work first, and some fires go unmeasured.
 *
 * All calls of all processes are put together, so that it is seen whether each fire of each job was run by exactly one.
 * Server and processes share the cores of one machine.
 */
export const tickLagCluster: Question = {
  name: 'tick-lag-cluster',
  asks: 'How late is a handler called when three processes share the jobs, and is each fire run exactly once?',
  async answer(say, { clients }) {
    const zookeeper = await startZooKeeper({ own: true, tickTime: 2000, durable: true });
    try {
      const figures: Figure[] = [];
      say(`warming up the server with ${figure(WARM_UP_NODES)} nodes`);
      await warmUp(zookeeper);
      for (const client of clients) {
        for (const load of LOADS) figures.push(await measure(zookeeper, client, load, say));
      }
      return [...figures, ...REFERENCES];
    } finally {
      await zookeeper.stop();
    }
  },
};

async function warmUp({ connectString }: ZooKeeper): Promise<void> {
  const client = new ZooKeeperClient({ connectString });
  await client.connect();
  await client.create('/warm-up');
  for (let made = 0; made < WARM_UP_NODES; made += 1000) {
    const paths = Array.from({ length: 1000 }, (_, index) => `/warm-up/${index}`);
    await Promise.all(paths.map((path) => client.create(path, '', { mode: 'ephemeral' })));
    await Promise.all(paths.map((path) => client.remove(path)));
  }
  await client.close();
}

async function measure(
  { connectString }: ZooKeeper,
  client: KernelClient,
  { jobs, budgetMs }: (typeof LOADS)[number],
  say: (progress: string) => void,
): Promise<Figure> {
  const subject = `${figure(jobs)} jobs × 1 item every second, ${PROCESSES} processes, ${client}`;
  const namespace = `tick-lag-${client}-${jobs}`;
  const registry = { connectString, client, namespace, sessionTimeoutMilliseconds: 40_000 };
  say(`${subject}: starting`);
  const cluster = new Cluster(jobs, (number) => ({ registry, instanceId: `10.0.0.${number}@-@${number}`, jobs }));
  try {
    await cluster.spread();
    say(`${subject}: ${WARM_UP_FIRES} fires to warm up, then ${FIRES}`);
    return describe(subject, jobs, budgetMs, await cluster.measure(WARM_UP_FIRES, FIRES));
  } finally {
    await cluster.end();
  }
}

type Calls = Extract<TickLagTold, { kind: 'calls' }>;

function describe(subject: string, jobs: number, budgetMs: number, told: readonly Calls[]): Figure {
  const calls = told.flatMap((one) => one.calls);
  const lags = calls.map(([, , lag]) => lag);
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => quantile(lags, share)) as [number, number, number];
  const { missed, twice } = outcomes(calls, jobs * FIRES);
  const skipped = told.reduce((sum, one) => sum + one.skipped, 0);
  const runs = `${figure(jobs * FIRES)} fires: ${missed} missed, ${twice} run twice, ${skipped} skips`;
  const shares = told.map((one) => figure(one.calls.length / FIRES)).join(' + ');
  const processor = told.map((one) => figure(one.processorMs / FIRES)).join(' + ');
  const promise = `p99 ≤ ${budgetMs} ms, each fire once`;
  return {
    subject: `tick lag, ${subject}`,
    figures:
      `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms (${runs}; ` +
      `last call of a fire: median ${figure(median(lastCalls(calls)))} ms; per fire ${shares} jobs and ${processor} ms of processor)`,
    budget: { promise, met: p99 <= budgetMs && missed === 0 && twice === 0 },
  };
}

/** For each fire the lag of its last call: what a single slow fire does to the quantiles of all calls is told apart. */
function lastCalls(calls: readonly Call[]): number[] {
  const last = new Map<number, number>();
  for (const [, scheduledAt, lag] of calls) last.set(scheduledAt, Math.max(lag, last.get(scheduledAt) ?? 0));
  return [...last.values()];
}

function outcomes(calls: readonly Call[], expected: number): { missed: number; twice: number } {
  const distinct = new Set(calls.map(([job, scheduledAt]) => `${job} ${scheduledAt}`)).size;
  return { missed: expected - distinct, twice: calls.length - distinct };
}

/** The processes, and what they last said about who owns what. */
class Cluster {
  readonly #processes: readonly WorkerProcess<TickLagOrder, TickLagTold>[];
  readonly #items = new Map<number, number>();
  readonly #calls = new Map<number, Calls>();
  #quiet: Timer | null = null;
  readonly #spread = deferred();
  readonly #measured = deferred();

  constructor(
    private readonly jobs: number,
    setup: (number: number) => TickLagSetup,
  ) {
    const numbers = Array.from({ length: PROCESSES }, (_, index) => index + 1);
    this.#processes = numbers.map(
      (number) => new WorkerProcess('./tick-lag-worker.js', setup(number), (told) => this.#hear(number, told)),
    );
  }

  /** Resolves when every process owns items, together they own all, and no more is moved. */
  spread(): Promise<void> {
    return this.#unlessFailed(this.#spread.promise);
  }

  async measure(skipped: number, count: number): Promise<readonly Calls[]> {
    const from = Math.ceil(systemClock.now() / 1000) * 1000 + skipped * 1000;
    for (const one of this.#processes) one.order({ from, to: from + count * 1000 });
    await this.#unlessFailed(this.#measured.promise);
    return [...this.#calls.values()];
  }

  async end(): Promise<void> {
    await Promise.all(this.#processes.map((one) => one.kill()));
  }

  #hear(number: number, told: TickLagTold): void {
    if (told.kind === 'calls') {
      this.#calls.set(number, told);
      if (this.#calls.size === PROCESSES) this.#measured.resolve();
    } else {
      this.#items.set(number, told.items);
      this.#awaitQuiet();
    }
  }

  #awaitQuiet(): void {
    this.#quiet?.cancel();
    const counts = [...this.#items.values()].filter((items) => items > 0);
    const owned = counts.reduce((sum, items) => sum + items, 0);
    if (counts.length < PROCESSES || owned !== this.jobs) return;
    this.#quiet = systemClock.setTimer(QUIET_MS, () => this.#spread.resolve());
  }

  #unlessFailed(work: Promise<void>): Promise<void> {
    return Promise.race([work, ...this.#processes.map(({ failed }) => failed)]);
  }
}
