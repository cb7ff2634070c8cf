import { ConfigurationError } from '../foundation/errors.js';
import { suggestion } from '../job/option-problems.js';

/** A place where the kernel can be extended, and what its error message needs to say about it. */
export interface ExtensionPoint {
  /** What an extension of this point is called in a sentence. */
  readonly noun: string;
  /** The option of a job that names the extension. */
  readonly option: string;
  /** What an application binds its own extension to. */
  readonly binding: string;
  /** The type used when the job's option is `null`; `null` when there is no such thing. */
  readonly defaultType: string | null;
}

/** The extension points that a job's definition names by type. Defaults are ElasticJob's. */
export const EXTENSION_POINTS = {
  shardingStrategy: {
    noun: 'sharding strategy',
    option: 'jobShardingStrategyType',
    binding: 'TYPES.ShardingStrategy',
    defaultType: 'AVG_ALLOCATION',
  },
  poolPolicy: {
    noun: 'pool policy',
    option: 'jobExecutorThreadPoolSizeProviderType',
    binding: 'TYPES.PoolPolicy',
    defaultType: 'CPU',
  },
  errorHandler: {
    noun: 'error handler',
    option: 'jobErrorHandlerType',
    binding: 'TYPES.JobErrorHandler',
    defaultType: 'LOG',
  },
  listener: { noun: 'listener', option: 'jobListenerTypes', binding: 'TYPES.JobListener', defaultType: null },
} as const satisfies Readonly<Record<string, ExtensionPoint>>;

/**
 * The extension that a job asks for by type, whatever the case of its letters; `null` asks for the point's default.
 * Among extensions of one type the last wins, so that an application can replace what the kernel brings.
 *
 * Unlike Java, where an unknown type silently becomes the default, it is a `ConfigurationError` `UNKNOWN_EXTENSION`.
 *
 * @example
 * resolveExtension(EXTENSION_POINTS.errorHandler, definition.jobErrorHandlerType, handlers, definition.jobName);
 */
export function resolveExtension<T extends { readonly type: string }>(
  point: ExtensionPoint,
  type: string | null,
  available: readonly T[],
  jobName: string,
): T {
  const wanted = type ?? point.defaultType ?? '';
  const found = available.findLast((extension) => extension.type.toUpperCase() === wanted.toUpperCase());
  if (found !== undefined) return found;
  const known = [...new Set(available.map((extension) => extension.type))];
  throw new ConfigurationError(
    'UNKNOWN_EXTENSION',
    `job '${jobName}' asks for the ${point.noun} '${wanted}'${suggestion(wanted, known)}; ` +
      `known are ${known.join(', ') || 'none'}; ` +
      `add it to the engine's extensions (${point.binding}), or correct ${point.option}`,
    { jobName, path: point.option },
  );
}
