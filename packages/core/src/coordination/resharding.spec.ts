import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Operation, Registry } from '../registry/registry.js';
import { type AssignmentPlan, decodePlan } from './assignment-plan.js';
import type { Member } from './job-view.js';
import { type ReshardingOutcome, raise, readOwners, reshard } from './resharding.js';
import { averageAllocation, type ShardingStrategy } from './sharding-strategies.js';

let clock: ManualClock;
let server: MemoryServer;
let registry: Registry;

const members = (...names: string[]): Member[] =>
  names.map((name, index) => ({
    instanceId: name,
    serverIp: '10.0.0.1',
    labels: {},
    withdrawn: false,
    session: BigInt(index),
  }));

const assign = (
  who: Member[],
  itemCount: number,
  strategy: ShardingStrategy = averageAllocation,
  configVersion: number | null = null,
): Promise<ReshardingOutcome> =>
  reshard(registry, { jobName: 'job', itemCount, members: who, strategy, configVersion, now: clock.now() });

const planOf = (outcome: ReshardingOutcome): AssignmentPlan => {
  if (!outcome.published) throw new Error(outcome.reason);
  return outcome.plan;
};
const owners = async (count: number): Promise<string> => {
  const found = await readOwners(
    registry,
    'job',
    Array.from({ length: count }, (_, item) => item),
  );
  return Array.from({ length: count }, (_, item) => found.get(item)?.value ?? '-').join('');
};

describe.each([{ atomicCommit: true }, { atomicCommit: false }])('a resharding, %o', ({ atomicCommit }) => {
  beforeEach(async () => {
    clock = new ManualClock(1000);
    server = new MemoryServer({ clock });
    registry = server.registry({ namespace: 'test', atomicCommit });
    await registry.start();
  });
  afterEach(() => registry.stop());

  it('gives every item an owner, writes the plan, and lowers the flags', async () => {
    const plan = planOf(await assign(members('b', 'a'), 4));
    expect(await owners(4)).toBe('bbaa');
    const flags = await registry.children('job/leader/sharding');
    expect(flags?.names).toEqual([]);
    expect(flags?.stat.cversion).toBe(plan.changes);
    expect(decodePlan((await registry.read('job/extension/plan'))?.value ?? '')).toEqual(plan);
    expect(plan.spans[0].after).toBe(1000);
  });

  it('dates the plan by when the resharding was asked for', async () => {
    await raise(registry, 'job');
    await clock.advance(500);
    expect(planOf(await assign(members('a'), 1)).spans[0].after).toBe(1000);
  });

  it('writes only what differs, and reads no item while the last plan is known to hold', async () => {
    planOf(await assign(members('b', 'a'), 4));
    const before = await registry.read('job/sharding/0/instance');
    const reads = spyOnReads();
    await assign(members('b', 'c'), 4);
    expect(reads()).not.toContain('job/sharding/0/instance');
    expect(await owners(4)).toBe('bbcc');
    expect((await registry.read('job/sharding/0/instance'))?.stat.mzxid).toBe(before?.stat.mzxid);
  });

  it('reads the items when another leader was at work since the last plan', async () => {
    planOf(await assign(members('b', 'a'), 2));
    await registry.ensure('job/leader/sharding/necessary');
    await registry.remove('job/sharding/1/instance');
    await registry.remove('job/leader/sharding/necessary');
    await assign(members('b', 'a'), 2);
    expect(await owners(2)).toBe('ba');
  });

  it('reads the items again after an attempt that failed, and mends them', async () => {
    planOf(await assign(members('b', 'a'), 2));
    await registry.remove('job/sharding/1/instance');
    const failed = await assign(members('c', 'd'), 2);
    expect(failed).toMatchObject({ published: false });
    expect((await registry.children('job/leader/sharding'))?.names).toEqual(['necessary']);
    expect(await assign(members('c', 'd'), 2)).toMatchObject({ published: true });
    expect(await owners(2)).toBe('cd');
  });

  it('changes nothing when the definition it was planned from is no longer the stored one', async () => {
    planOf(await assign(members('b', 'a'), 2));
    await registry.put('job/config', 'first');
    await registry.put('job/config', 'second');
    const outcome = await assign(members('c'), 2, averageAllocation, 0);
    expect(outcome).toEqual({ published: false, reason: 'job/config: BAD_VERSION' });
    expect(await owners(2)).toBe('ba');
    expect(await assign(members('c'), 2, averageAllocation, 1)).toMatchObject({ published: true });
  });

  it('changes no flag and no plan when somebody wrote a plan or moved an item meanwhile', async () => {
    for (const [path, meddle] of [
      ['job/extension/plan', () => registry.put('job/extension/plan', 'by another leader')],
      ['job/sharding/0/instance', () => registry.put('job/sharding/0/instance', 'x')],
    ] as const) {
      await registry.remove('job', { recursive: true });
      planOf(await assign(members('b', 'a'), 2));
      // So that the owners are read.
      await registry.put('job/extension/plan', '');
      const meddling: ShardingStrategy = { type: 'MEDDLING', assign: () => ['c', 'c'] };
      const commit = registry.commit.bind(registry);
      registry.commit = async (stages) => {
        await meddle();
        return commit(stages);
      };
      const outcome = await assign(members('c'), 2, meddling);
      registry.commit = commit;
      expect(outcome).toEqual({ published: false, reason: `${path}: BAD_VERSION` });
      expect((await registry.children('job/leader/sharding'))?.names).toEqual(['necessary']);
    }
  });

  it('waits for the mark of another leader at work, but not for one that somebody forgot', async () => {
    const other = server.registry({ namespace: 'test', atomicCommit });
    await other.start();
    await other.create('job/leader/sharding/processing', '', 'ephemeral');
    await clock.advance(2 * registry.session.timeoutMs - 1);
    expect(await assign(members('a'), 1)).toEqual({
      published: false,
      reason: 'another leader is assigning the items',
    });
    await clock.advance(1);
    planOf(await assign(members('a'), 1));
    expect(await owners(1)).toBe('a');
    expect((await registry.children('job/leader/sharding'))?.names).toEqual([]);
    await other.stop();
  });

  it('raises the flag again when a former leader has lowered it meanwhile, so that nobody acts on half of it', async () => {
    planOf(await assign(members('b', 'a'), 2));
    const commit = registry.commit.bind(registry);
    registry.commit = async (stages) => {
      registry.commit = commit;
      await registry.remove('job/leader/sharding/necessary');
      return commit(stages);
    };
    const outcome = await assign(members('c'), 2);
    expect(outcome).toEqual({ published: false, reason: 'job/leader/sharding/necessary: NO_NODE' });
    expect((await registry.children('job/leader/sharding'))?.names).toEqual(['necessary']);
  });

  it('leaves an item alone whose crashed run somebody has taken over', async () => {
    planOf(await assign(members('a'), 2));
    await registry.put('job/sharding/1/failovering', 'a');
    await assign(members('a'), 1);
    expect((await registry.children('job/sharding/1'))?.names).toEqual(['failovering']);
  });

  it('takes items away when there are fewer, but leaves one that still runs', async () => {
    planOf(await assign(members('a'), 4));
    await registry.create('job/sharding/3/running', 'a', 'ephemeral');
    await assign(members('a'), 2);
    expect((await registry.children('job/sharding'))?.names).toEqual(['0', '1', '3']);
    expect(await owners(4)).toBe('aa--');
  });

  it('leaves an item that begins to run while it is taken away', async () => {
    planOf(await assign(members('a'), 4));
    const owner = server.registry({ namespace: 'test' });
    await owner.start();
    const children = registry.children.bind(registry);
    registry.children = async (path) => {
      const list = await children(path);
      if (path === 'job/sharding/3') await owner.create('job/sharding/3/running', 'a', 'ephemeral');
      return list;
    };
    await assign(members('a'), 3);
    expect((await owner.read('job/sharding/3/running'))?.value).toBe('a');
    await owner.stop();
    registry.children = children;
    await assign(members('a'), 2);
    expect((await registry.children('job/sharding'))?.names).toEqual(['0', '1']);
  });

  it('assigns more items than one request could hold', async () => {
    const count = 5_000;
    expect(await assign(members('b', 'a'), count)).toMatchObject({ published: true });
    const shared = await owners(count);
    expect([shared.lastIndexOf('b'), shared.indexOf('a')]).toEqual([count / 2 - 1, count / 2]);
    expect(await assign(members('c'), count)).toMatchObject({ published: true });
    expect(await owners(count)).toBe('c'.repeat(count));
  });

  it('leaves it to the leader that is already assigning', async () => {
    const other = server.registry({ namespace: 'test' });
    await other.start();
    await other.create('job/leader/sharding/processing', '', 'ephemeral');
    expect(await assign(members('a'), 1)).toMatchObject({
      published: false,
      reason: expect.stringContaining('another leader'),
    });
    await other.stop();
    expect(await assign(members('a'), 1)).toMatchObject({ published: true });
  });

  it("does not take another leader's mark for its own when its session has ended", async () => {
    const other = server.registry({ namespace: 'test', atomicCommit });
    await other.start();
    const { id } = registry.session;
    let taken: Promise<unknown> = Promise.resolve();
    const late: ShardingStrategy = {
      type: 'LATE',
      assign: () => {
        server.expire(id);
        taken = other.create('job/leader/sharding/processing', 'other', 'ephemeral');
        return ['a'];
      },
    };
    const failed = expect(assign(members('a'), 1, late)).rejects.toMatchObject({ code: 'SESSION_LOST' });
    await clock.advance(10_000);
    await failed;
    expect(await taken).toMatchObject({ created: true });
    expect((await other.read('job/leader/sharding/processing'))?.value).toBe('other');
    await other.stop();
  });

  it('is not disturbed by junk among the items', async () => {
    await registry.put('job/sharding/banana', 'x');
    expect(await assign(members('a'), 2)).toMatchObject({ published: true });
    expect(await owners(2)).toBe('aa');
  });

  it('keeps the flag up when a strategy fails, and names the strategy', async () => {
    const nonsense: ShardingStrategy = { type: 'NONSENSE', assign: () => ['nobody-we-know'] };
    await expect(assign(members('a'), 1, nonsense)).rejects.toThrow(/NONSENSE/);
    expect((await registry.children('job/leader/sharding'))?.names).toEqual(['necessary']);
  });
});

/** The paths read from now on. */
function spyOnReads(): () => string[] {
  const paths: string[] = [];
  const read = registry.read.bind(registry);
  registry.read = (path) => {
    paths.push(path);
    return read(path);
  };
  return () => paths;
}

describe('an interrupted resharding without transactions', () => {
  it('leaves the flag up whatever it had written, so that the next leader starts over', async () => {
    clock = new ManualClock(1000);
    server = new MemoryServer({ clock });
    registry = server.registry({ namespace: 'test', atomicCommit: false });
    await registry.start();
    planOf(await assign(members('b', 'a'), 4));
    const commit = registry.commit.bind(registry);
    // The process dies after the owners were written and before the plan was.
    registry.commit = (stages: readonly (readonly Operation[])[]) => commit(stages.slice(0, 2));
    await assign(members('c'), 4);
    await registry.stop();
    registry = server.registry({ namespace: 'test' });
    await registry.start();
    expect(await owners(4)).toBe('cccc');
    expect((await registry.children('job/leader/sharding'))?.names).toEqual(['necessary']);
    expect(await assign(members('d'), 4)).toMatchObject({ published: true });
    expect(await owners(4)).toBe('dddd');
    await registry.stop();
  });
});
