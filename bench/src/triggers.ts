import { createEngine, type Engine, silentLogger, systemClock } from '@elasticjob/core';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import { type ZooKeeper as Server, startZooKeeper } from '@elasticjob/test-support';
import { atLeast, atMost, type Figure, type KernelClient, type Question } from './question.js';
import { figure, quantile } from './statistics.js';
import type { TriggersSetup, TriggersTold } from './triggers-worker.js';
import { WorkerProcess } from './worker-process.js';

const PROCESSES = 3;
const ITEMS = 300;
const ALONE = 300;
const STEADY = { perSecond: 200, seconds: 30 } as const;
const BURST = 5000;
const BUDGET = { latencyMs: 50, runsPerSecond: 1000 } as const;

/** How long nothing may be called any more until what was not called counts as lost, milliseconds. */
const PATIENCE_MS = 20_000;

/**
 * How soon does a trigger reach user code? Three processes share a job of 300 items without cron; the bench asks for runs
 * of one item each through operations of its own. The time runs from the call of `commands.trigger`, which makes three
 * requests, to the handler's call in another process.
 *
 * - **Alone**: each trigger when the former was called.
 * - **Steady**: 200 a second for half a minute; none may be lost.
 * - **Burst**: 5,000 asked for at once, item after item; from the first call of `commands.trigger` to the last call of a
 *   handler.
 */
export const triggers: Question = {
  name: 'triggers',
  asks: 'How soon does a trigger reach user code, and how many of them does a job take?',
  async answer(say, { clients }) {
    const zookeeper = await startZooKeeper({ own: true, tickTime: 500, durable: true });
    try {
      const figures: Figure[] = [];
      for (const client of clients) figures.push(...(await measure(zookeeper, client, say)));
      return figures;
    } finally {
      await zookeeper.stop();
    }
  },
};

async function measure(
  { connectString }: Server,
  client: KernelClient,
  say: (progress: string) => void,
): Promise<Figure[]> {
  const registry = { connectString, client, namespace: `triggers-${client}`, sessionTimeoutMilliseconds: 10_000 };
  const asker = createEngine({ registry, logger: silentLogger });
  const cluster = new Cluster(asker);
  say(`triggers, ${client}: starting ${PROCESSES} processes`);
  try {
    await asker.start();
    await cluster.start((number) => ({ registry, instanceId: `10.0.0.${number}@-@${number}-0`, items: ITEMS }));
    say(`triggers, ${client}: ${ALONE} one after the other`);
    const alone: number[] = [];
    for (let count = 0; count < ALONE; count++) alone.push(...(await cluster.trigger(1)).latencies);
    say(`triggers, ${client}: ${STEADY.perSecond} a second for ${STEADY.seconds} s`);
    const steady = await cluster.trigger(STEADY.perSecond * STEADY.seconds, 1000 / STEADY.perSecond);
    say(`triggers, ${client}: ${BURST} at once`);
    const burst = await cluster.trigger(BURST);
    return [describeAlone(client, alone), describeSteady(client, steady), describeBurst(client, burst)];
  } finally {
    await cluster.end();
    await asker.stop();
  }
}

function text(values: readonly number[]): string {
  return `p50 ${quantile(values, 0.5)} ms, p99 ${quantile(values, 0.99)} ms, max ${quantile(values, 1)} ms`;
}

function describeAlone(client: KernelClient, latencies: readonly number[]): Figure {
  return {
    subject: `trigger to user code, ${PROCESSES} processes, one after the other, ${client}`,
    figures: `${text(latencies)} (${latencies.length} triggers)`,
    budget: atMost(quantile(latencies, 0.99), BUDGET.latencyMs, `p99 ≤ ${BUDGET.latencyMs} ms`),
  };
}

function describeSteady(client: KernelClient, { latencies, asked, repeated }: Answer): Figure {
  const lost = asked - latencies.length;
  return {
    subject: `${STEADY.perSecond} triggers/s for ${STEADY.seconds} s, ${PROCESSES} processes, ${client}`,
    figures: `${text(latencies)}; ${lost} lost, ${repeated} run twice`,
    budget: atMost(lost + repeated, 0, 'none lost, none twice'),
  };
}

function describeBurst(client: KernelClient, { latencies, asked, repeated, tookMs }: Answer): Figure {
  const perSecond = latencies.length / (tookMs / 1000);
  const lost = asked - latencies.length;
  return {
    subject: `burst of ${figure(asked)} triggers of one item each, ${PROCESSES} processes, ${client}`,
    figures: `${figure(perSecond)} runs/s, the last after ${figure(tookMs)} ms; ${lost} lost, ${repeated} run twice`,
    budget: atLeast(perSecond, BUDGET.runsPerSecond, `≥ ${figure(BUDGET.runsPerSecond)} runs/s`),
  };
}

/** What came of some triggers. */
interface Answer {
  readonly asked: number;
  /** From asking to the handler, milliseconds, of each that was run. */
  readonly latencies: readonly number[];
  readonly repeated: number;
  /** From the first that was asked for to the last handler. */
  readonly tookMs: number;
}

class Cluster {
  readonly #processes: WorkerProcess<never, TriggersTold>[] = [];
  readonly #shares = new Map<string, number>();
  readonly #calledAt = new Map<string, number[]>();
  readonly #shared: Deferred<void> = deferred();
  #wanted: { readonly count: number; readonly reached: Deferred<void> } = { count: 0, reached: deferred() };
  #next = 0;

  constructor(private readonly asker: Engine) {}

  /** Resolves when all processes have their share. */
  async start(setup: (number: number) => TriggersSetup): Promise<void> {
    for (let number = 1; number <= PROCESSES; number++) {
      const { instanceId } = setup(number);
      this.#processes.push(
        new WorkerProcess<never, TriggersTold>('./triggers-worker.js', setup(number), (told) =>
          this.#hear(instanceId, told),
        ),
      );
    }
    await this.#unlessFailed(this.#shared.promise);
  }

  /** Asks for `count` runs, one every `everyMs`, and waits for them. */
  async trigger(count: number, everyMs = 0): Promise<Answer> {
    this.#calledAt.clear();
    const begin = systemClock.now();
    const asks: Promise<readonly [string, number]>[] = [];
    for (let index = 0; index < count; index++) {
      const wait = begin + index * everyMs - systemClock.now();
      if (everyMs > 0 && wait > 0) await pause(wait);
      asks.push(this.#ask());
    }
    const asked = new Map(await Promise.all(asks));
    await this.#untilCalled(count);
    const calls = [...asked].map(([id, at]) => (this.#calledAt.get(id) ?? []).map((called) => called - at));
    const last = Math.max(begin, ...[...this.#calledAt.values()].flat());
    return {
      asked: count,
      latencies: calls.flatMap(([first]) => (first === undefined ? [] : [first])),
      repeated: calls.filter((each) => each.length > 1).length,
      tookMs: last - begin,
    };
  }

  async end(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
  }

  async #ask(): Promise<readonly [string, number]> {
    const at = systemClock.now();
    const item = this.#next++ % ITEMS;
    const { id } = await this.asker.operations.commands.trigger('job', { items: [item] });
    return [id, at];
  }

  /** Resolves when so many triggers were run, or when nothing has come for a long time. */
  async #untilCalled(count: number): Promise<void> {
    this.#wanted = { count, reached: deferred() };
    const { reached } = this.#wanted;
    for (let before = -1; this.#calledAt.size < count && this.#calledAt.size > before; ) {
      before = this.#calledAt.size;
      await this.#unlessFailed(Promise.race([reached.promise, pause(PATIENCE_MS)]));
    }
  }

  #hear(instanceId: string, told: TriggersTold): void {
    if (told.kind === 'called') {
      this.#calledAt.set(told.trigger, [...(this.#calledAt.get(told.trigger) ?? []), told.at]);
      if (this.#calledAt.size >= this.#wanted.count) this.#wanted.reached.resolve();
      return;
    }
    this.#shares.set(instanceId, told.items.length);
    const shares = [...this.#shares.values()];
    if (shares.length === PROCESSES && shares.every((share) => share === ITEMS / PROCESSES)) this.#shared.resolve();
  }

  #unlessFailed(work: Promise<void>): Promise<void> {
    return Promise.race([work, ...this.#processes.map(({ failed }) => failed)]);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimer(ms, resolve));
}
