import type { Logger } from '../foundation/logger.js';
import type { ShardingContext } from '../job/context.js';
import type { JobDefinition } from '../job/definition.js';
import type { JobHandler } from '../job/handlers.js';

/** What an item's work may ask of the run it belongs to. */
export interface ItemRun {
  readonly logger: Logger;
  /** Whether this instance is still to go on with the item: a stream stops after its batch once this is false. */
  mayContinue(): boolean;
}

/** Works on one item of one run. Rejects when the item failed. */
export type ItemExecutor = (context: ShardingContext, run: ItemRun) => Promise<void>;

/**
 * A kind of job: how one item of it is executed. The kernel brings SIMPLE, DATAFLOW, SCRIPT and HTTP; bind more
 * to `TYPES.JobKind`.
 */
export interface JobKind {
  /** `SIMPLE`, `DATAFLOW`, `SCRIPT`, `HTTP`, … */
  readonly type: string;
  /** What Java stores as the job's class for this kind: fixed for typed jobs, `null` for classes of the user. */
  readonly storedClassName: string | null;
  /** Whether this kind is the right one for what was given; asked in the order of binding. */
  accepts(definition: JobDefinition, handler: JobHandler): boolean;
  /** Checks definition and handler once, throwing a `ConfigurationError`, and returns how to execute an item. */
  prepare(definition: JobDefinition, handler: JobHandler): ItemExecutor;
}
