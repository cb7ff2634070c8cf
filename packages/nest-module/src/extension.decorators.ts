import 'reflect-metadata';
import type {
  JobErrorHandler as KernelErrorHandler,
  JobListener as KernelListener,
  ShardingStrategy as KernelStrategy,
} from '@elasticjob/core';

/** What a class decorated with `@ShardingStrategy` implements. */
export type ShardingStrategy = Omit<KernelStrategy, 'type'>;
/** What a class decorated with `@JobErrorHandler` implements. */
export type JobErrorHandler = Omit<KernelErrorHandler, 'type'>;
/** What a class decorated with `@JobListener` implements. */
export type JobListener = Omit<KernelListener, 'type'>;

/** The extension points of the kernel that a provider can fill. */
export type ExtensionPoint = 'ShardingStrategy' | 'JobErrorHandler' | 'JobListener';

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

/** The extension that a class declares or inherits, `undefined` if it is none. */
export function extensionOf(type: object): ExtensionDeclaration | undefined {
  return Reflect.getMetadata(EXTENSION, type);
}

function declare(declaration: ExtensionDeclaration, target: object): void {
  Reflect.defineMetadata(EXTENSION, declaration, target);
}
