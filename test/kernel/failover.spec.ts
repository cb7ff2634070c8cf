import { type Deferred, deferred, settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  Cluster,
  type ClusterOptions,
  coordination,
  JOB,
  type Node,
  recordRequests,
  SECOND,
  skips,
} from './cluster.js';

let cluster = new Cluster();
/** What hangs until a test lets it go: runs of the fires that a test told to. */
let held: Deferred<void> = deferred();
let holds: (instance: string, item: number) => boolean = () => false;

/** Instances of a job with failover that fires once a minute, so that no ordinary fire disturbs. */
const begin = ({ job, ...options }: ClusterOptions = {}): Cluster => {
  held = deferred();
  holds = (instance) => instance === 'b';
  cluster = new Cluster({
    job: { failover: true, cron: '0 * * * * *', ...job },
    work: ({ shardingItem }, instance) => (holds(instance, shardingItem) ? held.promise : undefined),
    ...options,
  });
  return cluster;
};
afterEach(async () => {
  held.resolve();
  await cluster.end();
});

const MINUTE = 60 * SECOND;

/** The next full minute. */
async function fire(): Promise<number> {
  const at = Math.floor(cluster.clock.now() / MINUTE) * MINUTE + MINUTE;
  await cluster.clock.advanceTo(at);
  return at;
}

/** Runs that began after some other runs were cut, as `instance:item`, sorted. */
const takenOver = (...nodes: readonly Node[]): string[] =>
  nodes
    .flatMap(({ name, traces }) =>
      traces
        .of('item-started')
        .filter(({ source }) => source === 'FAILOVER')
        .map(({ item }) => `${name}:${item}`),
    )
    .sort();

/** Everything that tells of crashed runs in the registry. */
async function debris({ registry }: Node): Promise<string[]> {
  const list = async (path: string): Promise<string[]> =>
    ((await registry.children(`${JOB}/${path}`))?.names ?? []).map((name) => `${path}/${name}`);
  const items = await list('sharding');
  const nodes = (await Promise.all(items.map(list))).flat().filter((path) => !path.endsWith('/instance'));
  return [...nodes, ...(await list('leader/failover/items')), ...(await list('leader/failover/latch'))];
}

describe.each([
  { atomicCommit: true, recursiveWatch: true },
  { atomicCommit: false, recursiveWatch: false },
])('a crashed run, %o', (driver) => {
  it('is executed once more elsewhere, at once, for the fire it was cut from, with a greater token', async () => {
    begin(driver);
    const a = await cluster.start('a');
    await cluster.start('b');
    const at = await fire();
    const cut = cluster.calls.filter(({ instance }) => instance === 'b');
    await cluster.kill('b');
    const again = a.traces.of('item-started').filter(({ source }) => source === 'FAILOVER');
    expect(again.map(({ item, scheduledAt }) => [item, scheduledAt])).toEqual(cut.map(({ item }) => [item, at]));
    expect(again.every(({ fencingToken }, index) => (fencingToken ?? 0n) > (cut[index]?.token ?? 0n))).toBe(true);
    expect(a.traces.of('item-finished').filter(({ source }) => source === 'FAILOVER')).toMatchObject(
      cut.map(({ item }) => ({ item, success: true, scheduledAt: at })),
    );
    expect(coordination(a)).toContain('taken-over');
    expect(await debris(a)).toEqual([]);
    await cluster.clock.advance(MINUTE);
    expect(takenOver(a)).toHaveLength(cut.length);
  });

  it('is executed by one of several that are there, who share what there is', async () => {
    begin({ ...driver, job: { shardingTotalCount: 12 } });
    const [a, c] = [await cluster.start('a'), await cluster.start('c')];
    await cluster.start('b');
    await fire();
    const cut = cluster.calls.filter(({ instance }) => instance === 'b').map(({ item }) => item);
    await cluster.kill('b');
    const again = takenOver(a, c);
    expect(again.map((run) => Number(run.split(':')[1])).sort((x, y) => x - y)).toEqual(cut);
    expect(new Set(again.map((run) => run.split(':')[0]))).toEqual(new Set(['a', 'c']));
    expect(await debris(a)).toEqual([]);
  });

  it('is executed once more again when the instance that took it over dies as well', async () => {
    begin({ ...driver, job: { shardingTotalCount: 1 } });
    holds = (instance) => instance !== 'c';
    const [a] = [await cluster.start('a'), await cluster.start('b')];
    await fire();
    const victim = cluster.calls[0]?.instance ?? '';
    const other = victim === 'a' ? 'b' : 'a';
    await cluster.kill(victim);
    expect(takenOver(cluster.node(other))).toEqual([`${other}:0`]);
    const c = await cluster.start('c');
    await cluster.kill(other);
    expect(takenOver(c)).toEqual(['c:0']);
    expect(await debris(c)).toEqual([]);
    expect(a.name).toBe('a');
  });

  it('is executed once after a crash of all, by whoever comes back, together or not', async () => {
    begin(driver);
    holds = () => true;
    await cluster.start('a');
    await cluster.start('b');
    await fire();
    await Promise.all([cluster.kill('a'), cluster.kill('b')]);
    holds = () => false;
    const [c, d] = await Promise.all([cluster.start('c'), cluster.start('d')]);
    const again = takenOver(c, d).map((run) => run.split(':')[1]);
    expect(again.sort()).toEqual(['0', '1', '2']);
    expect(await debris(c)).toEqual([]);
  });

  it('is executed once when its instance comes back under the same id, also while others are there', async () => {
    begin(driver);
    const a = await cluster.start('a');
    await cluster.start('b', { instanceId: '10.0.0.9@-@b' });
    await fire();
    const cut = cluster.calls.filter(({ instance }) => instance === 'b').map(({ item }) => item);
    await cluster.kill('b');
    const reborn = await cluster.start('c', { instanceId: '10.0.0.9@-@b' });
    expect(takenOver(a, reborn).map((run) => Number(run.split(':')[1]))).toEqual(cut);
    expect(await debris(a)).toEqual([]);
  });

  it('is executed once by its own instance that crashed alone and came back under the same id', async () => {
    begin({ ...driver, job: { shardingTotalCount: 1 } });
    await cluster.start('b', { instanceId: '10.0.0.9@-@b' });
    await fire();
    await cluster.kill('b');
    const reborn = await cluster.start('c', { instanceId: '10.0.0.9@-@b' });
    expect(takenOver(reborn)).toEqual(['c:0']);
    expect(await debris(reborn)).toEqual([]);
  });

  it('of a process that lost its session and lives on is aborted there and executed once more', async () => {
    begin({ ...driver, job: { shardingTotalCount: 2 } });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    await fire();
    const [cut] = cluster.calls.filter(({ instance }) => instance === 'b');
    cluster.server.expire(b.registry.session.id);
    await cluster.clock.advance(SECOND);
    expect(takenOver(a)).toEqual([`a:${cut?.item}`]);
    // The abandoned call settles late, and must not touch anything of the other.
    holds = () => true;
    held.resolve();
    await cluster.clock.advance(SECOND);
    expect(b.traces.of('item-finished')).toMatchObject([{ item: cut?.item, success: false }]);
    expect(await debris(a)).toEqual([]);
    expect(takenOver(a, b)).toHaveLength(1);
  });
});

describe('an instance that takes a run over', () => {
  it('executes it at once although it is busy with other items', async () => {
    begin({ job: { shardingTotalCount: 2 } });
    holds = () => true;
    const a = await cluster.start('a');
    await cluster.start('b');
    await fire();
    await cluster.kill('b');
    expect(takenOver(a)).toHaveLength(1);
    expect(a.engine.job(JOB).status().runningItems).toEqual([0, 1]);
  });

  it('does not take what it has no place for, until a run ends', async () => {
    begin({ job: { shardingTotalCount: 2, jobExecutorThreadPoolSizeProviderType: 1 } });
    holds = () => true;
    const a = await cluster.start('a');
    await cluster.start('b');
    await fire();
    await cluster.kill('b');
    await cluster.clock.advance(10 * SECOND);
    expect(takenOver(a)).toEqual([]);
    expect((await debris(a)).filter((path) => !path.endsWith('/running'))).toEqual([]);
    held.resolve();
    await settle();
    expect(takenOver(a)).toHaveLength(1);
    expect(await debris(a)).toEqual([]);
  });

  it('waits for a run of the item that came in between, and executes it then', async () => {
    begin({ job: { shardingTotalCount: 1 } });
    const b = await cluster.start('b');
    await fire();
    const a = await cluster.start('a');
    // As if another member had swept the mark and an ordinary run had begun.
    await cluster.kill('b');
    expect(takenOver(a)).toEqual(['a:0']);
    expect(b.name).toBe('b');
    const witness = await foreign();
    await witness.create(`${JOB}/sharding/0/running`, '10.0.0.8@-@other', 'ephemeral');
    await witness.ensure(`${JOB}/leader/failover/items/0`);
    await settle();
    expect(takenOver(a)).toEqual(['a:0']);
    await witness.remove(`${JOB}/sharding/0/running`);
    await settle();
    expect(takenOver(a)).toEqual(['a:0', 'a:0']);
    expect(await debris(a)).toEqual([]);
  });

  it('takes what a Java member has announced, and what one took that is gone', async () => {
    begin();
    const a = await cluster.start('a');
    const java = await foreign();
    await java.ensure(`${JOB}/sharding/1/failovering`, '10.0.0.8@-@7');
    await java.ensure(`${JOB}/leader/failover/items/0`);
    await java.ensure(`${JOB}/leader/failover/items/2`);
    await settle();
    expect(takenOver(a)).toEqual(['a:0', 'a:1', 'a:2']);
    expect(await debris(a)).toEqual([]);
  });

  it('leaves what a member took that is there', async () => {
    begin();
    const a = await cluster.start('a');
    const java = await foreign();
    await java.create(
      `${JOB}/instances/10.0.0.8@-@7`,
      'jobInstanceId: 10.0.0.8@-@7\nserverIp: 10.0.0.8\n',
      'ephemeral',
    );
    await java.ensure(`${JOB}/sharding/1/failovering`, '10.0.0.8@-@7');
    await java.ensure(`${JOB}/leader/failover/items/1`);
    await settle();
    expect(takenOver(a)).toEqual([]);
  });

  it('leaves what it took and could not begin to others when it leaves', async () => {
    begin({ job: { shardingTotalCount: 1 } });
    const a = await cluster.start('a');
    const java = await foreign();
    await java.create(`${JOB}/leader/failover/items/0`, '', 'persistent');
    const { create } = a.registry;
    await settle();
    expect(takenOver(a)).toEqual(['a:0']);
    // The mark is refused: somebody was faster.
    a.registry.create = async (path, ...rest) =>
      path.endsWith('/running') ? { created: false } : create.call(a.registry, path, ...rest);
    await java.create(`${JOB}/sharding/0/running`, '10.0.0.8@-@7', 'ephemeral');
    await java.ensure(`${JOB}/leader/failover/items/0`);
    await settle();
    await cluster.stop('a');
    expect((await java.children(`${JOB}/leader/failover/items`))?.names).toEqual(['0']);
    expect((await java.children(`${JOB}/sharding/0`))?.names).toEqual(['running']);
  });
});

describe('what is no crash', () => {
  it('an orderly leave, also one that leaves a handler behind', async () => {
    begin({ job: { shardingTotalCount: 2 } });
    const a = await cluster.start('a');
    await cluster.start('b');
    await fire();
    expect(await debris(a)).toHaveLength(1);
    await cluster.stop('b');
    expect(await debris(a)).toEqual([]);
    await cluster.clock.advance(MINUTE);
    expect(takenOver(a)).toEqual([]);
  });

  it('a connection that comes back within its session', async () => {
    begin({ job: { shardingTotalCount: 2 } });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    await fire();
    const { id } = b.registry.session;
    cluster.server.cut(id);
    await cluster.clock.advance(2 * SECOND);
    cluster.server.restore(id);
    await cluster.clock.advance(2 * SECOND);
    held.resolve();
    await settle();
    expect(takenOver(a, b)).toEqual([]);
    expect(b.traces.of('item-finished')).toMatchObject([{ success: true }]);
    expect(await debris(a)).toEqual([]);
  });

  it("an operator's removal of an instance's node, while what runs there goes on", async () => {
    begin({ job: { shardingTotalCount: 2 } });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    await fire();
    await a.registry.remove(`${JOB}/instances/${b.instanceId}`);
    await cluster.clock.advance(5 * SECOND);
    expect(takenOver(a)).toEqual([]);
    held.resolve();
    await cluster.clock.advance(5 * SECOND);
    expect(b.engine.job(JOB).status().state).toBe('stopped');
    expect(takenOver(a)).toEqual([]);
    expect(await debris(a)).toEqual([]);
    expect((await a.registry.children(`${JOB}/extension/sessions`))?.names).toEqual([a.instanceId]);
  });

  it('but its death while it is about to leave is one', async () => {
    begin({ job: { shardingTotalCount: 2 } });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    await fire();
    await a.registry.remove(`${JOB}/instances/${b.instanceId}`);
    await cluster.clock.advance(5 * SECOND);
    await cluster.kill('b');
    expect(takenOver(a)).toHaveLength(1);
    expect(await debris(a)).toEqual([]);
  });
});

describe('a crashed run that is not wanted any more', () => {
  /** An instance that is there, and the item whose run another one did not end. */
  const crash = async (before: (a: Node, item: number) => Promise<unknown>): Promise<{ a: Node; item: number }> => {
    begin({ job: { shardingTotalCount: 2 } });
    const a = await cluster.start('a');
    await cluster.start('b');
    await fire();
    const item = cluster.calls.find(({ instance }) => instance === 'b')?.item ?? -1;
    await before(a, item);
    await settle();
    await cluster.kill('b');
    return { a, item };
  };

  it('is recorded as skipped when an operator has disabled the item', async () => {
    const { a, item } = await crash(({ registry }, which) => registry.ensure(`${JOB}/sharding/${which}/disabled`));
    expect(takenOver(a)).toEqual([]);
    expect(skips(a)).toEqual([`disabled:${item}`]);
    expect(await debris(a)).toEqual([`sharding/${item}/disabled`]);
  });

  it('is recorded as skipped when there is no such item any more', async () => {
    const edit = async ({ registry }: Node, count: number): Promise<void> => {
      const { value = '' } = (await registry.read(`${JOB}/config`)) ?? {};
      await registry.put(`${JOB}/config`, value.replace(/shardingTotalCount: \d+/, `shardingTotalCount: ${count}`));
    };
    begin({ job: { shardingTotalCount: 2 } });
    holds = (_, item) => item === 1;
    const a = await cluster.start('a');
    await cluster.start('b');
    await fire();
    const victim = cluster.calls.find(({ item }) => item === 1)?.instance ?? '';
    const other = cluster.node(victim === 'a' ? 'b' : 'a');
    await edit(other, 1);
    await settle();
    await cluster.kill(victim);
    expect(takenOver(other)).toEqual([]);
    expect(skips(other)).toEqual(['surplus:1']);
    expect(await debris(other)).toEqual([]);
    expect(a.name).toBe('a');
  });

  it('is left alone by a disabled server, and executed as soon as one is enabled', async () => {
    const { a, item } = await crash(({ registry }) => registry.put(`${JOB}/servers/10.0.0.1`, 'DISABLED'));
    await cluster.clock.advance(10 * SECOND);
    expect(takenOver(a)).toEqual([]);
    await a.registry.put(`${JOB}/servers/10.0.0.1`, 'ENABLED');
    await settle();
    expect(takenOver(a)).toEqual([`a:${item}`]);
  });

  it('is not executed while the job is paused, and executed as soon as it is resumed', async () => {
    const { a, item } = await crash(({ registry }) => registry.put(`${JOB}/extension/pause`, ''));
    await cluster.clock.advance(10 * SECOND);
    expect(takenOver(a)).toEqual([]);
    await a.registry.remove(`${JOB}/extension/pause`);
    await settle();
    expect(takenOver(a)).toEqual([`a:${item}`]);
    expect(await debris(a)).toEqual([]);
  });

  it('is executed although items are just being assigned', async () => {
    const { a, item } = await crash(async () => {
      const java = await foreign();
      await java.create(`${JOB}/leader/sharding/processing`, '', 'ephemeral');
    });
    expect(takenOver(a)).toEqual([`a:${item}`]);
    expect(await debris(a)).toEqual([]);
  });
});

describe('a mark of somebody who is gone, without failover', () => {
  it('keeps its item from one fire, and not from the next', async () => {
    begin({ job: { failover: false, misfire: false, shardingTotalCount: 1 } });
    const a = await cluster.start('a');
    await a.registry.ensure(`${JOB}/sharding/0/running`, '10.0.0.8@-@7');
    const [first, second] = [await fire(), await fire()];
    expect(skips(a)).toEqual(['running-elsewhere:0']);
    expect([cluster.itemsAt(first), cluster.itemsAt(second)]).toEqual([[], [0]]);
    expect(takenOver(a)).toEqual([]);
    expect(await debris(a)).toEqual([]);
  });

  it('is left alone while its owner is there', async () => {
    begin({ job: { failover: false, misfire: false, shardingTotalCount: 1 } });
    const a = await cluster.start('a');
    const java = await foreign();
    await java.create(
      `${JOB}/instances/10.0.0.8@-@7`,
      'jobInstanceId: 10.0.0.8@-@7\nserverIp: 10.0.0.8\n',
      'ephemeral',
    );
    await java.ensure(`${JOB}/servers/10.0.0.8`, 'DISABLED');
    await a.registry.ensure(`${JOB}/sharding/0/running`, '10.0.0.8@-@7');
    await fire();
    await fire();
    expect(skips(a)).toEqual(['running-elsewhere:0', 'running-elsewhere:0']);
    expect(await debris(a)).toEqual(['sharding/0/running']);
  });

  it('goes, with all else that told of crashed runs, when failover is switched off', async () => {
    begin({ job: { shardingTotalCount: 2 } });
    const a = await cluster.start('a');
    await cluster.start('b');
    await fire();
    await a.registry.put(`${JOB}/extension/pause`, '');
    await settle();
    await cluster.kill('b');
    expect(await debris(a)).toHaveLength(1);
    const { value = '' } = (await a.registry.read(`${JOB}/config`)) ?? {};
    await a.registry.put(`${JOB}/config`, value.replace('failover: true', 'failover: false'));
    await settle();
    expect(await debris(a)).toEqual([]);
    expect(takenOver(a)).toEqual([]);
  });
});

describe('what failover costs', () => {
  it('nothing at an ordinary run: its mark is created and removed, and nothing is read', async () => {
    begin();
    const { registry } = await cluster.start('a');
    const requests = recordRequests(registry);
    await fire();
    const marks = [0, 1, 2].map((item) => `${JOB}/sharding/${item}/running`);
    expect(requests.sort()).toEqual([
      ...marks.map((path) => `create ${path}`),
      ...marks.map((path) => `remove ${path}`),
    ]);
  });
});

/** A registry of somebody else, a Java member or an operator. */
async function foreign(): Promise<Node['registry']> {
  const registry = cluster.server.registry({ namespace: 'test' });
  await registry.start();
  return registry;
}
