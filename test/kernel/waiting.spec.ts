import type { JobErrorHandler, JobListener, ShardingStrategy } from '@elasticjob/core';
import { type Deferred, deferred, settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, coordination, JOB } from './cluster.js';

let cluster = new Cluster();
const begin = (options?: ClusterOptions): Cluster => {
  cluster = new Cluster(options);
  return cluster;
};
afterEach(() => cluster.end());

const audit: JobListener = { type: 'AUDIT' };

/** Changes the stored definition as an operator would: by its text. */
async function edit(change: (text: string) => string): Promise<void> {
  const [node] = cluster.nodes.values();
  const config = await node?.registry.read(`${JOB}/config`);
  await node?.registry.put(`${JOB}/config`, change(config?.value ?? ''));
  await settle();
}

describe('an instance that cannot follow the stored definition', () => {
  const asked = (text: string): string => text.replace('jobName:', 'jobListenerTypes:\n- AUDIT\njobName:');

  it('says why, is given no items, and leads no more', async () => {
    begin({ extensions: (instance) => (instance === 'b' ? { listeners: [audit] } : {}) });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    expect(a.engine.job(JOB).status().isLeader).toBe(true);
    await edit(asked);
    expect(a.engine.job(JOB).status()).toMatchObject({
      state: 'waiting',
      problem: expect.stringMatching(/listener 'AUDIT'/),
      isLeader: false,
    });
    expect(b.engine.job(JOB).status()).toMatchObject({ state: 'active', isLeader: true, items: [0, 1, 2] });
    const fire = await cluster.nextFire();
    expect(cluster.ranAt(fire)).toEqual(['b:0', 'b:1', 'b:2']);
  });

  it('takes part again once the definition is mended', async () => {
    begin({ extensions: (instance) => (instance === 'b' ? { listeners: [audit] } : {}) });
    const a = await cluster.start('a');
    await cluster.start('b');
    await edit(asked);
    await edit((text) => text.replace('jobListenerTypes:\n- AUDIT\n', ''));
    expect(a.engine.job(JOB).status()).toMatchObject({ state: 'active', problem: null });
    const fire = await cluster.nextFire();
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2]);
    expect(cluster.ranAt(fire).some((run) => run.startsWith('a:'))).toBe(true);
  });

  it('stops firing and overwrites nothing when nobody can read the definition, and goes on when it is mended', async () => {
    begin();
    const a = await cluster.start('a');
    const text = (await a.registry.read(`${JOB}/config`))?.value ?? '';
    await edit(() => 'cron: [');
    const blind = await cluster.nextFire();
    expect(cluster.itemsAt(blind)).toEqual([]);
    expect((await a.registry.read(`${JOB}/config`))?.value).toBe('cron: [');
    expect(coordination(a)).toContain('waiting');
    await edit(() => text);
    const mended = await cluster.nextFire();
    expect(cluster.itemsAt(mended)).toEqual([0, 1, 2]);
  });
});

describe('a definition that changes while the job runs', () => {
  it('gives the job another number of items', async () => {
    begin();
    await cluster.start('a');
    await cluster.start('b');
    await edit((text) => text.replace('shardingTotalCount: 3', 'shardingTotalCount: 5'));
    const more = await cluster.nextFire();
    expect(cluster.itemsAt(more)).toEqual([0, 1, 2, 3, 4]);
    await edit((text) => text.replace('shardingTotalCount: 5', 'shardingTotalCount: 1'));
    const fewer = await cluster.nextFire();
    expect(cluster.itemsAt(fewer)).toEqual([0]);
  });

  it('gives the job another schedule', async () => {
    begin();
    const a = await cluster.start('a');
    await edit((text) => text.replace(/cron: .*/, "cron: '0 0 0 1 1 ? 2030'").replace(/timeZone: .*/, 'timeZone: UTC'));
    expect(a.engine.job(JOB).nextFires(2)).toEqual([new Date('2030-01-01T00:00:00Z')]);
    const fire = await cluster.nextFire();
    expect(cluster.itemsAt(fire)).toEqual([]);
  });

  it('gives the job another time zone', async () => {
    begin({ job: { cron: '0 0 12 * * ?' } });
    const a = await cluster.start('a');
    expect(a.engine.job(JOB).nextFires(1)).toEqual([new Date('2027-01-01T12:00:00Z')]);
    await edit((text) => text.replace('timeZone: UTC', 'timeZone: Asia/Tokyo'));
    expect(a.engine.job(JOB).nextFires(1)).toEqual([new Date('2027-01-01T03:00:00Z')]);
    await cluster.clock.advanceTo(Date.parse('2027-01-01T12:00:01Z'));
    expect([...new Set(cluster.calls.map(({ scheduledAt }) => scheduledAt))]).toEqual([
      Date.parse('2027-01-01T03:00:00Z'),
    ]);
  });

  it('gives the job another error handler, from the next fire on', async () => {
    const told: string[] = [];
    const handler = (type: string): JobErrorHandler => ({
      type,
      handle: ({ item }) => void told.push(`${type}:${item}`),
    });
    const fail = (): never => {
      throw new Error('failed');
    };
    begin({
      work: fail,
      job: { shardingTotalCount: 1, jobErrorHandlerType: 'FIRST' },
      extensions: () => ({ errorHandlers: [handler('FIRST'), handler('SECOND')] }),
    });
    await cluster.start('a');
    await cluster.nextFire();
    await edit((text) => text.replace('jobErrorHandlerType: FIRST', 'jobErrorHandlerType: SECOND'));
    await cluster.nextFire();
    expect(told).toEqual(['FIRST:0', 'SECOND:0']);
  });

  it('gives the job another size of its pool, also while items wait for a place in it', async () => {
    const calls: Deferred<void>[] = [];
    begin({
      job: { jobExecutorThreadPoolSizeProviderType: 1, misfire: false },
      work: () => {
        const call = deferred();
        calls.push(call);
        return call.promise;
      },
    });
    await cluster.start('a');
    await cluster.nextFire();
    expect(calls).toHaveLength(1);
    await edit((text) => text.replace("elasticjob.ts.pool: '1'", "elasticjob.ts.pool: '2'"));
    expect(calls).toHaveLength(2);
    calls[0]?.resolve();
    await settle();
    expect(calls).toHaveLength(3);
    for (const call of calls) call.resolve();
    await settle();
  });

  it('gives the job another strategy', async () => {
    const lastOnly: ShardingStrategy = {
      type: 'LAST_ONLY',
      assign: ({ instances, itemCount }) =>
        Array.from({ length: itemCount }, () => instances.at(-1)?.instanceId ?? null),
    };
    begin({ extensions: () => ({ shardingStrategies: [lastOnly] }) });
    await cluster.start('a');
    await cluster.start('b');
    await edit((text) => text.replace('maxTimeDiff', 'jobShardingStrategyType: LAST_ONLY\nmaxTimeDiff'));
    expect(await cluster.owners()).toEqual(['a', 'a', 'a']);
  });
});

describe('a leader whose strategy fails', () => {
  it('does not stand in the way of the next one when it leaves the job but not the process', async () => {
    const flaky = (instance: string): ShardingStrategy => ({
      type: 'FLAKY',
      assign: ({ instances, itemCount }) => {
        if (instance === 'a') throw new Error('no idea');
        return Array.from({ length: itemCount }, () => instances[0]?.instanceId ?? null);
      },
    });
    begin({
      job: { jobShardingStrategyType: 'FLAKY' },
      extensions: (instance) => ({ shardingStrategies: [flaky(instance)] }),
    });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    expect(await cluster.owners()).toEqual(['nobody', 'nobody', 'nobody']);
    const removed = a.engine.remove(JOB);
    await cluster.clock.advance(5000);
    await removed;
    await cluster.clock.advance(2000);
    expect(b.engine.job(JOB).status()).toMatchObject({ isLeader: true, items: [0, 1, 2] });
  });
});

describe('a request to run', () => {
  it('that comes before the items are assigned is kept until they are', async () => {
    begin({ job: { cron: '0 0 0 1 1 ? 2030' } });
    const a = await cluster.start('a');
    await a.registry.put(`${JOB}/servers/10.0.0.1`, 'DISABLED');
    await settle();
    const b = await cluster.start('b', { instanceId: '10.0.0.9@-@b' });
    await b.engine.job(JOB).trigger();
    await settle();
    expect(cluster.calls.map(({ instance, item }) => `${instance}:${item}`).sort()).toEqual(['b:0', 'b:1', 'b:2']);
  });
});
