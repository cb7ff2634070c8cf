import type { ShardingStrategy } from '../coordination/sharding-strategies.js';
import { EXTENSION_POINTS, type ExtensionPoint, resolveExtension } from '../execution/extensions.js';
import type { JobErrorHandler, JobListener, PoolPolicy } from '../execution/job-extensions.js';
import type { JobKind } from '../execution/job-kind.js';
import { resolveListeners } from '../execution/job-listeners.js';
import type { RunnableJob } from '../execution/job-run.js';
import { ConfigurationError, ElasticJobError } from '../foundation/errors.js';
import type { JobDefinition } from '../job/definition.js';
import type { JobHandler } from '../job/handlers.js';
import { parseItemParameters } from '../job/item-parameters.js';
import { type CronSchedule, parseCron } from '../schedule/cron.js';

/** Everything that a definition can name, by kind, in the order of binding. */
export interface Extensions {
  readonly kinds: readonly JobKind[];
  readonly strategies: readonly ShardingStrategy[];
  readonly errorHandlers: readonly JobErrorHandler[];
  readonly listeners: readonly JobListener[];
  readonly poolPolicies: readonly PoolPolicy[];
}

/** A definition with everything it names looked up: what an instance needs to take part in the job. */
export interface EquippedJob extends RunnableJob {
  readonly kind: JobKind;
  readonly strategy: ShardingStrategy;
  readonly poolSize: number;
  readonly schedule: CronSchedule | null;
}

/**
 * Looks up what the definition names. Throws a `ConfigurationError` that names everything that is unknown, and what is
 * known.
 */
export function equip(definition: JobDefinition, handler: JobHandler, extensions: Extensions): EquippedJob {
  checkNames(definition, extensions);
  const { jobName } = definition;
  const kind = extensions.kinds.find((candidate) => candidate.accepts(definition, handler));
  if (kind === undefined) throw noKind(jobName, extensions.kinds);
  const find = <T extends { readonly type: string }>(at: ExtensionPoint, type: string | null, known: readonly T[]): T =>
    resolveExtension(at, type, known, jobName);
  const { shardingStrategy, errorHandler, poolPolicy } = EXTENSION_POINTS;
  const pool = find(poolPolicy, definition.jobExecutorThreadPoolSizeProviderType, extensions.poolPolicies);
  const failureHandler = find(errorHandler, definition.jobErrorHandlerType, extensions.errorHandlers);
  return {
    definition,
    kind,
    itemParameters: parseItemParameters(definition.shardingItemParameters),
    executor: kind.prepare(definition, handler),
    errorHandler: failureHandler.prepare?.(definition) ?? failureHandler,
    listeners: resolveListeners(definition.jobListenerTypes, extensions.listeners, jobName),
    strategy: find(shardingStrategy, definition.jobShardingStrategyType, extensions.strategies),
    poolSize: definition.poolSize ?? pool.size(),
    schedule: scheduleOf(definition),
  };
}

/** Everything that is unknown is reported together. */
function checkNames(definition: JobDefinition, extensions: Extensions): void {
  const { jobName, jobListenerTypes } = definition;
  const { shardingStrategy, errorHandler, poolPolicy } = EXTENSION_POINTS;
  const lookUps = [
    () => resolveExtension(shardingStrategy, definition.jobShardingStrategyType, extensions.strategies, jobName),
    () => resolveExtension(errorHandler, definition.jobErrorHandlerType, extensions.errorHandlers, jobName),
    () =>
      resolveExtension(poolPolicy, definition.jobExecutorThreadPoolSizeProviderType, extensions.poolPolicies, jobName),
    ...jobListenerTypes.map((type) => () => resolveListeners([type], extensions.listeners, jobName)),
  ];
  const problems = lookUps.flatMap((lookUp) => problemOf(lookUp));
  const [first] = problems;
  if (first === undefined) return;
  if (problems.length === 1) throw first;
  const lines = problems.map(({ message }) => message).join('\n');
  throw new ConfigurationError('UNKNOWN_EXTENSION', `${problems.length} problems:\n${lines}`, { jobName });
}

function problemOf(lookUp: () => unknown): ElasticJobError[] {
  try {
    lookUp();
    return [];
  } catch (error) {
    if (ElasticJobError.is(error)) return [error];
    throw error;
  }
}

function scheduleOf({ cron, timeZone, dst }: JobDefinition): CronSchedule | null {
  if (cron === null) return null;
  return parseCron(cron, { ...(timeZone === null ? {} : { timeZone }), ...(dst === null ? {} : { dst }) });
}

function noKind(jobName: string, kinds: readonly JobKind[]): ConfigurationError {
  const known = kinds.map((kind) => kind.type).join(', ');
  return new ConfigurationError(
    'INVALID_CONFIGURATION',
    `jobs.${jobName}: no job kind accepts this handler; known kinds are ${known}. ` +
      'Give it an execute method, or fetchData and processData, or the prop script.command.line or http.uri.',
    { jobName },
  );
}
