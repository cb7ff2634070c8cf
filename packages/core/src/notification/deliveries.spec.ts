import { describe, expect, it } from 'vitest';
import { onAbort } from '../foundation/abort.js';
import { ManualClock, settle } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import { writeLogger } from '../foundation/logger.js';
import { DELIVERY_TIMEOUT_MS, Deliveries, type Delivery, WAITING_PER_JOB } from './deliveries.js';

/** Deliveries with a clock and a log under control, and senders that end when told. */
class Harness {
  readonly clock = new ManualClock();
  readonly lines: string[] = [];
  readonly begun: string[] = [];
  readonly deliveries = new Deliveries(
    this.clock,
    writeLogger((line) => this.lines.push(line)),
    { drainTimeoutMs: 20_000, abortGraceMs: 2_000 },
  );

  /** Offers a delivery that ends by the promise given, or by its signal. */
  offer(jobName: string, name: string, end: Promise<void> = new Promise(() => undefined)): void {
    this.deliveries.offer(
      this.delivery(jobName, (signal) => {
        this.begun.push(name);
        const ended = deferred();
        onAbort(signal, (reason) => ended.reject(reason));
        end.then(ended.resolve, ended.reject);
        return ended.promise;
      }),
    );
  }

  delivery(jobName: string, send: Delivery['send']): Delivery {
    return { jobName, item: 1, handler: 'EMAIL', failure: 'no paper', send };
  }

  warnings(): string[] {
    return this.lines.filter((line) => !line.startsWith('DEBUG'));
  }
}

describe('deliveries', () => {
  it('of one job go out one after the other, in order', async () => {
    const harness = new Harness();
    const ends: Deferred<void>[] = [deferred(), deferred(), deferred()];
    for (const [at, end] of ends.entries()) harness.offer('invoice', String(at), end.promise);
    for (const [at, end] of ends.entries()) {
      await settle();
      expect(harness.begun).toEqual(['0', '1', '2'].slice(0, at + 1));
      end.resolve();
    }
    await settle();
    expect(harness.warnings()).toEqual([]);
  });

  it('of a job whose receiver hangs hold up no other job', async () => {
    const harness = new Harness();
    harness.offer('invoice', 'hangs');
    harness.offer('report', 'goes', Promise.resolve());
    await settle();
    expect(harness.begun).toEqual(['hangs', 'goes']);
  });

  it('that take too long are given up, and the log has what nobody else has heard', async () => {
    const harness = new Harness();
    harness.offer('invoice', 'hangs');
    harness.offer('invoice', 'next', Promise.resolve());
    await harness.clock.advance(DELIVERY_TIMEOUT_MS - 1);
    expect(harness.begun).toEqual(['hangs']);
    await harness.clock.advance(1);
    expect(harness.begun).toEqual(['hangs', 'next']);
    expect(harness.warnings()).toEqual([
      'ERROR the failure of a job could not be notified {"job":"invoice","item":1,"handler":"EMAIL","error":"not delivered within 15000 ms","failure":"no paper"}',
    ]);
    expect(harness.clock.pendingTimers).toBe(0);
  });

  it('that fail are logged, and the next one goes out', async () => {
    const harness = new Harness();
    harness.offer('invoice', 'fails', Promise.reject(new Error('mailbox full')));
    harness.offer('invoice', 'next', Promise.resolve());
    await settle();
    expect(harness.begun).toEqual(['fails', 'next']);
    expect(harness.warnings()).toEqual([expect.stringContaining('"error":"mailbox full","failure":"no paper"')]);
  });

  it('are dropped when too many wait: the first drop is told at once, all of them when there is room', async () => {
    const harness = new Harness();
    const end = deferred();
    harness.offer('invoice', 'slow', end.promise);
    await settle();
    for (let more = 0; more < WAITING_PER_JOB + 7; more++) harness.offer('invoice', 'fast', Promise.resolve());
    expect(harness.warnings()).toEqual([
      'WARN a notification is dropped, and more may be {"job":"invoice","item":1,"handler":"EMAIL","failure":"no paper","waiting":50}',
    ]);
    end.resolve();
    await settle();
    expect(harness.begun).toHaveLength(1 + WAITING_PER_JOB);
    expect(harness.warnings().slice(1)).toEqual([
      'WARN notifications of failures were dropped {"job":"invoice","dropped":7}',
    ]);
  });

  it('are under way for a bounded number of jobs at a time', async () => {
    const harness = new Harness();
    const end = deferred();
    for (let job = 0; job < 40; job++) harness.offer(`job-${job}`, String(job), end.promise);
    await settle();
    expect(harness.begun).toHaveLength(16);
    end.resolve();
    await settle();
    expect(harness.begun).toHaveLength(40);
  });
});

describe('when the engine stops', () => {
  it('what waits still goes out', async () => {
    const harness = new Harness();
    const end = deferred();
    harness.offer('invoice', 'slow', end.promise);
    harness.offer('invoice', 'next', Promise.resolve());
    const stopped = harness.deliveries.stop(0);
    await settle();
    end.resolve();
    await stopped;
    expect(harness.begun).toEqual(['slow', 'next']);
    expect(harness.clock.pendingTimers).toBe(0);
  });

  it('what hangs is ended when the drain timeout is over, and counted with what was behind it', async () => {
    const harness = new Harness();
    await harness.clock.advance(14_000);
    harness.offer('invoice', 'hangs');
    harness.offer('invoice', 'behind');
    const stopped = harness.deliveries.stop(0);
    // 14 of the 20 seconds were spent on draining the jobs.
    await harness.clock.advance(6_000);
    await stopped;
    expect(harness.begun).toEqual(['hangs']);
    expect(harness.warnings().at(-1)).toBe('WARN notifications of failures were dropped {"job":"invoice","dropped":2}');
    expect(harness.clock.pendingTimers).toBe(0);
  });

  it('items that were aborted at the very end have their notifications tried', async () => {
    const harness = new Harness();
    await harness.clock.advance(30_000);
    harness.offer('invoice', 'late');
    const stopped = harness.deliveries.stop(0);
    await harness.clock.advance(1_999);
    expect(harness.warnings()).toEqual([]);
    await harness.clock.advance(1);
    await stopped;
    expect(harness.warnings()).toHaveLength(2);
  });

  it('nothing is sent afterwards', async () => {
    const harness = new Harness();
    await harness.deliveries.stop(0);
    harness.offer('invoice', 'too late');
    await settle();
    expect(harness.begun).toEqual([]);
    expect(harness.warnings()[0]).toContain('a notification is dropped');
  });
});
