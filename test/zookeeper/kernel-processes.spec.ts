import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { TestSessions } from './driver-sessions.js';
import { ProcessCluster } from './kernel-processes.js';

const connectString = inject('zookeeper');
const sessions = new TestSessions();
let cluster = new ProcessCluster(connectString);
const begin = (): ProcessCluster => {
  cluster = new ProcessCluster(connectString);
  return cluster;
};
afterEach(async () => {
  await cluster.end();
  await sessions.closeAll();
});

const SESSION_MS = 4_000;
const nextSecond = (): number => Math.floor(Date.now() / 1_000) * 1_000 + 1_000;

describe('processes', () => {
  it('go on without their leader when it is killed', async () => {
    begin();
    const [a, b, c] = [cluster.start('a'), cluster.start('b'), cluster.start('c')];
    await cluster.shared(a, b, c);
    await cluster.until(() => [a, b, c].some((worker) => worker.has('elected')));
    const leader = [a, b, c].find((worker) => worker.has('elected')) ?? a;
    const others = [a, b, c].filter((worker) => worker !== leader);
    const before = nextSecond();
    await cluster.past(before);
    leader.signal('SIGKILL');
    const killedAt = Date.now();
    await leader.exited();
    await cluster.shared(...others);
    const recoveredAfter = Date.now() - killedAt;
    const after = nextSecond();
    await cluster.past(after);
    expect(cluster.irregular(before, before)).toEqual([]);
    expect(cluster.irregular(after, after)).toEqual([]);
    expect(others.filter((worker) => worker.has('elected'))).toHaveLength(1);
    expect(recoveredAfter).toBeLessThan(SESSION_MS + 1_500);
  });

  it('abort what they ran when they wake from a sleep longer than their session, and take part again', async () => {
    begin();
    const [a, b] = [cluster.start('a'), cluster.start('b')];
    await cluster.shared(a, b);
    const asleep = b.items;
    b.write('hold');
    await cluster.until(() => b.has('told'));
    const told = b.of('told')[0]?.at ?? 0;
    await cluster.until(() => b.of('begin').filter(({ scheduledAt = 0 }) => scheduledAt > told).length === 3);
    b.signal('SIGSTOP');
    await cluster.until(() => a.items.length === 6);
    const taken = nextSecond();
    await cluster.past(taken);
    expect(cluster.irregular(taken, taken)).toEqual([]);

    b.signal('SIGCONT');
    const wokeAt = Date.now();
    await cluster.until(() => b.of('aborted').length === 3);
    expect(Math.max(...b.of('aborted').map(({ at = 0 }) => at)) - wokeAt).toBeLessThan(1_500);
    expect(b.of('aborted').map(({ reason }) => reason)).toEqual(['SESSION_LOST', 'SESSION_LOST', 'SESSION_LOST']);
    b.write('work');
    await cluster.shared(a, b);
    expect(b.of('registered')).toHaveLength(2);
    expect(b.of('registered')[0]?.session).not.toBe(b.of('registered')[1]?.session);
    const failed = b.of('finished').filter(({ success }) => success === false);
    expect(failed.map(({ item }) => item).sort()).toEqual(asleep);
    const again = nextSecond();
    await cluster.past(again);
    expect(cluster.irregular(again, again)).toEqual([]);
    const { session } = await sessions.open(connectString);
    const { names } = await session.children(`/${cluster.namespace}/job/instances`);
    expect([...names].sort()).toEqual([a.instanceId, b.instanceId]);
  });

  it('record no success for a run that ends when the session has expired in their sleep', async () => {
    begin();
    const [a, b] = [cluster.start('a'), cluster.start('b', 600)];
    await cluster.shared(a, b);
    const fire = nextSecond();
    await cluster.until(() => b.of('begin').filter(({ scheduledAt = 0 }) => scheduledAt > fire).length === 3);
    const slept = b.of('begin').at(-1)?.scheduledAt ?? 0;
    b.signal('SIGSTOP');
    await cluster.until(() => a.items.length === 6);
    b.signal('SIGCONT');
    await cluster.until(() => b.of('finished').filter(({ scheduledAt }) => scheduledAt === slept).length === 3);
    const outcomes = b.of('finished').filter(({ scheduledAt }) => scheduledAt === slept);
    expect(outcomes.map(({ success }) => success)).toEqual([false, false, false]);
  });

  it('run every item exactly once for every fire while they are restarted one after the other', async () => {
    begin();
    let running = [cluster.start('a0'), cluster.start('b0'), cluster.start('c0')];
    await cluster.shared(...running);
    const from = nextSecond();
    for (let round = 1; Date.now() - from < 20_000; round++) {
      const [oldest, ...others] = running;
      if (oldest === undefined) throw new Error('nothing runs');
      oldest.signal('SIGTERM');
      expect(await oldest.exited()).toBe(0);
      running = [...others, cluster.start(`${oldest.name.slice(0, 1)}${round}`)];
      await cluster.shared(...running);
      // At another moment of the second each time, so that restarts and fires meet in every way.
      await sleep((round * 137) % 700);
    }
    const to = nextSecond();
    await cluster.past(to);
    expect(cluster.irregular(from, to)).toEqual([]);
    expect(cluster.workers.flatMap((worker) => worker.of('unhandled'))).toEqual([]);
  });

  it('leave once in order although they are told twice', async () => {
    begin();
    const [a, b] = [cluster.start('a', 1_500), cluster.start('b')];
    await cluster.shared(a, b);
    await cluster.until(() => a.has('begin'));
    a.signal('SIGTERM');
    a.signal('SIGTERM');
    await cluster.until(() => a.of('signal').length >= 1);
    a.signal('SIGTERM');
    expect(await a.exited()).toBe(0);
    expect(a.of('draining')).toHaveLength(1);
    expect(a.of('left')).toHaveLength(1);
    expect(a.of('finished').every(({ success }) => success === true)).toBe(true);
    expect(a.of('begin').length).toBe(a.of('end').length);
    await cluster.shared(b);
  });
});
