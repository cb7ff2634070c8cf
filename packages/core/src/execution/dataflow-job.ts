import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import { ExecutionError } from '../foundation/errors.js';
import type { ShardingContext } from '../job/context.js';
import type { DataflowJobHandler, FetchedData, JobHandler } from '../job/handlers.js';
import { hasMethod, missingMethod } from './handler-methods.js';
import type { ItemRun, JobKind } from './job-kind.js';

/** The prop that makes a dataflow job fetch again and again until nothing comes: `'true'` or `'false'`, as in ElasticJob. */
export const STREAMING_PROCESS = 'streaming.process';

/**
 * DATAFLOW: fetches and processes, once per run or, streaming, until a fetch brings nothing. Empty batches are never
 * processed.
 *
 * Between two batches the work ends quietly when the item is no longer this instance's to continue, and fails with the
 * signal's reason when the context's signal has aborted; an async iterable is closed then. A batch that was fetched when
 * the signal aborts is not processed, as somebody else may own it. What does not return cannot be interrupted: the
 * handler has to pass `context.signal` on.
 */
export const dataflowJob: JobKind = {
  type: 'DATAFLOW',
  storedClassName: null,
  accepts: (_definition, handler) => isDataflow(handler) || isHalfDataflow(handler),
  prepare({ jobName, props }, handler) {
    if (!isDataflow(handler)) throw missingMethod(jobName, 'dataflow', handler, missingOf(handler));
    const streaming = props[STREAMING_PROCESS]?.toLowerCase() === 'true';
    return (context, run) => flow(handler, context, run, streaming);
  },
};

function isDataflow(handler: JobHandler): handler is DataflowJobHandler {
  return hasMethod(handler, 'fetchData') && hasMethod(handler, 'processData');
}

/** Accepted as well, so that the error names the method that is missing. */
function isHalfDataflow(handler: JobHandler): boolean {
  const half = hasMethod(handler, 'fetchData') || hasMethod(handler, 'processData');
  return half && !hasMethod(handler, 'execute');
}

function missingOf(handler: JobHandler): string {
  return hasMethod(handler, 'fetchData') ? 'processData' : 'fetchData';
}

async function flow(
  handler: DataflowJobHandler,
  context: ShardingContext,
  run: ItemRun,
  streaming: boolean,
): Promise<void> {
  context.signal.throwIfAborted();
  while (await fetchAndProcess(handler, context, run)) {
    if (!streaming) return;
    context.signal.throwIfAborted();
    if (!run.mayContinue()) return;
  }
}

/** Resolves to whether there was anything to process. */
async function fetchAndProcess(handler: DataflowJobHandler, context: ShardingContext, run: ItemRun): Promise<boolean> {
  const fetched = await handler.fetchData(context);
  if (!isAsyncIterable(fetched)) return processBatch(handler, context, asBatch(fetched, context.jobName));
  let processed = false;
  for await (const batch of fetched) {
    if (await processBatch(handler, context, asBatch(batch, context.jobName))) processed = true;
    context.signal.throwIfAborted();
    if (!run.mayContinue()) break;
  }
  return processed;
}

async function processBatch(
  handler: DataflowJobHandler,
  context: ShardingContext,
  batch: readonly unknown[],
): Promise<boolean> {
  // Handlers that never really wait would starve the session's pings, and with them the abort.
  await eventLoopTurn();
  context.signal.throwIfAborted();
  if (batch.length === 0) return false;
  await handler.processData(context, batch);
  return true;
}

function asBatch(value: unknown, jobName: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (value === null || value === undefined) return [];
  throw new ExecutionError(
    'JOB_FAILED',
    `fetchData of job '${jobName}' gave a batch of type ${typeof value}; return an array, an async iterable of arrays, or nothing`,
    { jobName },
  );
}

function isAsyncIterable(value: FetchedData<unknown>): value is AsyncIterable<readonly unknown[]> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
