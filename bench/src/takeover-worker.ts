import {
  createEngine,
  defineJob,
  silentLogger,
  systemClock,
  type TraceEvent,
  type ZooKeeperOptions,
} from '@elasticjob/core';

/** What a process of the question `takeover` runs: its first argument, as JSON. */
export interface TakeoverSetup {
  readonly registry: ZooKeeperOptions;
  readonly instanceId: string;
  /** Of the only job, which fires every second. */
  readonly items: number;
}

/** What such a process says; `at` is wall time when it happened, epoch milliseconds. */
export type TakeoverTold =
  | { readonly kind: 'assigned'; readonly items: readonly number[]; readonly at: number }
  | { readonly kind: 'called'; readonly item: number; readonly scheduledAt: number; readonly at: number }
  | { readonly kind: 'elected' };

function tell(told: TakeoverTold): void {
  process.send?.(told);
}

function emit(event: TraceEvent): void {
  if (event.kind !== 'coordination') return;
  if (event.event === 'elected') tell({ kind: 'elected' });
  const { items } = event.details;
  if (event.event === 'assigned' && Array.isArray(items)) tell({ kind: 'assigned', items, at: systemClock.now() });
}

const { registry, instanceId, items } = JSON.parse(process.argv[2] ?? '') as TakeoverSetup;
const engine = createEngine({ registry, instanceId, logger: silentLogger, traceSinks: [{ emit }] });
const definition = defineJob({ name: 'job', cron: '* * * * * ?', shardingTotalCount: items });
await engine.add(definition, {
  execute: async ({ shardingItem, scheduledAt }) => {
    tell({ kind: 'called', item: shardingItem, scheduledAt, at: systemClock.now() });
  },
});
await engine.start();
