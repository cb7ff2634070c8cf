import {
  type Engine,
  ExecutionError,
  type JobHandle,
  type JobStatus,
  type TriggerOptions,
  type TriggerReceipt,
} from '@elasticjob/core';
import { nestLogger } from './nest-logger.js';

/**
 * What `@InjectElasticJob(name)` gives: a handle on one of the application's jobs. It can be injected everywhere, but jobs
 * start last, after `onModuleInit` and `onApplicationBootstrap` of all other providers. Use it once the application has
 * started: in requests, in jobs, or after `app.listen()`, `app.init()` or `NestFactory.createApplicationContext()`.
 * Before, what it cannot do yet fails with an `ExecutionError` `INVALID_STATE`.
 *
 * @example
 * constructor(@InjectElasticJob('invoice') private readonly invoice: ElasticJobHandle) {}
 * runNow() { return this.invoice.trigger(); }
 */
export class ElasticJobHandle {
  constructor(
    readonly jobName: string,
    private readonly engine: Engine,
  ) {}

  /**
   * Has the job run now, as a whole or the chosen items, by whoever owns them. Resolves when the runs are asked for;
   * rejects with an `OperationError` if that is not possible, with a `RegistryError` if it failed, with an `ExecutionError`
   * if the job has not started.
   */
  async trigger(options: TriggerOptions = {}): Promise<TriggerReceipt> {
    const job = this.#job();
    if (isNew(job)) throw notStarted(this.jobName);
    return job.trigger(options);
  }

  /** The next planned times; empty for a job without cron, or that does not fire at present. */
  nextFires(count?: number): Date[] {
    return this.#job().nextFires(count);
  }

  /** What the job is doing on this instance. */
  status(): JobStatus {
    return this.#job().status();
  }

  /**
   * Resolves when `predicate` holds for {@link status}; looked at again whenever something of it changes. Rejects with a
   * `StoppedError` when the job stops before. May be called from `onApplicationBootstrap` on, which must not await it,
   * since the jobs only start when that hook has ended.
   */
  async waitFor(predicate: (status: JobStatus) => boolean, signal?: AbortSignal): Promise<void> {
    const job = this.#job();
    if (isNew(job)) nestLogger().debug(WAITS_FOR_START, { job: this.jobName });
    return job.waitFor(predicate, signal);
  }

  /** The engine gets its jobs when all modules are initialised. */
  #job(): JobHandle {
    if (this.engine.jobs.length === 0) throw notStarted(this.jobName);
    return this.engine.job(this.jobName);
  }
}

const WAITS_FOR_START =
  'somebody waits for a job that starts after onApplicationBootstrap; in that hook, do not await it';

function isNew(job: JobHandle): boolean {
  return job.status().state === 'new';
}

function notStarted(jobName: string): ExecutionError {
  return new ExecutionError(
    'INVALID_STATE',
    `job '${jobName}' has not started: jobs start after every onModuleInit and onApplicationBootstrap; use the handle ` +
      'from then on, for example after app.listen() or NestFactory.createApplicationContext()',
    { jobName },
  );
}
