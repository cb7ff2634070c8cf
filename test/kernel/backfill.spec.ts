import type { ShardingContext } from '@elasticjob/core';
import { deferred, settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, JOB } from './cluster.js';

let cluster = new Cluster();
afterEach(() => cluster.end());

/** Fires at 02:00, which is never while these tests run. */
const NIGHTLY = { cron: '0 0 2 * * ?', timeZone: 'UTC', shardingTotalCount: 2 } as const;
const day = (date: number): number => Date.UTC(2026, 11, date, 2);

/** Handlers that wait until they are let go, one after the other. */
class Line {
  readonly begun: ShardingContext[] = [];
  readonly #waiting: (() => void)[] = [];
  most = 0;

  work = async (context: ShardingContext): Promise<void> => {
    this.begun.push(context);
    const { promise, resolve } = deferred();
    this.#waiting.push(() => resolve());
    this.most = Math.max(this.most, this.#waiting.length);
    await promise;
  };

  async letGo(count = 1): Promise<void> {
    for (const go of this.#waiting.splice(0, count)) go();
    await settle();
  }

  get runs(): string[] {
    return this.begun.map(({ scheduledAt, shardingItem }) => `${new Date(scheduledAt).getUTCDate()}/${shardingItem}`);
  }
}

describe('a backfill', () => {
  it('runs each item once for each fire of the range, earlier fires first, and tells the handler which', async () => {
    const line = new Line();
    cluster = new Cluster({ job: NIGHTLY, work: line.work });
    const a = await cluster.start('a');
    const { commands, queries } = a.engine.operations;
    const { id, fires } = await commands.backfill(JOB, { from: day(10), to: day(12), jobParameter: 'again' });
    expect(fires).toEqual([day(10), day(11)]);
    await settle();
    expect(line.runs).toEqual(['10/0']);
    for (let left = 3; left > 0; left--) await line.letGo();
    expect(line.runs).toEqual(['10/0', '10/1', '11/0', '11/1']);
    expect(await queries.trigger(JOB, id)).toMatchObject({
      kind: 'backfill',
      concurrency: 1,
      isOver: false,
      counts: { done: 3, running: 1 },
    });
    await line.letGo();
    expect(line.most).toBe(1);
    expect(line.begun[3]).toMatchObject({
      scheduledAt: day(11),
      window: { from: day(10), to: day(11) },
      jobParameter: 'again',
      trigger: { kind: 'backfill', id },
    });
    expect((await queries.waitForTrigger(JOB, id)).counts).toMatchObject({ done: 4, pending: 0 });
  });

  it('never has more runs under way than it may, on all instances together', async () => {
    const line = new Line();
    cluster = new Cluster({ job: { ...NIGHTLY, shardingTotalCount: 6 }, work: line.work });
    const a = await cluster.start('a');
    await cluster.start('b');
    await cluster.start('c');
    const { id } = await a.engine.operations.commands.backfill(JOB, { from: day(1), to: day(5), concurrency: 4 });
    await settle();
    for (let left = 40; left > 0 && line.begun.length < 24; left--) await line.letGo(1);
    await line.letGo(24);
    expect(line.most).toBe(4);
    expect(line.runs).toHaveLength(24);
    expect(new Set(line.runs).size).toBe(24);
    expect(await a.engine.operations.queries.trigger(JOB, id)).toMatchObject({ isOver: true, counts: { done: 24 } });
  });

  it('goes on when the process that asked for it is gone', async () => {
    const line = new Line();
    cluster = new Cluster({ job: NIGHTLY, work: line.work });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    const { id } = await a.engine.operations.commands.backfill(JOB, { from: day(10), to: day(12), concurrency: null });
    await settle();
    await cluster.kill('a');
    await cluster.clock.advance(3000);
    for (let left = 10; left > 0; left--) await line.letGo(4);
    const { isOver, counts } = await b.engine.operations.queries.trigger(JOB, id);
    expect(isOver).toBe(true);
    expect([counts.done, counts.lost]).toEqual([3, 1]);
  });

  it('waits while the job is paused, and is called off when nobody wants it any more', async () => {
    const line = new Line();
    cluster = new Cluster({ job: NIGHTLY, work: line.work });
    const a = await cluster.start('a');
    const { commands, queries } = a.engine.operations;
    await commands.pause(JOB, { reason: 'stocktaking' });
    await settle();
    const { id } = await commands.backfill(JOB, { from: day(10), to: day(13), concurrency: 1 });
    await cluster.clock.advance(5000);
    expect(line.begun).toEqual([]);
    await commands.resume(JOB);
    await cluster.clock.advance(2000);
    expect(line.runs).toEqual(['10/0']);
    expect(await commands.cancelTrigger(JOB, id)).toEqual({ cancelled: 5, running: 1 });
    await line.letGo();
    await cluster.clock.advance(2000);
    expect(line.runs).toEqual(['10/0']);
    expect((await queries.trigger(JOB, id)).counts).toMatchObject({ done: 1, skipped: 5 });
  });

  it('lets a trigger of an item that waits for its turn go first', async () => {
    const line = new Line();
    cluster = new Cluster({ job: NIGHTLY, work: line.work });
    const a = await cluster.start('a');
    const { commands } = a.engine.operations;
    await commands.backfill(JOB, { from: day(10), to: day(12), concurrency: 1 });
    await settle();
    await commands.trigger(JOB, { items: [1] });
    await settle();
    expect(line.begun.map(({ trigger, shardingItem }) => `${trigger?.kind} ${shardingItem}`)).toEqual([
      'backfill 0',
      'manual 1',
    ]);
    await line.letGo(9);
    for (let left = 5; left > 0; left--) await line.letGo(9);
  });

  it('is refused where there is nothing to run, too much, or what is still to come', async () => {
    cluster = new Cluster({ job: { ...NIGHTLY, cron: '* * * * * *' } });
    const a = await cluster.start('a');
    const { commands } = a.engine.operations;
    const now = cluster.clock.now();
    await expect(commands.backfill(JOB, { from: now - 2_000_000 })).rejects.toThrow(/at most 1000 fires; .* has more/);
    await expect(commands.backfill(JOB, { from: now - 100, to: now - 50 })).rejects.toThrow(/has no fire/);
    await expect(commands.backfill(JOB, { from: now - 5000, to: now + 1 })).rejects.toThrow(/to: .* not still to come/);
    await expect(commands.backfill(JOB, { from: now, to: now })).rejects.toThrow(/from: .* expected a moment before/);
    const zero = { from: now - 5000, concurrency: 0 };
    await expect(commands.backfill(JOB, zero)).rejects.toThrow(/concurrency: seen 0, expected a whole number from 1/);
    await commands.updateConfiguration(JOB, { cron: null });
    await expect(commands.backfill(JOB, { from: now - 5000 })).rejects.toThrow(/expected one with a cron/);
  });
});
