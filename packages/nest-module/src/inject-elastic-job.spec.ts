import { Inject, Injectable, Module, type ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from 'vitest';
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
    expect(await invoice?.trigger()).toEqual([harness.engine.identity.instanceId]);
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
