import { describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { lifecycleContract } from '../foundation/lifecycle.contract.js';
import { type LogFields, silentLogger } from '../foundation/logger.js';
import type { TraceEvent } from '../tracing/trace-event.js';
import { type LoopDelay, LoopWatch, machineLoopDelay } from './loop-watch.js';

/** A loop that stood still for as long as the test says. */
class ToldDelay implements LoopDelay {
  running = false;
  ms = 0;
  start(): void {
    this.running = true;
  }
  stop(): void {
    this.running = false;
  }
  longestMs(): number {
    return this.ms;
  }
  forget(): void {
    this.ms = 0;
  }
}

async function begin() {
  const clock = new ManualClock();
  const delay = new ToldDelay();
  const warnings: LogFields[] = [];
  const logger = { ...silentLogger, warn: (_: string, fields: LogFields = {}) => void warnings.push(fields) };
  const watch = new LoopWatch(clock, logger, delay);
  await watch.start();
  const call = {
    jobName: 'job',
    instanceId: 'a',
    taskId: 't',
    source: 'NORMAL_TRIGGER',
    scheduledAt: 0,
    at: 0,
  } as const;
  const emit = (event: TraceEvent): void => watch.emit(event);
  return {
    clock,
    delay,
    warnings,
    started: (item: number) => emit({ ...call, kind: 'item-started', id: `${item}`, item, fencingToken: undefined }),
    finished: (item: number, durationMs: number) =>
      emit({ ...call, kind: 'item-finished', id: `${item}`, item, durationMs, success: true, failureCause: undefined }),
  };
}

describe('the watch over the event loop', () => {
  lifecycleContract(() => {
    const delay = new ToldDelay();
    return {
      subject: new LoopWatch(new ManualClock(), silentLogger, delay),
      isRunning: () => delay.running,
    };
  });

  it('names the handler that ran for as long as the loop stood still, and no other', async () => {
    const { clock, delay, warnings, started, finished } = await begin();
    started(0);
    started(1);
    finished(1, 20);
    delay.ms = 3000;
    finished(0, 3010);
    await clock.advance(1000);
    expect(warnings).toEqual([{ delayMs: 3000, handlers: ['job/0'] }]);
  });

  it('names one that has not ended yet', async () => {
    const { clock, delay, warnings, started } = await begin();
    started(0);
    await clock.advance(2500);
    delay.ms = 1500;
    await clock.advance(500);
    expect(warnings).toEqual([{ delayMs: 1500, handlers: ['job/0'] }]);
  });

  it('says nothing of a loop that was only a little late, nor twice of the same standstill', async () => {
    const { clock, delay, warnings, started } = await begin();
    started(0);
    delay.ms = 900;
    await clock.advance(5000);
    expect(warnings).toEqual([]);
    delay.ms = 1100;
    await clock.advance(5000);
    expect(warnings).toHaveLength(1);
  });

  it('blames no handler for what was before it, and looks at nothing while none runs', async () => {
    const { clock, delay, warnings, started, finished } = await begin();
    expect(clock.pendingTimers).toBe(0);
    delay.ms = 5000;
    started(0);
    await clock.advance(6000);
    finished(0, 6000);
    await clock.advance(1000);
    expect(warnings).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe("the machine's event loop", () => {
  it('is seen to stand still while something computes', async () => {
    const delay = machineLoopDelay();
    delay.start();
    try {
      const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
      // Its first tick is where it begins to count.
      for (const since = performance.now(); performance.now() - since < 250; ) await turn();
      for (const since = performance.now(); performance.now() - since < 600; );
      while (delay.longestMs() < 300) await turn();
      expect(delay.longestMs()).toBeLessThan(5000);
      delay.forget();
      expect(delay.longestMs()).toBeLessThan(300);
    } finally {
      delay.stop();
    }
  });
});
