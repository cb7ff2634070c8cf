import { describe, expect, it } from 'vitest';
import { StoppedError } from './abort.js';
import { ManualClock, sleep, systemClock, within } from './clock.js';
import { deferred } from './deferred.js';

describe('a clock in the hand of a test', () => {
  it('stands still until told, and then fires what falls due in order', async () => {
    const clock = new ManualClock('2027-01-01T00:00:00Z');
    const fired: string[] = [];
    clock.setTimer(20, () => fired.push(`b at ${clock.monotonic()}`));
    clock.setTimer(10, () => fired.push(`a at ${clock.monotonic()}`));
    clock.setTimer(20, () => fired.push('c'));
    await clock.advance(15);
    expect(fired).toEqual(['a at 10']);
    await clock.advance(5);
    expect(fired).toEqual(['a at 10', 'b at 20', 'c']);
    expect(new Date(clock.now()).toISOString()).toBe('2027-01-01T00:00:00.020Z');
    expect(clock.pendingTimers).toBe(0);
  });

  it('fires timers that a timer sets, within the same step', async () => {
    const clock = new ManualClock();
    const fired: number[] = [];
    const again = (): void => {
      fired.push(clock.now());
      if (fired.length < 3) clock.setTimer(10, again);
    };
    clock.setTimer(10, again);
    await clock.advance(100);
    expect(fired).toEqual([10, 20, 30]);
  });

  it('lets what a timer starts run before the next one', async () => {
    const clock = new ManualClock();
    const seen: string[] = [];
    clock.setTimer(1, () => void Promise.resolve().then(() => seen.push('after one')));
    clock.setTimer(2, () => seen.push('two'));
    await clock.advance(2);
    expect(seen).toEqual(['after one', 'two']);
  });

  it('forgets a timer that was called off', async () => {
    const clock = new ManualClock();
    clock.setTimer(1, () => expect.unreachable()).cancel();
    await clock.advance(5);
  });

  it('jumps in wall time without moving durations', async () => {
    const clock = new ManualClock(1000);
    let fired = false;
    clock.setTimer(10, () => {
      fired = true;
    });
    clock.setWallTime(5000);
    expect(clock.monotonic()).toBe(0);
    await clock.advanceTo(5010);
    expect(fired).toBe(true);
  });
});

describe('sleeping', () => {
  it('ends in time, and leaves no timer', async () => {
    const clock = new ManualClock();
    const slept = sleep(clock, 10);
    await clock.advance(10);
    await slept;
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends early with the reason, and leaves no timer', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const slept = expect(sleep(clock, 10, controller.signal)).rejects.toThrow('enough');
    controller.abort(new StoppedError('enough'));
    await slept;
    expect(clock.pendingTimers).toBe(0);
    await expect(sleep(clock, 10, controller.signal)).rejects.toThrow('enough');
  });
});

describe('work that may take so long', () => {
  it('is in time, or late and told so', async () => {
    const clock = new ManualClock();
    expect(await within(clock, 10, () => Promise.resolve())).toBe(true);
    let given: AbortSignal | null = null;
    const late = within(clock, 10, (over) => {
      given = over;
      return deferred().promise;
    });
    await clock.advance(10);
    expect(await late).toBe(false);
    expect(given).toMatchObject({ aborted: true });
    expect(clock.pendingTimers).toBe(0);
  });

  it('fails as the work does, or as it is called off', async () => {
    const clock = new ManualClock();
    await expect(within(clock, 10, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    const controller = new AbortController();
    const off = expect(within(clock, 10, () => deferred().promise, controller.signal)).rejects.toThrow('enough');
    controller.abort(new StoppedError('enough'));
    await off;
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("the machine's clock", () => {
  it('never fires early by its own measure', async () => {
    const began = systemClock.monotonic();
    await sleep(systemClock, 5);
    expect(systemClock.monotonic() - began).toBeGreaterThanOrEqual(4);
    systemClock.setTimer(1_000_000, () => undefined).cancel();
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
  });
});
