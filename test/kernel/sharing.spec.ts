import { deferred, settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, coordination, JOB, SECOND, skips } from './cluster.js';

let cluster = new Cluster();
const begin = (options?: ClusterOptions): Cluster => {
  cluster = new Cluster(options);
  return cluster;
};
afterEach(() => cluster.end());

const DRIVERS = [
  { atomicCommit: true, recursiveWatch: true },
  { atomicCommit: false, recursiveWatch: false },
];

describe.each(DRIVERS)('sharing items over instances, %o', (driver) => {
  it('gives all items to the only instance and runs each once per fire', async () => {
    const { clock } = begin(driver);
    const node = await cluster.start('a');
    const first = await cluster.nextFire();
    const second = await cluster.nextFire();
    expect(cluster.ranAt(first)).toEqual(['a:0', 'a:1', 'a:2']);
    expect(cluster.ranAt(second)).toEqual(['a:0', 'a:1', 'a:2']);
    expect(coordination(node)).toEqual(['registered', 'elected', 'resharded', 'assigned']);
    expect(clock.now()).toBe(second);
  });

  it('shares the items when instances come, without losing or doubling a fire', async () => {
    begin(driver);
    await cluster.start('a');
    const alone = await cluster.nextFire();
    await cluster.start('b');
    await cluster.start('c');
    const shared = await cluster.nextFire();
    expect(cluster.itemsAt(alone)).toEqual([0, 1, 2]);
    expect(cluster.ranAt(shared)).toEqual(['a:2', 'b:1', 'c:0']);
  });

  it('moves the items of an instance that dies to the others', async () => {
    begin(driver);
    for (const name of ['a', 'b', 'c']) await cluster.start(name);
    await cluster.kill('b');
    const fire = await cluster.nextFire();
    expect(await cluster.owners()).toEqual(['c', 'a', 'c']);
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2]);
  });

  it('elects another leader, who assigns the items, when the leader dies', async () => {
    begin(driver);
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    expect(a.engine.job(JOB).status().isLeader).toBe(true);
    await cluster.kill('a');
    const fire = await cluster.nextFire();
    expect(b.engine.job(JOB).status().isLeader).toBe(true);
    expect(cluster.ranAt(fire)).toEqual(['b:0', 'b:1', 'b:2']);
  });

  it('does not touch the assignment of an instance that comes back within its session', async () => {
    begin(driver);
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    const { id } = b.registry.session;
    cluster.server.cut(id);
    await cluster.clock.advance(100);
    cluster.server.restore(id);
    await settle();
    const fire = await cluster.nextFire();
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2]);
    expect(coordination(a).filter((event) => event === 'resharded')).toHaveLength(2);
    expect(b.registry.session.id).toBe(id);
  });

  it('gives an instance that lost its session items again', async () => {
    begin(driver);
    await cluster.start('a');
    const b = await cluster.start('b');
    const { id } = b.registry.session;
    cluster.server.expire(id);
    await cluster.clock.advance(2 * SECOND);
    expect(b.registry.session.epoch).toBe(2);
    const fire = await cluster.nextFire();
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2]);
    expect(cluster.ranAt(fire).some((run) => run.startsWith('b:'))).toBe(true);
  });
});

describe('what an instance may run', () => {
  it('starts nothing while the connection is gone, and says so', async () => {
    begin({ job: { misfire: false } });
    const a = await cluster.start('a');
    cluster.server.cut(a.registry.session.id);
    await settle();
    const fire = await cluster.nextFire();
    await cluster.clock.advance(SECOND / 4);
    cluster.server.restore(a.registry.session.id);
    await cluster.clock.advance(SECOND / 2);
    expect(cluster.itemsAt(fire)).toEqual([]);
    expect(skips(a)).toEqual(['no-session:0,1,2']);
  });

  it('aborts what runs when the session is lost and records it as failed, not as done', async () => {
    const reasons: unknown[] = [];
    begin({
      work: async ({ signal }) => {
        const aborted = deferred<unknown>();
        signal.addEventListener('abort', () => aborted.resolve(signal.reason));
        reasons.push(await aborted.promise);
      },
      job: { shardingTotalCount: 1 },
    });
    const a = await cluster.start('a');
    await cluster.nextFire();
    cluster.server.expire(a.registry.session.id);
    await cluster.clock.advance(SECOND / 2);
    expect(reasons).toMatchObject([{ code: 'SESSION_LOST' }]);
    expect(a.traces.of('item-finished')).toMatchObject([{ item: 0, success: false }]);
  });

  it('aborts what runs when the server was silent for as long as the session lasts', async () => {
    const aborted = deferred<number>();
    begin({
      work: ({ signal }) => {
        const ended = deferred();
        signal.addEventListener('abort', () => {
          aborted.resolve(cluster.clock.now());
          ended.resolve();
        });
        return ended.promise;
      },
      job: { shardingTotalCount: 1 },
    });
    const a = await cluster.start('a');
    const fire = await cluster.nextFire();
    const cutAt = cluster.clock.now();
    cluster.server.cut(a.registry.session.id);
    await cluster.clock.advance(11 * SECOND);
    expect(await aborted.promise).toBeLessThanOrEqual(cutAt + 10 * SECOND);
    expect(fire).toBe(cutAt);
    cluster.server.restore(a.registry.session.id);
    await cluster.clock.advance(5 * SECOND);
  });

  it('does not start an item whose former call has not settled, and records the fire as an overlap', async () => {
    const release = deferred();
    begin({
      work: ({ shardingItem }) => (shardingItem === 1 ? release.promise : undefined),
      job: { misfire: false },
    });
    const a = await cluster.start('a');
    await cluster.nextFire();
    const during = await cluster.nextFire();
    expect(cluster.itemsAt(during)).toEqual([0, 2]);
    expect(skips(a)).toEqual(['overlap:1']);
    release.resolve();
    const after = await cluster.nextFire();
    expect(cluster.itemsAt(after)).toEqual([0, 1, 2]);
  });

  it('does not start an item that its former owner is still running, until the mark goes', async () => {
    const release = deferred();
    begin({
      work: (_, instance) => (instance === 'a' ? release.promise : undefined),
      job: { shardingTotalCount: 2, misfire: false },
    });
    await cluster.start('a');
    await cluster.nextFire();
    const b = await cluster.start('b');
    const during = await cluster.nextFire();
    expect(cluster.ranAt(during)).toEqual([]);
    expect(skips(b)).toEqual(['running-elsewhere:0']);
    release.resolve();
    const after = await cluster.nextFire();
    expect(cluster.itemsAt(after)).toEqual([0, 1]);
  });

  it('gives each run of an item a higher fencing token, whoever runs it', async () => {
    begin({ job: { shardingTotalCount: 1 } });
    await cluster.start('a');
    await cluster.nextFire();
    await cluster.start('b');
    await cluster.nextFire();
    await cluster.stop('b');
    await cluster.nextFire();
    const tokens = cluster.calls.map(({ token }) => token ?? 0n);
    expect(tokens.length).toBeGreaterThanOrEqual(3);
    expect(tokens).toEqual([...tokens].sort((one, other) => (one < other ? -1 : 1)));
    expect(new Set(tokens).size).toBe(tokens.length);
  });

  it('makes no marks and gives no token without monitorExecution', async () => {
    begin({ job: { monitorExecution: false } });
    await cluster.start('a');
    const fire = await cluster.nextFire();
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2]);
    expect(cluster.calls.every(({ token }) => token === undefined)).toBe(true);
  });

  it('skips an item that an operator switched off, and a server that is disabled', async () => {
    begin();
    const a = await cluster.start('a');
    await a.registry.ensure(`${JOB}/sharding/1/disabled`);
    await settle();
    const fire = await cluster.nextFire();
    expect(cluster.itemsAt(fire)).toEqual([0, 2]);
    await a.registry.put(`${JOB}/servers/10.0.0.1`, 'DISABLED');
    await settle();
    const off = await cluster.nextFire();
    expect(cluster.itemsAt(off)).toEqual([]);
    expect(a.engine.job(JOB).status().isLeader).toBe(false);
    expect(skips(a)).toEqual(['disabled:1', 'disabled:0,1,2']);
  });
});

describe('a machine that slept', () => {
  it('runs the last of the fires it missed, and records the others as late', async () => {
    begin();
    const a = await cluster.start('a');
    const before = await cluster.nextFire();
    cluster.clock.setWallTime(before + 5 * SECOND);
    await cluster.clock.advance(1.5 * SECOND);
    const late = a.traces.of('fire-skipped').filter(({ reason }) => reason === 'late');
    const missed = late.map(({ scheduledAt }) => (scheduledAt - before) / SECOND);
    const ran = cluster.calls.map(({ scheduledAt }) => (scheduledAt - before) / SECOND);
    expect(missed).toEqual([1, 2, 3, 4, 5]);
    expect(ran).toEqual([0, 0, 0, 6, 6, 6]);
  });
});

describe('a fire that comes while items change hands', () => {
  it('is run once for every item, whenever each instance hears of the change', async () => {
    begin({ job: { shardingTotalCount: 9 } });
    await cluster.start('a');
    await cluster.start('b');
    // The third instance starts in the very moment in which the others fire.
    await cluster.clock.advanceTo(Math.ceil(cluster.clock.now() / SECOND) * SECOND - 1);
    const started = cluster.start('c');
    const fire = await cluster.nextFire();
    await started;
    const next = await cluster.nextFire();
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(cluster.itemsAt(next)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
