import { Injectable, type Provider, Scope } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  JobErrorHandler,
  type JobFailure,
  JobListener,
  type RunContext,
  type ShardingContext,
  type ShardingInput,
  ShardingStrategy,
  SimpleJob,
} from './index.js';
import { ElasticJobHarness, ElasticJobTestingModule } from './testing.js';

let app: TestingModule | undefined;

async function start(...providers: Provider[]): Promise<ElasticJobHarness> {
  app = await Test.createTestingModule({ imports: [ElasticJobTestingModule.forTest()], providers }).compile();
  app.useLogger(false);
  await app.init();
  return app.get(ElasticJobHarness);
}

afterEach(async () => {
  await app?.close();
  app = undefined;
});

@Injectable()
class Log {
  readonly lines: string[] = [];
}

describe('a provider as an extension', () => {
  it('decides as a sharding strategy which items run', async () => {
    @Injectable()
    @ShardingStrategy('EVEN_ONLY')
    class EvenOnly implements ShardingStrategy {
      readonly #calls: string[] = [];
      assign({ instances, itemCount, jobName }: ShardingInput): (string | null)[] {
        this.#calls.push(jobName);
        const [only] = instances;
        return Array.from({ length: itemCount }, (_, item) => (item % 2 === 0 && only ? only.instanceId : null));
      }
      get calls(): readonly string[] {
        return this.#calls;
      }
    }
    @SimpleJob({ name: 'even', shardingTotalCount: 5, jobShardingStrategyType: 'even_only' })
    class EvenJob {
      execute(): void {}
    }
    const harness = await start(EvenOnly, EvenJob);
    await harness.trigger('even');
    expect(harness.runs('even').map(({ item }) => item)).toEqual([0, 2, 4]);
    expect(app?.get(EvenOnly).calls).toContain('even');
  });

  it('may have the items move after each run, as a sharding strategy', async () => {
    @Injectable()
    @ShardingStrategy('TURNS')
    class Turns implements ShardingStrategy {
      readonly asked: number[] = [];
      assign({ instances, itemCount }: ShardingInput): (string | null)[] {
        return Array.from({ length: itemCount }, () => instances[0]?.instanceId ?? null);
      }
      movesAfterRun(itemCount: number): boolean {
        this.asked.push(itemCount);
        return true;
      }
    }
    @SimpleJob({ name: 'turns', shardingTotalCount: 2, jobShardingStrategyType: 'TURNS' })
    class TurnsJob {
      execute(): void {}
    }
    const harness = await start(Turns, TurnsJob);
    await harness.trigger('turns');
    await expect.poll(() => app?.get(Turns).asked).toEqual([2]);
  });

  it('hears of failures as an error handler, and may make the run fail', async () => {
    @Injectable()
    @JobErrorHandler('PAGER')
    class Pager implements JobErrorHandler {
      readonly failsRun = true;
      constructor(private readonly log: Log) {}
      handle({ jobName, item, error }: JobFailure): void {
        this.log.lines.push(`${jobName}/${item}: ${error}`);
      }
    }
    @SimpleJob({ name: 'broken', shardingTotalCount: 1, jobErrorHandlerType: 'PAGER' })
    class BrokenJob {
      execute(): void {
        throw new Error('out of paper');
      }
    }
    const harness = await start(Log, Pager, BrokenJob);
    await harness.trigger('broken');
    expect(app?.get(Log).lines).toEqual(['broken/0: Error: out of paper']);
    expect(harness.traces.of('status').at(-1)?.state).toBe('TASK_ERROR');
  });

  it('hears of runs as a listener, in the order of the listeners, also when a factory makes it', async () => {
    @Injectable()
    @JobListener('SECOND')
    class Second implements JobListener {
      readonly order = 2;
      constructor(private readonly log: Log) {}
      beforeJobExecuted({ items }: RunContext): void {
        this.log.lines.push(`second before ${items}`);
      }
    }
    @JobListener('FIRST')
    class First implements JobListener {
      readonly order = 1;
      constructor(private readonly log: Log) {}
      async beforeJobExecuted({ items }: RunContext): Promise<void> {
        this.log.lines.push(`first before ${items}`);
      }
      async afterJobExecuted({ jobName }: RunContext): Promise<void> {
        this.log.lines.push(`first after ${jobName}`);
      }
    }
    @Injectable()
    @SimpleJob({ name: 'heard', shardingTotalCount: 2, jobListenerTypes: ['SECOND', 'FIRST'] })
    class HeardJob {
      constructor(private readonly log: Log) {}
      execute({ shardingItem }: ShardingContext): void {
        this.log.lines.push(`item ${shardingItem}`);
      }
    }
    const first = { provide: First, inject: [Log], useFactory: async (log: Log) => new First(log) };
    const harness = await start(Log, Second, first, HeardJob);
    await harness.trigger('heard');
    expect(app?.get(Log).lines).toEqual([
      'first before 0,1',
      'second before 0,1',
      'item 0',
      'item 1',
      'first after heard',
    ]);
  });

  it('is called once for all instances as a listener, with what it injects', async () => {
    @Injectable()
    @JobListener('MONTH')
    class Month implements JobListener {
      constructor(private readonly log: Log) {}
      async beforeJobExecutedAtLastStarted({ jobName }: RunContext): Promise<void> {
        this.log.lines.push(`opens ${jobName}`);
      }
      afterJobExecutedAtLastCompleted({ jobName }: RunContext): void {
        this.log.lines.push(`closes ${jobName}`);
      }
    }
    @Injectable()
    @SimpleJob({ name: 'payroll', cron: '* * * * * *', shardingTotalCount: 2, jobListenerTypes: ['MONTH'] })
    class PayrollJob {
      constructor(private readonly log: Log) {}
      execute({ shardingItem }: ShardingContext): void {
        this.log.lines.push(`pays ${shardingItem}`);
      }
    }
    const harness = await start(Log, Month, PayrollJob);
    await harness.advance(1000);
    expect(app?.get(Log).lines).toEqual(['opens payroll', 'pays 0', 'pays 1', 'closes payroll']);
  });
});

describe('mistakes with extensions', () => {
  it('tell an application in its own terms where the unknown ones belong', async () => {
    @SimpleJob({
      name: 'stranger',
      shardingTotalCount: 1,
      jobShardingStrategyType: 'NEAREST',
      jobListenerTypes: ['AUDIT'],
    })
    class StrangerJob {
      execute(): void {}
    }
    @SimpleJob({ name: 'typo', shardingTotalCount: 1, jobErrorHandlerType: 'LOGG' })
    class TypoJob {
      execute(): void {}
    }
    const error: unknown = await start(StrangerJob, TypoJob).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'UNKNOWN_EXTENSION' });
    const text = String(error);
    expect(text).not.toContain('TYPES');
    expect(text).toContain("add the class with @ShardingStrategy('NEAREST') to the providers of a module, or correct");
    expect(text).toContain("add the class with @JobListener('AUDIT') to the providers of a module, or correct");
    expect(text).toContain('did you mean LOG?');
    expect(text).toContain("add the class with @JobErrorHandler('LOGG') to the providers of a module, or correct");
  });

  it('are reported when the application starts: a missing method, a scope', async () => {
    class Empty {}
    ShardingStrategy('EMPTY')(Empty as never);
    @Injectable({ scope: Scope.REQUEST })
    @JobListener('SCOPED')
    class Scoped implements JobListener {
      beforeJobExecuted(): void {}
    }
    const failure = start(Empty, Scoped);
    await expect(failure).rejects.toThrow(
      "Empty (in RootTestModule): @ShardingStrategy('EMPTY') needs the method assign, which the class does not have",
    );
    await expect(failure).rejects.toThrow(
      "Scoped (in RootTestModule): @JobListener('SCOPED') needs a static provider, but this one is request-scoped or transient",
    );
  });
});
