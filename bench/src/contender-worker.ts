import { createEngine, defineJob, silentLogger, systemClock, type ZooKeeperOptions } from '@elasticjob/core';
import type { ContestJob } from './contender.js';

/** What a process of ours in the question `java` is started with: its first argument, as JSON. What to join comes as messages. */
export interface ContestSetup {
  readonly registry: ZooKeeperOptions;
  readonly instanceId: string;
}

/** What such a process is to join. */
export interface ContestOrder {
  readonly jobs: readonly ContestJob[];
  /** Nobody else has a part of them: it is done when it owns everything. */
  readonly isAlone: boolean;
}

/** What such a process says. */
export type ContestTold =
  /** It is connected, or has joined the jobs of the last message. */
  { readonly kind: 'done' } | { readonly kind: 'begin'; readonly job: string; readonly item: number };

function tell(told: ContestTold): void {
  process.send?.(told);
}

async function join({ name, items, cron, workMs, ...options }: ContestJob, isAlone: boolean): Promise<void> {
  const definition = defineJob({ name, cron, shardingTotalCount: items, misfire: false, ...options });
  const handle = await engine.add(definition, {
    execute: async ({ shardingItem, signal }) => {
      tell({ kind: 'begin', job: name, item: shardingItem });
      if (workMs > 0) await new Promise<void>((resolve) => systemClock.setTimer(workMs, resolve));
      signal.throwIfAborted();
    },
  });
  await handle.waitFor((status) => status.state === 'active' && (!isAlone || status.items.length === items));
}

const { registry, instanceId } = JSON.parse(process.argv[2] ?? '') as ContestSetup;
const engine = createEngine({ registry, instanceId, logger: silentLogger });
process.on('message', ({ jobs, isAlone }: ContestOrder) => {
  void Promise.all(jobs.map((job) => join(job, isAlone))).then(() => tell({ kind: 'done' }));
});
await engine.start();
tell({ kind: 'done' });
