import { createEngine, defineJob, type EngineOptions, type JobHandler, systemClock } from '@elasticjob/core';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import { startZooKeeper } from '@elasticjob/test-support';
import { atMost, type Figure, type Question } from './question.js';
import { figure, median, quantile } from './statistics.js';

/** How many jobs tick at once, on what, and for how many fires. */
interface Load {
  readonly where: string;
  readonly jobs: number;
  readonly items: number;
  /** Whether the budget was given for this load; others are told for comparison. */
  readonly bound: boolean;
}

const LOADS = {
  memory: { where: 'memory registry', jobs: 1000, items: 1, bound: true },
  half: { where: 'memory registry', jobs: 500, items: 1, bound: false },
  zookeeper: { where: 'ZooKeeper', jobs: 100, items: 3, bound: true },
} as const;

const WARM_UP_FIRES = 5;
const MEASURED_FIRES = 10;
const BUDGET_MS = 25;

/**
 * How late is a job's handler called? All jobs fire at the same instant of each second, which is the worst case: the last
 * handler waits for all the others. The lag is the wall clock when the handler of an item is called, minus the planned
 * time of its fire, in whole milliseconds; it includes the making of the item's `running` mark.
 *
 * One busy moment of the machine spoils p99 and max of all fires, so two figures are added that bear it: the lag of the
 * last call in the median fire, and the processor time that this process takes per fire, whoever else is waiting.
 */
export const tickLag: Question = {
  name: 'tick-lag',
  asks: 'How late is a handler called when many jobs fire in the same instant?',
  async answer(say, { clients }) {
    const full = await measure(LOADS.memory, { registry: 'embedded' }, say);
    const half = await measure(LOADS.half, { registry: 'embedded' }, say);
    const zookeeper = await startZooKeeper({ own: true, durable: true });
    try {
      const { connectString } = zookeeper;
      const figures = [full, half];
      for (const client of clients) {
        const registry = { connectString, client, namespace: `tick-lag-${client}` };
        const load = { ...LOADS.zookeeper, where: `ZooKeeper, ${client}` };
        figures.push(await measure(load, { registry }, say));
      }
      return figures;
    } finally {
      await zookeeper.stop();
    }
  },
};

async function measure(load: Load, options: EngineOptions, say: (progress: string) => void): Promise<Figure> {
  const { jobs, items, where } = load;
  const engine = createEngine(options);
  const fires = new LagOfFires();
  for (let job = 0; job < jobs; job++) {
    const definition = defineJob({ name: `job-${job}`, cron: '* * * * * ?', shardingTotalCount: items });
    await engine.add(definition, fires.handler);
  }
  const subject = `${figure(jobs)} jobs × ${items} ${items === 1 ? 'item' : 'items'} every second, ${where}`;
  say(`${subject}: starting`);
  await engine.start();
  await Promise.all(engine.jobs.map((job) => job.waitFor((status) => status.items.length === items)));
  say(`${subject}: ${WARM_UP_FIRES} fires to warm up, then ${MEASURED_FIRES}`);
  const measured = await fires.measure(WARM_UP_FIRES, MEASURED_FIRES);
  await engine.stop();
  return describe(subject, load, measured);
}

function describe(subject: string, { jobs, items, bound }: Load, { lagsByFire, cpuMs }: Measured): Figure {
  const lags = lagsByFire.flat();
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => quantile(lags, share)) as [number, number, number];
  const last = median(lagsByFire.map((fire) => Math.max(...fire)));
  const calls = `${figure(lags.length)} of ${figure(jobs * items * MEASURED_FIRES)} calls`;
  const perFire = `median fire: last after ${last} ms, ${figure(cpuMs / MEASURED_FIRES)} ms of processor`;
  return {
    subject: `tick lag, ${subject}`,
    figures: `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms (${calls}; ${perFire})`,
    ...(bound ? { budget: atMost(p99, BUDGET_MS, `p99 ≤ ${BUDGET_MS} ms`) } : {}),
  };
}

interface Measured {
  readonly lagsByFire: readonly (readonly number[])[];
  /** Processor time of this process over all measured fires, milliseconds. */
  readonly cpuMs: number;
}

/** The lags of every call of one handler that all jobs share. */
class LagOfFires {
  readonly #lags = new Map<number, number[]>();
  #window = { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  #cpu: NodeJS.CpuUsage | undefined;
  readonly #over: Deferred<NodeJS.CpuUsage> = deferred();

  readonly handler: JobHandler = {
    execute: async ({ scheduledAt }) => {
      if (scheduledAt < this.#window.from) return;
      const lag = systemClock.now() - scheduledAt;
      this.#cpu ??= process.cpuUsage();
      if (scheduledAt >= this.#window.to) this.#over.resolve(process.cpuUsage(this.#cpu));
      else this.#note(scheduledAt, lag);
    },
  };

  /** Measures `count` fires after `skipped` others; by the fire after them all their calls have come. */
  async measure(skipped: number, count: number): Promise<Measured> {
    const next = Math.ceil(systemClock.now() / 1000) * 1000;
    const from = next + skipped * 1000;
    this.#window = { from, to: from + count * 1000 };
    const { user, system } = await this.#over.promise;
    return { lagsByFire: [...this.#lags.values()], cpuMs: (user + system) / 1000 };
  }

  #note(fire: number, lag: number): void {
    const lags = this.#lags.get(fire);
    if (lags === undefined) this.#lags.set(fire, [lag]);
    else lags.push(lag);
  }
}
