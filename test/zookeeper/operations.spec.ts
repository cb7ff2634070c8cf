import { createOperations, type Operations } from '@elasticjob/core';
import { deferred } from '@elasticjob/core/testing';
import { afterEach, describe, expect, inject, it } from 'vitest';
import type { Client } from './drivers.js';
import {
  coordination,
  JOB,
  KernelCluster,
  type KernelClusterOptions,
  nextSecond,
  SECOND,
  skipped,
  YEARLY,
} from './kernel-harness.js';

describe.each<Client>(['wire', 'native'])('operators of jobs on a real ZooKeeper, with the client %s', (client) => {
  let cluster: KernelCluster;
  const begin = async (options: KernelClusterOptions = {}): Promise<Operations> => {
    cluster = new KernelCluster(inject('zookeeper'), { client, ...options });
    return createOperations(await cluster.operator());
  };
  afterEach(() => cluster.end());

  it('take a server out, and give it its share again', async () => {
    const { commands, queries } = await begin({ job: YEARLY });
    await cluster.share('a', 'b');
    const { changes } = await commands.disable({ server: '10.0.0.2' });
    expect(changes).toEqual([{ path: `${JOB}/servers/10.0.0.2`, before: 'ENABLED', after: 'DISABLED' }]);
    await cluster.until(() => cluster.status('a').items.length === 6);
    expect(await queries.servers()).toMatchObject([
      { serverIp: '10.0.0.1', disabledJobNames: [] },
      { serverIp: '10.0.0.2', disabledJobNames: [JOB] },
    ]);
    await commands.enable({ job: JOB });
    await cluster.shared('a', 'b');
  });

  it('pause a job until a moment: every fire before it is recorded, and the one at it runs', async () => {
    const { commands, queries } = await begin();
    const [a, b] = await cluster.share('a', 'b');
    const until = nextSecond() + 3 * SECOND;
    const { notObeyedBy } = await commands.pause(JOB, { reason: 'stocktaking', by: 'ann', until });
    const from = nextSecond();
    expect(notObeyedBy).toEqual([]);
    expect(await queries.job(JOB)).toMatchObject({
      status: 'PAUSED',
      pause: { reason: 'stocktaking', by: 'ann', until },
    });
    await cluster.past(until);
    // The second in which the news was on its way is anybody's.
    const started = cluster.calls.map(({ scheduledAt }) => scheduledAt).filter((at) => at > from);
    expect(Math.min(...started)).toBe(until);
    expect(cluster.irregular(until, until)).toEqual([]);
    if (a === undefined || b === undefined) throw new Error('not started');
    expect([...skipped(a, 'paused'), ...skipped(b, 'paused')].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('change a definition, and one of two who change the same version is told of the other', async () => {
    const { commands, queries } = await begin({ job: YEARLY });
    await cluster.share('a');
    const { version } = await queries.configuration(JOB);
    const outcomes = await Promise.allSettled([
      commands.updateConfiguration(JOB, { shardingTotalCount: 2 }, { version }),
      commands.updateConfiguration(JOB, { shardingTotalCount: 3 }, { version }),
    ]);
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(refused).toMatchObject([
      {
        code: 'CONFIGURATION_CONFLICT',
        expectedVersion: version,
        foundVersion: version + 1,
        differences: [{ option: 'shardingTotalCount' }],
      },
    ]);
    const count = (await queries.configuration(JOB)).definition?.shardingTotalCount ?? 0;
    await cluster.until(() => cluster.status('a').items.length === count);
  });

  it('see what runs and why, reshard, and shut a job down', async () => {
    const release = deferred();
    const { commands, queries, dump } = await begin({ job: YEARLY, work: () => release.promise });
    const [a, b] = await cluster.share('a', 'b');
    await a?.engine.job(JOB).trigger();
    await cluster.until(() => cluster.calls.length === 6);
    const job = await queries.job(JOB);
    expect(job).toMatchObject({ status: 'OK', leader: a?.instanceId, instanceCount: 2, ignored: [] });
    expect(job.items.every(({ status, running }) => status === 'RUNNING' && running?.isLeftBehind === false)).toBe(
      true,
    );
    expect(await queries.why(JOB, 0)).toMatchObject({
      verdict: 'running',
      reasons: [{ code: 'running' }, { code: 'next-fire' }],
    });
    expect(await dump.job(JOB)).toMatch(/^\/job\/trigger \| \n|^\/job\/sharding \| \n/);
    expect(await dump.namespace()).not.toContain('10.0.0.');
    release.resolve();
    await cluster.until(() => cluster.status('a').runningItems.length + cluster.status('b').runningItems.length === 0);
    if (a === undefined || b === undefined) throw new Error('not started');
    const before = coordination(a).filter((event) => event === 'resharded').length;
    await commands.reshard(JOB);
    await cluster.until(() => coordination(a).filter((event) => event === 'resharded').length > before);
    const { changes } = await commands.remove({ job: JOB });
    expect(changes.map(({ path }) => path)).toEqual([
      `${JOB}/instances/${a.instanceId}`,
      `${JOB}/instances/${b.instanceId}`,
      `${JOB}/servers/10.0.0.1`,
      `${JOB}/servers/10.0.0.2`,
    ]);
    await cluster.until(() => cluster.status('a').state === 'stopped' && cluster.status('b').state === 'stopped');
    expect((await queries.jobs()).jobs).toMatchObject([{ jobName: JOB, status: 'CRASHED', instanceCount: 0 }]);
    await commands.removeConfiguration(JOB);
    expect(await queries.jobs()).toEqual({ jobs: [], ignored: [] });
  });
});
