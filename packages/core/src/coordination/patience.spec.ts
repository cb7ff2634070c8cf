import { describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { Patience } from './patience.js';

describe('the patience before something is done', () => {
  it('lasts two to four seconds, then twice as long each time, up to twenty minutes', async () => {
    const clock = new ManualClock();
    const waits: number[] = [];
    for (let times = 0, since = 0, patience = new Patience(clock, () => undefined); times < 12; times++) {
      while (!patience.isOver()) await clock.advance(100);
      waits.push(clock.monotonic() - since);
      since = clock.monotonic();
    }
    for (const [times, wait] of waits.entries()) {
      const shortest = Math.min(2000 * 2 ** times, 600_000);
      expect(wait).toBeGreaterThanOrEqual(shortest);
      expect(wait).toBeLessThanOrEqual(2 * shortest + 200);
    }
  });

  it('begins anew when the state has passed in between, and waits for nothing then', async () => {
    const clock = new ManualClock();
    let told = 0;
    const patience = new Patience(clock, () => {
      told += 1;
    });
    patience.isOver();
    await clock.advance(1999);
    patience.end();
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(10_000);
    expect([told, patience.isOver()]).toEqual([0, false]);
    await clock.advance(4000);
    expect([told, patience.isOver()]).toEqual([1, true]);
  });
});
