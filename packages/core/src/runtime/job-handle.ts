import type { Operations } from '../operations/operations.js';
import type { TriggerOptions, TriggerReceipt } from '../operations/trigger-command.js';
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
    private readonly operations: Operations,
  ) {}

  get jobName(): string {
    return this.runtime.jobName;
  }

  /**
   * Has the job run now, as a whole or the chosen items: the command `trigger` of the operations, for this job.
   * Resolves when the runs are asked for; `engine.operations.queries.waitForTrigger` waits for them.
   *
   * @example await handle.trigger({ items: [0], jobParameter: 'again' })
   */
  async trigger(options: TriggerOptions = {}): Promise<TriggerReceipt> {
    return this.operations.commands.trigger(this.jobName, options);
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
