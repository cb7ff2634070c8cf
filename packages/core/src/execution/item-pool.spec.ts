import { describe, expect, it } from 'vitest';
import { settle } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import { ItemPool } from './item-pool.js';
import { builtInPoolPolicies, cpuPoolPolicy, singleThreadPoolPolicy } from './pool-policies.js';

/** Works that run until told otherwise; `started` tells which have begun. */
class Works {
  readonly started: number[] = [];
  readonly #ends: Deferred<void>[] = [];

  work(item: number): () => Promise<number> {
    const end = deferred();
    this.#ends[item] = end;
    return async () => {
      this.started.push(item);
      await end.promise;
      return item;
    };
  }

  async end(item: number): Promise<void> {
    this.#ends[item]?.resolve();
    await settle();
  }

  async fail(item: number, error: Error): Promise<void> {
    this.#ends[item]?.reject(error);
    await settle();
  }
}

interface Outcomes {
  readonly settled: Promise<PromiseSettledResult<number>[]>;
}

async function startAll(pool: ItemPool, works: Works, count: number): Promise<Outcomes> {
  const running = Array.from({ length: count }, (_, item) => pool.run(works.work(item)));
  const settled = Promise.allSettled(running);
  await settle();
  return { settled };
}

describe('a pool of items', () => {
  it('runs no more than its size and keeps the order of coming', async () => {
    const works = new Works();
    const { settled } = await startAll(new ItemPool(() => 2), works, 4);
    expect(works.started).toEqual([0, 1]);
    await works.end(1);
    expect(works.started).toEqual([0, 1, 2]);
    await works.end(0);
    await works.end(2);
    await works.end(3);
    expect(await settled).toEqual([0, 1, 2, 3].map((value) => ({ status: 'fulfilled', value })));
  });

  it('gives the place of failed work to the next', async () => {
    const works = new Works();
    const { settled } = await startAll(new ItemPool(() => 1), works, 2);
    await works.fail(0, new Error('broken'));
    expect(works.started).toEqual([0, 1]);
    await works.end(1);
    expect(await settled).toEqual([
      { status: 'rejected', reason: new Error('broken') },
      { status: 'fulfilled', value: 1 },
    ]);
  });

  it('gives the place of work that throws at once to the next', async () => {
    const pool = new ItemPool(() => 1);
    const throwing = pool.run(() => {
      throw new Error('at once');
    });
    await expect(throwing).rejects.toThrow('at once');
    await expect(pool.run(async () => 'next')).resolves.toBe('next');
  });

  it('that shrinks lets running work end before it starts more', async () => {
    let size = 3;
    const works = new Works();
    await startAll(new ItemPool(() => size), works, 5);
    size = 1;
    await works.end(0);
    await works.end(1);
    expect(works.started).toEqual([0, 1, 2]);
    await works.end(2);
    expect(works.started).toEqual([0, 1, 2, 3]);
  });

  it('that grows starts waiting work when asked to look', async () => {
    let size = 1;
    const works = new Works();
    const pool = new ItemPool(() => size);
    await startAll(pool, works, 3);
    size = 3;
    pool.admit();
    await settle();
    expect(works.started).toEqual([0, 1, 2]);
  });

  it.each([0, -3, Number.NaN, 1.9])('of size %d runs one at a time', async (size) => {
    const works = new Works();
    await startAll(new ItemPool(() => size), works, 2);
    expect(works.started).toEqual([0]);
  });
});

describe('the pool policies that the kernel brings', () => {
  it('are CPU with two items per processor, and SINGLE_THREAD with one', () => {
    expect(builtInPoolPolicies.map(({ type }) => type)).toEqual(['CPU', 'SINGLE_THREAD']);
    expect(cpuPoolPolicy.size()).toBeGreaterThanOrEqual(2);
    expect(cpuPoolPolicy.size() % 2).toBe(0);
    expect(singleThreadPoolPolicy.size()).toBe(1);
  });
});
