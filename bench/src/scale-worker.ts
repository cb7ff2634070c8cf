import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createEngine, defineJob, type Engine, silentLogger, type TraceEvent } from '@elasticjob/core';
import type { LoopDelay, Order, ScaleSetup, Told } from './scale-process.js';

/**
 * The process that {@link ScaleProcess} starts, with `--expose-gc`: an engine with as many jobs as it is told. Its first
 * argument is a {@link ScaleSetup}, as JSON; what it is to do comes as {@link Order}s, what it has to say goes as
 * {@link Told}.
 */

const WARM_UP_JOBS = 100;

/** Delays below this are not seen: a timer is set this often, and how late it fires is recorded. */
const RESOLUTION_MS = 10;

const setup = JSON.parse(process.argv[2] ?? '') as ScaleSetup;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
const owned = new Map<string, number[]>();
let processor = process.cpuUsage();
let engine: Engine | null = null;
let warm = false;

function tell(told: Told): void {
  process.send?.(told);
}

function emit(event: TraceEvent): void {
  if (event.kind !== 'coordination' || !warm) return;
  if (event.event === 'draining') tell({ kind: 'draining' });
  if (event.event !== 'assigned' || !Array.isArray(event.details.items)) return;
  owned.set(event.jobName, event.details.items);
  if (setup.jobs === 1) tell({ kind: 'items', items: event.details.items });
  if (owned.size === setup.jobs) tell({ kind: 'owned' });
}

async function start(jobs: number, namespace = setup.registry.namespace): Promise<Engine> {
  const { registry, instanceId, items, firesEach, strategy } = setup;
  const made = createEngine({
    registry: { ...registry, namespace },
    instanceId,
    logger: silentLogger,
    traceSinks: [{ emit }],
  });
  for (let number = 0; number < jobs; number++) {
    const cron = firesEach === 'minute' ? `${number % 60} * * * * ?` : '0 0 0 1 1 ?';
    const name = `job-${number}`;
    const definition = defineJob({ name, cron, shardingTotalCount: items, jobShardingStrategyType: strategy });
    await made.add(definition, { execute: async () => undefined });
  }
  await made.start();
  return made;
}

/** What is in use once nothing is left to collect. */
function heapUsed(): number {
  if (globalThis.gc === undefined) throw new Error('the process was started without --expose-gc');
  // What finalizers of the first collection let go of is collected by the second.
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

function loopDelay(): LoopDelay {
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  const { user, system } = process.cpuUsage(processor);
  return {
    p50: late(delay.percentile(50)),
    p99: late(delay.percentile(99)),
    max: late(delay.max),
    processorMs: (user + system) / 1000,
  };
}

function beginMeasuring(): void {
  processor = process.cpuUsage();
  delay.reset();
  delay.enable();
}

async function follow(order: Order): Promise<void> {
  switch (order) {
    case 'start':
      beginMeasuring();
      engine = await start(setup.jobs);
      break;
    case 'watch':
      beginMeasuring();
      tell({ kind: 'done' });
      break;
    case 'tell-delay':
      tell({ kind: 'delay', delay: loopDelay() });
      break;
    case 'tell-heap':
      tell({ kind: 'heap', heapUsed: heapUsed() });
      break;
    case 'stop':
      await engine?.stop();
      process.disconnect();
      break;
  }
}

process.on('message', (order: Order) => {
  follow(order).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
});

// Also when the bench was ended: nobody else would end this process.
process.on('disconnect', () => process.exit());

// So that the first engine to be measured is not the one that loads the client library and has the code compiled: this
// one is. What is compiled once is not what a job costs.
const first = await start(setup.jobs === 1 ? 0 : WARM_UP_JOBS, `${setup.registry.namespace}-warm-up`);
await first.stop();
owned.clear();
warm = true;
tell({ kind: 'done' });
