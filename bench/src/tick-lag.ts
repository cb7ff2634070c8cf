import { createEngine, defineJob, type EngineOptions, type JobHandler, systemClock } from '@elasticjob/core';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import { startZooKeeper } from '@elasticjob/test-support';
import { atMost, type Figure, type Question } from './question.js';
import { figure, quantile } from './statistics.js';

/** How many jobs tick at once, on what, and for how many fires. */
interface Load {
  readonly subject: string;
  readonly jobs: number;
  readonly items: number;
}

const WARM_UP_FIRES = 5;
const MEASURED_FIRES = 10;
const BUDGET_MS = 25;

/**
 * How late is a job's handler called? All jobs fire at the same instant of each second, which is the worst case: the last
 * handler waits for all the others. The lag is the wall clock when the handler of an item is called, minus the planned
 * time of its fire, in whole milliseconds; it includes the making of the item's `running` mark.
 */
export const tickLag: Question = {
  name: 'tick-lag',
  asks: 'How late is a handler called when many jobs fire in the same instant?',
  async answer(say) {
    const memory = await measure({ subject: 'memory registry', jobs: 1000, items: 1 }, { registry: 'embedded' }, say);
    const zookeeper = await startZooKeeper({ own: true });
    try {
      const registry = { connectString: zookeeper.connectString, namespace: 'tick-lag' };
      return [memory, await measure({ subject: 'ZooKeeper', jobs: 100, items: 3 }, { registry }, say)];
    } finally {
      await zookeeper.stop();
    }
  },
};

async function measure(load: Load, options: EngineOptions, say: (progress: string) => void): Promise<Figure> {
  const { jobs, items } = load;
  const engine = createEngine(options);
  const fires = new LagOfFires();
  for (let job = 0; job < jobs; job++) {
    const definition = defineJob({ name: `job-${job}`, cron: '* * * * * ?', shardingTotalCount: items });
    await engine.add(definition, fires.handler);
  }
  const subject = `${figure(jobs)} jobs × ${items} ${items === 1 ? 'item' : 'items'} every second, ${load.subject}`;
  say(`${subject}: starting`);
  await engine.start();
  await Promise.all(engine.jobs.map((job) => job.waitFor((status) => status.items.length === items)));
  say(`${subject}: ${WARM_UP_FIRES} fires to warm up, then ${MEASURED_FIRES}`);
  const lags = await fires.measure(WARM_UP_FIRES, MEASURED_FIRES);
  await engine.stop();
  return describe(subject, lags, jobs * items * MEASURED_FIRES);
}

function describe(subject: string, lags: readonly number[], expected: number): Figure {
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => quantile(lags, share)) as [number, number, number];
  const calls = `${figure(lags.length)} of ${figure(expected)} calls`;
  return {
    subject: `tick lag, ${subject}`,
    figures: `p50 ${p50} ms, p99 ${p99} ms, max ${max} ms (${calls})`,
    budget: atMost(p99, BUDGET_MS, `p99 ≤ ${BUDGET_MS} ms`),
  };
}

/** The lags of every call of one handler that all jobs share. */
class LagOfFires {
  #lags: number[] = [];
  #window = { from: Number.POSITIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  #over: Deferred<void> = deferred();

  readonly handler: JobHandler = {
    execute: async ({ scheduledAt }) => {
      const now = systemClock.now();
      if (scheduledAt >= this.#window.to) this.#over.resolve();
      else if (scheduledAt >= this.#window.from) this.#lags.push(now - scheduledAt);
    },
  };

  /** Resolves to the lags of `count` fires after `skipped` others; by the fire after them all their calls have come. */
  async measure(skipped: number, count: number): Promise<readonly number[]> {
    this.#lags = [];
    this.#over = deferred();
    const next = Math.ceil(systemClock.now() / 1000) * 1000;
    const from = next + skipped * 1000;
    this.#window = { from, to: from + count * 1000 };
    await this.#over.promise;
    return this.#lags;
  }
}
