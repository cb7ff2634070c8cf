import { deferred } from '@elasticjob/core/testing';
import { Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  type DataflowJobHandler,
  ElasticJobModule,
  type ElasticJobModuleOptions,
  type ElasticJobOptionsFactory,
  Engine,
  type JobFeature,
  type ShardingContext,
  SimpleJob,
  type SimpleJobHandler,
} from './index.js';
import { ElasticJobHarness, ElasticJobTestingModule } from './testing.js';

let app: TestingModule | undefined;

/** An application with the testing kit's clock and registry. */
async function start(metadata: ModuleMetadata): Promise<ElasticJobHarness> {
  app = await Test.createTestingModule(metadata).compile();
  await app.init();
  return app.get(ElasticJobHarness);
}

const startFeatures = (jobs: readonly JobFeature[], more: ModuleMetadata = {}) => {
  const imports = [ElasticJobTestingModule.forTest(), ElasticJobModule.forFeature(jobs), ...(more.imports ?? [])];
  return start({ ...more, imports });
};

afterEach(async () => {
  await app?.close();
  app = undefined;
});

const executed: string[] = [];

@Injectable()
class City {
  readonly greeting = 'hello';
}

@Injectable()
@SimpleJob({ name: 'greet', cron: '0 0 * * * ?', shardingTotalCount: 2, shardingItemParameters: '0=Oslo,1=Rome' })
class GreetJob implements SimpleJobHandler {
  constructor(private readonly city: City) {}

  async execute({ shardingParameter }: ShardingContext): Promise<void> {
    executed.push(`${this.city.greeting} ${shardingParameter}`);
  }
}

const providers = [City, GreetJob];

describe('forRoot', () => {
  it('runs the decorated providers of an application on a registry in memory', async () => {
    @SimpleJob({ name: 'by-trigger', shardingTotalCount: 1 })
    class ByTriggerJob implements SimpleJobHandler {
      readonly called = deferred<ShardingContext>();
      execute(context: ShardingContext): void {
        this.called.resolve(context);
      }
    }
    @Module({ imports: [ElasticJobModule.forRoot({ registry: 'embedded' })], providers: [ByTriggerJob] })
    class AppModule {}

    const context = await NestFactory.createApplicationContext(AppModule, { logger: false });
    const job = context.get(Engine).job('by-trigger');
    await job.waitFor(({ items }) => items.length === 1);
    await job.trigger();
    const { called } = context.get(ByTriggerJob);
    await expect(called.promise).resolves.toMatchObject({ jobName: 'by-trigger', shardingItem: 0 });
    await context.close();
    expect(job.status().state).toBe('stopped');
  });

  it('serves other modules without being imported there, unless it is not global', async () => {
    @Injectable()
    class Panel {
      constructor(readonly engine: Engine) {}
    }
    @Module({ providers: [Panel] })
    class PanelModule {}

    const harness = await start({ imports: [ElasticJobTestingModule.forTest(), PanelModule] });
    expect(app?.get(Panel, { strict: false }).engine).toBe(harness.engine);

    const local = Test.createTestingModule({
      imports: [ElasticJobModule.forRoot({ registry: 'embedded', isGlobal: false }), PanelModule],
    });
    await expect(local.compile()).rejects.toThrow(/Nest can't resolve dependencies of the Panel \(\?\)/);
  });

  it('gives the labels of the instance to the kernel, which names what is wrong with them', async () => {
    const compile = (labels: Record<string, string>): Promise<TestingModule> =>
      Test.createTestingModule({ imports: [ElasticJobModule.forRoot({ registry: 'embedded', labels })] }).compile();
    app = await compile({ weight: '3' });
    expect(app.get(Engine).identity.labels).toEqual({ weight: '3' });
    const wrong = compile({ weight: 'heavy' });
    await expect(wrong).rejects.toThrow('labels.weight: expected a whole number from 0 to 1000000, as a text');
  });

  it('refuses a second engine, which would run all jobs twice', async () => {
    const other = ElasticJobModule.forRoot({ registry: 'embedded' });
    await expect(start({ imports: [ElasticJobTestingModule.forTest(), other] })).rejects.toThrow(
      /forRoot was imported 2 times: each would run all jobs; import it in one module only/,
    );
  });
});

describe('forRootAsync', () => {
  const application = (module: ReturnType<typeof ElasticJobModule.forRootAsync>, more: ModuleMetadata = {}) =>
    start({
      imports: [ElasticJobTestingModule.forApplication(), module, ...(more.imports ?? [])],
      providers: [...providers, ...(more.providers ?? [])],
    });

  @Injectable()
  class JobsConfig implements ElasticJobOptionsFactory {
    createElasticJobOptions(): ElasticJobModuleOptions {
      return { registry: 'embedded', instanceId: '10.0.0.1@-@class' };
    }
  }
  @Module({ providers: [JobsConfig], exports: [JobsConfig] })
  class JobsConfigModule {}

  it('takes options from a factory with what it injects', async () => {
    const { engine } = await application(
      ElasticJobModule.forRootAsync({
        imports: [ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => ({ INSTANCE: '10.0.0.1@-@factory' })] })],
        inject: [ConfigService],
        useFactory: async (config: ConfigService) => ({
          registry: 'embedded',
          instanceId: config.getOrThrow<string>('INSTANCE'),
        }),
      }),
    );
    expect(engine.identity.instanceId).toBe('10.0.0.1@-@factory');
    expect(engine.jobs.map(({ jobName }) => jobName)).toEqual(['greet']);
  });

  it('takes options from a class that it makes', async () => {
    const { engine } = await application(ElasticJobModule.forRootAsync({ useClass: JobsConfig }));
    expect(engine.identity.instanceId).toBe('10.0.0.1@-@class');
  });

  it('takes options from a provider that exists', async () => {
    const { engine } = await application(
      ElasticJobModule.forRootAsync({ imports: [JobsConfigModule], useExisting: JobsConfig }),
    );
    expect(engine.identity.instanceId).toBe('10.0.0.1@-@class');
  });
});

describe('forFeature', () => {
  it('adds jobs made of a function, of a simple object and of a dataflow object', async () => {
    const log: string[] = [];
    const store = [[1, 2], [3]];
    const dataflow: DataflowJobHandler<number> = {
      fetchData: () => store.shift(),
      processData: (_context, data) => void log.push(`processed ${data}`),
    };
    const harness = await startFeatures([
      { name: 'function', shardingTotalCount: 1, handler: ({ jobName }: ShardingContext) => log.push(jobName) },
      { name: 'object', shardingTotalCount: 1, handler: { execute: ({ jobName }) => void log.push(jobName) } },
      { name: 'dataflow', shardingTotalCount: 1, handler: dataflow },
    ]);
    for (const name of ['function', 'object', 'dataflow']) await harness.trigger(name);
    expect(log).toEqual(['function', 'object', 'processed 1,2']);
  });

  it('makes an undecorated class a job, with what its imports provide', async () => {
    @Module({ providers: [City], exports: [City] })
    class CityModule {}
    @Injectable()
    class PlainJob {
      constructor(private readonly city: City) {}
      execute({ shardingItem }: ShardingContext): void {
        executed.push(`${this.city.greeting} ${shardingItem}`);
      }
    }
    executed.length = 0;
    const feature = ElasticJobModule.forFeature([{ useClass: PlainJob, name: 'plain', shardingTotalCount: 1 }], {
      imports: [CityModule],
    });
    const harness = await start({ imports: [ElasticJobTestingModule.forTest(), feature] });
    await harness.trigger('plain');
    expect(executed).toEqual(['hello 0']);
  });

  it('lays options over those of the decorator of a class that is provided elsewhere', async () => {
    executed.length = 0;
    const harness = await startFeatures(
      [
        {
          useExisting: GreetJob,
          cron: (config: ConfigService) => config.get('GREET_CRON'),
          shardingItemParameters: '0=Lima,1=Bonn',
          inject: [ConfigService],
        },
      ],
      {
        imports: [ConfigModule.forRoot({ ignoreEnvFile: true, load: [() => ({ GREET_CRON: '0 30 * * * ?' })] })],
        providers,
      },
    );
    await harness.advance(40 * 60_000);
    expect(harness.engine.jobs).toHaveLength(1);
    expect(executed).toEqual(['hello Lima', 'hello Bonn']);
  });

  it('refuses to start where nobody imports forRoot, so that nothing would run', async () => {
    const feature = ElasticJobModule.forFeature([{ name: 'idle', shardingTotalCount: 1, handler: () => undefined }]);
    const failure = start({ imports: [feature] });
    await expect(failure).rejects.toBeInstanceOf(ConfigurationError);
    await expect(failure).rejects.toThrow(
      'ElasticJobModule.forFeature is imported, but neither forRoot nor forRootAsync: no job would ever run',
    );
  });

  it('starts beside a forRoot that is not global', async () => {
    const root = ElasticJobModule.forRoot({ registry: 'embedded', isGlobal: false });
    const feature = ElasticJobModule.forFeature([{ name: 'local', shardingTotalCount: 1, handler: () => undefined }]);
    app = await Test.createTestingModule({ imports: [root, feature] }).compile();
    app.useLogger(false);
    await app.init();
    expect(app.get(Engine, { strict: false }).jobs.map(({ jobName }) => jobName)).toEqual(['local']);
  });

  it('tells that a class is nowhere provided', async () => {
    await expect(startFeatures([{ useExisting: GreetJob }])).rejects.toThrow(
      'forFeature: GreetJob is not a provider of any module; provide it, or give it as useClass',
    );
  });
});
