import { systemClock } from '@elasticjob/core';
import { atMost, type Figure, type Question } from './question.js';
import { type Ground, lateness, onEachGround, registryAt, ScaleProcess, type ScaleSetup } from './scale-process.js';
import { LoadMeter } from './server-load.js';
import { figure } from './statistics.js';

const JOBS = 1000;
const ITEMS = 3;
const STEADY_SECONDS = 20;
const START_BUDGET_S = 10;
const HEAP_BUDGET_KB = 20;
const SUBJECT = `${figure(JOBS)} jobs × ${ITEMS} items in one process`;

/**
 * What is it like to have a thousand jobs in one process, on a real server? The process is one of its own, so that
 * neither the bench nor the server shares its event loop; all of them share the processor.
 *
 * - **Start-up** runs from the order to start an engine that has all jobs until each of them owns its items. The client
 *   library is loaded before.
 * - **Heap** is what a job adds to `heapUsed`, after two full collections: an engine without jobs is started and stopped,
 *   measured, and then one with all jobs. What the client library keeps outside of the heap is not in it.
 * - **Late** is the event loop, by `monitorEventLoopDelay` with a resolution of 10 ms, which is taken off.
 */
export const scaleJobs: Question = {
  name: 'scale-jobs',
  asks: `How do ${figure(JOBS)} jobs in one process start, and what do they cost when they are there?`,
  answer(say, { clients }) {
    return onEachGround(clients, say, async (ground, tell) => [
      ...(await startAnew(ground, tell)),
      await startAgain(ground, tell),
      await runSteadily(ground, tell),
    ]);
  },
};

const setup = (ground: Ground, name: string, firesEach: ScaleSetup['firesEach']): ScaleSetup => ({
  registry: registryAt(ground, `scale-jobs-${name}`),
  instanceId: '10.0.0.1@-@1',
  jobs: JOBS,
  items: ITEMS,
  strategy: 'AVG_ALLOCATION',
  firesEach,
});

async function startAnew(ground: Ground, say: (progress: string) => void): Promise<Figure[]> {
  say(`starting ${figure(JOBS)} jobs that nobody knows yet`);
  return withProcess(setup(ground, 'idle', 'year'), async (process) => {
    const before = await process.heap();
    const startUp = await measureStart(`${SUBJECT}, start-up of new jobs`, ground, process);
    const perJob = ((await process.heap()) - before) / JOBS / 1000;
    say(`idle for ${STEADY_SECONDS} s`);
    const idle = await measureSteady(`${SUBJECT}, idle for ${STEADY_SECONDS} s`, ground, process);
    say('leaving');
    const leaving = await measureLeaving(ground, process);
    const heap = {
      subject: `${SUBJECT}, heap`,
      figures: `${figure(perJob)} kB for each job`,
      budget: atMost(perJob, HEAP_BUDGET_KB, `≤ ${HEAP_BUDGET_KB} kB`),
    };
    return [startUp, heap, idle, leaving];
  });
}

async function startAgain(ground: Ground, say: (progress: string) => void): Promise<Figure> {
  say(`starting ${figure(JOBS)} jobs that are known`);
  return withProcess(setup(ground, 'idle', 'year'), (process) =>
    measureStart(`${SUBJECT}, start-up of known jobs`, ground, process),
  );
}

async function runSteadily(ground: Ground, say: (progress: string) => void): Promise<Figure> {
  say(`${figure(JOBS)} jobs that fire once a minute, ${STEADY_SECONDS} s`);
  return withProcess(setup(ground, 'busy', 'minute'), async (process) => {
    await process.start();
    return measureSteady(`${SUBJECT}, each firing once a minute, ${STEADY_SECONDS} s`, ground, process);
  });
}

/** Whatever happens, the process is ended. */
async function withProcess<T>(given: ScaleSetup, work: (process: ScaleProcess) => Promise<T>): Promise<T> {
  const process = await ScaleProcess.spawn(given);
  try {
    const result = await work(process);
    await process.stop();
    return result;
  } finally {
    await process.kill();
  }
}

async function measureStart(subject: string, ground: Ground, process: ScaleProcess): Promise<Figure> {
  const meter = await LoadMeter.of(ground.zookeeper);
  const seconds = (await process.start()) / 1000;
  const { packets } = await meter.load();
  const delay = await process.delay();
  const processor = `${figure(delay.processorMs / JOBS)} ms of processor each`;
  return {
    subject,
    figures: `${figure(seconds)} s until all are owned, ${figure(packets / JOBS)} requests and ${processor}; ${lateness(delay)}`,
    budget: atMost(seconds, START_BUDGET_S, `≤ ${START_BUDGET_S} s`),
  };
}

async function measureSteady(subject: string, ground: Ground, process: ScaleProcess): Promise<Figure> {
  await process.watch();
  const meter = await LoadMeter.of(ground.zookeeper);
  await new Promise<void>((resolve) => systemClock.setTimer(STEADY_SECONDS * 1000, resolve));
  const { packets } = await meter.load();
  const delay = await process.delay();
  const busy = delay.processorMs / (STEADY_SECONDS * 10);
  return {
    subject,
    figures: `${figure(packets / STEADY_SECONDS)} requests/s, processor ${figure(busy)} %; ${lateness(delay)}`,
  };
}

async function measureLeaving(ground: Ground, process: ScaleProcess): Promise<Figure> {
  const meter = await LoadMeter.of(ground.zookeeper);
  const from = systemClock.monotonic();
  await process.stop();
  const seconds = (systemClock.monotonic() - from) / 1000;
  const { packets } = await meter.load();
  const figures = `${figure(seconds)} s until the process is gone, ${figure(packets / JOBS)} requests each`;
  return { subject: `${SUBJECT}, leaving`, figures };
}
