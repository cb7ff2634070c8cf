import { createEngine, systemClock } from '@elasticjob/core';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import type { Figure, Question } from './question.js';
import {
  endedTooEarly,
  type Ground,
  type LoopDelay,
  lateness,
  onEachGround,
  registryAt,
  ScaleProcess,
} from './scale-process.js';
import { LoadMeter } from './server-load.js';
import { figure, median } from './statistics.js';

const ITEMS = 1000;
const PROCESSES = 10;
const STEADY_SECONDS = 10;
const SUBJECT = `one job of ${figure(ITEMS)} items over ${PROCESSES} processes`;

/** Which comes first when an instance is replaced. */
type Sequence = 'the old one leaves first' | 'the new one comes first';

const DEPLOYS: readonly [strategy: string, sequence: Sequence][] = [
  ['AVG_ALLOCATION', 'the old one leaves first'],
  ['STICKY', 'the old one leaves first'],
  ['AVG_ALLOCATION', 'the new one comes first'],
  ['STICKY', 'the new one comes first'],
];

/**
 * What is it like to have a job of a thousand items on ten instances, each a process of its own, on a real server? All of
 * them share the processor of this machine, so that times are upper bounds.
 *
 * - **Start-up** runs from the order to start, given to all processes at once when they have loaded everything they need,
 *   until the items are spread evenly and each process knows its own.
 * - **A rolling deploy** replaces one process after the other by one with a new id. The moves are the owners that leaders
 *   wrote, counted by the versions of the items' nodes. The time is that of a leaving, from its announcement until the
 *   others own its items: all `PROCESSES` of them, or those that are left if the old one leaves first.
 */
export const scaleItems: Question = {
  name: 'scale-items',
  asks: `How does a job of ${figure(ITEMS)} items start on ${PROCESSES} processes, and what moves in a rolling deploy?`,
  answer(say, { clients }) {
    return onEachGround(clients, say, async (ground, tell) => {
      const figures: Figure[] = [];
      for (const [number, deploy] of DEPLOYS.entries()) {
        const fleet = new Fleet(ground, `scale-items-${number}`, deploy[0]);
        try {
          const started = await start(fleet, ground, number === 0, tell);
          figures.push(...started, await rollingDeploy(fleet, ground, deploy, tell));
        } finally {
          await fleet.kill();
        }
      }
      return figures;
    });
  },
};

async function start(
  fleet: Fleet,
  ground: Ground,
  isMeasured: boolean,
  say: (progress: string) => void,
): Promise<Figure[]> {
  say(`starting ${PROCESSES} processes`);
  await fleet.spawn();
  const meter = await LoadMeter.of(ground.zookeeper);
  const seconds = (await fleet.start()) / 1000;
  if (!isMeasured) return [];
  const { packets } = await meter.load();
  const starting = lateness(await fleet.latest());
  say(`idle for ${STEADY_SECONDS} s`);
  await fleet.watch();
  const idle = await LoadMeter.of(ground.zookeeper);
  await new Promise<void>((resolve) => systemClock.setTimer(STEADY_SECONDS * 1000, resolve));
  const requests = (await idle.load()).packets / STEADY_SECONDS;
  return [
    {
      subject: `${SUBJECT}, start-up`,
      figures: `${figure(seconds)} s until all are owned, ${figure(packets)} requests; worst process: ${starting}`,
    },
    {
      subject: `${SUBJECT}, idle for ${STEADY_SECONDS} s`,
      figures: `${figure(requests)} requests/s; worst process: ${lateness(await fleet.latest())}`,
    },
  ];
}

async function rollingDeploy(
  fleet: Fleet,
  ground: Ground,
  [strategy, sequence]: (typeof DEPLOYS)[number],
  say: (progress: string) => void,
): Promise<Figure> {
  say(`replacing all of them with ${strategy}, ${sequence}`);
  const before = await fleet.moves();
  const meter = await LoadMeter.of(ground.zookeeper);
  const times: number[] = [];
  for (let number = 0; number < PROCESSES; number++) {
    if (sequence === 'the new one comes first') await fleet.join();
    times.push(await fleet.leave());
    if (sequence === 'the old one leaves first') await fleet.join();
  }
  const { packets } = await meter.load();
  const moves = (await fleet.moves()) - before;
  const handover = `handed over in ${figure(median(times))} ms (slowest ${figure(Math.max(...times))} ms)`;
  return {
    subject: `${SUBJECT}, rolling deploy with ${strategy}, ${sequence}`,
    figures: `${figure(moves)} moves, ${figure(packets)} requests, ${handover}`,
  };
}

/** The processes of one job, oldest first. */
class Fleet {
  readonly #processes: ScaleProcess[] = [];
  #spread: Deferred<number> | null = null;
  #counted = 0;

  constructor(
    private readonly ground: Ground,
    private readonly namespace: string,
    private readonly strategy: string,
  ) {}

  /** Starts all processes, but not their engines. */
  async spawn(): Promise<void> {
    const processes = await Promise.all(Array.from({ length: PROCESSES }, () => this.#spawn()));
    this.#processes.push(...processes);
  }

  /** Starts all engines; resolves to how long it took until all items were spread over them, milliseconds. */
  async start(): Promise<number> {
    const from = systemClock.monotonic();
    const spread = this.#untilSpread();
    for (const process of this.#processes) process.order('start');
    return (await spread) - from;
  }

  /** Adds one; resolves when the items are spread over it too. */
  async join(): Promise<void> {
    const process = await this.#spawn();
    this.#processes.push(process);
    const spread = this.#untilSpread();
    process.order('start');
    await spread;
  }

  /** Lets the oldest go; resolves to how long it took from its saying so until the others had its items, milliseconds. */
  async leave(): Promise<number> {
    const process = this.#processes.shift();
    if (process === undefined) throw new Error('there is nobody who could leave');
    const spread = this.#untilSpread();
    const draining = process.told('draining').then(() => systemClock.monotonic());
    const stopped = process.stop();
    const from = await draining;
    const time = (await spread) - from;
    await stopped;
    return time;
  }

  /** How often items were given to somebody else, since they exist. */
  async moves(): Promise<number> {
    const reader = createEngine({ registry: registryAt(this.ground, this.namespace) });
    await reader.start();
    const read = async (item: number): Promise<number> =>
      (await reader.registry.read(`job-0/sharding/${item}/instance`))?.stat.version ?? 0;
    const versions = await Promise.all(Array.from({ length: ITEMS }, (_, item) => read(item)));
    await reader.stop();
    return versions.reduce((sum, version) => sum + version, 0);
  }

  async watch(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.watch()));
  }

  /** The worst of each figure among the processes. */
  async latest(): Promise<LoopDelay> {
    const delays = await Promise.all(this.#processes.map((process) => process.delay()));
    const worst = (of: keyof LoopDelay): number => Math.max(...delays.map((delay) => delay[of]));
    return { p50: worst('p50'), p99: worst('p99'), max: worst('max'), processorMs: worst('processorMs') };
  }

  async kill(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
  }

  #spawn(): Promise<ScaleProcess> {
    // Ids in no order, as those of containers are.
    const id = (++this.#counted * 37) % 101;
    const setup = {
      registry: registryAt(this.ground, this.namespace),
      instanceId: `10.0.0.${id}@-@${id}`,
      jobs: 1,
      items: ITEMS,
      strategy: this.strategy,
      firesEach: 'year',
    } as const;
    return ScaleProcess.spawn(setup, () => this.#look());
  }

  /** Resolves to when each item is one process's and no process has two items more than another. */
  #untilSpread(): Promise<number> {
    this.#spread = deferred<number>();
    // Whoever asked may have failed otherwise, and ends all processes.
    this.#spread.promise.catch(() => undefined);
    return this.#spread.promise;
  }

  #look(): void {
    if (this.#processes.some(({ hasEnded }) => hasEnded)) this.#spread?.reject(endedTooEarly());
    const counts = this.#processes.map(({ items }) => items.length);
    const distinct = new Set(this.#processes.flatMap(({ items }) => items));
    const total = counts.reduce((sum, count) => sum + count, 0);
    if (total !== ITEMS || distinct.size !== ITEMS || Math.max(...counts) - Math.min(...counts) > 1) return;
    this.#spread?.resolve(systemClock.monotonic());
  }
}
