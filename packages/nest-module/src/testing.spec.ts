import { readFileSync } from 'node:fs';
import { deferred } from '@elasticjob/core/testing';
import { Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { ElasticJobModule, type ShardingContext, SimpleJob } from './index.js';
import { ElasticJobHarness, ElasticJobTestingModule, MemoryTraceSink } from './testing.js';

let app: TestingModule | undefined;

async function start(metadata: ModuleMetadata): Promise<ElasticJobHarness> {
  app = await Test.createTestingModule(metadata).compile();
  app.useLogger(false);
  await app.init();
  return app.get(ElasticJobHarness);
}

afterEach(async () => {
  await app?.close();
  app = undefined;
});

const forTest = ElasticJobTestingModule.forTest;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** As a database does, it needs many turns of the event loop, but no time of the clock. */
async function manyTurns(): Promise<void> {
  for (let count = 0; count < 30; count++) await turn();
}

@Injectable()
@SimpleJob({ name: 'quarterly', cron: '0 0/15 * * * ?', shardingTotalCount: 2 })
class QuarterlyJob {
  async execute(): Promise<void> {
    await manyTurns();
  }
}

describe('the harness', () => {
  it('awaits at every fire what fires, however long it takes', async () => {
    @SimpleJob({ name: 'often', cron: '0 0/10 * * * ?', shardingTotalCount: 1 })
    class OftenJob {
      execute(): void {}
    }
    const harness = await start({
      imports: [forTest({ startAt: '2027-03-14T00:00:00Z' })],
      providers: [QuarterlyJob, OftenJob],
    });
    await harness.advance(60 * 60_000);
    expect(harness.runs('quarterly')).toHaveLength(8);
    expect(harness.runs('quarterly').every(({ success, triggered }) => success && !triggered)).toBe(true);
    expect(harness.runs('often').map(({ scheduledAt }) => new Date(scheduledAt).toISOString().slice(11, 16))).toEqual([
      '00:10',
      '00:20',
      '00:30',
      '00:40',
      '00:50',
      '01:00',
    ]);
    expect(harness.clock.now()).toBe(Date.parse('2027-03-14T01:00:00Z'));
  });

  it('forgets nothing in a long time', async () => {
    @SimpleJob({ name: 'minutely', cron: '0 * * * * ?', shardingTotalCount: 3 })
    class MinutelyJob {
      execute(): void {}
    }
    const harness = await start({
      imports: [forTest({ startAt: '2027-03-14T00:00:00Z' })],
      providers: [MinutelyJob],
    });
    await harness.advance(24 * 60 * 60_000);
    expect(harness.traces.events.length).toBeGreaterThan(10_000);
    await harness.trigger('minutely');
    expect(harness.runs('minutely')).toHaveLength((24 * 60 + 1) * 3);
  });

  it('leaves no timer behind when the application is closed', async () => {
    const harness = await start({ imports: [forTest()], providers: [QuarterlyJob] });
    await harness.advance(60 * 60_000);
    expect(harness.clock.pendingTimers).toBeGreaterThan(0);
    await app?.close();
    expect(harness.clock.pendingTimers).toBe(0);
  });

  it('tells why an item failed', async () => {
    @SimpleJob({ name: 'failing', shardingTotalCount: 2 })
    class FailingJob {
      execute({ shardingItem }: ShardingContext): void {
        if (shardingItem === 1) throw new Error('item 1 is out of paper');
      }
    }
    const harness = await start({ imports: [forTest()], providers: [FailingJob] });
    await harness.trigger('failing');
    const runs = harness.runs('failing').toSorted((one, other) => one.item - other.item);
    expect(runs).toMatchObject([
      { item: 0, success: true, error: undefined, triggered: true },
      { item: 1, success: false, error: expect.stringContaining('item 1 is out of paper') },
    ]);
  });

  it('lets a test look at a running item through the clock itself', async () => {
    const started = deferred<ShardingContext>();
    @SimpleJob({ name: 'hanging', cron: '0 0 1 * * ?', shardingTotalCount: 1, timeout: '30s' })
    class HangingJob {
      async execute(context: ShardingContext): Promise<void> {
        started.resolve(context);
        await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      }
    }
    const harness = await start({ imports: [forTest()], providers: [HangingJob] });
    await harness.engine.job('hanging').waitFor(({ items }) => items.length === 1);
    await harness.clock.advanceTo('2027-01-01T01:00:00Z');
    const { signal } = await started.promise;
    await harness.clock.advance(29_999);
    expect(signal.aborted).toBe(false);
    await harness.clock.advance(1);
    expect(signal.aborted).toBe(true);
    expect(harness.runs('hanging')).toMatchObject([{ success: false }]);
  });

  it('passes over jobs that own nothing, and knows which jobs there are', async () => {
    @SimpleJob({ name: 'off', cron: '0 0 * * * ?', shardingTotalCount: 1, disabled: true })
    class OffJob {
      execute(): void {}
    }
    const harness = await start({ imports: [forTest()], providers: [OffJob] });
    await harness.advance(2 * 60 * 60_000);
    await harness.trigger('off');
    expect(harness.runs('off')).toEqual([]);
    expect(() => harness.runs('of')).toThrow("no job 'of' in this process; there are: off");
  });
});

describe('beside a whole application', () => {
  it('takes the place of its registry and of its clock, and keeps its trace sinks', async () => {
    const traces = new MemoryTraceSink();
    @Module({
      imports: [
        ElasticJobModule.forRoot({
          registry: { connectString: '192.0.2.1:2181', namespace: 'never-reached' },
          traceSinks: [traces],
        }),
      ],
      providers: [QuarterlyJob],
    })
    class AppModule {}
    const harness = await start({ imports: [AppModule, ElasticJobTestingModule.forApplication()] });
    await harness.advanceTo('2027-01-01T00:15:00Z');
    expect(harness.runs('quarterly').map(({ item }) => item)).toEqual([0, 1]);
    expect(traces.of('item-finished')).toHaveLength(2);
  });
});

describe('a job that is replaced', () => {
  it('runs what stands in for it under the options of its class', async () => {
    const builder = Test.createTestingModule({ imports: [forTest()], providers: [QuarterlyJob] });
    app = await builder
      .overrideProvider(QuarterlyJob)
      .useValue({ execute: () => undefined })
      .compile();
    await app.init();
    const harness = app.get(ElasticJobHarness);
    await harness.trigger('quarterly');
    expect(harness.runs('quarterly').map(({ success }) => success)).toEqual([true, true]);
  });
});

describe('the README', () => {
  it('shows the example that runs as a test here', () => {
    const text = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
    expect(text('../README.md')).toContain(text('./invoice.example.spec.ts').trim());
  });
});
