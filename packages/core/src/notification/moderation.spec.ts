import { describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../foundation/clock.js';
import { silentLogger } from '../foundation/logger.js';
import { Deliveries, type Delivery } from './deliveries.js';
import { BURST, Moderation } from './moderation.js';

const MINUTE = 60_000;

/** What is sent, as `name+omitted`. */
function begin(perHour: number): { clock: ManualClock; moderation: Moderation; sent: string[]; fail: Fail } {
  const clock = new ManualClock();
  const sent: string[] = [];
  const deliveries = new Deliveries(clock, silentLogger, { drainTimeoutMs: 0, abortGraceMs: 0 });
  const moderation = new Moderation(clock, perHour, deliveries);
  const make =
    (jobName: string, name: string) =>
    (omitted: number): Delivery => ({
      jobName,
      item: 0,
      handler: 'EMAIL',
      failure: name,
      send: async () => void sent.push(`${name}+${omitted}`),
    });
  const fail: Fail = (name, jobName = 'invoice') => moderation.offer(jobName, 'EMAIL', make(jobName, name));
  return { clock, moderation, sent, fail };
}

type Fail = (name: string, jobName?: string) => void;

describe('a job that fails again and again', () => {
  it('tells of the first failures at once, then evenly, each time with how many were left out', async () => {
    const { clock, sent, fail } = begin(20);
    for (let second = 0; second < 10 * 60; second++) {
      fail(String(second));
      await clock.advance(1000);
    }
    expect(sent.slice(0, BURST)).toEqual(['0+0', '1+0', '2+0', '3+0', '4+0']);
    const later = sent.slice(BURST).map((one) => one.split('+').map(Number));
    expect(later.map(([second]) => second)).toEqual([180, 360, 540]);
    expect(later.map(([, omitted]) => omitted)).toEqual([175, 179, 179]);
  });

  it('sends no more than it may in an hour, and the first few', async () => {
    const { clock, sent, fail } = begin(20);
    for (let second = 0; second < 3600; second++) {
      fail(String(second));
      await clock.advance(1000);
    }
    expect(sent.length).toBeLessThanOrEqual(20 + BURST);
  });

  it('tells of the last failure although none comes after it, and waits for nothing then', async () => {
    const { clock, sent, fail } = begin(20);
    for (let times = 0; times < BURST + 3; times++) fail(String(times));
    await clock.advance(3 * MINUTE);
    expect(sent.at(-1)).toBe('7+2');
    expect(clock.pendingTimers).toBe(0);
  });

  it('may tell of several at once again after it was quiet', async () => {
    const { clock, sent, fail } = begin(20);
    for (let times = 0; times < BURST; times++) fail('early');
    await clock.advance(15 * MINUTE);
    for (let times = 0; times < BURST; times++) fail('late');
    await settle();
    expect(sent).toHaveLength(2 * BURST);
  });

  it('takes nothing from other jobs', async () => {
    const { sent, fail } = begin(1);
    for (let times = 0; times < 10; times++) fail('noisy');
    fail('quiet', 'report');
    await settle();
    expect(sent).toContain('quiet+0');
  });

  it('has what was left out told when the engine stops', async () => {
    const { clock, moderation, sent, fail } = begin(20);
    for (let times = 0; times < BURST + 2; times++) fail(String(times));
    moderation.flush();
    await settle();
    expect(sent.at(-1)).toBe('6+1');
    expect(clock.pendingTimers).toBe(0);
  });

  it('tells of all without a limit', async () => {
    const { sent, fail } = begin(Number.POSITIVE_INFINITY);
    for (let times = 0; times < 40; times++) fail(String(times));
    await settle();
    expect(sent).toHaveLength(40);
  });
});
