import { settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, JOB, SECOND, skips } from './cluster.js';

let cluster = new Cluster();
const begin = (options?: ClusterOptions): Cluster => {
  cluster = new Cluster(options);
  return cluster;
};
afterEach(() => cluster.end());

async function pause(document: object): Promise<void> {
  const [node] = cluster.nodes.values();
  await node?.registry.put(`${JOB}/extension/pause`, JSON.stringify({ v: 1, reason: 'stocktaking', ...document }));
  await settle();
}

describe('a job that is paused', () => {
  it('starts nothing on any instance and records every fire, until it is resumed', async () => {
    begin();
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    await pause({});
    const paused = await cluster.nextFire();
    expect(cluster.itemsAt(paused)).toEqual([]);
    expect([...skips(a), ...skips(b)].sort()).toEqual(['paused:0,2', 'paused:1']);
    await a.registry.remove(`${JOB}/extension/pause`);
    await settle();
    expect(cluster.itemsAt(await cluster.nextFire())).toEqual([0, 1, 2]);
  });

  it('goes on by itself with the first fire that is planned for the end or later', async () => {
    begin();
    await cluster.start('a');
    const end = Math.ceil(cluster.clock.now() / SECOND) * SECOND + 2 * SECOND;
    await pause({ until: end });
    await cluster.clock.advanceTo(end);
    const ran = [...new Set(cluster.calls.map(({ scheduledAt }) => scheduledAt))];
    expect(ran).toEqual([end]);
  });

  it('lets what runs finish', async () => {
    let aborted = 0;
    begin({
      work: async ({ signal }) => {
        await new Promise<void>((resolve) => cluster.clock.setTimer(1500, resolve));
        aborted += signal.aborted ? 1 : 0;
      },
    });
    const a = await cluster.start('a');
    await cluster.nextFire();
    await pause({});
    await cluster.clock.advance(2000);
    const finished = a.traces.of('item-finished').map(({ success }) => success);
    expect([finished, aborted]).toEqual([[true, true, true], 0]);
  });

  it('does not begin what waits for its turn, and says so', async () => {
    begin({
      job: { jobExecutorThreadPoolSizeProviderType: 1, shardingTotalCount: 2 },
      work: () => new Promise<void>((resolve) => cluster.clock.setTimer(500, resolve)),
    });
    const a = await cluster.start('a');
    const fire = await cluster.nextFire();
    await pause({});
    await cluster.clock.advance(600);
    expect(cluster.itemsAt(fire)).toEqual([0]);
    expect(skips(a)).toEqual(['paused:1']);
  });

  it('keeps what is triggered and waits for its turn from beginning, also if the pause ends before the turn comes', async () => {
    begin({
      job: { cron: '0 0 0 1 1 *', jobExecutorThreadPoolSizeProviderType: 1, shardingTotalCount: 2 },
      work: () => new Promise<void>((resolve) => cluster.clock.setTimer(500, resolve)),
    });
    const a = await cluster.start('a');
    await a.engine.operations.commands.trigger(JOB, {});
    await settle();
    await pause({ until: cluster.clock.now() + 100 });
    await cluster.clock.advance(600);
    await cluster.clock.advance(600);
    expect(cluster.calls.map(({ item }) => item)).toEqual([0, 1]);
    expect(skips(a)).toEqual([]);
  });

  it('does not run what is triggered either, and says so', async () => {
    begin({ job: { cron: '0 0 0 1 1 *' } });
    const a = await cluster.start('a');
    await pause({});
    await a.engine.job(JOB).trigger();
    await settle();
    expect(cluster.calls).toEqual([]);
    expect(skips(a)).toEqual(['paused:0,1,2']);
  });

  it('says so, and by whom until when, as long as it is', async () => {
    begin();
    const a = await cluster.start('a');
    const until = cluster.clock.now() + 5 * SECOND;
    await pause({ by: 'ann', until });
    expect(a.engine.job(JOB).status().pause).toEqual({ reason: 'stocktaking', by: 'ann', until });
    await cluster.clock.advanceTo(until);
    expect(a.engine.job(JOB).status().pause).toBeNull();
  });

  it('is paused for an instance that was cut off meanwhile, from the moment in which it is back', async () => {
    begin();
    await cluster.start('a');
    const b = await cluster.start('b');
    const { id } = b.registry.session;
    cluster.server.cut(id);
    await settle();
    await pause({});
    cluster.server.restore(id);
    await cluster.clock.advance(5 * SECOND);
    expect(cluster.calls).toEqual([]);
    expect(skips(b)).toContain('paused:0,2');
  });

  it('is paused for an instance that joins meanwhile', async () => {
    begin();
    await cluster.start('a');
    await pause({});
    await cluster.start('b');
    expect(cluster.itemsAt(await cluster.nextFire())).toEqual([]);
  });
});
