import { type Deferred, deferred } from '@elasticjob/core/testing';
import {
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { ElasticJobModule, Engine, type Registry, type ShardingContext, SimpleJob, StoppedError } from './index.js';
import { ElasticJobHarness, ElasticJobTestingModule } from './testing.js';

/** A resource such as a pool of connections, which refuses work outside of its life. */
@Injectable()
class Database implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  readonly events: string[] = [];
  onModuleInit(): void {
    this.events.push('database opens');
  }
  async onApplicationBootstrap(): Promise<void> {
    this.events.push('database is ready');
  }
  onModuleDestroy(): void {
    this.events.push('database closes');
  }
  onApplicationShutdown(): void {
    this.events.push('database is gone');
  }
}

@Module({ providers: [Database], exports: [Database] })
class DatabaseModule {}

@Injectable()
@SimpleJob({
  name: 'slow',
  cron: (database: Database) => {
    database.events.push('options are read');
    return '0 0 * * * ?';
  },
  inject: [Database],
  shardingTotalCount: 1,
})
class SlowJob {
  readonly started = deferred<ShardingContext>();
  readonly gate: Deferred<void> = deferred();
  constructor(private readonly database: Database) {}

  async execute(context: ShardingContext): Promise<void> {
    this.database.events.push('item starts');
    this.started.resolve(context);
    await this.gate.promise;
    this.database.events.push('item ends');
  }
}

async function startSlowJob() {
  const app = await Test.createTestingModule({
    imports: [DatabaseModule, ElasticJobTestingModule.forTest({ drainTimeoutMs: 20_000, abortGraceMs: 2_000 })],
    providers: [SlowJob],
  }).compile();
  app.useLogger(false);
  await app.init();
  const { clock, engine } = app.get(ElasticJobHarness);
  await engine.job('slow').waitFor(({ items }) => items.length === 1);
  await clock.advance(3_600_000);
  const job = app.get(SlowJob);
  const context = await job.started.promise;
  return { app, clock, engine, job, context, events: app.get(Database, { strict: false }).events };
}

describe('an application with jobs', () => {
  it('starts them last, and lets running items finish before anything else is closed', async () => {
    const { app, clock, job, context, events, engine } = await startSlowJob();
    const closing = app.close().then(() => events.push('application is closed'));
    await engine.job('slow').waitFor(({ state }) => state === 'draining');
    expect(context.signal.aborted).toBe(false);
    expect(events.at(-1)).toBe('item starts');
    job.gate.resolve();
    await closing;
    expect(events).toEqual([
      'database opens',
      'options are read',
      'database is ready',
      'item starts',
      'item ends',
      'database closes',
      'database is gone',
      'application is closed',
    ]);
    expect(context.signal.aborted).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it('aborts what runs longer than the drain timeout', async () => {
    const { app, clock, job, context, events } = await startSlowJob();
    context.signal.addEventListener('abort', () => job.gate.resolve());
    const closing = app.close();
    await clock.advance(19_999);
    expect(context.signal.aborted).toBe(false);
    await clock.advance(1);
    await closing;
    expect(context.signal.reason).toBeInstanceOf(StoppedError);
    expect(events.indexOf('item ends')).toBeLessThan(events.indexOf('database closes'));
  });

  it('closes although an item ignores its signal, when the grace is over', async () => {
    const { app, clock, job, events } = await startSlowJob();
    const closing = app.close();
    await clock.advance(22_000);
    await closing;
    expect(events).not.toContain('item ends');
    expect(events).toContain('database is gone');
    job.gate.resolve();
  });

  it('closes once when it is asked twice: both wait for the running item', async () => {
    const { app, job, events } = await startSlowJob();
    const first = app.close().then(() => events.push('first'));
    const second = app.close().then(() => events.push('second'));
    job.gate.resolve();
    await Promise.all([first, second]);
    expect(events.filter((event) => event === 'database closes')).toHaveLength(1);
    expect(events.indexOf('item ends')).toBeLessThan(events.indexOf('first'));
    expect(events.indexOf('item ends')).toBeLessThan(events.indexOf('second'));
  });

  it('does not start, and holds nothing, when the registry cannot be reached', async () => {
    const stopped = deferred();
    const unreachable = {
      watchTree: () => undefined,
      start: () => Promise.reject(new Error('no server answers')),
      stop: async () => stopped.resolve(),
    } as unknown as Registry;
    const app = await Test.createTestingModule({
      imports: [ElasticJobModule.forRoot({ registry: unreachable })],
    }).compile();
    await expect(app.init()).rejects.toThrow('no server answers');
    await stopped.promise;
    await app.close();
    expect(app.get(Engine).jobs).toEqual([]);
  });
});
