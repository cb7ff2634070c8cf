import { describe, expect, it } from 'vitest';
import {
  averageAllocation,
  odevity,
  roundRobin,
  sortDescending,
} from '../../packages/core/src/coordination/sharding-strategies.js';
import { clusters } from './clusters.js';
import { JOB, YEARLY } from './mixed-cluster.js';

const open = clusters();

describe('a Java leader and a TypeScript leader', () => {
  it.each([averageAllocation, odevity, roundRobin])('give the items to the same members: $type', async (strategy) => {
    const itemCount = 7;
    const cluster = await open({ cron: YEARLY, shardingTotalCount: itemCount, jobShardingStrategyType: strategy.type });
    const java = await cluster.javaMember();
    await cluster.sharedBy(java, java);
    const members = [java, await cluster.tsMember(), await cluster.tsMember()];
    await cluster.sharedBy(java, ...members);
    expect(cluster.nodes.leader).toBe(java.instanceId);
    const byJava = cluster.nodes.owners(itemCount);
    const instances = sortDescending(members.map(({ instanceId }) => ({ instanceId, serverIp: '', labels: {} })));
    expect(byJava).toEqual(strategy.assign({ instances, jobName: JOB, itemCount, previous: [], now: 0 }));
    await java.lifecycle.shutdown(JOB, java.instanceId.split('@')[0] ?? '');
    await cluster.until(() => !cluster.nodes.instances.includes(java.instanceId));
    const left = members.slice(1);
    await cluster.shared(...left);
    const rest = sortDescending(left.map(({ instanceId }) => ({ instanceId, serverIp: '', labels: {} })));
    expect(cluster.nodes.owners(itemCount)).toEqual(
      strategy.assign({ instances: rest, jobName: JOB, itemCount, previous: [], now: 0 }),
    );
  });
});
