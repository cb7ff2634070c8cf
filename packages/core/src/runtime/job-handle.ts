import { requestRun } from '../coordination/run-request.js';
import type { Registry } from '../registry/registry.js';
import type { JobRuntime } from './job-runtime.js';
import type { JobStatus } from './job-state.js';

/**
 * What an application holds of one of its jobs.
 *
 * @example
 * const [next] = handle.nextFires(1);
 * await handle.trigger();
 */
export class JobHandle {
  constructor(
    private readonly runtime: JobRuntime,
    private readonly registry: Registry,
  ) {}

  get jobName(): string {
    return this.runtime.jobName;
  }

  /**
   * Asks all instances of the job to run what they own, now or after the run they are in. Resolves to the ids of the
   * instances asked; rejects with a `RegistryError` if they cannot be.
   */
  async trigger(): Promise<string[]> {
    return requestRun(this.registry, this.jobName);
  }

  /** The next planned times; empty for a job without cron, or that does not fire at present. */
  nextFires(count = 5): Date[] {
    return this.runtime.nextFires(count).map((at) => new Date(at));
  }

  /** What the job is doing on this instance. */
  status(): JobStatus {
    return this.runtime.status();
  }

  /**
   * Resolves when `predicate` holds for {@link status}, which is looked at again whenever something of it changes. Rejects
   * with a `StoppedError` when the job stops here before.
   */
  async waitFor(predicate: (status: JobStatus) => boolean, signal?: AbortSignal): Promise<void> {
    return this.runtime.waitFor(predicate, signal);
  }
}
