import type { JobOptions } from '@elasticjob/core';
import { deferred, settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, coordination, JOB, SECOND } from './cluster.js';

let cluster = new Cluster();
const begin = (options?: ClusterOptions): Cluster => {
  cluster = new Cluster(options);
  return cluster;
};
afterEach(() => cluster.end());

const LATCH = `${JOB}/leader/election/latch`;
const LEADER = `${JOB}/leader/election/instance`;

/** Lets that many continuations run, so that a test can interrupt a sequence of requests anywhere. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

describe('an instance that stops in the middle of something', () => {
  it('never leads afterwards, wherever its campaign was', async () => {
    for (let moment = 0; moment <= 80; moment += 2) {
      begin();
      const witness = cluster.server.registry({ namespace: 'test' });
      await witness.start();
      const foreign = await witness.create(`${LATCH}/_c_foreign-latch-`, '', 'ephemeral-sequential');
      const a = await cluster.start('a');
      await witness.remove(foreign.created ? foreign.path : '');
      await turns(moment);
      await a.engine.remove(JOB);
      await settle();
      expect({ moment, leader: await witness.read(LEADER) }).toEqual({ moment, leader: null });
      expect({ moment, latch: (await witness.children(LATCH))?.names }).toEqual({ moment, latch: [] });
      await cluster.end();
      await witness.stop();
    }
  });

  it('loses no fire when it is given items while it leaves', async () => {
    for (let moment = 0; moment <= 400; moment += 20) {
      begin();
      await cluster.start('a');
      const joined = cluster.start('b').catch(() => undefined);
      await turns(moment);
      const { engine } = cluster.node('b');
      const stopped = Promise.all([joined, engine.stop()]);
      const fires = [await cluster.nextFire(), await cluster.nextFire(), await cluster.nextFire()];
      await cluster.stop('b');
      await stopped;
      const lost = fires.map((fire) => cluster.itemsAt(fire).join());
      expect({ moment, lost }).toEqual({ moment, lost: ['0,1,2', '0,1,2', '0,1,2'] });
      await cluster.end();
    }
  });

  it('takes on nothing when its session is lost while it waits for its last run', async () => {
    const release = deferred();
    begin({ work: (_, instance) => (instance === 'b' ? release.promise : undefined), job: { shardingTotalCount: 2 } });
    await cluster.start('a');
    const b = await cluster.start('b');
    await cluster.nextFire();
    const stopped = b.engine.stop();
    await cluster.clock.advance(100);
    cluster.server.expire(b.registry.session.id);
    await cluster.clock.advance(3 * SECOND);
    expect(await cluster.owners(2)).toEqual(['a', 'a']);
    release.resolve();
    await cluster.clock.advance(SECOND);
    await stopped;
    cluster.nodes.delete('b');
  });

  it('can be stopped while it waits for another process with its id to go', async () => {
    begin();
    const a = await cluster.start('a', { instanceId: '10.0.0.1@-@same' });
    const twin = cluster.start('b', { instanceId: '10.0.0.1@-@same' }).catch((error: unknown) => error);
    await cluster.clock.advance(SECOND);
    const before = cluster.clock.now();
    await cluster.stop('b');
    expect(cluster.clock.now() - before).toBeLessThanOrEqual(SECOND);
    expect(await twin).toMatchObject({ code: 'STOPPED' });
    expect(a.engine.job(JOB).status().state).toBe('active');
  });

  it('accepts no job once it is stopped', async () => {
    begin();
    const { engine } = await cluster.start('a');
    await cluster.stop('a');
    const added = engine.add(cluster.definition({ name: 'late' }), { execute: () => undefined });
    expect(await added.catch((error: unknown) => error)).toMatchObject({ code: 'INVALID_STATE' });
  });
});

describe('an instance whose session is replaced in the middle of a look', () => {
  it('acts in the next session only once it is registered there, and leaves no mark behind', async () => {
    begin({ job: { failover: true } });
    const a = await cluster.start('a');
    const held = deferred();
    const waiting = deferred();
    const create = a.registry.create.bind(a.registry);
    a.registry.create = async (path, ...rest) => {
      if (path.includes('/extension/sessions/')) {
        waiting.resolve();
        await held.promise;
      }
      return create(path, ...rest);
    };
    cluster.server.expire(a.registry.session.id);
    await waiting.promise;
    cluster.server.expire(a.registry.session.id);
    await cluster.nextFire();
    const registered: string[] = [];
    a.registry.create = async (path, ...rest) => {
      registered.push(path);
      return create(path, ...rest);
    };
    held.resolve();
    await cluster.nextFire();
    await cluster.nextFire();
    const marks = registered.findIndex((path) => path.endsWith('/running'));
    const node = registered.findIndex((path) => path.includes('/instances/'));
    expect(node).toBeGreaterThanOrEqual(0);
    expect(marks).toBeGreaterThan(node);
    const fire = await cluster.nextFire();
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2]);
  });
});

describe('an instance that joins in the moment of a fire', () => {
  /** Starts an instance whose first look at the job takes until `looked` is resolved; it is registered by then. */
  const startSlowly = async (name: string, looked: Promise<void>, job: Partial<JobOptions> = {}): Promise<void> => {
    void cluster.start(name, { job });
    const { registry } = cluster.node(name);
    const watchTree = registry.watchTree.bind(registry);
    registry.watchTree = async (...args) => {
      await looked;
      return watchTree(...args);
    };
    await settle();
  };

  it('runs the items that it was given before the fire, although it learns of them after it', async () => {
    begin();
    await cluster.start('a');
    const looked = deferred();
    await startSlowly('b', looked.promise);
    expect(await cluster.owners()).toContain('b');
    const fire = await cluster.nextFire();
    looked.resolve();
    await settle();
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2]);
    expect(cluster.ranAt(fire).filter((run) => run.startsWith('b'))).not.toEqual([]);
  });

  it('does so by the definition that is stored, not by its own', async () => {
    begin();
    await cluster.start('a');
    const looked = deferred();
    await startSlowly('b', looked.promise, { cron: '30 * * * * *', shardingTotalCount: 1 });
    const fire = await cluster.nextFire();
    looked.resolve();
    await settle();
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2]);
  });
});

describe('what a person changes in the registry', () => {
  it('is followed although the definition was removed and written anew, with the same version', async () => {
    begin();
    const a = await cluster.start('a');
    const path = `${JOB}/config`;
    const text = (await a.registry.read(path))?.value ?? '';
    await a.registry.remove(path);
    await a.registry.put(path, text.replace('shardingTotalCount: 3', 'shardingTotalCount: 5'));
    await settle();
    const fire = await cluster.nextFire();
    expect(cluster.itemsAt(fire)).toEqual([0, 1, 2, 3, 4]);
  });

  it('stops an instance whose node is removed even while it waits for a readable definition', async () => {
    begin();
    const a = await cluster.start('a');
    await a.registry.put(`${JOB}/config`, 'neither: here\nnor: there\n');
    await settle();
    expect(a.engine.job(JOB).status().state).toBe('waiting');
    await a.registry.remove(`${JOB}/instances/${a.instanceId}`);
    await cluster.clock.advance(SECOND);
    expect(a.engine.job(JOB).status().state).toBe('stopped');
    expect(coordination(a)).toContain('shut-down-remotely');
  });

  it('loses no fire and no time when the node of the leader is removed', async () => {
    begin();
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    await b.registry.remove(`${JOB}/instances/${a.instanceId}`);
    await cluster.clock.advance(1);
    expect(a.engine.job(JOB).status().state).toBe('stopped');
    expect(await cluster.owners()).toEqual(['b', 'b', 'b']);
    const fire = await cluster.nextFire();
    expect(cluster.ranAt(fire)).toEqual(['b:0', 'b:1', 'b:2']);
  });

  it('runs a request that comes together with a fire after that fire, not instead of it', async () => {
    const [taking, release] = [deferred(), deferred()];
    begin({ work: () => release.promise, job: { shardingTotalCount: 1 } });
    const { registry, instanceId, traces } = await cluster.start('a');
    const remove = registry.remove.bind(registry);
    registry.remove = async (path, options) => {
      if (path.includes('/trigger/')) await taking.promise;
      return remove(path, options);
    };
    await registry.ensure(`${JOB}/trigger/${instanceId}`);
    await settle();
    await cluster.nextFire();
    taking.resolve();
    await settle();
    expect(traces.of('item-started').map(({ source }) => source)).toEqual(['NORMAL_TRIGGER']);
    release.resolve();
    await settle();
    expect(traces.of('item-started').map(({ source }) => source)).toEqual(['NORMAL_TRIGGER', 'MANUAL_TRIGGER']);
  });
});

describe('what is told of a job', () => {
  it('wakes whoever waits for a run to begin or to end', async () => {
    const release = deferred();
    begin({ work: () => release.promise, job: { shardingTotalCount: 1 } });
    const a = await cluster.start('a');
    const handle = a.engine.job(JOB);
    const ran = handle
      .waitFor(({ runningItems }) => runningItems.length === 1)
      .then(() => handle.waitFor(({ runningItems }) => runningItems.length === 0));
    await cluster.nextFire();
    release.resolve();
    await settle();
    await ran;
  });
});
