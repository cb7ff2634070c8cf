import { settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, JOB, SECOND, skips } from './cluster.js';

const MINUTE = 60 * SECOND;

let cluster = new Cluster();
const begin = (options?: ClusterOptions): Cluster => {
  cluster = new Cluster(options);
  return cluster;
};
afterEach(() => cluster.end());

describe('a job that is looked at anew from time to time', () => {
  const yearly = { job: { cron: '0 0 0 1 6 *' } };

  it.each([
    ['was edited', (path: string) => cluster.node('a').registry.put(path, 'somebody')],
    ['is gone', (path: string) => cluster.node('a').registry.remove(path)],
  ])('has the owner of an item written again whose node %s', async (_, tamper) => {
    begin(yearly);
    await cluster.start('a');
    await cluster.start('b');
    const owners = await cluster.owners();
    await tamper(`${JOB}/sharding/1/instance`);
    await cluster.clock.advance(9 * MINUTE);
    expect(await cluster.owners()).not.toEqual(owners);
    await cluster.clock.advance(2 * MINUTE);
    expect(await cluster.owners()).toEqual(owners);
  });

  it('has a crashed run executed again of which nothing else tells', async () => {
    begin({ job: { ...yearly.job, failover: true } });
    const nodes = [await cluster.start('a'), await cluster.start('b')];
    const again = (): number[] =>
      nodes.flatMap(({ traces }) =>
        traces
          .of('item-started')
          .filter(({ source }) => source === 'FAILOVER')
          .map(({ item }) => item),
      );
    await cluster.node('a').registry.put(`${JOB}/sharding/1/running`, '10.0.0.9@-@gone');
    await cluster.clock.advance(9 * MINUTE);
    expect(again()).toEqual([]);
    await cluster.clock.advance(2 * MINUTE);
    expect(again()).toEqual([1]);
    await cluster.clock.advance(30 * MINUTE);
    expect(again()).toEqual([1]);
  });

  it('is assigned no more than before while all is well', async () => {
    begin(yearly);
    const a = await cluster.start('a');
    await cluster.start('b');
    const reshardings = (): number => a.traces.of('coordination').filter(({ event }) => event === 'resharded').length;
    const before = reshardings();
    await cluster.clock.advance(30 * MINUTE);
    expect(reshardings()).toBe(before);
  });

  it('forgets servers of which no instance was there for an hour, but not those that an operator disabled', async () => {
    begin(yearly);
    const a = await cluster.start('a');
    await a.registry.ensure(`${JOB}/servers/10.0.8.1`, 'ENABLED');
    await a.registry.ensure(`${JOB}/servers/10.0.8.2`, 'DISABLED');
    await cluster.clock.advance(60 * MINUTE);
    expect((await a.registry.children(`${JOB}/servers`))?.names).toHaveLength(3);
    await cluster.clock.advance(25 * MINUTE);
    expect((await a.registry.children(`${JOB}/servers`))?.names).toEqual(['10.0.0.1', '10.0.8.2']);
  });

  it('is left alone with an interval of 0', async () => {
    begin({ job: { ...yearly.job, reconcileIntervalMinutes: 0 } });
    const a = await cluster.start('a');
    await a.registry.put(`${JOB}/sharding/1/instance`, 'somebody');
    await cluster.clock.advance(120 * MINUTE);
    expect((await a.registry.read(`${JOB}/sharding/1/instance`))?.value).toBe('somebody');
  });
});

describe('an instance whose server was removed by somebody who starts or cleans up', () => {
  it.each(['ENABLED', 'DISABLED'])('announces it again as it was: %s', async (status) => {
    begin();
    const a = await cluster.start('a');
    await cluster.start('b');
    await a.registry.put(`${JOB}/servers/10.0.0.1`, status);
    await settle();
    await a.registry.remove(`${JOB}/servers/10.0.0.1`);
    await settle();
    expect((await a.registry.read(`${JOB}/servers/10.0.0.1`))?.value).toBe(status);
    const at = await cluster.nextFire();
    expect(cluster.itemsAt(at)).toEqual([0, 1, 2]);
    expect(skips(a)).toEqual([]);
  });
});
