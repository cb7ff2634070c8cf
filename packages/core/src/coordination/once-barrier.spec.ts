import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../foundation/clock.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { OnceBarrier, type OnceMembers, type OncePass } from './once-barrier.js';

const STARTED = 'job/guarantee/started';

describe('a barrier that Java members share', () => {
  let clock: ManualClock;
  let registry: Registry;
  let barrier: OnceBarrier;
  let calls: number;
  beforeEach(async () => {
    clock = new ManualClock(1000);
    registry = new MemoryServer({ clock }).registry({ namespace: 'test' });
    await registry.start();
    const members: OnceMembers = {
      isThere: () => true,
      sessionOf: () => 'java',
      ownAmong: (items) => [...items],
      isOrphan: () => false,
    };
    barrier = new OnceBarrier(registry, clock, 'job', 'me', members);
    calls = 0;
  });
  afterEach(() => registry.stop());

  const pass = (generation: string, items: readonly number[]): Promise<void> => {
    const phase = 'started';
    const round: OncePass = {
      phase,
      generation,
      scheduledAt: Number(generation),
      itemCount: 2,
      items,
      timeoutMs: 1000,
      signal: new AbortController().signal,
    };
    return barrier.pass(round, async () => {
      calls += 1;
    });
  };
  const names = async (): Promise<readonly string[] | null> => (await registry.children(STARTED))?.names ?? null;

  it('is passed with a Java member that came before, whose arrival and the parent go', async () => {
    await registry.ensure(`${STARTED}/1`);
    await pass('5000', [0]);
    expect([calls, await names()]).toEqual([1, null]);
  });

  it('leaves the call to a Java member that came last, and goes on when that one takes all away', async () => {
    const passed = pass('5000', [0]);
    await settle();
    await registry.ensure(`${STARTED}/1`);
    await settle();
    expect([calls, await names()]).toEqual([0, ['0', '1']]);
    await registry.remove(STARTED, { recursive: true });
    await passed;
    expect(calls).toBe(0);
  });

  it('leaves the arrival of a Java member alone that is at a later fire than who comes late', async () => {
    await pass('5000', [0, 1]);
    await registry.ensure(`${STARTED}/1`);
    await pass('5000', [0]);
    expect([calls, await names()]).toEqual([1, ['1']]);
  });

  it('is given up when the time is over, and nobody calls after that', async () => {
    const passed = pass('5000', [0]);
    const refused = expect(passed).rejects.toMatchObject({ code: 'ONCE_TIMEOUT' });
    await clock.advance(1000);
    await refused;
    await pass('5000', [1]);
    expect([calls, await names()]).toEqual([0, []]);
  });
});

describe('an item that is skipped', () => {
  it("is not excused by an instance that learns meanwhile that the fire is another one's", async () => {
    const clock = new ManualClock(1000);
    const registry = new MemoryServer({ clock }).registry({ namespace: 'test' });
    await registry.start();
    let own = [0, 1];
    const read = registry.read.bind(registry);
    registry.read = async (path) => {
      const node = await read(path);
      // With the first answer comes the news of all that has changed before.
      own = [1];
      return node;
    };
    const members: OnceMembers = {
      isThere: () => true,
      sessionOf: () => null,
      ownAmong: (items) => items.filter((item) => own.includes(item)),
      isOrphan: () => false,
    };
    const barrier = new OnceBarrier(registry, clock, 'job', 'me', members);
    const round = { phase: 'started', generation: '5000', scheduledAt: 5000, itemCount: 3 } as const;
    await barrier.excuse(round, [0, 1], false, new AbortController().signal);
    expect((await registry.children(STARTED))?.names).toEqual(['1']);
    await registry.stop();
  });
});
