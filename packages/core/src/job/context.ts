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
  readonly jobParameter: string;
  /** The item to work on, `0 ≤ shardingItem < shardingTotalCount`. */
  readonly shardingItem: number;
  /** The item's own parameter from `shardingItemParameters`, `undefined` if it has none. */
  readonly shardingParameter: string | undefined;
  /** The planned time of this fire, epoch milliseconds; for a trigger, the moment it was received. */
  readonly scheduledAt: number;
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
