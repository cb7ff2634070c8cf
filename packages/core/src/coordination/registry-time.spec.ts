import { describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { RegistryError } from '../foundation/errors.js';
import type { Registry } from '../registry/registry.js';
import { MEASURED_FOR_MS, RegistryTime } from './registry-time.js';

const AT = Date.parse('2027-01-01T00:00:00Z');

function begin(answer: () => Promise<number>): { clock: ManualClock; time: RegistryTime; asked: () => number } {
  const clock = new ManualClock(AT);
  let asked = 0;
  const registry = {
    time: () => {
      asked += 1;
      return answer();
    },
  };
  return { clock, time: new RegistryTime(registry as Partial<Registry> as Registry, clock), asked: () => asked };
}

describe("the difference between this machine's clock and the registry's", () => {
  it('is what ours shows more than the registry', async () => {
    const { time } = begin(async () => AT - 3000);
    expect(await time.difference()).toEqual({ aheadMs: 3000, errorMs: 0 });
  });

  it('is asked for once, however many want to know, and again after ten minutes', async () => {
    const { clock, time, asked } = begin(async () => clock.now());
    await Promise.all([time.difference(), time.difference()]);
    await clock.advance(MEASURED_FOR_MS - 1);
    await time.difference();
    expect(asked()).toBe(1);
    await clock.advance(1);
    await time.difference();
    expect(asked()).toBe(2);
  });

  it('is noticed without a question when somebody sets our clock', async () => {
    const { clock, time, asked } = begin(async () => AT);
    await time.difference();
    clock.setWallTime(AT - 60_000);
    expect(await time.difference()).toMatchObject({ aheadMs: -60_000 });
    expect(asked()).toBe(1);
  });

  it('is as uncertain as half of the time that the answer took', async () => {
    const answer = deferred<number>();
    const { clock, time } = begin(() => answer.promise);
    const difference = time.difference();
    await clock.advance(400);
    answer.resolve(AT + 200);
    expect(await difference).toEqual({ aheadMs: 0, errorMs: 200 });
  });

  it('is not known, and asked for again, when the registry does not answer', async () => {
    let fails = true;
    const { time } = begin(async () => {
      if (fails) throw new RegistryError('CONNECTION_LOSS', 'gone');
      return AT;
    });
    await expect(time.difference()).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
    fails = false;
    expect(await time.difference()).toMatchObject({ aheadMs: 0 });
  });
});
