import { describe, expect, it } from 'vitest';
import { deferred } from '../foundation/deferred.js';
import { BoundedReader, mapBounded } from './bounded-reader.js';

/** A registry whose answers wait until they are released. */
function slow() {
  const pending: (() => void)[] = [];
  let most = 0;
  const answer = async (): Promise<null> => {
    const done = deferred();
    pending.push(() => done.resolve());
    most = Math.max(most, pending.length);
    await done.promise;
    return null;
  };
  const release = async (): Promise<void> => {
    while (pending.length > 0) {
      pending.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { registry: { read: answer, children: answer }, release, most: () => most };
}

describe('reads of a registry', () => {
  it('are under way a few at a time, however many are asked for', async () => {
    const { registry, release, most } = slow();
    const reader = new BoundedReader(registry, 3);
    const all = Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 ? reader.read('x') : reader.children('x'))),
    );
    await release();
    await all;
    expect(most()).toBe(3);
  });

  it('go on after one has failed', async () => {
    let calls = 0;
    const answer = async (): Promise<null> => {
      calls += 1;
      if (calls % 2 === 1) throw new Error('lost');
      return null;
    };
    const reader = new BoundedReader({ read: answer, children: answer }, 1);
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => reader.read('x')));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });
});

describe('work on many values', () => {
  it('gives the results in the order of the values, with so many at work at a time', async () => {
    let working = 0;
    let most = 0;
    const results = await mapBounded([5, 1, 4, 2, 3], 2, async (value) => {
      working += 1;
      most = Math.max(most, working);
      for (let turn = 0; turn < value; turn++) await new Promise((resolve) => setImmediate(resolve));
      working -= 1;
      return value * 10;
    });
    expect([results, most]).toEqual([[50, 10, 40, 20, 30], 2]);
  });

  it('ends at the first failure and begins nothing more', async () => {
    const begun: number[] = [];
    const work = async (value: number): Promise<void> => {
      begun.push(value);
      await new Promise((resolve) => setImmediate(resolve));
      if (value === 1) throw new Error('lost');
    };
    await expect(mapBounded([1, 2, 3, 4, 5, 6], 2, work)).rejects.toThrow('lost');
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun.length).toBeLessThanOrEqual(3);
  });
});
