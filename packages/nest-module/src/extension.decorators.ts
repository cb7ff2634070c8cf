import 'reflect-metadata';
import type {
  JobDefinition,
  JobErrorHandler as KernelErrorHandler,
  JobKind as KernelKind,
  JobListener as KernelListener,
  PoolPolicy as KernelPoolPolicy,
  ShardingStrategy as KernelStrategy,
} from '@elasticjob/core';

/** What a class decorated with `@ShardingStrategy` implements. */
export type ShardingStrategy = Omit<KernelStrategy, 'type'>;
/** What a class decorated with `@JobErrorHandler` implements. */
export interface JobErrorHandler extends Omit<KernelErrorHandler, 'type' | 'prepare'> {
  /** Reads the props of a job that names this handler, and gives what handles its failures. Default: the provider itself. */
  prepare?(definition: JobDefinition): Omit<KernelErrorHandler, 'type' | 'prepare'>;
}
/** What a class decorated with `@JobListener` implements. */
export type JobListener = Omit<KernelListener, 'type'>;
/** What a class decorated with `@PoolPolicy` implements. */
export type PoolPolicy = Omit<KernelPoolPolicy, 'type'>;
/**
 * What a class decorated with `@JobKind` implements. Without `accepts` it takes the jobs without a handler whose
 * `className` is the type, as `@TypedJob` declares them.
 */
export type JobKind = Pick<KernelKind, 'prepare'> & Partial<Pick<KernelKind, 'accepts'>>;

/** The extension points of the kernel that a provider can fill. */
export type ExtensionPoint = 'ShardingStrategy' | 'JobErrorHandler' | 'JobListener' | 'PoolPolicy' | 'JobKind';

/** The decorator on a class that makes its provider an extension. */
export interface ExtensionDeclaration {
  readonly point: ExtensionPoint;
  readonly type: string;
}

type ClassOf<T> = abstract new (...dependencies: never[]) => T;

const EXTENSION = Symbol.for('elasticjob:extension');

/**
 * Makes a static provider the sharding strategy that jobs name in `jobShardingStrategyType`.
 *
 * @example
 * @Injectable()
 * @ShardingStrategy('FIRST')
 * class FirstStrategy implements ShardingStrategy {
 *   assign({ instances, itemCount }: ShardingInput) {
 *     return Array.from({ length: itemCount }, () => instances[0]?.instanceId ?? null);
 *   }
 * }
 */
export function ShardingStrategy(type: string): (target: ClassOf<ShardingStrategy>) => void {
  return (target) => declare({ point: 'ShardingStrategy', type }, target);
}

/** Makes a static provider the error handler that jobs name in `jobErrorHandlerType`. */
export function JobErrorHandler(type: string): (target: ClassOf<JobErrorHandler>) => void {
  return (target) => declare({ point: 'JobErrorHandler', type }, target);
}

/** Makes a static provider the listener that jobs name in `jobListenerTypes`. */
export function JobListener(type: string): (target: ClassOf<JobListener>) => void {
  return (target) => declare({ point: 'JobListener', type }, target);
}

/** Makes a static provider the pool policy that jobs name in `jobExecutorThreadPoolSizeProviderType`. */
export function PoolPolicy(type: string): (target: ClassOf<PoolPolicy>) => void {
  return (target) => declare({ point: 'PoolPolicy', type }, target);
}

/**
 * Makes a static provider a kind of job.
 *
 * @example
 * @Injectable()
 * @JobKind('QUERY')
 * class QueryKind implements JobKind {
 *   constructor(private readonly database: Database) {}
 *   prepare({ props }: JobDefinition): ItemExecutor {
 *     return async ({ shardingItem }) => this.database.run(props.query, shardingItem);
 *   }
 * }
 * @TypedJob('QUERY', { name: 'tidy', cron: '0 3 * * *', shardingTotalCount: 2, props: { query: '…' } })
 * class TidyJob {}
 */
export function JobKind(type: string): (target: ClassOf<JobKind>) => void {
  return (target) => declare({ point: 'JobKind', type }, target);
}

/** The extension that a class declares or inherits, `undefined` if it is none. */
export function extensionOf(type: object): ExtensionDeclaration | undefined {
  return Reflect.getMetadata(EXTENSION, type);
}

function declare(declaration: ExtensionDeclaration, target: object): void {
  Reflect.defineMetadata(EXTENSION, declaration, target);
}
