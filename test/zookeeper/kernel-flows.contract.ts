import { setTimeout as sleep } from 'node:timers/promises';
import { deferred } from '@elasticjob/core/testing';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { TestSessions } from './driver-sessions.js';
import type { Client } from './drivers.js';
import {
  accessLists,
  coordination,
  dump,
  JOB,
  KernelCluster,
  type KernelClusterOptions,
  nextSecond,
  SECOND,
  SESSION_MS,
  skipped,
  YEARLY,
} from './kernel-harness.js';

const LATCH = `${JOB}/leader/election/latch`;
const CONFIG = `${JOB}/config`;

/** What instances on a real server do, whatever client library they stand on. */
export function kernelFlows(client: Client): void {
  const connectString = inject('zookeeper');
  const sessions = new TestSessions();
  let cluster = new KernelCluster(connectString);
  const begin = (options?: KernelClusterOptions): KernelCluster => {
    cluster = new KernelCluster(connectString, { client, ...options });
    return cluster;
  };
  afterEach(async () => {
    await cluster.end();
    await sessions.closeAll();
  });

  describe('instances that come, leave and fail', () => {
    it('run every item exactly once for every fire while instances join and leave in order', async () => {
      begin();
      await cluster.share('a');
      const from = nextSecond();
      await cluster.start('b');
      await cluster.shared('a', 'b');
      await cluster.start('c');
      await cluster.shared('a', 'b', 'c');
      await cluster.stop('b');
      await cluster.shared('a', 'c');
      await cluster.stop('a');
      await cluster.shared('c');
      const to = nextSecond();
      await cluster.past(to);
      expect(cluster.irregular(from, to)).toEqual([]);
      expect(cluster.status('c')).toMatchObject({ isLeader: true, items: [0, 1, 2, 3, 4, 5] });
    });

    it('take over the items of one that is cut off, which aborts, reports no success and comes back', async () => {
      const reasons: unknown[] = [];
      let hold = false;
      let held = 0;
      begin({
        work: async ({ signal }, instance) => {
          if (instance !== 'b' || !hold) return;
          held += 1;
          const aborted = deferred<unknown>();
          signal.addEventListener('abort', () => aborted.resolve(signal.reason));
          reasons.push(await aborted.promise);
        },
      });
      const [, b] = await cluster.share('a', 'b');
      if (b === undefined) throw new Error('b did not start');
      const { id } = b.engine.registry.session;
      hold = true;
      await cluster.until(() => held === 3);
      await b.proxy.cut();
      const cutAt = performance.now();
      await cluster.until(() => cluster.status('b').runningItems.length === 0);
      const abortedAfter = performance.now() - cutAt;
      hold = false;
      await cluster.until(() => cluster.status('a').items.length === 6);
      const takenOver = nextSecond();
      await cluster.past(takenOver);
      expect(cluster.irregular(takenOver, takenOver)).toEqual([]);
      expect(reasons).toMatchObject([{ code: 'SESSION_LOST' }, { code: 'SESSION_LOST' }, { code: 'SESSION_LOST' }]);
      expect(abortedAfter).toBeLessThan(SESSION_MS + SECOND / 2);
      const aborted = b.traces.of('item-finished').filter(({ success }) => !success);
      expect(aborted.map(({ item }) => item).sort()).toEqual([0, 1, 2]);

      await b.proxy.restore();
      await cluster.shared('a', 'b');
      const again = nextSecond();
      await cluster.past(again);
      expect(cluster.irregular(again, again)).toEqual([]);
      expect(b.engine.registry.session).toMatchObject({ epoch: 2 });
      expect(b.engine.registry.session.id).not.toBe(id);
    });

    it('change nothing when one is cut off for a second', async () => {
      begin({ job: { misfire: false } });
      const [a, b] = await cluster.share('a', 'b');
      if (a === undefined || b === undefined) throw new Error('not started');
      const { id } = b.engine.registry.session;
      const before = [coordination(a), coordination(b)].flat().filter((event) => event === 'resharded').length;
      await b.proxy.cut();
      await sleep(SECOND);
      await b.proxy.restore();
      await cluster.until(() => coordination(b).includes('reconnected'));
      const after = nextSecond();
      await cluster.past(after);
      expect(cluster.irregular(after, after)).toEqual([]);
      expect(b.engine.registry.session).toMatchObject({ id, epoch: 1 });
      expect([coordination(a), coordination(b)].flat().filter((event) => event === 'resharded')).toHaveLength(before);
      expect(skipped(b, 'no-session')).toEqual(cluster.status('b').items);
    });
  });

  describe('what stands in ZooKeeper', () => {
    it('is what Java members and their console expect, byte for byte', async () => {
      const release = deferred();
      begin({
        work: () => release.promise,
        job: { ...YEARLY, shardingTotalCount: 2, shardingItemParameters: '0=Beijing,1=Shanghai' },
      });
      const [a] = await cluster.share('a');
      const java = await cluster.operator();
      await java.create(`${JOB}/trigger/${a?.instanceId}`, '', 'persistent');
      await cluster.until(() => cluster.calls.length === 2);
      const { session } = await sessions.open(connectString);
      const nodes = await dump(session, `/${cluster.namespace}/${JOB}`);
      const { 'extension/plan': plan, ...others } = nodes;
      expect(others).toEqual({
        '': 'P job',
        config: [
          'P cron: 0 0 0 1 1 *',
          "description: ''",
          'disabled: false',
          'failover: false',
          'jobName: job',
          "jobParameter: ''",
          'maxTimeDiffSeconds: -1',
          'misfire: true',
          'monitorExecution: true',
          'overwrite: false',
          'reconcileIntervalMinutes: 10',
          'shardingItemParameters: 0=Beijing,1=Shanghai',
          'shardingTotalCount: 2',
          'staticSharding: false',
          'timeZone: UTC',
          '',
        ].join('\n'),
        extension: 'P ',
        instances: 'P ',
        'instances/10.0.0.1@-@a': 'E jobInstanceId: 10.0.0.1@-@a\nserverIp: 10.0.0.1\n',
        leader: 'P ',
        'leader/election': 'P ',
        'leader/election/instance': 'E 10.0.0.1@-@a',
        'leader/election/latch': 'P ',
        'leader/sharding': 'P ',
        servers: 'P ',
        'servers/10.0.0.1': 'P ENABLED',
        sharding: 'P ',
        'sharding/0': 'P ',
        'sharding/0/instance': 'P 10.0.0.1@-@a',
        'sharding/0/running': 'E 10.0.0.1@-@a',
        'sharding/1': 'P ',
        'sharding/1/instance': 'P 10.0.0.1@-@a',
        'sharding/1/running': 'E 10.0.0.1@-@a',
        trigger: 'P ',
      });
      expect(JSON.parse(plan?.slice(2) ?? '')).toMatchObject({
        v: 1,
        strategy: 'AVG_ALLOCATION',
        names: ['10.0.0.1@-@a'],
      });
      const own = a?.engine.registry.session.id;
      for (const path of ['instances/10.0.0.1@-@a', 'leader/election/instance', 'sharding/0/running']) {
        expect((await session.get(`/${cluster.namespace}/${JOB}/${path}`)).stat.ephemeralOwner).toBe(own);
      }
      release.resolve();
      await cluster.until(() => a?.traces.of('item-finished').length === 2);
      await cluster.stop('a');
      const left = Object.entries(await dump(session, `/${cluster.namespace}/${JOB}`));
      expect(left.filter(([, value]) => value.startsWith('E'))).toEqual([]);
    });

    it('has a leader only after every contender that came before, Java or not, has left the latch', async () => {
      begin({ job: YEARLY });
      const java = await cluster.operator();
      const foreign = await java.create(`${LATCH}/_c_0b5e0c4e-latch-`, '', 'ephemeral-sequential');
      const a = await cluster.start('a');
      const waiting = deferred<readonly string[]>();
      const watch = await java.watchTree(LATCH, [{ path: '', children: 'names' }], (_, after) => {
        const names = after.children('')?.names ?? [];
        if (names.length === 2) waiting.resolve(names);
      });
      const known = watch.snapshot.children('')?.names ?? [];
      if (known.length === 2) waiting.resolve(known);
      const names = await waiting.promise;
      expect(names.filter((name) => /^_c_[0-9a-f-]{36}-latch-\d{10}$/.test(name))).toHaveLength(1);
      expect(await java.read(`${JOB}/leader/election/instance`)).toBeNull();
      expect(coordination(a)).toEqual(['registered']);
      await java.remove(foreign.created ? foreign.path : '');
      await cluster.shared('a');
      expect((await java.read(`${JOB}/leader/election/instance`))?.value).toBe(a.instanceId);
      expect((await java.children(LATCH))?.names).toEqual([]);
      watch.close();
    });
  });

  describe('what an operator does', () => {
    it('asks for a run through the handle, or as Java does, by a node for one instance', async () => {
      begin({ job: YEARLY });
      const [a, b] = await cluster.share('a', 'b');
      if (a === undefined || b === undefined) throw new Error('not started');
      expect((await b.engine.job(JOB).trigger()).items).toEqual([0, 1, 2, 3, 4, 5]);
      await cluster.until(() => cluster.calls.length === 6);
      expect(cluster.calls.map(({ item }) => item).sort()).toEqual([0, 1, 2, 3, 4, 5]);
      const java = await cluster.operator();
      await java.create(`${JOB}/trigger/${a.instanceId}`, '', 'persistent');
      await cluster.until(() => cluster.calls.length === 9);
      expect(cluster.calls.slice(6).map(({ instance }) => instance)).toEqual(['a', 'a', 'a']);
      expect((await java.children(`${JOB}/trigger`))?.names).toEqual([]);
      expect(a.traces.of('item-started').every(({ source }) => source === 'MANUAL_TRIGGER')).toBe(true);
    });

    it('triggers chosen items with a parameter, once for a key, and hears how they went', async () => {
      begin({ job: YEARLY });
      const [a, b] = await cluster.share('a', 'b');
      if (a === undefined || b === undefined) throw new Error('not started');
      const { commands, queries } = a.engine.operations;
      const order = { items: [1, 4], jobParameter: 'special', key: 'month/end' };
      const [first, second] = [await commands.trigger(JOB, order), await commands.trigger(JOB, order)];
      expect([first.isNew, second.isNew, second.id === first.id]).toEqual([true, false, true]);
      const report = await queries.waitForTrigger(JOB, first.id);
      expect(report.counts).toEqual({ pending: 0, running: 0, done: 2, failed: 0, skipped: 0, lost: 0 });
      const given = cluster.calls.map(({ item, context }) => [item, context.jobParameter, context.trigger?.id]);
      expect(given.sort()).toEqual([
        [1, 'special', first.id],
        [4, 'special', first.id],
      ]);
      expect(await queries.triggers(JOB)).toEqual([{ id: first.id, open: 0 }]);
    });

    it('triggers an item that its owner does not begin any more: the next owner does', async () => {
      const release = deferred();
      begin({ job: YEARLY, work: () => release.promise });
      const [a, b] = await cluster.share('a', 'b');
      if (a === undefined || b === undefined) throw new Error('not started');
      const [item = -1] = cluster.status('b').items;
      const { commands, queries } = a.engine.operations;
      await commands.trigger(JOB, { items: [item] });
      await cluster.until(() => cluster.calls.length === 1);
      const { id } = await commands.trigger(JOB, { items: [item] });
      const operator = await cluster.operator();
      await operator.put(`${JOB}/servers/10.0.0.2`, 'DISABLED');
      await cluster.until(() => cluster.status('a').items.length === 6);
      expect((await queries.trigger(JOB, id)).runs).toMatchObject([{ item, state: 'pending' }]);
      release.resolve();
      const { runs } = await queries.waitForTrigger(JOB, id);
      expect(runs).toMatchObject([{ item, state: 'done', instanceId: a.instanceId }]);
      expect(cluster.calls.map(({ instance }) => instance)).toEqual(['b', 'a']);
    });

    it('stops a job on one instance by removing its node', async () => {
      begin({ job: YEARLY });
      const [a, b] = await cluster.share('a', 'b');
      const operator = await cluster.operator();
      await operator.remove(`${JOB}/instances/${a?.instanceId}`);
      await cluster.until(() => cluster.status('a').state === 'stopped');
      await cluster.shared('b');
      expect(a?.engine.registry.session.state).toBe('connected');
      expect(cluster.status('b').instances).toEqual([b?.instanceId]);
      expect(await operator.read(`${JOB}/instances/${a?.instanceId}`)).toBeNull();
    });

    it('switches off an item, and a server, and on again', async () => {
      begin({ job: YEARLY });
      const [a, b] = await cluster.share('a', 'b');
      if (a === undefined || b === undefined) throw new Error('not started');
      const operator = await cluster.operator();
      const [item = -1] = cluster.status('a').items;
      await operator.create(`${JOB}/sharding/${item}/disabled`, '', 'persistent');
      await a.engine.job(JOB).trigger();
      await cluster.until(() => skipped(a, 'disabled').length === 1 && cluster.calls.length === 5);
      expect(skipped(a, 'disabled')).toEqual([item]);
      expect(cluster.calls.map((call) => call.item)).not.toContain(item);
      await operator.remove(`${JOB}/sharding/${item}/disabled`);

      await operator.put(`${JOB}/servers/10.0.0.1`, 'DISABLED');
      await cluster.until(() => cluster.status('b').items.length === 6 && cluster.status('b').isLeader);
      await cluster.until(() => cluster.status('a').items.length === 0);
      await b.engine.job(JOB).trigger();
      await cluster.until(() => cluster.calls.length === 11);
      expect(cluster.calls.slice(5).every(({ instance }) => instance === 'b')).toBe(true);
      await operator.put(`${JOB}/servers/10.0.0.1`, 'ENABLED');
      await cluster.shared('a', 'b');
    });

    it('changes the number of items', async () => {
      begin({ job: YEARLY });
      const [a] = await cluster.share('a', 'b');
      const operator = await cluster.operator();
      const text = (await operator.read(CONFIG))?.value ?? '';
      await operator.put(CONFIG, text.replace('shardingTotalCount: 6', 'shardingTotalCount: 4'));
      await cluster.until(() => cluster.status('a').items.length + cluster.status('b').items.length === 4);
      await a?.engine.job(JOB).trigger();
      await cluster.until(() => cluster.calls.length === 4);
      expect(cluster.calls.map(({ item }) => item).sort()).toEqual([0, 1, 2, 3]);
      expect(cluster.calls.every(({ context }) => context.shardingTotalCount === 4)).toBe(true);
      expect((await operator.children(`${JOB}/sharding`))?.names).toEqual(['0', '1', '2', '3']);
    });

    it('writes a definition that nobody can read, and mends it', async () => {
      begin();
      const [a] = await cluster.share('a', 'b');
      const operator = await cluster.operator();
      const text = (await operator.read(CONFIG))?.value ?? '';
      const junk = 'shardingTotalCount: !!java.lang.Runtime {}\n  cron: [';
      await operator.put(CONFIG, junk);
      await cluster.until(() => ['a', 'b'].every((name) => cluster.status(name).state === 'waiting'));
      const silentFrom = nextSecond();
      expect(cluster.status('a').problem).toContain(CONFIG);
      expect(cluster.status('a').nextFire).toBeNull();
      await sleep(silentFrom + SECOND / 2 - Date.now());
      expect((await operator.read(CONFIG))?.value).toBe(junk);
      await operator.put(CONFIG, text);
      await cluster.until(() => ['a', 'b'].every((name) => cluster.status(name).state === 'active'));
      const mended = nextSecond();
      await cluster.past(mended);
      expect(cluster.irregular(mended, mended)).toEqual([]);
      expect(cluster.calls.filter(({ scheduledAt }) => scheduledAt === silentFrom)).toEqual([]);
      expect(coordination(a ?? cluster.node('a'))).toContain('waiting');
    });
  });

  describe('a namespace with credentials', () => {
    const digest = 'jobs:secret';

    it('is closed to everybody else, node by node', async () => {
      const release = deferred();
      begin({ digest, job: { ...YEARLY, shardingTotalCount: 2 }, work: () => release.promise });
      const [a] = await cluster.share('a');
      await a?.engine.job(JOB).trigger();
      await cluster.until(() => cluster.calls.length === 2);
      const { session } = await sessions.open(connectString, { digest });
      const paths = Object.keys(await dump(session, `/${cluster.namespace}`)).map((path) =>
        path === '' ? `/${cluster.namespace}` : `/${cluster.namespace}/${path}`,
      );
      expect(paths.length).toBeGreaterThan(20);
      const acls = await accessLists(connectString, digest, paths);
      const foreign = [...acls].filter(([, acl]) => acl.length !== 1 || !/^digest:jobs:.+=:31$/.test(acl[0] ?? ''));
      expect(foreign).toEqual([]);
      const stranger = await sessions.open(connectString);
      for (const path of paths) {
        expect(await stranger.session.get(path).catch((error: unknown) => error)).toMatchObject({ code: 'NO_AUTH' });
      }
      release.resolve();
    });

    it('refuses an instance with other credentials at its start, and says so', async () => {
      begin({ digest, job: YEARLY });
      await cluster.share('a');
      const failure = await cluster.start('b', { digest: 'jobs:wrong' }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'NO_AUTH', message: expect.stringContaining('digest') });
      expect(cluster.status('a').instances).toHaveLength(1);
    });
  });
}
