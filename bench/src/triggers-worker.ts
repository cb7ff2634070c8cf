import {
  createEngine,
  defineJob,
  silentLogger,
  systemClock,
  type TraceEvent,
  type ZooKeeperOptions,
} from '@elasticjob/core';

/** What a process of the question `triggers` runs: its first argument, as JSON. */
export interface TriggersSetup {
  readonly registry: ZooKeeperOptions;
  readonly instanceId: string;
  /** Of the only job, which has no cron. */
  readonly items: number;
}

/** What such a process says; `at` is wall time when it happened, epoch milliseconds. */
export type TriggersTold =
  | { readonly kind: 'assigned'; readonly items: readonly number[] }
  | { readonly kind: 'called'; readonly trigger: string; readonly item: number; readonly at: number };

function tell(told: TriggersTold): void {
  process.send?.(told);
}

function emit(event: TraceEvent): void {
  if (event.kind !== 'coordination' || event.event !== 'assigned') return;
  const { items } = event.details;
  if (Array.isArray(items)) tell({ kind: 'assigned', items });
}

const { registry, instanceId, items } = JSON.parse(process.argv[2] ?? '') as TriggersSetup;
const engine = createEngine({ registry, instanceId, logger: silentLogger, traceSinks: [{ emit }] });
await engine.add(defineJob({ name: 'job', shardingTotalCount: items }), {
  execute: async ({ shardingItem: item, trigger }) => {
    const at = systemClock.now();
    if (trigger?.id) tell({ kind: 'called', trigger: trigger.id, item, at });
  },
});
await engine.start();
