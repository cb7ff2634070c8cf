import { describe, expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { JOB, type MixedCluster, type TsMember } from './mixed-cluster.js';

const open = clusters();

/** Resolves when the member has taken over what the nodes say it owns. */
async function follows(cluster: MixedCluster, ts: TsMember): Promise<void> {
  await cluster.until(() => ts.status().items.join() === cluster.nodes.itemsOf(ts.instanceId).join());
}

/** Fails unless, from now on, each item is run a few times, by its owner only, and never twice at once. */
async function expectOwnersToRun(cluster: MixedCluster): Promise<void> {
  const from = Date.now();
  await cluster.eachItemRun(from, 3);
  const owners = cluster.nodes.owners(cluster.nodes.itemCount);
  const runBy = owners.map((_, item) => [...new Set(cluster.runsSince(from, item))]);
  expect(runBy).toEqual(owners.map((owner) => [owner]));
  expect(cluster.overlaps()).toEqual([]);
}

describe('a TypeScript member of a job that a Java member leads', () => {
  it('is given its part of the items, and both run theirs at every fire', async () => {
    const cluster = await open();
    const { java, ts } = await cluster.javaThenTs();
    expect(cluster.nodes.leader).toBe(java.instanceId);
    expect(cluster.nodes.itemsOf(ts.instanceId)).toHaveLength(2);
    await follows(cluster, ts);
    await expectOwnersToRun(cluster);
  });

  it('fires by the definition that was edited through the lifecycle API, and runs its part of more items', async () => {
    const cluster = await open();
    const { java, ts } = await cluster.javaThenTs();
    await java.lifecycle.updateJobConfiguration(JOB, { cron: '0 0 0 1 1 ?', jobParameter: 'edited' });
    await cluster.until(() => ts.engine.job(JOB).nextFires(1)[0]?.getMonth() === 0);
    await java.lifecycle.updateJobConfiguration(JOB, { cron: '0/1 * * * * ?', shardingTotalCount: 6 });
    await cluster.until(() => cluster.nodes.itemsOf(ts.instanceId).length === 3);
    await cluster.shared(java, ts);
    await follows(cluster, ts);
    await expectOwnersToRun(cluster);
    expect(ts.contexts.at(-1)).toMatchObject({ shardingTotalCount: 6, jobParameter: 'edited' });
  });

  it('leads once that one has left, and runs all', async () => {
    const cluster = await open();
    const { java, ts } = await cluster.javaThenTs();
    expect(await java.exit()).toBe(0);
    await cluster.until(() => cluster.nodes.leader === ts.instanceId);
    await cluster.shared(ts);
    await expectOwnersToRun(cluster);
  });
});

describe('a Java member of a job that a TypeScript member leads', () => {
  it('is given its part of the items at once, and both run theirs at every fire', async () => {
    const cluster = await open();
    const ts = await cluster.tsMember();
    await cluster.shared(ts);
    const java = await cluster.javaMember();
    await cluster.shared(java, ts);
    expect(cluster.nodes.leader).toBe(ts.instanceId);
    expect(cluster.nodes.itemsOf(java.instanceId)).toHaveLength(2);
    await follows(cluster, ts);
    await expectOwnersToRun(cluster);
  });

  it('fires and is given items by the definition that was edited through the lifecycle API', async () => {
    const cluster = await open();
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(java, ts);
    await java.lifecycle.updateJobConfiguration(JOB, { shardingTotalCount: 6, jobParameter: 'edited' });
    await cluster.until(() => cluster.nodes.itemsOf(java.instanceId).length === 3);
    await cluster.shared(java, ts);
    await follows(cluster, ts);
    await expectOwnersToRun(cluster);
    expect(java.runs(JOB).at(-1)).toMatchObject({ jobParameter: 'edited' });
  });

  it('leads once that one has left, and runs all', async () => {
    const cluster = await open();
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(java, ts);
    await ts.engine.stop();
    await cluster.until(() => cluster.nodes.leader === java.instanceId);
    await cluster.shared(java);
    expect(cluster.nodes.instances).toEqual([java.instanceId]);
    await expectOwnersToRun(cluster);
  });
});
