import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ContainerModule } from 'inversify';
import { describe, expect, it } from 'vitest';
import type { ShardingStrategy } from '../coordination/sharding-strategies.js';
import { ManualClock, settle } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { lifecycleContract } from '../foundation/lifecycle.contract.js';
import { silentLogger, writeLogger } from '../foundation/logger.js';
import { defineJob } from '../job/define-job.js';
import type { JobOptions } from '../job/job-options.js';
import { MemoryServer } from '../registry/memory-server.js';
import { extensionModule } from './container.js';
import { createEngine, type Engine } from './engine.js';
import { JOB_TRANSITIONS, type JobState } from './job-state.js';

const clock = new ManualClock('2027-01-01T00:00:00.500Z');
const idle = { execute: () => undefined };
const job = (name: string, options: Partial<JobOptions> = {}) =>
  defineJob({ name, cron: '* * * * * *', shardingTotalCount: 2, ...options }, { now: clock.now() });

function engineWith(...modules: ContainerModule[]): Engine {
  return createEngine({ registry: 'embedded', clock, logger: silentLogger }, ...modules);
}

describe('an engine', () => {
  lifecycleContract(() => {
    const engine = engineWith();
    return { subject: engine, isRunning: () => engine.registry.session.state === 'connected' };
  });

  it('starts the jobs that were added before', async () => {
    const engine = engineWith();
    const first = await engine.add(job('first'), idle);
    expect(first.status().state).toBe('new');
    await engine.start();
    await settle();
    expect(first.status()).toMatchObject({ state: 'active', items: [0, 1], isLeader: true });
    await engine.stop();
    expect(first.status().state).toBe('stopped');
  });

  it('warns when the stored definition of a job holds, and names what differs and nothing else', async () => {
    const server = new MemoryServer({ clock });
    const lines: string[] = [];
    const logger = writeLogger((line) => lines.push(line), 'warn');
    const startWith = async (options: Partial<JobOptions>): Promise<void> => {
      const engine = createEngine({ registry: server.registry({ namespace: 'n' }), clock, logger });
      await engine.add(job('paid', { className: 'com.x.Paid', timeout: '30s', ...options }), idle);
      await engine.start();
      await engine.stop();
    };
    await startWith({ props: { a: '1', b: '2' } });
    expect(lines).toEqual([]);
    await startWith({ props: { b: '2', a: '1' } });
    expect(lines).toEqual([]);
    await startWith({ props: { b: '2', a: '3' }, cron: '0 * * * * *' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/another definition .*set overwrite.*"differing":\["cron","props\.a"\]/);
  });

  it('gives dumps of its jobs on the port it is told, until it is stopped, and else on none', async () => {
    const options = { registry: 'embedded', clock, logger: silentLogger } as const;
    const engine = createEngine({ ...options, dumpPort: 0 });
    await engine.start();
    await engine.add(job('first'), idle);
    const socket = connect(engine.dumpAddress?.port ?? 0, '127.0.0.1');
    socket.write('dump@first\n');
    expect(await text(socket)).toMatch(/^\/first\/sharding \| \n/);
    await engine.stop();
    expect(engine.dumpAddress).toBeNull();
    const other = createEngine(options);
    await other.start();
    expect(other.dumpAddress).toBeNull();
    await other.stop();
  });

  it('starts a job that is added while it runs, and lets it be removed and added again', async () => {
    const engine = engineWith();
    await engine.start();
    await engine.add(job('late'), idle);
    await engine.remove('late');
    expect(engine.jobs).toEqual([]);
    const again = await engine.add(job('late'), idle);
    await settle();
    expect(again.status()).toMatchObject({ state: 'active', items: [0, 1] });
    await engine.stop();
  });

  it('names both declarations of a job that is declared twice', async () => {
    const engine = engineWith();
    await engine.add(job('twice'), idle, 'class One');
    await expect(engine.add(job('twice'), idle, 'class Two')).rejects.toMatchObject({
      code: 'DUPLICATE_JOB',
      message: expect.stringMatching(/'twice'.*class One.*class Two/),
    });
  });

  it('names the jobs there are when asked for another', async () => {
    const engine = engineWith();
    await engine.add(job('a'), idle);
    await engine.add(job('b'), idle);
    expect(() => engine.job('c')).toThrow(/no job 'c'.*a, b/);
  });

  it('tells the next planned times', async () => {
    const engine = engineWith();
    await engine.start();
    const handle = await engine.add(job('daily', { cron: '0 0 2 * * ?', timeZone: 'UTC' }), idle);
    expect(handle.nextFires(2).map((fire) => fire.toISOString())).toEqual([
      '2027-01-01T02:00:00.000Z',
      '2027-01-02T02:00:00.000Z',
    ]);
    await engine.stop();
    expect(handle.nextFires()).toEqual([]);
  });

  it('runs a job without cron when it is triggered, once for each item', async () => {
    const engine = engineWith();
    await engine.start();
    const calls: number[] = [];
    const handle = await engine.add(defineJob({ name: 'on-demand', shardingTotalCount: 3 }, { now: clock.now() }), {
      execute: ({ shardingItem }) => void calls.push(shardingItem),
    });
    await settle();
    expect((await handle.trigger()).items).toEqual([0, 1, 2]);
    await settle();
    expect(calls.sort()).toEqual([0, 1, 2]);
    await engine.stop();
  });

  it('runs a trigger that comes during a run as soon as the run has ended', async () => {
    const engine = engineWith();
    await engine.start();
    const release = deferred();
    let calls = 0;
    const work = { execute: () => (calls++ === 0 ? release.promise : undefined) };
    const handle = await engine.add(defineJob({ name: 'busy', shardingTotalCount: 1 }, { now: clock.now() }), work);
    await settle();
    await handle.trigger();
    await settle();
    await handle.trigger();
    await settle();
    expect(calls).toBe(1);
    release.resolve();
    await settle();
    expect(calls).toBe(2);
    await engine.stop();
  });

  it('lets nobody wait for what cannot come any more', async () => {
    const engine = engineWith();
    await engine.start();
    const handle = await engine.add(job('gone'), idle);
    const waiting = expect(handle.waitFor(({ items }) => items.length === 99)).rejects.toMatchObject({
      code: 'STOPPED',
    });
    await engine.stop();
    await waiting;
  });

  it('lets nobody wait for a job that never starts', async () => {
    const engine = engineWith();
    const handle = await engine.add(job('never'), idle);
    const waiting = expect(handle.waitFor(({ state }) => state === 'active')).rejects.toMatchObject({
      code: 'STOPPED',
    });
    await engine.stop();
    await waiting;
  });

  it('uses what an application binds: a strategy of its own', async () => {
    const lastOnly: ShardingStrategy = {
      type: 'LAST_ONLY',
      assign: ({ instances, itemCount }) =>
        Array.from({ length: itemCount }, () => instances.at(-1)?.instanceId ?? null),
    };
    const engine = engineWith(extensionModule({ shardingStrategies: [lastOnly] }));
    await engine.start();
    const handle = await engine.add(job('mine', { jobShardingStrategyType: 'LAST_ONLY' }), idle);
    await settle();
    expect(handle.status().items).toEqual([0, 1]);
    await engine.stop();
  });

  it('takes a registry of the application and leaves it stopped', async () => {
    const registry = new MemoryServer({ clock }).registry({ namespace: 'mine' });
    const engine = createEngine({ registry, clock, logger: silentLogger });
    expect(engine.registry).toBe(registry);
    await engine.start();
    await engine.stop();
    expect(registry.session.state).toBe('closed');
  });

  it('reports every job that cannot be started, and stops what it had started', async () => {
    const server = new MemoryServer({ clock });
    const first = createEngine({ registry: server.registry({ namespace: 'shop' }), clock, logger: silentLogger });
    await first.start();
    await first.add(job('a', { className: 'com.x.A' }), idle);
    await first.add(job('b', { className: 'com.x.B' }), idle);
    const registry = server.registry({ namespace: 'shop' });
    const second = createEngine({ registry, clock, logger: silentLogger });
    await second.add(job('a', { className: 'com.y.A' }), idle);
    await second.add(job('b', { className: 'com.y.B' }), idle);
    await expect(second.start()).rejects.toThrow(
      /2 jobs could not be started:.*com\.x\.A.*com\.y\.A.*com\.x\.B.*com\.y\.B/s,
    );
    expect(registry.session.state).toBe('closed');
    await first.stop();
  });
});

describe('the states of a job', () => {
  it('lead from new to stopped, and nowhere from stopped', () => {
    const reach = (from: JobState, seen = new Set<JobState>()): Set<JobState> => {
      if (seen.has(from)) return seen;
      seen.add(from);
      for (const next of JOB_TRANSITIONS[from]) reach(next, seen);
      return seen;
    };
    expect([...reach('new')].sort()).toEqual(['active', 'draining', 'new', 'starting', 'stopped', 'waiting']);
    expect(JOB_TRANSITIONS.stopped).toEqual([]);
  });
});
