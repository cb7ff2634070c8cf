import { createOperations } from '@elasticjob/core';
import { type Deferred, deferred, settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, JOB, type Node, recordRequests, SECOND, skips } from './cluster.js';

let cluster = new Cluster();
const begin = (options?: ClusterOptions): Cluster => {
  cluster = new Cluster(options);
  return cluster;
};
afterEach(() => cluster.end());

/** A handler whose calls of item 0 on one instance go on until they are let go, one after the other. */
function slow(instance = 'a'): { work: ClusterOptions['work']; next: () => Promise<void> } {
  const calls: Deferred<void>[] = [];
  const work: ClusterOptions['work'] = async ({ shardingItem, signal }, on) => {
    if (shardingItem !== 0 || on !== instance) return;
    const call = deferred();
    calls.push(call);
    signal.addEventListener('abort', () => call.reject(signal.reason));
    await call.promise;
  };
  const next = async (): Promise<void> => {
    calls.shift()?.resolve();
    await settle();
  };
  return { work, next };
}

/** The runs of item 0 that have ended on an instance: `second:source`, by their planned time. */
function runs(node: Node, since: number): string[] {
  const ended = node.traces.of('item-finished').filter(({ item }) => item === 0);
  return ended.map(({ scheduledAt, source }) => `${(scheduledAt - since) / SECOND}:${source}`);
}

const flag = async (node: Node, item = 0): Promise<boolean> =>
  (await node.registry.read(`${JOB}/sharding/${item}/misfire`)) !== null;

describe('a fire that falls into a run of its item', () => {
  it('is made up for right after the run, not at the next fire, and for this item only', async () => {
    const { work, next } = slow();
    begin({ work });
    const a = await cluster.start('a');
    const first = await cluster.nextFire();
    await cluster.nextFire();
    await cluster.clock.advance(SECOND / 4);
    expect(runs(a, first)).toEqual([]);
    await next();
    await next();
    expect(runs(a, first)).toEqual(['0:NORMAL_TRIGGER', '1:MISFIRE']);
    expect(cluster.itemsAt(first + SECOND)).toEqual([0, 1, 2]);
    expect(skips(a)).toEqual([]);
  });

  it('is made up for once, with the latest of several, and the others are recorded', async () => {
    const { work, next } = slow();
    begin({ work });
    const a = await cluster.start('a');
    const first = await cluster.nextFire();
    for (let fires = 0; fires < 3; fires++) await cluster.nextFire();
    await next();
    await next();
    expect(runs(a, first)).toEqual(['0:NORMAL_TRIGGER', '3:MISFIRE']);
    expect(skips(a)).toEqual(['superseded:0', 'superseded:0']);
  });

  it('is made up for several times where the policy says so, one after the other', async () => {
    const { work, next } = slow();
    begin({ work, job: { misfirePolicy: 'fire-all:2' } });
    const a = await cluster.start('a');
    const first = await cluster.nextFire();
    for (let fires = 0; fires < 3; fires++) await cluster.nextFire();
    for (let calls = 0; calls < 3; calls++) await next();
    expect(runs(a, first)).toEqual(['0:NORMAL_TRIGGER', '2:MISFIRE', '3:MISFIRE']);
    expect(skips(a)).toEqual(['superseded:0']);
  });

  it('makes way for a crashed run of the item that somebody has taken over, and is made up for after that', async () => {
    const { work, next } = slow();
    begin({ work, job: { failover: true } });
    const a = await cluster.start('a');
    const first = await cluster.nextFire();
    await cluster.nextFire();
    const note = `${JOB}/sharding/0/failovering`;
    await a.registry.create(note, '10.0.0.9@-@9-0', 'ephemeral');
    await next();
    expect(a.traces.of('item-started').map(({ source }) => source)).not.toContain('MISFIRE');
    await a.registry.remove(note);
    await settle();
    await next();
    expect(runs(a, first)).toEqual(['0:NORMAL_TRIGGER', '1:MISFIRE']);
  });

  it('has a flag that Java members see until it is made up for', async () => {
    const { work, next } = slow();
    begin({ work });
    const a = await cluster.start('a');
    await cluster.nextFire();
    expect(await flag(a)).toBe(false);
    await cluster.nextFire();
    expect([await flag(a, 0), await flag(a, 1)]).toEqual([true, false]);
    await next();
    expect(await flag(a)).toBe(false);
    await next();
  });

  it('raises no flag and is recorded as an overlap where nothing is made up for', async () => {
    const { work, next } = slow();
    begin({ work, job: { misfirePolicy: 'skip' } });
    const a = await cluster.start('a');
    await cluster.nextFire();
    await cluster.nextFire();
    expect(skips(a)).toEqual(['overlap:0']);
    expect(await flag(a)).toBe(false);
    await next();
  });

  it('is recorded when misfire is switched off meanwhile, and flags are cleared, also those of others', async () => {
    const { work, next } = slow();
    begin({ work });
    const a = await cluster.start('a');
    await a.registry.ensure(`${JOB}/sharding/1/misfire`);
    await cluster.nextFire();
    await cluster.nextFire();
    const text = (await a.registry.read(`${JOB}/config`))?.value ?? '';
    await a.registry.put(`${JOB}/config`, text.replace('misfire: true', 'misfire: false'));
    await settle();
    await next();
    expect(skips(a)).toEqual(['overlap:0']);
    expect([await flag(a, 0), await flag(a, 1)]).toEqual([false, false]);
    expect(a.traces.of('item-started').filter(({ source }) => source === 'MISFIRE')).toEqual([]);
  });

  it('of an item that another instance still runs is made up for by its owner as soon as the mark goes', async () => {
    const { work, next } = slow('a');
    begin({ work, job: { shardingTotalCount: 1 } });
    await cluster.start('a');
    const first = await cluster.nextFire();
    // The latest id comes first: the item is b's from now on.
    const b = await cluster.start('b');
    await cluster.nextFire();
    expect(await cluster.owners(1)).toEqual(['b']);
    expect(await flag(b)).toBe(true);
    await cluster.clock.advance(SECOND / 4);
    await next();
    expect(runs(b, first)).toEqual(['1:MISFIRE']);
    expect(await flag(b)).toBe(false);
    expect(skips(b)).toEqual([]);
  });

  it('is made up for by the instance that owned the item then, not by both sides of a move', async () => {
    const { work, next } = slow('a');
    begin({ work, job: { shardingTotalCount: 1 } });
    const a = await cluster.start('a');
    const first = await cluster.nextFire();
    await cluster.nextFire();
    await cluster.clock.advance(SECOND / 4);
    const b = await cluster.start('b');
    await next();
    await next();
    expect(runs(a, first)).toEqual(['0:NORMAL_TRIGGER', '1:MISFIRE']);
    expect(runs(b, first)).toEqual([]);
    await cluster.nextFire();
    expect(runs(b, first)).toEqual(['2:NORMAL_TRIGGER']);
  });

  it('is made up for before its instance leaves', async () => {
    const { work, next } = slow('a');
    begin({ work, job: { shardingTotalCount: 1 } });
    const a = await cluster.start('a');
    const first = await cluster.nextFire();
    await cluster.nextFire();
    const stopped = cluster.stop('a');
    // Its items are nobody's by then.
    await settle();
    await next();
    await next();
    await stopped;
    expect(runs(a, first)).toContain('1:MISFIRE');
  });

  it('is recorded when the run does not end before its instance has to leave', async () => {
    begin({ work: () => new Promise(() => undefined), job: { shardingTotalCount: 1 } });
    const a = await cluster.start('a');
    await cluster.nextFire();
    await cluster.nextFire();
    await cluster.stop('a');
    expect(skips(a).at(-1)).toBe('overlap:0');
  });
});

describe('fires while the registry is away', () => {
  it('are made up for once when it is back in the same session', async () => {
    begin();
    const a = await cluster.start('a');
    const { id } = a.registry.session;
    const first = await cluster.nextFire();
    cluster.server.cut(id);
    for (let fires = 0; fires < 3; fires++) await cluster.nextFire();
    await cluster.clock.advance(SECOND / 4);
    cluster.server.restore(id);
    await cluster.clock.advance(SECOND / 2);
    expect(runs(a, first)).toEqual(['0:NORMAL_TRIGGER', '3:MISFIRE']);
    expect(skips(a)).toEqual(['no-session:0,1,2', 'no-session:0,1,2']);
  });

  it('are made up for by nobody else meanwhile', async () => {
    begin({ job: { shardingTotalCount: 2 } });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    const { id } = a.registry.session;
    cluster.server.cut(id);
    const missed = await cluster.nextFire();
    expect(cluster.ranAt(missed)).toEqual(['b:0']);
    cluster.server.restore(id);
    await cluster.clock.advance(SECOND / 2);
    expect(cluster.ranAt(missed)).toEqual(['a:1', 'b:0']);
    expect([...skips(a), ...skips(b)]).toEqual([]);
  });
});

describe('a machine that slept for a long time', () => {
  const hourly = { cron: '0 0 * * * *' };

  /** Sleeps past `hours` fires, and until 20 minutes after the last of them. */
  async function sleepPast(hours: number): Promise<void> {
    cluster.clock.setWallTime(Date.parse('2027-01-01T00:20:00Z') + hours * 3600 * SECOND);
    await cluster.clock.advance(31 * SECOND);
  }

  it('makes up for the latest fire', async () => {
    begin({ job: hourly });
    const a = await cluster.start('a');
    await sleepPast(2);
    const hour = 3600;
    expect(runs(a, Date.parse('2027-01-01T00:00:00Z'))).toEqual([`${2 * hour}:MISFIRE`]);
    expect(skips(a)).toEqual(['late:0,1,2']);
  });

  it('makes up for several where the policy says so', async () => {
    begin({ job: { ...hourly, misfirePolicy: 'fire-all:2' } });
    const a = await cluster.start('a');
    await sleepPast(3);
    expect(runs(a, Date.parse('2027-01-01T00:00:00Z'))).toEqual(['7200:MISFIRE', '10800:MISFIRE']);
    expect(skips(a)).toEqual(['late:0,1,2']);
  });

  it('makes up for none where the policy says so, not even for one whose next is still to come', async () => {
    begin({ job: { ...hourly, misfire: false } });
    const a = await cluster.start('a');
    await sleepPast(1);
    expect(runs(a, 0)).toEqual([]);
    expect(skips(a)).toEqual(['late:0,1,2']);
  });
});

describe('fires while no instance takes part', () => {
  /** Stops the only instance, and lets fires pass. Resolves to the first of them. */
  async function nobodyFor(fires: number): Promise<number> {
    await cluster.start('a', { instanceId: '10.0.0.1@-@a' });
    await cluster.nextFire();
    await cluster.stop('a');
    const first = await cluster.nextFire();
    for (let more = 1; more < fires; more++) await cluster.nextFire();
    await cluster.clock.advance(SECOND / 4);
    return first;
  }

  it('are made up for once by whoever comes next, the latest, and the others are recorded', async () => {
    begin();
    const first = await nobodyFor(3);
    const b = await cluster.start('b');
    expect(runs(b, first)).toEqual(['2:MISFIRE']);
    expect(skips(b)).toEqual(['no-owner:0,1,2', 'no-owner:0,1,2']);
    const next = await cluster.nextFire();
    expect(cluster.ranAt(next)).toEqual(['b:0', 'b:1', 'b:2']);
  });

  it('are made up for several times where the policy says so', async () => {
    begin({ job: { misfirePolicy: 'fire-all:2' } });
    const first = await nobodyFor(3);
    const b = await cluster.start('b');
    await cluster.clock.advance(SECOND / 4);
    expect(runs(b, first)).toEqual(['1:MISFIRE', '2:MISFIRE']);
    expect(skips(b)).toEqual(['no-owner:0,1,2']);
  });

  it('are all recorded where nothing is made up for', async () => {
    begin({ job: { misfire: false } });
    await nobodyFor(2);
    const b = await cluster.start('b');
    expect(skips(b)).toEqual(['no-owner:0,1,2', 'no-owner:0,1,2']);
    expect(b.traces.of('item-started')).toEqual([]);
  });

  it('are recorded up to the latest hundred, one event for all items of each', async () => {
    begin();
    await nobodyFor(150);
    const b = await cluster.start('b');
    expect(skips(b)).toEqual(Array.from({ length: 99 }, () => 'no-owner:0,1,2'));
  });

  it('are seen to by who got the items first, although it hears of that only after they have moved on', async () => {
    begin();
    const first = await nobodyFor(1);
    const b = await cluster.start('b', { instanceId: '10.0.0.2@-@b' });
    await cluster.start('c', { instanceId: '10.0.0.3@-@c' });
    await cluster.start('d', { instanceId: '10.0.0.4@-@d' });
    expect(cluster.ranAt(first)).toEqual(['b:0', 'b:1', 'b:2']);
    expect(b.engine.job(JOB).status().items).toHaveLength(1);
  });

  it('are not made up for again by a process of the same id that comes after a crash', async () => {
    begin();
    const first = await nobodyFor(1);
    const instanceId = '10.0.0.9@-@b';
    await cluster.start('b', { instanceId });
    expect(cluster.itemsAt(first)).toEqual([0, 1, 2]);
    await cluster.kill('b');
    const again = await cluster.start('again', { instanceId });
    expect(again.engine.job(JOB).status().items).toEqual([0, 1, 2]);
    expect(cluster.itemsAt(first)).toEqual([0, 1, 2]);
    expect(skips(again)).toEqual([]);
  });

  it('are seen to by an instance that was there all the time, once its server is enabled again', async () => {
    begin();
    const a = await cluster.start('a', { instanceId: '10.0.0.1@-@a' });
    const b = await cluster.start('b', { instanceId: '10.0.0.2@-@b' });
    await a.registry.put(`${JOB}/servers/10.0.0.2`, 'DISABLED');
    await settle();
    await cluster.nextFire();
    await cluster.stop('a');
    const first = await cluster.nextFire();
    await cluster.nextFire();
    await cluster.clock.advance(SECOND / 4);
    expect(skips(b)).toEqual([]);
    await b.registry.put(`${JOB}/servers/10.0.0.2`, 'ENABLED');
    await settle();
    expect(runs(b, first)).toEqual(['1:MISFIRE']);
    expect(skips(b)).toEqual(['no-owner:0,1,2']);
  });

  it('are explained to who asks why an item does not run', async () => {
    begin();
    await nobodyFor(1);
    const asker = cluster.server.registry({ namespace: 'test' });
    await asker.start();
    const { queries } = createOperations(asker, { clock: cluster.clock });
    const { verdict, reasons } = await queries.why(JOB, 0);
    expect([verdict, ...reasons.map(({ code }) => code)]).toEqual(['blocked', 'no-instance', 'no-owner', 'next-fire']);
    expect(reasons[1]?.text).toBe(
      'the last instances left at 2027-01-01T00:00:01.000Z: who comes next makes up for its fires since then, or records them',
    );
    await asker.stop();
  });

  it('are not known of items that stay with who had them', async () => {
    begin({ job: { staticSharding: true } });
    await nobodyFor(2);
    const again = await cluster.start('again', { instanceId: '10.0.0.1@-@a' });
    expect(skips(again)).toEqual([]);
    expect(again.traces.of('item-started')).toEqual([]);
    expect(again.engine.job(JOB).status().items).toEqual([0, 1, 2]);
  });

  it('cost the last one that leaves one resharding', async () => {
    begin();
    const a = await cluster.start('a');
    const requests = recordRequests(a.registry);
    await cluster.stop('a');
    expect(requests.filter((request) => !request.startsWith('read')).length).toBeLessThan(12);
    expect(requests.filter((request) => request.startsWith('commit'))).toHaveLength(1);
  });

  it.each(['one after the other', 'at once'])('are known also when several leave %s', async (how) => {
    begin();
    for (const name of ['a', 'b', 'c']) await cluster.start(name);
    const last = await cluster.nextFire();
    const names = ['a', 'b', 'c'];
    if (how === 'at once') await Promise.all(names.map((name) => cluster.stop(name)));
    else for (const name of names) await cluster.stop(name);
    const first = await cluster.nextFire();
    const d = await cluster.start('d');
    expect(cluster.itemsAt(last)).toEqual([0, 1, 2]);
    for (let at = last; at <= first; at += SECOND) expect(cluster.itemsAt(at)).toEqual([0, 1, 2]);
    expect(runs(d, first)).toEqual(['0:MISFIRE']);
  });
});

describe('what misfire costs', () => {
  const mark = (item: number): string => `${JOB}/sharding/${item}/running`;

  it('nothing at an ordinary run: its mark is created and removed, and nothing is read', async () => {
    begin({ job: { misfire: true } });
    const { registry } = await cluster.start('a');
    const requests = recordRequests(registry);
    await cluster.nextFire();
    const items = [0, 1, 2];
    expect(requests.sort()).toEqual([
      ...items.map((item) => `create ${mark(item)}`),
      ...items.map((item) => `remove ${mark(item)}`),
    ]);
  });

  it('two writes for a fire that falls into a run: its flag is raised, and lowered', async () => {
    const { work, next } = slow();
    begin({ work, job: { shardingTotalCount: 1 } });
    const { registry } = await cluster.start('a');
    await cluster.nextFire();
    const requests = recordRequests(registry);
    await cluster.nextFire();
    expect(requests).toEqual([`create ${JOB}/sharding/0/misfire`]);
    await next();
    await next();
    expect(requests.slice(1).sort()).toEqual([
      `create ${mark(0)}`,
      `remove ${JOB}/sharding/0/misfire`,
      `remove ${mark(0)}`,
      `remove ${mark(0)}`,
    ]);
  });

  it('nothing more for those that fall into the same run', async () => {
    const { work, next } = slow();
    begin({ work, job: { shardingTotalCount: 1 } });
    const { registry } = await cluster.start('a');
    await cluster.nextFire();
    await cluster.nextFire();
    const requests = recordRequests(registry);
    for (let fires = 0; fires < 5; fires++) await cluster.nextFire();
    expect(requests).toEqual([]);
    await next();
    await next();
  });
});
