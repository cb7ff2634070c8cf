import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  type Provider,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { map, type Observable, tap } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { DataflowJob, ELASTIC_JOB_CONTEXT, type ShardingContext, SimpleJob, shardingContextOf } from './index.js';
import { ElasticJobHarness, ElasticJobTestingModule } from './testing.js';

let app: TestingModule | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
});

async function start(enhancers: boolean, ...providers: Provider[]): Promise<ElasticJobHarness> {
  const imports = [ElasticJobTestingModule.forTest({ enhancers })];
  app = await Test.createTestingModule({ imports, providers: [Log, ...providers] }).compile();
  app.useLogger(false);
  await app.init();
  return app.get(ElasticJobHarness);
}

const lines = (): readonly string[] => app?.get(Log).lines ?? [];

@Injectable()
class Log {
  readonly lines: string[] = [];
}

@Injectable()
class EvenItems implements CanActivate {
  constructor(private readonly log: Log) {}
  canActivate(context: ExecutionContext): boolean {
    const { shardingItem } = shardingContextOf(context);
    this.log.lines.push(
      `guard ${context.getType()} ${context.getClass().name}.${context.getHandler().name} ${shardingItem}`,
    );
    return shardingItem % 2 === 0;
  }
}

@Injectable()
class Timing implements NestInterceptor {
  constructor(private readonly log: Log) {}
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { shardingItem } = shardingContextOf(context);
    this.log.lines.push(`before ${shardingItem}`);
    return next.handle().pipe(tap({ finalize: () => void this.log.lines.push(`after ${shardingItem}`) }));
  }
}

@Catch(RangeError)
class Forgiving implements ExceptionFilter {
  async catch(_error: RangeError, host: ArgumentsHost): Promise<void> {
    if (shardingContextOf(host).shardingItem === 1) throw new Error('not this time');
  }
}

describe('guards, interceptors and filters', () => {
  it('apply to the runs of a job where the application asks for it', async () => {
    @Injectable()
    @UseGuards(EvenItems)
    @SimpleJob({ name: 'guarded', shardingTotalCount: 2 })
    class GuardedJob {
      constructor(private readonly log: Log) {}
      @UseInterceptors(Timing)
      execute({ shardingItem }: ShardingContext): void {
        this.log.lines.push(`run ${shardingItem}`);
      }
    }
    const harness = await start(true, GuardedJob);
    await harness.trigger('guarded');
    expect(lines().filter((line) => line.startsWith('guard'))).toEqual([
      `guard ${ELASTIC_JOB_CONTEXT} GuardedJob.execute 0`,
      `guard ${ELASTIC_JOB_CONTEXT} GuardedJob.execute 1`,
    ]);
    expect(lines().filter((line) => !line.startsWith('guard'))).toEqual(['before 0', 'run 0', 'after 0']);
    const outcomes = harness
      .runs('guarded')
      .map(({ item, success, error }) => ({ item, success, forbidden: error?.includes('Forbidden') }));
    expect(outcomes).toEqual(
      expect.arrayContaining([
        { item: 0, success: true, forbidden: undefined },
        { item: 1, success: false, forbidden: true },
      ]),
    );
  });

  it('turn a failure into a success or into another failure', async () => {
    @SimpleJob({ name: 'forgiven', shardingTotalCount: 2 })
    class ForgivenJob {
      @UseFilters(Forgiving)
      execute(): void {
        throw new RangeError('out of range');
      }
    }
    const harness = await start(true, ForgivenJob);
    await harness.trigger('forgiven');
    const runs = harness.runs('forgiven').toSorted((one, other) => one.item - other.item);
    expect(runs.map(({ success }) => success)).toEqual([true, false]);
    expect(runs[1]?.error).toContain('not this time');
  });

  it('see what a dataflow job fetches and may change it', async () => {
    class Doubling implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
        return next.handle().pipe(map((rows: number[]) => rows.map((row) => row * 2)));
      }
    }
    @Injectable()
    @DataflowJob({ name: 'doubled', shardingTotalCount: 1 })
    class DoubledJob {
      constructor(private readonly log: Log) {}
      @UseInterceptors(Doubling)
      fetchData(): number[] {
        return [1, 2];
      }
      processData(_context: ShardingContext, data: readonly number[]): void {
        this.log.lines.push(data.join());
      }
    }
    const harness = await start(true, DoubledJob);
    await harness.trigger('doubled');
    expect(lines()).toEqual(['2,4']);
  });

  it('may be made for each run, as the job then is too', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRun implements CanActivate {
      constructor(
        private readonly log: Log,
        @Inject(REQUEST) private readonly run: ShardingContext,
      ) {}
      canActivate(): boolean {
        this.log.lines.push(`asked for item ${this.run.shardingItem}`);
        return false;
      }
    }
    @SimpleJob({ name: 'scoped', shardingTotalCount: 1 })
    class ScopedJob {
      @UseGuards(PerRun)
      execute(): void {}
    }
    const harness = await start(true, ScopedJob);
    await harness.trigger('scoped');
    expect(lines()).toEqual(['asked for item 0']);
    expect(harness.runs('scoped')).toMatchObject([{ success: false }]);
  });

  it('do not apply otherwise', async () => {
    @SimpleJob({ name: 'plain', shardingTotalCount: 2 })
    class PlainJob {
      @UseGuards(EvenItems)
      execute(): void {}
    }
    const harness = await start(false, PlainJob);
    await harness.trigger('plain');
    expect(lines()).toEqual([]);
    expect(harness.runs('plain').every(({ success }) => success)).toBe(true);
  });
});
