import type { Engine, JobStatus } from '@elasticjob/core';

/**
 * What `@InjectElasticJob(name)` gives: a handle on one of the application's jobs. It can be injected before the jobs are
 * found; from `onApplicationBootstrap` of other modules on, the job may be used.
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
   * Asks all instances of the job to run what they own, now or after the run they are in. Resolves to the ids of the
   * instances asked; rejects with a `RegistryError` if they cannot be.
   */
  trigger(): Promise<string[]> {
    return this.engine.job(this.jobName).trigger();
  }

  /** The next planned times; empty for a job without cron, or that does not fire at present. */
  nextFires(count?: number): Date[] {
    return this.engine.job(this.jobName).nextFires(count);
  }

  /** What the job is doing on this instance. */
  status(): JobStatus {
    return this.engine.job(this.jobName).status();
  }

  /** Resolves when `predicate` holds for {@link status}; looked at again whenever something of it changes. */
  waitFor(predicate: (status: JobStatus) => boolean, signal?: AbortSignal): Promise<void> {
    return this.engine.job(this.jobName).waitFor(predicate, signal);
  }
}
