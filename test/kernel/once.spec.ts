import type { JobErrorHandler, JobListener } from '@elasticjob/core';
import { settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { deferred } from '../../packages/core/src/foundation/deferred.js';
import { Cluster, type ClusterOptions, JOB, SECOND } from './cluster.js';

let heard: string[] = [];
let failures: string[] = [];
let cluster = new Cluster();

interface OnceOptions extends ClusterOptions {
  /** What the calls do; by default nothing. */
  readonly before?: (instance: string) => void | Promise<void>;
  readonly listener?: Partial<JobListener>;
}

/** Instances with one listener that tells of its calls as `before:{instance}@{second}`. */
function begin({ before = () => undefined, listener = {}, job, ...options }: OnceOptions = {}): Cluster {
  heard = [];
  failures = [];
  const at = (scheduledAt: number): string => String(new Date(scheduledAt).getUTCSeconds());
  const once = (instance: string): JobListener => ({
    type: 'ONCE',
    beforeJobExecutedAtLastStarted: async ({ scheduledAt }) => {
      heard.push(`before:${instance}@${at(scheduledAt)}`);
      await before(instance);
    },
    afterJobExecutedAtLastCompleted: ({ scheduledAt }) => void heard.push(`after:${instance}@${at(scheduledAt)}`),
    ...listener,
  });
  const noting = (instance: string): JobErrorHandler => ({
    type: 'NOTE',
    handle: ({ error, item }) => void failures.push(`${instance} ${item ?? 'listener'}: ${String(error)}`),
  });
  cluster = new Cluster({
    ...options,
    job: { jobListenerTypes: ['ONCE'], jobErrorHandlerType: 'NOTE', ...job },
    extensions: (instance) => ({ listeners: [once(instance)], errorHandlers: [noting(instance)] }),
  });
  return cluster;
}
afterEach(() => cluster.end());

const second = (at: number): number => new Date(at).getUTCSeconds();
const kinds = (): string[] => heard.map((one) => one.replace(/:.*@/, '@'));
const nodes = async (path: string): Promise<readonly string[]> => {
  const [node] = cluster.nodes.values();
  return (await node?.registry.children(`${JOB}/${path}`))?.names ?? [];
};

describe.each([true, false])(
  'a listener that is called once for all instances, with transactions: %s',
  (atomicCommit) => {
    it('is called once before any handler and once when all have ended', async () => {
      begin({ atomicCommit, work: ({ shardingItem }) => void heard.push(`item ${shardingItem}`) });
      for (const name of ['a', 'b', 'c']) await cluster.start(name);
      const at = await cluster.nextFire();
      expect(kinds().slice(1, 4).toSorted()).toEqual(['item 0', 'item 1', 'item 2']);
      expect(kinds().filter((kind) => !kind.startsWith('item'))).toEqual([
        `before@${second(at)}`,
        `after@${second(at)}`,
      ]);
      expect(failures).toEqual([]);
    });

    it('leaves nothing of a fire behind but the record', async () => {
      begin({ atomicCommit });
      for (const name of ['a', 'b']) await cluster.start(name);
      await cluster.nextFire();
      expect(await nodes('guarantee/started')).toEqual([]);
      expect(await nodes('guarantee/completed')).toEqual([]);
      expect(await nodes('guarantee/started-latch')).toEqual([]);
    });

    it('is called again elsewhere when the instance dies that was calling it', async () => {
      const gate = deferred();
      begin({ atomicCommit, before: () => (heard.length === 1 ? gate.promise : undefined) });
      for (const name of ['a', 'b', 'c']) await cluster.start(name);
      const at = await cluster.nextFire();
      const [first = ''] = heard;
      await cluster.kill(/:(.*)@/.exec(first)?.[1] ?? '');
      await settle();
      expect(kinds()).toEqual([`before@${second(at)}`, `before@${second(at)}`, `after@${second(at)}`]);
      gate.resolve();
      await settle();
      expect(heard).toHaveLength(3);
    });

    it('is called for each fire, however long one of them takes', async () => {
      const gate = deferred();
      begin({
        atomicCommit,
        work: ({ shardingItem }) => (shardingItem === 1 && cluster.calls.length <= 3 ? gate.promise : undefined),
      });
      for (const name of ['a', 'b', 'c']) await cluster.start(name);
      const one = second(await cluster.nextFire());
      await cluster.nextFire();
      await cluster.nextFire();
      expect(kinds().filter((kind) => kind.startsWith('before'))).toEqual([
        `before@${one}`,
        `before@${one + 1}`,
        `before@${one + 2}`,
      ]);
      expect(kinds()).not.toContain(`after@${one}`);
      gate.resolve();
      await settle();
      const ends = kinds().filter((kind) => kind.startsWith('after'));
      expect(ends.toSorted()).toEqual([`after@${one}`, `after@${one + 1}`, `after@${one + 2}`]);
    });
  },
);

describe('a listener that is called once for all instances', () => {
  it('costs a job without one no request', async () => {
    cluster = new Cluster();
    await cluster.start('a');
    await cluster.nextFire();
    expect(await nodes('guarantee')).toEqual([]);
    expect(await nodes('extension')).not.toContain('once');
  });

  it('does not wait for an item that is switched off', async () => {
    begin();
    const a = await cluster.start('a');
    await cluster.start('b');
    await a.registry.ensure(`${JOB}/sharding/1/disabled`);
    await settle();
    const at = await cluster.nextFire();
    expect(kinds()).toEqual([`before@${second(at)}`, `after@${second(at)}`]);
    expect(cluster.itemsAt(at)).toEqual([0, 2]);
  });

  it('is not kept waiting at the begin by an item that is put off, and is called at the end once that is made up for', async () => {
    const gate = deferred();
    begin({ work: ({ shardingItem }) => (shardingItem === 1 && cluster.calls.length <= 3 ? gate.promise : undefined) });
    for (const name of ['a', 'b', 'c']) await cluster.start(name);
    const first = await cluster.nextFire();
    const during = await cluster.nextFire();
    expect(cluster.itemsAt(during)).toEqual([0, 2]);
    expect(kinds()).toEqual([`before@${second(first)}`, `before@${second(during)}`]);
    gate.resolve();
    await settle();
    expect(cluster.itemsAt(during)).toEqual([0, 1, 2]);
    expect(kinds().slice(2).toSorted()).toEqual([`after@${second(first)}`, `after@${second(during)}`]);
    expect(failures).toEqual([]);
    expect(await nodes('guarantee/started')).toEqual([]);
  });

  it('is called around a fire of which everything is put off', async () => {
    const gate = deferred();
    begin({ work: () => (cluster.calls.length <= 3 ? gate.promise : undefined) });
    for (const name of ['a', 'b']) await cluster.start(name);
    const first = await cluster.nextFire();
    const during = await cluster.nextFire();
    await cluster.clock.advance(SECOND / 4);
    expect(kinds()).toEqual([`before@${second(first)}`]);
    gate.resolve();
    await settle();
    expect(cluster.itemsAt(during)).toEqual([0, 1, 2]);
    const ofFire = (at: number): string[] => kinds().filter((kind) => kind.endsWith(`@${second(at)}`));
    expect(ofFire(first)).toEqual([`before@${second(first)}`, `after@${second(first)}`]);
    expect(ofFire(during)).toEqual([`before@${second(during)}`, `after@${second(during)}`]);
    expect(failures).toEqual([]);
  });

  it('is called when the instance dies that was to make up for what it put off', async () => {
    const gate = deferred();
    begin({ work: (_context, instance) => (instance === 'a' ? gate.promise : undefined) });
    for (const name of ['a', 'b', 'c']) await cluster.start(name);
    await cluster.nextFire();
    const during = await cluster.nextFire();
    await cluster.kill('a');
    gate.resolve();
    await cluster.clock.advance(SECOND / 4);
    expect(kinds()).toContain(`after@${second(during)}`);
    expect(cluster.itemsAt(during)).toHaveLength(2);
  });

  it('is called when the instance dies whose item was awaited last', async () => {
    begin({ work: (_context, instance) => (instance === 'a' ? new Promise(() => undefined) : undefined) });
    for (const name of ['a', 'b', 'c']) await cluster.start(name);
    const at = await cluster.nextFire();
    expect(kinds()).toEqual([`before@${second(at)}`]);
    await cluster.kill('a');
    expect(kinds()).toEqual([`before@${second(at)}`, `after@${second(at)}`]);
  });

  it('is called after the run that was executed again, with failover', async () => {
    const gate = deferred();
    let hung = 0;
    begin({
      job: { failover: true, cron: '0/30 * * * * *' },
      work: (_context, instance) => {
        if (instance === 'a') return new Promise(() => undefined);
        return hung++ === 2 ? gate.promise : undefined;
      },
    });
    for (const name of ['a', 'b', 'c']) await cluster.start(name);
    await cluster.clock.advanceTo('2027-01-01T00:00:30.000Z');
    await cluster.kill('a');
    await cluster.clock.advance(3000);
    expect(cluster.calls).toHaveLength(4);
    expect(kinds()).toEqual(['before@30']);
    gate.resolve();
    await cluster.clock.advance(3000);
    expect(kinds()).toEqual(['before@30', 'after@30']);
  });

  it('is not called for a fire whose items do not all come in time, which every error handler is told', async () => {
    begin({ listener: { startedTimeoutMs: 700 } });
    const a = await cluster.start('a');
    // A member that never comes: Java's, without its listener.
    const java = '10.0.9.9@-@java';
    await a.registry.ensure(`${JOB}/servers/10.0.9.9`, 'ENABLED');
    await a.registry.create(`${JOB}/instances/${java}`, `jobInstanceId: ${java}\nserverIp: 10.0.9.9\n`, 'ephemeral');
    await settle();
    const at = await cluster.nextFire();
    await cluster.clock.advance(800);
    expect(heard).toEqual([]);
    expect(failures[0]).toContain(
      `job 'job', fire ${new Date(at).toISOString()}: not all items had started within 700 ms: item 0, 2 did not come`,
    );
    expect(cluster.itemsAt(at)).toEqual([1]);
    expect(await nodes('guarantee/started')).toEqual([]);
    await a.registry.remove(`${JOB}/instances/${java}`);
  });

  it('that throws is told to the error handler once, and the run goes on', async () => {
    begin({ before: () => Promise.reject(new Error('no table')) });
    for (const name of ['a', 'b']) await cluster.start(name);
    const at = await cluster.nextFire();
    expect(failures).toEqual([expect.stringMatching(/^[ab] listener: Error: no table$/)]);
    expect(cluster.itemsAt(at)).toEqual([0, 1, 2]);
    expect(kinds()).toEqual([`before@${second(at)}`, `after@${second(at)}`]);
  });

  it('does not keep an instance from leaving that waits for others', async () => {
    const gate = deferred();
    begin({
      job: { cron: '0/30 * * * * *' },
      work: (_context, instance) => (instance === 'b' ? gate.promise : undefined),
    });
    for (const name of ['a', 'b', 'c']) await cluster.start(name);
    await cluster.clock.advanceTo('2027-01-01T00:00:30.000Z');
    const before = cluster.clock.now();
    await cluster.stop('a');
    expect(cluster.clock.now() - before).toBeLessThanOrEqual(SECOND);
    gate.resolve();
    await settle();
    expect(heard.slice(1)).toEqual(['after:b@30']);
  });

  it('is called once when all instances are asked to run what they own, each time', async () => {
    begin({ job: { cron: '0 0 0 1 1 *' } });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    for (let times = 1; times <= 2; times++) {
      // As Java's lifecycle API does.
      for (const { instanceId } of [a, b]) await a.registry.ensure(`${JOB}/trigger/${instanceId}`);
      await settle();
      await cluster.clock.advance(100);
      expect(kinds().map((kind) => kind.slice(0, 6))).toHaveLength(times * 2);
      expect(cluster.calls).toHaveLength(times * 3);
    }
    expect(await nodes('guarantee/completed')).toEqual([]);
  });

  it('goes on waiting over a lost connection', async () => {
    const gate = deferred();
    begin({
      job: { cron: '0/30 * * * * *' },
      work: (_context, instance) => (instance === 'b' ? gate.promise : undefined),
    });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    await cluster.clock.advanceTo('2027-01-01T00:00:30.000Z');
    for (const { registry } of [a, b]) cluster.server.cut(registry.session.id);
    await settle();
    gate.resolve();
    await settle();
    expect(kinds()).toEqual(['before@30']);
    for (const { registry } of [a, b]) cluster.server.restore(registry.session.id);
    await cluster.clock.advance(5000);
    expect(kinds()).toEqual(['before@30', 'after@30']);
  });
});
