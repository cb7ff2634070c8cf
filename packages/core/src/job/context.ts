/** That a run was asked for, instead of due by the clock. */
export interface RunTrigger {
  /** `backfill`: the run stands for a fire of a range of time, see {@link ShardingContext.window}. */
  readonly kind: 'manual' | 'backfill';
  /** The trigger's id; `null` if it was asked for by the nodes of Java's lifecycle API, which have none. */
  readonly id: string | null;
  /** Who asked for it; `''` if nobody said. */
  readonly by: string;
  /** The key it was asked for with, `null` if with none. */
  readonly key: string | null;
}

/** A span of time, epoch milliseconds: later than `from`, up to and including `to`. */
export interface FireWindow {
  readonly from: number;
  readonly to: number;
}

/** What a run has of its own, besides what its job's definition says. */
export interface RunOrder {
  readonly trigger: RunTrigger;
  /** In place of the definition's; `null` = as the definition has it. */
  readonly jobParameter: string | null;
  readonly window: FireWindow | null;
}

/**
 * What a handler is given for one item of one run.
 *
 * @example
 * async execute(context: ShardingContext) {
 *   await this.invoices.send(context.shardingParameter, { signal: context.signal });
 * }
 */
export interface ShardingContext {
  readonly jobName: string;
  /** `{job}@-@{items}@-@READY@-@{instance}`, as in ElasticJob; the same for all items of a run, not unique per run. */
  readonly taskId: string;
  readonly shardingTotalCount: number;
  /** The definition's, or what this run was triggered with. */
  readonly jobParameter: string;
  /** The item to work on, `0 ≤ shardingItem < shardingTotalCount`. */
  readonly shardingItem: number;
  /** The item's own parameter from `shardingItemParameters`, `undefined` if it has none. */
  readonly shardingParameter: string | undefined;
  /**
   * The planned time of this fire, epoch milliseconds; for a trigger, the moment in which it was asked for, and of a
   * backfill, the planned time of the fire that the run stands for.
   */
  readonly scheduledAt: number;
  /** Set if the run was asked for by a person or a program; `undefined` for a fire, also one that is made up for. */
  readonly trigger: RunTrigger | undefined;
  /** In a backfill, the time since the fire before the one that the run stands for; otherwise `undefined`. */
  readonly window: FireWindow | undefined;
  /**
   * Aborts when the work must end: shutdown after the drain timeout, `timeout`, or loss of the registry session. Its
   * `reason` is a `StoppedError`, `DeadlineError` or `SessionLostError`.
   */
  readonly signal: AbortSignal;
  /**
   * Grows with every run of this item on whichever instance, so that a database can refuse a late writer. Runs of
   * different items may have the same. `undefined` without `monitorExecution`. May fall after ZooKeeper's data was wiped
   * or restored.
   */
  readonly fencingToken: bigint | undefined;
}

/** The part of the context that scripts are given as JSON: ElasticJob's fields, in its order, absent ones omitted. */
export function contextAsJson(context: ShardingContext): string {
  const { jobName, taskId, shardingTotalCount, jobParameter, shardingItem, shardingParameter } = context;
  return JSON.stringify({ jobName, taskId, shardingTotalCount, jobParameter, shardingItem, shardingParameter });
}
