import { Injectable, type Provider } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { closeServers, serve } from '../../core/src/execution/http-harness.contract.js';
import {
  HttpJob,
  type ItemExecutor,
  type JobDefinition,
  JobErrorHandler,
  type JobFailure,
  JobKind,
  PoolPolicy,
  type ShardingContext,
  SimpleJob,
  TypedJob,
} from './index.js';
import { ElasticJobHarness, ElasticJobTestingModule, type ElasticJobTestOptions } from './testing.js';

let app: TestingModule | undefined;
afterEach(async () => {
  await app?.close();
  app = undefined;
  await closeServers();
});

async function start(options: ElasticJobTestOptions, ...providers: Provider[]): Promise<ElasticJobHarness> {
  app = await Test.createTestingModule({
    imports: [ElasticJobTestingModule.forTest(options)],
    providers: [Log, ...providers],
  }).compile();
  app.useLogger(false);
  await app.init();
  return app.get(ElasticJobHarness);
}

const lines = (): readonly string[] => app?.get(Log).lines ?? [];

@Injectable()
class Log {
  readonly lines: string[] = [];
}

class Settings {
  readonly address = 'configured later';
}

describe('@HttpJob', () => {
  it('sends a request per item, to an address that may come from elsewhere, with secrets of the module', async () => {
    const { uri, heard } = await serve((response) => response.end());
    const settings = { provide: Settings, useValue: { address: uri } };
    @HttpJob({
      name: 'close-day',
      shardingTotalCount: 2,
      method: 'POST',
      uri: ({ address }: Settings) => `${address}/close?token={secret:TOKEN}`,
      data: '{}',
      contentType: 'application/json',
      readTimeoutMs: 10_000,
      inject: [Settings],
    })
    class CloseDayJob {}
    const harness = await start({ secrets: { TOKEN: 't0k3n' } }, settings, CloseDayJob);
    await harness.trigger('close-day');
    expect(harness.runs('close-day').map(({ success }) => success)).toEqual([true, true]);
    expect(heard.map(({ path }) => path)).toEqual(['/close?token=t0k3n', '/close?token=t0k3n']);
    expect(heard[0]).toMatchObject({ method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } });
  });

  it('is refused at the start with its options named', async () => {
    @HttpJob({ name: 'wrong', shardingTotalCount: 1, method: 'FETCH', uri: 'example.com', connectTimeoutMs: -1 })
    class WrongJob {}
    const error = String(await start({}, WrongJob).catch((reason: unknown) => reason));
    expect(error).toContain("props.http.method: seen 'FETCH'");
    expect(error).toContain("props.http.uri: seen '(not shown)'");
    expect(error).toContain("props.http.connect.timeout.milliseconds: seen '-1'");
  });
});

describe('a provider as an extension', () => {
  it('is a kind of job, with what it injects', async () => {
    @Injectable()
    @JobKind('QUERY')
    class QueryKind implements JobKind {
      constructor(private readonly log: Log) {}
      prepare({ props }: JobDefinition): ItemExecutor {
        return async ({ shardingItem }) => void this.log.lines.push(`${props.query} ${shardingItem}`);
      }
    }
    @TypedJob('QUERY', { name: 'tidy', shardingTotalCount: 2, props: { query: 'DELETE' } })
    class TidyJob {}
    const harness = await start({}, QueryKind, TidyJob);
    await harness.trigger('tidy');
    expect(lines()).toEqual(['DELETE 0', 'DELETE 1']);
  });

  it('says as a pool policy how many items run at once', async () => {
    let running = 0;
    let most = 0;
    @PoolPolicy('TWO')
    class Two implements PoolPolicy {
      size(): number {
        return 2;
      }
    }
    @SimpleJob({ name: 'pooled', shardingTotalCount: 6, jobExecutorThreadPoolSizeProviderType: 'two' })
    class PooledJob {
      async execute(_context: ShardingContext): Promise<void> {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
      }
    }
    const harness = await start({}, Two, PooledJob);
    await harness.trigger('pooled');
    expect(most).toBe(2);
    expect(harness.runs('pooled')).toHaveLength(6);
  });

  it('reads as an error handler the props of each job', async () => {
    @Injectable()
    @JobErrorHandler('PAGER')
    class Pager implements JobErrorHandler {
      constructor(private readonly log: Log) {}
      prepare({ props }: JobDefinition): JobErrorHandler {
        return { handle: ({ jobName }) => void this.log.lines.push(`${jobName} to ${props['pager.number']}`) };
      }
      handle({ jobName }: JobFailure): void {
        this.log.lines.push(`${jobName} to nobody`);
      }
    }
    @SimpleJob({
      name: 'broken',
      shardingTotalCount: 1,
      jobErrorHandlerType: 'PAGER',
      props: { 'pager.number': '112' },
    })
    class BrokenJob {
      execute(): void {
        throw new Error('no paper');
      }
    }
    const harness = await start({}, Pager, BrokenJob);
    await harness.trigger('broken');
    expect(lines()).toEqual(['broken to 112']);
  });
});
