import type { ShardingContext } from './context.js';

/** A job that does one thing per item and run. */
export interface SimpleJobHandler {
  execute(context: ShardingContext): void | Promise<void>;
}

/** What `fetchData` may return: a batch, batches as they come, or nothing. */
export type FetchedData<T> = readonly T[] | AsyncIterable<readonly T[]> | null | undefined;

/**
 * A job that fetches and processes. Once per fire, or with `props['streaming.process'] = 'true'` until `fetchData`
 * comes back empty.
 */
export interface DataflowJobHandler<T = unknown> {
  fetchData(context: ShardingContext): FetchedData<T> | Promise<FetchedData<T>>;
  processData(context: ShardingContext, data: readonly T[]): void | Promise<void>;
}

/** The work of a job: what its author wrote, or nothing for a job that its definition describes whole (a script). */
export type JobHandler = SimpleJobHandler | DataflowJobHandler | undefined;
