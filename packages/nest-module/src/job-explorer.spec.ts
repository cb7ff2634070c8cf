import { Controller, Inject, Injectable, Logger, Module, type ModuleMetadata, Scope } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { REQUEST } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  ConfigurationError,
  DataflowJob,
  type DataflowJobHandler,
  ElasticJobModule,
  ScriptJob,
  type ShardingContext,
  SimpleJob,
  type SimpleJobHandler,
} from './index.js';
import { ElasticJobHarness, ElasticJobTestingModule } from './testing.js';

let app: TestingModule | undefined;

async function start({ imports = [], ...metadata }: ModuleMetadata): Promise<ElasticJobHarness> {
  app = await Test.createTestingModule({
    imports: [ElasticJobTestingModule.forTest(), ...imports],
    ...metadata,
  }).compile();
  await app.init();
  return app.get(ElasticJobHarness);
}

/** The message of the error with which an application does not start. */
async function refusal(metadata: ModuleMetadata): Promise<string> {
  const error: unknown = await start(metadata).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigurationError);
  return error instanceof Error ? error.message : '';
}

afterEach(async () => {
  await app?.close();
  app = undefined;
});

const once = { shardingTotalCount: 1 };

describe('a decorated class', () => {
  it('is called once per item with its own `this`', async () => {
    @SimpleJob({ name: 'own', cron: '0 0 1 * * ?', shardingTotalCount: 2 })
    class OwnJob implements SimpleJobHandler {
      readonly #items: number[] = [];
      execute({ shardingItem }: ShardingContext): void {
        this.#items.push(shardingItem);
      }
      get items(): readonly number[] {
        return this.#items;
      }
    }
    const harness = await start({ providers: [OwnJob] });
    await harness.advanceTo('2027-01-01T01:00:00Z');
    expect(app?.get(OwnJob).items).toEqual([0, 1]);
  });

  it('is found when a factory makes it or when it is given as a value', async () => {
    const calls: string[] = [];
    @SimpleJob({ name: 'made', ...once })
    class MadeJob {
      constructor(private readonly origin: string) {}
      execute(): void {
        calls.push(this.origin);
      }
    }
    @SimpleJob({ name: 'given', ...once })
    class GivenJob extends MadeJob {}
    const harness = await start({
      providers: [
        { provide: 'made', useFactory: async () => new MadeJob('factory') },
        { provide: 'given', useValue: new GivenJob('value') },
        { provide: 'alias', useExisting: 'made' },
      ],
    });
    await harness.trigger('made');
    await harness.trigger('given');
    expect(calls).toEqual(['factory', 'value']);
  });

  it('fetches and processes as a dataflow job, with the same `this`', async () => {
    @DataflowJob({ name: 'orders', ...once, props: { 'streaming.process': 'true' } })
    class OrdersJob implements DataflowJobHandler<number> {
      readonly processed: number[][] = [];
      readonly #orders = [[1, 2], [3]];
      async fetchData(): Promise<readonly number[] | undefined> {
        return this.#orders.shift();
      }
      processData(_context: ShardingContext, data: readonly number[]): void {
        this.processed.push([...data]);
      }
    }
    const harness = await start({ providers: [OrdersJob] });
    await harness.trigger('orders');
    expect(app?.get(OrdersJob).processed).toEqual([[1, 2], [3]]);
  });

  it('runs a command as a script job, of the class or of a property', async () => {
    @ScriptJob({ name: 'succeeds', ...once, command: 'true' })
    class SucceedsJob {}
    @Injectable()
    class Scripts {
      @ScriptJob({ name: 'fails', ...once, command: 'sh -c "exit 3"' })
      readonly fails = 'a place for the decorator';
    }
    const harness = await start({ providers: [SucceedsJob, Scripts] });
    await harness.trigger('succeeds');
    await harness.trigger('fails');
    expect(harness.runs('succeeds')).toMatchObject([{ item: 0, success: true, triggered: true }]);
    expect(harness.runs('fails')).toMatchObject([{ success: false, error: expect.stringContaining('3') }]);
  });
});

describe('a decorated method', () => {
  it('is a job of its own, as many as the class has, also on a controller', async () => {
    const calls: string[] = [];
    @Injectable()
    class Chores {
      @SimpleJob({ name: 'tidy', ...once })
      async tidy({ jobName }: ShardingContext): Promise<number> {
        return calls.push(jobName);
      }
      @SimpleJob({ name: 'sweep', ...once })
      sweep(): void {
        calls.push('sweep');
      }
    }
    @Controller()
    class ChoresController {
      @SimpleJob({ name: 'air', ...once })
      air(): void {
        calls.push('air');
      }
    }
    const harness = await start({ providers: [Chores], controllers: [ChoresController] });
    for (const name of ['tidy', 'sweep', 'air']) await harness.trigger(name);
    expect(calls).toEqual(['tidy', 'sweep', 'air']);
  });

  it('is inherited, and replaced by a declaration on the same method', async () => {
    abstract class Base {
      @SimpleJob({ name: 'kept', ...once })
      kept(): void {}
      @SimpleJob({ name: 'replaced', ...once })
      changed(): void {}
    }
    @Injectable()
    class Derived extends Base {
      @SimpleJob({ name: 'replacement', ...once })
      override changed(): void {}
    }
    const { engine } = await start({ providers: [Derived] });
    expect(engine.jobs.map(({ jobName }) => jobName).sort()).toEqual(['kept', 'replacement']);
  });
});

describe('scopes', () => {
  it('gives every item of every run a new request-scoped instance, whose request is the context', async () => {
    const instances = new Set<object>();
    const requests: boolean[] = [];
    @Injectable({ scope: Scope.REQUEST })
    class Unit {
      constructor(@Inject(REQUEST) readonly context: ShardingContext) {}
    }
    @Injectable()
    @SimpleJob({ name: 'scoped', cron: '0 0 * * * ?', shardingTotalCount: 3 })
    class ScopedJob implements SimpleJobHandler {
      constructor(private readonly unit: Unit) {}
      execute(context: ShardingContext): void {
        instances.add(this);
        requests.push(this.unit.context === context);
      }
    }
    const harness = await start({ providers: [Unit, ScopedJob] });
    await harness.advance(2 * 3_600_000);
    expect(instances.size).toBe(6);
    expect(requests).toEqual(Array.from({ length: 6 }, () => true));
  });

  it('keeps one instance for all batches of one item and run', async () => {
    const users: object[] = [];
    @Injectable({ scope: Scope.REQUEST })
    @DataflowJob({ name: 'batches', ...once, props: { 'streaming.process': 'true' } })
    class BatchesJob implements DataflowJobHandler<number> {
      #left = 2;
      fetchData(): number[] {
        users.push(this);
        return this.#left-- > 0 ? [1] : [];
      }
      processData(): void {
        users.push(this);
      }
    }
    const harness = await start({ providers: [BatchesJob] });
    await harness.trigger('batches');
    await harness.trigger('batches');
    expect(users).toHaveLength(10);
    expect(new Set(users).size).toBe(2);
  });

  it('makes a transient provider anew as well, and a request-scoped one of a factory', async () => {
    const made: object[] = [];
    @Injectable({ scope: Scope.TRANSIENT })
    @SimpleJob({ name: 'transient', ...once })
    class TransientJob {
      execute(): void {
        made.push(this);
      }
    }
    @SimpleJob({ name: 'factory', ...once })
    class FactoryJob extends TransientJob {}
    const harness = await start({
      providers: [TransientJob, { provide: FactoryJob, scope: Scope.REQUEST, useFactory: () => new FactoryJob() }],
    });
    for (const name of ['transient', 'transient', 'factory', 'factory']) await harness.trigger(name);
    expect(new Set(made).size).toBe(4);
    expect(made.filter((instance) => instance instanceof FactoryJob)).toHaveLength(2);
  });

  it('fails only the run of an item whose instance cannot be made', async () => {
    @Injectable({ scope: Scope.REQUEST })
    @SimpleJob({ name: 'unmade', ...once })
    class UnmadeJob {
      constructor() {
        throw new Error('no connection');
      }
      execute(): void {}
    }
    const harness = await start({ providers: [UnmadeJob] });
    await harness.trigger('unmade');
    expect(harness.runs('unmade')).toMatchObject([{ success: false, error: expect.stringContaining('no connection') }]);
  });
});

describe('options', () => {
  it('may be functions of what they inject', async () => {
    @Injectable()
    @SimpleJob({
      name: 'configured',
      cron: (config: ConfigService) => config.getOrThrow('CRON'),
      shardingTotalCount: async (config: ConfigService, extra: number) => config.getOrThrow<number>('ITEMS') + extra,
      inject: [ConfigService, 'EXTRA'],
    })
    class ConfiguredJob {
      execute(): void {}
    }
    const load = [() => ({ CRON: '0 15 * * * ?', ITEMS: 2 })];
    const harness = await start({
      imports: [ConfigModule.forRoot({ ignoreEnvFile: true, load })],
      providers: [ConfiguredJob, { provide: 'EXTRA', useValue: 1 }],
    });
    await harness.advance(20 * 60_000);
    expect(harness.runs('configured').map(({ item }) => item)).toEqual([0, 1, 2]);
  });

  it('name the option whose function failed, and the token that is unknown', async () => {
    @SimpleJob({
      name: 'failing',
      cron: () => {
        throw new Error('CRON is not set');
      },
      ...once,
    })
    class FailingJob {
      execute(): void {}
    }
    @SimpleJob({ name: 'lost', ...once, inject: [ConfigService, 'NOWHERE'] })
    class LostJob {
      execute(): void {}
    }
    const message = await refusal({ imports: [ConfigModule.forRoot()], providers: [FailingJob, LostJob] });
    expect(message).toContain(
      'FailingJob (in RootTestModule): the function for the option cron failed: CRON is not set',
    );
    expect(message).not.toContain('CRON is not set;');
    expect(message).toContain(
      "LostJob (in RootTestModule): inject asks for 'NOWHERE', which is not a static provider of any module: add it to one, or correct inject",
    );
  });

  it('tell that `inject` is missing, or too short for a function', async () => {
    const cron = (config: ConfigService) => config.getOrThrow<string>('CRON');
    @SimpleJob({ name: 'forgotten', cron, ...once })
    class ForgottenJob {
      execute(): void {}
    }
    @SimpleJob({
      name: 'short',
      ...once,
      jobParameter: (_config: ConfigService, other: ConfigService) => other.getOrThrow('PARAMETER'),
      inject: [ConfigService],
    })
    class ShortJob {
      execute(): void {}
    }
    const message = await refusal({ imports: [ConfigModule.forRoot()], providers: [ForgottenJob, ShortJob] });
    expect(message).toContain(
      "the function for the option cron failed: Cannot read properties of undefined (reading 'getOrThrow'); " +
        'it takes 1 argument, but inject is missing: list there what it is to be called with',
    );
    expect(message).toContain('it takes 2 arguments, but inject has 1: list there what it is to be called with');
  });

  it('tell which token of `inject` is undefined, and which is not static', async () => {
    @SimpleJob({ name: 'circular', ...once, inject: [undefined as never] })
    class CircularJob {
      execute(): void {}
    }
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {}
    @SimpleJob({ name: 'scoped', ...once, inject: [PerRequest] })
    class ScopedJob {
      execute(): void {}
    }
    const message = await refusal({ providers: [CircularJob, PerRequest, ScopedJob] });
    expect(message).toContain(
      'CircularJob (in RootTestModule): inject[0] is undefined; do two files import each other?',
    );
    expect(message).toContain(
      'ScopedJob (in RootTestModule): inject asks for PerRequest, which is not a static provider',
    );
  });

  it('are mentioned in the log when a function gives no cron, unless it gives null', async () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    @SimpleJob({ name: 'unset', cron: () => undefined, ...once })
    class UnsetJob {
      execute(): void {}
    }
    @SimpleJob({ name: 'by-trigger', cron: () => null, jobParameter: () => undefined as never, ...once })
    class ByTriggerJob {
      execute(): void {}
    }
    const feature = ElasticJobModule.forFeature([{ useExisting: UnsetJob, cron: '0 0 * * * ?', name: 'replaced' }]);
    await start({ providers: [UnsetJob, ByTriggerJob] });
    await app?.close();
    await start({ imports: [feature], providers: [UnsetJob] });
    const warnings = warn.mock.calls;
    warn.mockRestore();
    expect(warnings).toEqual([
      [
        'the function for the option cron gave undefined: the job runs only when triggered; give null if that is meant',
        { job: 'unset', option: 'cron' },
      ],
    ]);
  });
});

describe('mistakes', () => {
  it('are reported together, each with its class', async () => {
    @SimpleJob({ name: 'no-method', ...once } as never)
    class Innocent {
      execute(): void {}
    }
    class NoMethodJob {}
    SimpleJob({ name: 'missing', ...once })(NoMethodJob as never);
    class HalfDataflowJob {
      fetchData(): void {}
    }
    DataflowJob({ name: 'half', ...once })(HalfDataflowJob as never);
    @SimpleJob({ name: 'wrong', shardingTotalCount: 0, cron: 'every day' })
    class WrongJob {
      execute(): void {}
    }
    @SimpleJob({ name: 'stranger', ...once, jobShardingStrategyType: 'NEAREST' })
    class StrangerJob {
      execute(): void {}
    }
    const message = await refusal({ providers: [Innocent, NoMethodJob, HalfDataflowJob, WrongJob, StrangerJob] });
    expect(message).toContain('4 problems with the jobs of this application:');
    expect(message).toContain(
      '- NoMethodJob (in RootTestModule): a simple job needs the method execute(context), which the class does not have',
    );
    expect(message).toContain(
      '- HalfDataflowJob (in RootTestModule): a dataflow job needs the method processData(context), which the class does not have',
    );
    expect(message).toMatch(
      /- WrongJob \(in RootTestModule\): 2 problems:\n {2}jobs\.wrong\.shardingTotalCount: seen 0/,
    );
    expect(message).toMatch(/- StrangerJob \(in RootTestModule\): .*'NEAREST'; known are AVG_ALLOCATION/);
  });

  it('with one name for two jobs names both classes', async () => {
    @SimpleJob({ name: 'invoice', ...once })
    class InvoiceJob {
      execute(): void {}
    }
    class Billing {
      @SimpleJob({ name: 'invoice', ...once })
      send(): void {}
    }
    @Module({ providers: [Billing] })
    class BillingModule {}
    const error: unknown = await start({ imports: [BillingModule], providers: [InvoiceJob] }).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'DUPLICATE_JOB' });
    expect(String(error)).toMatch(
      /two jobs are called 'invoice': (InvoiceJob \(in RootTestModule\)|send of Billing \(in BillingModule\)) and /,
    );
    expect(String(error)).toContain('InvoiceJob (in RootTestModule)');
    expect(String(error)).toContain('send of Billing (in BillingModule)');
  });

  it('leave no application behind that cannot be closed', async () => {
    @SimpleJob({ name: 'wrong', shardingTotalCount: 0 })
    class WrongJob {
      execute(): void {}
    }
    await refusal({ providers: [WrongJob] });
    await expect(app?.close()).resolves.toBeUndefined();
  });
});
