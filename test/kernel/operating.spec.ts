import { deferred, settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, coordination, JOB, SECOND, skips } from './cluster.js';

let cluster = new Cluster();
const begin = (options?: ClusterOptions): Cluster => {
  cluster = new Cluster(options);
  return cluster;
};
afterEach(() => cluster.end());

describe('what operators tell a cluster', () => {
  it('takes a server out and gives it its share again', async () => {
    begin();
    const a = await cluster.start('a');
    await cluster.start('b');
    const { commands } = a.engine.operations;
    await commands.disable({ job: JOB, server: '10.0.0.2' });
    await settle();
    expect(await cluster.owners()).toEqual(['a', 'a', 'a']);
    await commands.enable({ job: JOB, server: '10.0.0.2' });
    await settle();
    expect(new Set(await cluster.owners())).toEqual(new Set(['a', 'b']));
  });

  it('switches an item off and on', async () => {
    begin();
    const a = await cluster.start('a');
    const { commands } = a.engine.operations;
    await commands.disable({ job: JOB, item: 1 });
    await settle();
    expect(cluster.itemsAt(await cluster.nextFire())).toEqual([0, 2]);
    await commands.enable({ job: JOB, item: 1 });
    await settle();
    expect(cluster.itemsAt(await cluster.nextFire())).toEqual([0, 1, 2]);
  });

  it('stops the job on one server, which leaves in order while the others go on', async () => {
    const release = deferred();
    begin({ work: (_, instance) => (instance === 'b' ? release.promise : undefined) });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    const before = await cluster.nextFire();
    await a.engine.operations.commands.shutdown({ server: '10.0.0.2' });
    await settle();
    expect(coordination(b)).toContain('shut-down-remotely');
    expect(await cluster.owners()).toEqual(['a', 'a', 'a']);
    const { items } = await a.engine.operations.queries.job(JOB);
    const running = items.filter(({ running: mark }) => mark?.instanceId === b.instanceId);
    expect(running.map(({ status }) => status)).toContain('RUNNING');
    release.resolve();
    await cluster.clock.advance(100);
    expect(cluster.itemsAt(before)).toEqual([0, 1, 2]);
    expect(b.traces.of('item-finished').every(({ success }) => success)).toBe(true);
    expect(b.engine.job(JOB).status().state).toBe('stopped');
    expect(cluster.itemsAt(await cluster.nextFire())).toEqual([0, 1, 2]);
  });

  it('forgets a server with its instances', async () => {
    begin();
    const a = await cluster.start('a');
    await cluster.start('b');
    await a.engine.operations.commands.remove({ job: JOB, server: '10.0.0.2' });
    await cluster.clock.advance(SECOND);
    expect((await a.registry.children(`${JOB}/servers`))?.names).toEqual(['10.0.0.1']);
    expect((await a.registry.children(`${JOB}/instances`))?.names).toEqual([a.instanceId]);
  });

  it('changes the definition, which all follow at once', async () => {
    begin();
    const a = await cluster.start('a');
    await cluster.start('b');
    await a.engine.operations.commands.updateConfiguration(JOB, { shardingTotalCount: 5 });
    await settle();
    expect(cluster.itemsAt(await cluster.nextFire())).toEqual([0, 1, 2, 3, 4]);
  });

  it('has the items assigned anew', async () => {
    begin();
    const a = await cluster.start('a');
    const reshardings = (): number => coordination(a).filter((event) => event === 'resharded').length;
    const before = reshardings();
    await a.engine.operations.commands.reshard(JOB);
    await settle();
    expect(reshardings()).toBe(before + 1);
    expect((await a.registry.children(`${JOB}/leader/sharding`))?.names).toEqual([]);
  });

  it('pauses the job until a moment and resumes it before', async () => {
    begin();
    const a = await cluster.start('a');
    const { commands, queries } = a.engine.operations;
    const until = cluster.clock.now() + 3600 * SECOND;
    await commands.pause(JOB, { reason: 'stocktaking', by: 'ann', until });
    await settle();
    expect(cluster.itemsAt(await cluster.nextFire())).toEqual([]);
    expect(skips(a)).toEqual(['paused:0,1,2']);
    expect((await queries.jobs()).jobs).toMatchObject([{ status: 'PAUSED', pause: { reason: 'stocktaking' } }]);
    expect(await queries.why(JOB, 0)).toMatchObject({
      verdict: 'blocked',
      reasons: [{ code: 'job-paused', at: until }, {}],
    });
    await commands.resume(JOB);
    await settle();
    expect(cluster.itemsAt(await cluster.nextFire())).toEqual([0, 1, 2]);
  });

  it('removes a job with all that it had, once its instances are shut down', async () => {
    begin();
    const a = await cluster.start('a');
    await cluster.start('b');
    await a.engine.operations.commands.removeConfiguration(JOB, { evenIfRunning: true });
    await cluster.clock.advance(10 * SECOND);
    expect((await a.registry.children(''))?.names).toEqual([]);
    expect(a.engine.job(JOB).status().state).toBe('stopped');
  });
});

describe('what operators are told of a cluster', () => {
  it('is who runs what, and why', async () => {
    const release = deferred();
    begin({ work: ({ shardingItem }) => (shardingItem === 0 ? release.promise : undefined) });
    const a = await cluster.start('a');
    await cluster.start('b');
    const fire = await cluster.nextFire();
    const { queries } = a.engine.operations;
    const job = await queries.job(JOB);
    expect(job).toMatchObject({ status: 'OK', leader: a.instanceId, instanceCount: 2, ignored: [], problem: null });
    expect(job.items.map(({ status }) => status)).toEqual(['RUNNING', 'PENDING', 'PENDING']);
    const owners = await cluster.owners();
    expect(job.items.map(({ owner }) => owner?.split('@-@')[1])).toEqual(owners);
    expect(await queries.why(JOB, 0)).toMatchObject({
      verdict: 'running',
      reasons: [
        { code: 'running', at: fire },
        { code: 'next-fire', at: fire + SECOND },
      ],
    });
    expect((await queries.why(JOB, 1)).verdict).toBe('waiting');
    release.resolve();
  });

  it('is that items wait for an owner, when their owner has died', async () => {
    begin();
    const a = await cluster.start('a');
    await a.engine.operations.commands.disable({ job: JOB, server: '10.0.0.1' });
    await settle();
    const { queries } = a.engine.operations;
    expect((await queries.job(JOB)).status).toBe('DISABLED');
    expect(await queries.why(JOB, 0)).toMatchObject({ verdict: 'blocked' });
    expect((await queries.why(JOB, 0)).reasons.map(({ code }) => code)).toContain('server-disabled');
  });
});
