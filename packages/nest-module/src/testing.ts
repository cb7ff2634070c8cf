/** What tests of applications with jobs need: a registry in memory, a clock that moves when told, and what was run. */

import { Engine, type EngineOptions } from '@elasticjob/core';
import { ManualClock, MemoryTraceSink } from '@elasticjob/core/testing';
import { type DynamicModule, Module } from '@nestjs/common';
import { ElasticJobModule } from './elastic-job.module.js';
import type { ElasticJobModuleOptions } from './elastic-job.options.js';
import { ElasticJobHarness } from './elastic-job-harness.js';
import { ENGINE_OVERRIDES } from './engine.provider.js';

export { ManualClock, MemoryTraceSink, settle } from '@elasticjob/core/testing';
export { ElasticJobHarness, type RecordedRun } from './elastic-job-harness.js';

/** When the time of a test begins. */
export interface TestTime {
  /** Epoch milliseconds or ISO text. Default `2027-01-01T00:00:00Z`. */
  readonly startAt?: number | string;
}

/** What `ElasticJobTestingModule.forTest` takes: the module's options, all with defaults, and the time. */
export type ElasticJobTestOptions = Partial<ElasticJobModuleOptions> & TestTime;

/**
 * Gives an {@link ElasticJobHarness} to a test.
 *
 * @example
 * const app = await Test.createTestingModule({
 *   imports: [ElasticJobTestingModule.forTest()],
 *   providers: [InvoiceJob, { provide: InvoiceService, useValue: invoices }],
 * }).compile();
 * await app.init();
 * const harness = app.get(ElasticJobHarness);
 */
@Module({})
export class ElasticJobTestingModule {
  /** In place of `ElasticJobModule.forRoot`, for tests of single providers. */
  static forTest({ startAt, ...options }: ElasticJobTestOptions = {}): DynamicModule {
    return testingModule({ startAt }, [ElasticJobModule.forRoot({ registry: 'embedded', ...options })]);
  }

  /**
   * Beside a whole application that imports `ElasticJobModule.forRoot` itself: its registry becomes one in memory and its
   * clock the harness's, whatever it configures.
   */
  static forApplication(time: TestTime = {}): DynamicModule {
    return testingModule(time, []);
  }
}

function testingModule({ startAt = '2027-01-01T00:00:00Z' }: TestTime, imports: DynamicModule[]): DynamicModule {
  const clock = new ManualClock(startAt);
  const traces = new MemoryTraceSink(Number.POSITIVE_INFINITY);
  const overrides: Partial<EngineOptions> = { registry: 'embedded', clock, traceSinks: [traces] };
  return {
    module: ElasticJobTestingModule,
    global: true,
    imports,
    providers: [
      { provide: ENGINE_OVERRIDES, useValue: overrides },
      {
        provide: ElasticJobHarness,
        inject: [Engine],
        useFactory: (engine: Engine) => new ElasticJobHarness(engine, clock, traces),
      },
    ],
    exports: [ENGINE_OVERRIDES, ElasticJobHarness],
  };
}
