import type { Registry, TreeSnapshot } from '@elasticjob/core';
import { deferred, settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, coordination, JOB, SECOND, skips } from './cluster.js';

let cluster = new Cluster();
const begin = (options?: ClusterOptions): Cluster => {
  cluster = new Cluster(options);
  return cluster;
};
afterEach(() => cluster.end());

/** Keeps back what watches that are made from now on have to tell: they know only that there is something. */
function delayedNews(registry: Registry): { hold(): void; release(): void } {
  const watchTree = registry.watchTree.bind(registry);
  const watches: { hold(): void; release(): void }[] = [];
  registry.watchTree = async (root, selection, listener) => {
    let held: TreeSnapshot | null = null;
    const watch = await watchTree(root, selection, (before, after) => {
      if (held === null) listener(before, after);
    });
    watches.push({
      hold: () => {
        held = watch.snapshot;
      },
      release: () => {
        const before = held ?? watch.snapshot;
        held = null;
        listener(before, watch.snapshot);
      },
    });
    return {
      get snapshot() {
        return held ?? watch.snapshot;
      },
      isFresh: (path) => held === null && watch.isFresh(path),
      select: (wanted) => watch.select(wanted),
      refresh: () => watch.refresh(),
      close: () => watch.close(),
    };
  };
  return {
    hold: () => {
      for (const watch of watches) watch.hold();
    },
    release: () => {
      for (const watch of watches) watch.release();
    },
  };
}

describe('an instance that leaves', () => {
  it('gives its items away first, so that no fire is lost', async () => {
    begin();
    for (const name of ['a', 'b', 'c']) await cluster.start(name);
    const before = await cluster.nextFire();
    await cluster.stop('a');
    const after = await cluster.nextFire();
    expect(cluster.itemsAt(before)).toEqual([0, 1, 2]);
    expect(cluster.itemsAt(after)).toEqual([0, 1, 2]);
    expect(cluster.ranAt(after).filter((run) => run.startsWith('a:'))).toEqual([]);
  });

  it('waits for news of who is there that is on its way before it believes to be alone', async () => {
    begin();
    const a = await cluster.start('a');
    await a.engine.remove(JOB);
    const news = delayedNews(a.registry);
    await a.engine.add(cluster.definition(), { execute: () => undefined });
    await settle();
    news.hold();
    const b = await cluster.start('b');
    const removed = a.engine.remove(JOB);
    await settle();
    expect(coordination(a).filter((event) => event === 'left')).toHaveLength(1);
    news.release();
    await cluster.clock.advance(SECOND);
    await removed;
    expect(coordination(a).slice(-4)).toEqual(['draining', 'resharded', 'assigned', 'left']);
    expect(b.engine.job(JOB).status().items).toEqual([0, 1, 2]);
  });

  it('leaves no trace of itself but its server', async () => {
    begin();
    await cluster.start('a');
    const b = await cluster.start('b');
    const { instanceId } = cluster.node('a');
    await cluster.stop('a');
    expect(await b.registry.read(`${JOB}/instances/${instanceId}`)).toBeNull();
    expect((await b.registry.read(`${JOB}/leader/election/instance`))?.value).toBe(b.instanceId);
    expect(await b.registry.read(`${JOB}/servers/10.0.0.1`)).toMatchObject({ value: 'ENABLED' });
  });

  it('waits for what runs before it leaves', async () => {
    const release = deferred();
    begin({ work: () => release.promise, job: { shardingTotalCount: 1 } });
    const a = await cluster.start('a');
    await cluster.nextFire();
    const stopped = a.engine.stop();
    await cluster.clock.advance(5 * SECOND);
    expect(coordination(a)).not.toContain('left');
    release.resolve();
    await cluster.clock.advance(1);
    await stopped;
    expect(a.traces.of('item-finished')).toMatchObject([{ success: true }]);
    expect(coordination(a)).toContain('left');
    cluster.nodes.delete('a');
  });

  it('aborts what still runs after the drain timeout', async () => {
    begin({
      job: { shardingTotalCount: 1 },
      engine: { drainTimeoutMs: 3000 },
      work: ({ signal }) => {
        const ended = deferred();
        signal.addEventListener('abort', () => ended.reject(signal.reason));
        return ended.promise;
      },
    });
    const a = await cluster.start('a');
    await cluster.nextFire();
    await cluster.stop('a');
    expect(a.traces.of('item-finished')).toMatchObject([
      { success: false, failureCause: expect.stringContaining('drain timeout of 3000 ms') },
    ]);
  });

  it('leaves behind a handler that ignores its signal, and still leaves', async () => {
    begin({
      job: { shardingTotalCount: 1 },
      engine: { drainTimeoutMs: 1000, abortGraceMs: 500 },
      work: () => deferred().promise,
    });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    await cluster.nextFire();
    const owner = cluster.calls[0]?.instance ?? 'none';
    await cluster.stop(owner);
    const left = owner === 'a' ? a : b;
    const other = owner === 'a' ? b : a;
    expect(coordination(left)).toContain('left');
    // The other one makes up for the fire that fell into the run, as soon as its mark is gone.
    expect((await other.registry.read(`${JOB}/sharding/0/running`))?.value).toBe(other.instanceId);
    expect(cluster.calls.at(-1)?.instance).not.toBe(owner);
  });

  it('records the fires that it missed and can make up for no more, when the registry is away', async () => {
    begin();
    const a = await cluster.start('a');
    cluster.server.cut(a.registry.session.id);
    await cluster.nextFire();
    expect(skips(a)).toEqual([]);
    const removed = a.engine.remove(JOB);
    await cluster.clock.advance(5 * SECOND);
    await removed;
    expect(skips(a)).toEqual(['no-session:0,1,2']);
  });

  it('records the fires of which it is not told in time whose they are', async () => {
    begin({ job: { cron: '0 * * * * *' } });
    const a = await cluster.start('a');
    await cluster.clock.advanceTo(Date.parse('2027-01-01T00:00:59Z'));
    // Somebody else assigns, and does not come to an end.
    const other = cluster.server.registry({ namespace: 'test' });
    await other.start();
    await other.create(`${JOB}/leader/sharding/processing`, '', 'ephemeral');
    await settle();
    await cluster.nextFire();
    expect([skips(a), cluster.calls]).toEqual([[], []]);
    const removed = a.engine.remove(JOB);
    await cluster.clock.advance(5 * SECOND);
    await removed;
    expect(skips(a)).toEqual(['no-session:0,1,2']);
    await other.stop();
  });

  it('stops a job whose node an operator removed, and only that job', async () => {
    begin();
    const a = await cluster.start('a');
    await cluster.start('b');
    await cluster.node('b').registry.remove(`${JOB}/instances/${a.instanceId}`);
    await cluster.clock.advance(5 * SECOND);
    expect(a.engine.job(JOB).status().state).toBe('stopped');
    const fire = await cluster.nextFire();
    expect(cluster.ranAt(fire)).toEqual(['b:0', 'b:1', 'b:2']);
  });

  it('is forgotten by the others also when it was removed while the connection was gone', async () => {
    begin();
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    const { id } = a.registry.session;
    cluster.server.cut(id);
    await settle();
    const removed = a.engine.remove(JOB);
    await cluster.clock.advance(5 * SECOND);
    await removed;
    cluster.server.restore(id);
    await cluster.clock.advance(SECOND);
    expect(a.registry.session).toMatchObject({ id, state: 'connected' });
    expect(b.engine.job(JOB).status().instances).toEqual([b.instanceId]);
    const fire = await cluster.nextFire();
    expect(cluster.ranAt(fire)).toEqual(['b:0', 'b:1', 'b:2']);
  });

  it('is forgotten by the others also when the connection is lost while it takes its nodes away', async () => {
    begin();
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    const { id } = a.registry.session;
    const read = a.registry.read.bind(a.registry);
    a.registry.read = async (path) => {
      if (path.endsWith('/processing')) cluster.server.cut(id);
      return read(path);
    };
    const removed = a.engine.remove(JOB);
    await cluster.clock.advance(8 * SECOND);
    await removed;
    a.registry.read = read;
    cluster.server.restore(id);
    await cluster.clock.advance(SECOND);
    expect(a.registry.session).toMatchObject({ id, state: 'connected' });
    expect(b.engine.job(JOB).status().instances).toEqual([b.instanceId]);
    expect((await b.registry.read(`${JOB}/leader/election/instance`))?.value).toBe(b.instanceId);
  });

  it('is forgotten by the others also when it was removed while it registered in a new session', async () => {
    begin();
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    let removed: Promise<void> | undefined;
    a.registry.onSession(({ state }) => {
      if (state === 'connected') removed = a.engine.remove(JOB);
    });
    cluster.server.expire(a.registry.session.id);
    await cluster.clock.advance(5 * SECOND);
    await removed;
    expect(a.registry.session).toMatchObject({ epoch: 2, state: 'connected' });
    expect(b.engine.job(JOB).status().instances).toEqual([b.instanceId]);
    const fire = await cluster.nextFire();
    expect(cluster.ranAt(fire)).toEqual(['b:0', 'b:1', 'b:2']);
  });

  it('can be removed and added again at run time', async () => {
    begin();
    const a = await cluster.start('a');
    await a.engine.remove(JOB);
    const without = await cluster.nextFire();
    await a.engine.add(cluster.definition(), { execute: () => undefined });
    await settle();
    expect(cluster.itemsAt(without)).toEqual([]);
    expect(a.engine.job(JOB).status()).toMatchObject({ state: 'active', items: [0, 1, 2] });
  });

  it('does not stop because the registry was away for a long time', async () => {
    begin();
    const a = await cluster.start('a');
    const { id } = a.registry.session;
    cluster.server.cut(id);
    await cluster.clock.advance(60 * SECOND);
    cluster.server.restore(id);
    await cluster.clock.advance(30 * SECOND);
    const fire = await cluster.nextFire();
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2]);
  });

  it('leads until what it began as leader has ended, also when the connection is cut meanwhile', async () => {
    begin();
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    const held = deferred();
    const create = a.registry.create.bind(a.registry);
    a.registry.create = async (path, value, mode) => {
      if (path.endsWith('/processing')) await held.promise;
      return create(path, value, mode);
    };
    await b.registry.ensure(`${JOB}/leader/sharding/necessary`);
    const removed = a.engine.remove(JOB);
    await cluster.clock.advance(5 * SECOND);
    const { id } = a.registry.session;
    cluster.server.cut(id);
    await settle();
    cluster.server.restore(id);
    await settle();
    const leader = `${JOB}/leader/election/instance`;
    expect((await b.registry.read(leader))?.value).toBe(a.instanceId);
    held.resolve();
    await cluster.clock.advance(SECOND);
    await removed;
    expect((await b.registry.read(leader))?.value).toBe(b.instanceId);
    expect(await cluster.owners()).toEqual(['b', 'b', 'b']);
  });
});
