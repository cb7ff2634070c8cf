import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Clock, ManualClock } from '../foundation/clock.js';
import { lifecycleContract } from '../foundation/lifecycle.contract.js';
import { type Logger, silentLogger } from '../foundation/logger.js';
import { AlarmClock, LONGEST_WAIT_MS, type Ring } from './alarm-clock.js';
import { AlarmHeap } from './alarm-heap.js';

const START = Date.parse('2027-01-01T00:00:00Z');

async function startedClock(): Promise<{ clock: ManualClock; alarms: AlarmClock }> {
  const clock = new ManualClock(START);
  const alarms = new AlarmClock(clock, silentLogger);
  await alarms.start();
  return { clock, alarms };
}

describe('the life of an alarm clock', () => {
  lifecycleContract(() => {
    const clock = new ManualClock(START);
    const subject = new AlarmClock(clock, silentLogger);
    subject.set(START + 1000, () => undefined);
    return { subject, isRunning: () => clock.pendingTimers > 0 };
  });
});

describe('an alarm', () => {
  it('rings once, at its time', async () => {
    const { clock, alarms } = await startedClock();
    const rings: Ring[] = [];
    alarms.set(START + 90_000, (ring) => rings.push(ring));
    await clock.advance(89_999);
    expect(rings).toEqual([]);
    await clock.advance(1);
    expect(rings).toEqual([{ at: START + 90_000, now: START + 90_000 }]);
    await clock.advance(3_600_000);
    expect(rings).toHaveLength(1);
  });

  it('that is cancelled does not ring, and cancelling again or after the ring does no harm', async () => {
    const { clock, alarms } = await startedClock();
    const rung: string[] = [];
    const first = alarms.set(START + 1000, () => rung.push('first'));
    const second = alarms.set(START + 2000, () => rung.push('second'));
    first.cancel();
    first.cancel();
    await clock.advance(5000);
    second.cancel();
    expect(rung).toEqual(['second']);
    expect(alarms.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('may cancel another that is due at the same instant', async () => {
    const { clock, alarms } = await startedClock();
    const rung: string[] = [];
    alarms.set(START + 1000, () => {
      rung.push('first');
      second.cancel();
    });
    const second = alarms.set(START + 1000, () => rung.push('second'));
    await clock.advance(1000);
    expect(rung).toEqual(['first']);
  });

  it('set to the past rings soon, but not from within the call', async () => {
    const { clock, alarms } = await startedClock();
    const rings: Ring[] = [];
    alarms.set(START - 5000, (ring) => rings.push(ring));
    expect(rings).toEqual([]);
    await clock.advance(0);
    expect(rings).toEqual([{ at: START - 5000, now: START }]);
  });

  it('that sets the next one to the past lets other work have its turn in between', async () => {
    const { clock, alarms } = await startedClock();
    const rung: string[] = [];
    alarms.set(START + 1000, () => {
      rung.push('first');
      alarms.set(START, () => rung.push('set by the first'));
    });
    alarms.set(START + 1000, () => rung.push('second'));
    await clock.advance(1000);
    expect(rung).toEqual(['first', 'second', 'set by the first']);
  });

  it('that fails is logged and holds up no other', async () => {
    const lines: [string, unknown][] = [];
    const logger: Logger = { ...silentLogger, error: (message, fields) => lines.push([message, fields]) };
    const clock = new ManualClock(START);
    const alarms = new AlarmClock(clock, logger);
    await alarms.start();
    const rung: string[] = [];
    alarms.set(START + 1000, () => {
      throw new Error('broken');
    });
    alarms.set(START + 1000, () => rung.push('same instant'));
    alarms.set(START + 2000, () => rung.push('later'));
    await clock.advance(2000);
    expect(rung).toEqual(['same instant', 'later']);
    expect(lines).toEqual([['alarm callback failed', { at: START + 1000, error: 'broken' }]]);
  });

  it('set before the start rings after it, and one that is pending at a stop waits for the next start', async () => {
    const clock = new ManualClock(START);
    const alarms = new AlarmClock(clock, silentLogger);
    const rings: Ring[] = [];
    alarms.set(START + 1000, (ring) => rings.push(ring));
    alarms.set(START + 9000, (ring) => rings.push(ring));
    await alarms.start();
    await clock.advance(2000);
    await alarms.stop();
    await clock.advance(10_000);
    expect(rings).toEqual([{ at: START + 1000, now: START + 1000 }]);
    await alarms.start();
    await clock.advance(0);
    expect(rings.at(-1)).toEqual({ at: START + 9000, now: START + 12_000 });
  });

  it('of a clock that is stopped by an earlier alarm of the same instant waits for the next start', async () => {
    const { clock, alarms } = await startedClock();
    const rung: string[] = [];
    alarms.set(START + 1000, () => void alarms.stop());
    alarms.set(START + 1000, () => rung.push('second'));
    await clock.advance(5000);
    expect(rung).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
    await alarms.start();
    await clock.advance(0);
    expect(rung).toEqual(['second']);
  });
});

describe('alarms for one instant', () => {
  it('ring in the order of setting, whatever was set in between', async () => {
    const { clock, alarms } = await startedClock();
    const rung: number[] = [];
    for (let n = 0; n < 100; n++) {
      alarms.set(START + 5000, () => rung.push(n));
      alarms.set(START + 1000 + ((n * 37) % 100), () => undefined).cancel();
    }
    await clock.advance(5000);
    expect(rung).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it('share one timer, and let others have their turn after each hundred', async () => {
    const { clock, alarms } = await startedClock();
    let armed = 0;
    const counting: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer(ms, callback) {
        armed++;
        return clock.setTimer(ms, callback);
      },
    };
    const many = new AlarmClock(counting, silentLogger);
    await many.start();
    let rung = 0;
    for (let n = 0; n < 1000; n++) many.set(START + 1000, () => rung++);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1000);
    expect(rung).toBe(1000);
    expect(armed).toBe(10);
    expect(alarms.size).toBe(0);
  });
});

describe('the wall clock decides', () => {
  it('a timer that wakes a little early is armed again', async () => {
    const clock = new ManualClock(START);
    const hasty: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (ms, callback) => clock.setTimer(ms > 1 ? ms - 1 : ms, callback),
    };
    const alarms = new AlarmClock(hasty, silentLogger);
    await alarms.start();
    const rings: Ring[] = [];
    alarms.set(START + 1000, (ring) => rings.push(ring));
    await clock.advance(999);
    expect(rings).toEqual([]);
    await clock.advance(1);
    expect(rings).toEqual([{ at: START + 1000, now: START + 1000 }]);
  });

  it('set forward past an alarm, it rings within half a minute and shows how late it is', async () => {
    const { clock, alarms } = await startedClock();
    const rings: Ring[] = [];
    alarms.set(START + 3_600_000, (ring) => rings.push(ring));
    await clock.advance(10_000);
    clock.setWallTime(START + 7_200_000);
    await clock.advance(LONGEST_WAIT_MS - 10_000);
    expect(rings).toEqual([{ at: START + 3_600_000, now: START + 7_220_000 }]);
  });

  it('set forward to shortly before an alarm, it rings on time', async () => {
    const { clock, alarms } = await startedClock();
    const rings: Ring[] = [];
    alarms.set(START + 3_600_000, (ring) => rings.push(ring));
    clock.setWallTime(START + 3_500_000);
    await clock.advance(100_000);
    expect(rings).toEqual([{ at: START + 3_600_000, now: START + 3_600_000 }]);
  });

  it('set back, an alarm waits for its time to come again and rings once', async () => {
    const { clock, alarms } = await startedClock();
    const rings: Ring[] = [];
    alarms.set(START + 20_000, (ring) => rings.push(ring));
    await clock.advance(19_000);
    clock.setWallTime(START - 3_600_000);
    await clock.advance(3_600_000);
    expect(rings).toEqual([]);
    await clock.advance(20_000);
    expect(rings).toEqual([{ at: START + 20_000, now: START + 20_000 }]);
  });

  it('after the machine slept, all that is overdue rings, in order and with its lateness', async () => {
    const { clock, alarms } = await startedClock();
    const late: number[] = [];
    for (const minutes of [30, 10, 20])
      alarms.set(START + minutes * 60_000, ({ at, now }) => late.push((now - at) / 60_000));
    // Asleep, timers stand still while the wall clock goes on.
    clock.setWallTime(START + 60 * 60_000);
    await clock.advance(LONGEST_WAIT_MS);
    expect(late).toEqual([50.5, 40.5, 30.5]);
  });
});

describe('the heap', () => {
  it('gives back what it holds in order of time, then of setting, with any entries taken out', () => {
    const operations = fc.array(fc.record({ at: fc.integer({ min: 0, max: 9 }), removed: fc.boolean() }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(operations, (list) => {
        const heap = new AlarmHeap();
        const entries = list.map(({ at, removed }, order) => ({ at, removed, order, index: -1 }));
        for (const entry of entries) heap.push(entry);
        for (const entry of entries) if (entry.removed) heap.remove(entry);
        const kept = entries.filter((entry) => !entry.removed).sort((a, b) => a.at - b.at || a.order - b.order);
        const drained = kept.map(() => {
          const entry = heap.peek();
          if (entry !== undefined) heap.remove(entry);
          return entry;
        });
        expect(drained).toEqual(kept);
        expect(heap.size).toBe(0);
      }),
    );
  });
});
