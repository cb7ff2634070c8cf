import type { Logger } from '../foundation/logger.js';
import type { ShardingContext } from '../job/context.js';
import type { JobDefinition } from '../job/definition.js';
import type { ExecutionSource } from '../tracing/trace-event.js';

/** What is known of a failure when it is handed to a {@link JobErrorHandler}. */
export interface JobFailure {
  readonly jobName: string;
  /** `undefined` when a listener failed, not an item. */
  readonly item: number | undefined;
  readonly error: unknown;
  readonly logger: Logger;
}

/**
 * What happens with the failure of an item or a listener. The kernel brings LOG, THROW, IGNORE, EMAIL, WEBHOOK, DINGTALK
 * and WECHAT.
 */
export interface JobErrorHandler {
  readonly type: string;
  /**
   * Reads what a job's props say to this handler, throwing a `ConfigurationError` if they are wrong, and gives the one that
   * handles the failures of this job. Called when the job is added and when its stored definition changes. Without it
   * the handler is the same for all jobs.
   */
  prepare?(definition: JobDefinition): JobErrorHandler;
  /** Called once per failure; the run waits for it. What it throws itself is logged. */
  handle(failure: JobFailure): void | Promise<void>;
  /** Whether a failure makes the whole run fail, after all its items have settled. */
  readonly failsRun?: boolean;
}

/** What a listener is told: one context per item of the run, in the order of the items. */
export interface RunContext {
  readonly jobName: string;
  readonly taskId: string;
  readonly scheduledAt: number;
  readonly source: ExecutionSource;
  readonly items: readonly number[];
  readonly contexts: readonly ShardingContext[];
}

/** Hears the begin and the end of each run on this instance. A failure goes to the job's error handler; the run goes on. */
export interface JobListener {
  /** The name used in `jobListenerTypes`. */
  readonly type: string;
  /** Listeners run in ascending order; equal orders in the order named. Default: last. */
  readonly order?: number;
  beforeJobExecuted?(run: RunContext): void | Promise<void>;
  afterJobExecuted?(run: RunContext): void | Promise<void>;
  /**
   * Called once for each fire, on one instance: when the items of the fire are marked on all instances, and before any of
   * their handlers is called. With this method every run waits for the items of all instances, at most
   * `startedTimeoutMs`, and until this has settled. Items whose fire is skipped are not waited for.
   *
   * Called again elsewhere if the instance that called it was gone, or lost its session, before that was written down.
   *
   * @see ElasticJob's AbstractDistributeOnceElasticJobListener
   */
  readonly beforeJobExecutedAtLastStarted?: ((run: RunContext) => void | Promise<void>) | undefined;
  /**
   * Called once for each fire, on one instance: when the items of all instances have ended. Their
   * next fires do not wait for it. As for the rest like {@link beforeJobExecutedAtLastStarted}.
   */
  readonly afterJobExecutedAtLastCompleted?: ((run: RunContext) => void | Promise<void>) | undefined;
  /** How long items wait for those of other instances before their handlers are called, milliseconds. Default 60000. */
  readonly startedTimeoutMs?: number | undefined;
  /** How long the end of other instances' items is waited for, milliseconds. Default 86400000, a day. */
  readonly completedTimeoutMs?: number | undefined;
}

/** How many items of a job may run at the same time on one instance. The kernel brings CPU and SINGLE_THREAD. */
export interface PoolPolicy {
  readonly type: string;
  /** At least 1. */
  size(): number;
}
