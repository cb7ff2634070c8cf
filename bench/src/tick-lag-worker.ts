import {
  createEngine,
  defineJob,
  type JobHandler,
  silentLogger,
  systemClock,
  type TraceEvent,
  type ZooKeeperOptions,
} from '@elasticjob/core';

/** What a process of the question `tick-lag-cluster` runs: its first argument, as JSON. */
export interface TickLagSetup {
  readonly registry: ZooKeeperOptions;
  readonly instanceId: string;
  /** Jobs of one item each, all of which fire every second. */
  readonly jobs: number;
}

/** The fires to measure: those planned from `from` up to, not including, `to`; epoch milliseconds. */
export interface TickLagOrder {
  readonly from: number;
  readonly to: number;
}

/** A call of a job's handler: which job, for which planned time, how long after it. */
export type Call = readonly [job: number, scheduledAt: number, lagMs: number];

/** What such a process says. */
export type TickLagTold =
  /** How many items it owns now. */
  | { readonly kind: 'assigned'; readonly items: number }
  /** Everything about the fires it was asked for, after the last of them. */
  | { readonly kind: 'calls'; readonly calls: readonly Call[]; readonly skipped: number; readonly processorMs: number };

/** How long after the last measured fire its calls are waited for. */
const PATIENCE_MS = 3000;

const setup = JSON.parse(process.argv[2] ?? '') as TickLagSetup;
const owned = new Map<string, number>();
const calls: Call[] = [];
let order: TickLagOrder | null = null;
let skipped = 0;

function tell(told: TickLagTold): void {
  process.send?.(told);
}

function isMeasured(scheduledAt: number): boolean {
  return order !== null && scheduledAt >= order.from && scheduledAt < order.to;
}

function handlerOf(job: number): JobHandler {
  return {
    execute: async ({ scheduledAt }) => {
      if (isMeasured(scheduledAt)) calls.push([job, scheduledAt, systemClock.now() - scheduledAt]);
    },
  };
}

function emit(event: TraceEvent): void {
  if (event.kind === 'fire-skipped' && isMeasured(event.scheduledAt)) skipped += 1;
  if (event.kind !== 'coordination' || event.event !== 'assigned' || !Array.isArray(event.details.items)) return;
  owned.set(event.jobName, event.details.items.length);
  const items = [...owned.values()].reduce((sum, count) => sum + count, 0);
  tell({ kind: 'assigned', items });
}

function measure(window: TickLagOrder): void {
  order = window;
  const until = (at: number, then: () => void): void => {
    systemClock.setTimer(Math.max(0, at - systemClock.now()), then);
  };
  // In the middle between two fires, when those before are over.
  until(window.from - 500, () => {
    const before = process.cpuUsage();
    until(window.to - 500, () => {
      const { user, system } = process.cpuUsage(before);
      const processorMs = (user + system) / 1000;
      until(window.to + PATIENCE_MS, () => tell({ kind: 'calls', calls, skipped, processorMs }));
    });
  });
}

process.on('message', measure);

const { registry, instanceId, jobs } = setup;
const engine = createEngine({ registry, instanceId, logger: silentLogger, traceSinks: [{ emit }] });
for (let job = 0; job < jobs; job++) {
  const definition = defineJob({
    name: `job-${job}`,
    cron: '* * * * * ?',
    shardingTotalCount: 1,
    // The default would give the only item of each job to the same instance.
    jobShardingStrategyType: 'ROUND_ROBIN',
  });
  await engine.add(definition, handlerOf(job));
}
await engine.start();
