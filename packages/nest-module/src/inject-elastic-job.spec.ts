import {
  Inject,
  Injectable,
  Logger,
  Module,
  type ModuleMetadata,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ElasticJobHandle, ElasticJobModule, getElasticJobToken, InjectElasticJob, SimpleJob } from './index.js';
import { ElasticJobHarness, ElasticJobTestingModule } from './testing.js';

let app: TestingModule | undefined;

async function start(metadata: ModuleMetadata): Promise<ElasticJobHarness> {
  app = await Test.createTestingModule(metadata).compile();
  await app.init();
  return app.get(ElasticJobHarness);
}

afterEach(async () => {
  await app?.close();
  app = undefined;
});

@SimpleJob({ name: 'invoice', cron: '0 0 2 * * ?', timeZone: 'UTC', shardingTotalCount: 2 })
class InvoiceJob {
  execute(): void {}
}

describe('a handle of a job', () => {
  it('triggers the job, tells when it fires next and what it is doing', async () => {
    @Injectable()
    class Panel {
      constructor(@InjectElasticJob('invoice') readonly invoice: ElasticJobHandle) {}
    }
    const harness = await start({ imports: [ElasticJobTestingModule.forTest()], providers: [Panel, InvoiceJob] });
    const invoice = app?.get(Panel).invoice;
    expect(invoice?.nextFires(2)).toEqual([new Date('2027-01-01T02:00:00Z'), new Date('2027-01-02T02:00:00Z')]);
    await invoice?.waitFor(({ items }) => items.length === 2);
    expect((await invoice?.trigger())?.items).toEqual([0, 1]);
    await harness.traces.waitFor((event) => event.kind === 'status' && event.state === 'TASK_FINISHED');
    expect(harness.runs('invoice').map(({ item }) => item)).toEqual([0, 1]);
    expect(invoice?.status()).toMatchObject({ jobName: 'invoice', state: 'active', items: [0, 1] });
  });

  it('is injected into modules that were defined after forRoot was called, by property and by token', async () => {
    const root = ElasticJobModule.forRoot({ registry: 'embedded' });
    const SHORTCUT = Symbol('shortcut');
    @Injectable()
    class LatePanel {
      @InjectElasticJob('late')
      readonly late!: ElasticJobHandle;
      constructor(@Inject(SHORTCUT) readonly shortcut: ElasticJobHandle) {}
    }
    @SimpleJob({ name: 'late', shardingTotalCount: 1 })
    class LateJob {
      execute(): void {}
    }
    const shortcut = {
      provide: SHORTCUT,
      inject: [getElasticJobToken('late')],
      useFactory: (handle: ElasticJobHandle) => handle,
    };
    @Module({ providers: [LatePanel, LateJob, shortcut] })
    class LateModule {}
    await start({ imports: [ElasticJobTestingModule.forApplication(), root, LateModule] });
    const panel = app?.get(LatePanel, { strict: false });
    expect(panel?.late).toBeInstanceOf(ElasticJobHandle);
    expect(panel?.shortcut).toBe(panel?.late);
    expect(panel?.late.status().jobName).toBe('late');
  });

  it('says in hooks before the jobs have started that it is too early, and from when on it is not', async () => {
    @Injectable()
    class Eager implements OnModuleInit, OnApplicationBootstrap {
      readonly failures: unknown[] = [];
      readonly owned: Promise<void>[] = [];
      constructor(@InjectElasticJob('invoice') private readonly invoice: ElasticJobHandle) {}

      async onModuleInit(): Promise<void> {
        await this.#attempt(() => this.invoice.trigger());
        await this.#attempt(() => this.invoice.waitFor(() => true));
        await this.#attempt(async () => this.invoice.status());
      }

      async onApplicationBootstrap(): Promise<void> {
        await this.#attempt(() => this.invoice.trigger());
        this.owned.push(this.invoice.waitFor(({ items }) => items.length === 2));
      }

      #attempt(use: () => Promise<unknown>): Promise<void> {
        return use().then(
          () => undefined,
          (error: unknown) => void this.failures.push(error),
        );
      }
    }
    const debug = vi.spyOn(Logger.prototype, 'debug').mockImplementation(() => undefined);
    await start({ imports: [ElasticJobTestingModule.forTest()], providers: [Eager, InvoiceJob] });
    const hints = debug.mock.calls.filter(([text]) => String(text).endsWith('in that hook, do not await it'));
    debug.mockRestore();
    expect(hints.map(([, fields]) => fields)).toEqual([{ job: 'invoice' }]);
    const { failures, owned } = app?.get(Eager) ?? {};
    const tooEarly = {
      code: 'INVALID_STATE',
      jobName: 'invoice',
      message: expect.stringMatching(
        /^job 'invoice' has not started: jobs start after every onModuleInit and onApplicationBootstrap; use the handle/,
      ),
    };
    expect(failures).toMatchObject([tooEarly, tooEarly, tooEarly, tooEarly]);
    await owned?.[0];
    const receipt = await app?.get(getElasticJobToken('invoice')).trigger();
    expect(receipt?.items).toEqual([0, 1]);
  });

  it('of a job that was removed says that there is none', async () => {
    const token = getElasticJobToken('invoice');
    @SimpleJob({ name: 'other', shardingTotalCount: 1 })
    class OtherJob {
      execute(): void {}
    }
    const { engine } = await start({ imports: [ElasticJobTestingModule.forTest()], providers: [InvoiceJob, OtherJob] });
    await engine.remove('invoice');
    await expect(app?.get(token).trigger()).rejects.toThrow("no job 'invoice' in this process; there are: other");
  });

  it('of a job that does not exist keeps the application from starting', async () => {
    @Injectable()
    class Panel {
      constructor(@InjectElasticJob('invoce') readonly job: ElasticJobHandle) {}
    }
    await expect(
      start({ imports: [ElasticJobTestingModule.forTest()], providers: [Panel, InvoiceJob] }),
    ).rejects.toThrow(
      "Panel (in RootTestModule) injects the handle of a job: no job 'invoce' in this process; there are: invoice",
    );
  });
});
