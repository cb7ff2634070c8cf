import { settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, JOB, SECOND } from './cluster.js';

let cluster = new Cluster();
const begin = (options?: ClusterOptions): Cluster => {
  cluster = new Cluster(options);
  return cluster;
};
afterEach(() => cluster.end());

describe('items that stay where they are', () => {
  const stays = { job: { staticSharding: true } };

  it('are given away at the first fire, among all who are there by then, and run for it', async () => {
    begin(stays);
    for (const name of ['a', 'b', 'c']) await cluster.start(name);
    expect(await cluster.owners()).toEqual(['nobody', 'nobody', 'nobody']);
    const first = await cluster.nextFire();
    expect(await cluster.owners()).toEqual(['c', 'b', 'a']);
    expect(cluster.ranAt(first)).toEqual(['a:2', 'b:1', 'c:0']);
  });

  it('stay when instances come, go, or die, and run again when the same id comes back', async () => {
    begin(stays);
    const a = await cluster.start('a');
    await cluster.start('b');
    await cluster.nextFire();
    const owners = await cluster.owners();
    await cluster.start('c');
    await cluster.kill('a');
    expect(await cluster.owners()).toEqual(owners);
    const without = await cluster.nextFire();
    expect(cluster.ranAt(without)).toEqual(['b:0', 'b:2']);
    await cluster.start('a', { instanceId: a.instanceId });
    expect(cluster.ranAt(await cluster.nextFire())).toEqual(['a:1', 'b:0', 'b:2']);
  });

  it('are given away anew when their number changes, and when an operator asks for it', async () => {
    begin(stays);
    const a = await cluster.start('a');
    await cluster.nextFire();
    await cluster.start('b');
    await a.engine.operations.commands.reshard(JOB);
    await settle();
    expect(await cluster.owners()).toEqual(['b', 'a', 'b']);
    await a.engine.operations.commands.updateConfiguration(JOB, { shardingTotalCount: 4 });
    await settle();
    expect(await cluster.owners(4)).toEqual(['b', 'b', 'a', 'a']);
  });

  it('do not keep an instance from leaving at once', async () => {
    begin(stays);
    await cluster.start('a');
    await cluster.start('b');
    await cluster.nextFire();
    const before = cluster.clock.now();
    await cluster.stop('a');
    expect(cluster.clock.now() - before).toBeLessThan(SECOND);
  });

  it('are given to nobody by a switch that was made before the first fire', async () => {
    begin(stays);
    const a = await cluster.start('a');
    await a.registry.ensure(`${JOB}/sharding/0/disabled`);
    const first = await cluster.nextFire();
    expect(cluster.itemsAt(first)).toEqual([1, 2]);
  });
});

describe('SINGLE_SHARDING_BALANCE', () => {
  it('lets instances take turns at a job with one item, without losing a fire', async () => {
    begin({ job: { shardingTotalCount: 1, jobShardingStrategyType: 'SINGLE_SHARDING_BALANCE' } });
    for (const name of ['a', 'b', 'c']) await cluster.start(name);
    const ran: string[] = [];
    for (let fires = 0; fires < 6; fires++) ran.push(...cluster.ranAt(await cluster.nextFire()));
    expect(ran).toHaveLength(6);
    expect(ran.slice(0, 3).toSorted()).toEqual(['a:0', 'b:0', 'c:0']);
    expect(ran.slice(3)).toEqual(ran.slice(0, 3));
  });

  it('stays with the only instance, without a resharding for each run', async () => {
    begin({ job: { shardingTotalCount: 1, jobShardingStrategyType: 'SINGLE_SHARDING_BALANCE' } });
    const a = await cluster.start('a');
    await cluster.nextFire();
    await cluster.nextFire();
    const reshardings = a.traces.of('coordination').filter(({ event }) => event === 'resharded');
    expect(reshardings).toHaveLength(1);
  });
});
