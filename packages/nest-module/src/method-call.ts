import type { ShardingContext } from '@elasticjob/core';
import type { ArgumentsHost } from '@nestjs/common';
import type { ExternalContextCreator } from '@nestjs/core';
import type { ProvidedInstance } from './nest-provider.js';

/** What `getType()` of an `ExecutionContext` or `ArgumentsHost` says for a run of a job. */
export const ELASTIC_JOB_CONTEXT = 'elasticjob';

/** Calls a method of a provider's instance. */
export type MethodCall = (on: ProvidedInstance, method: string | symbol, args: readonly unknown[]) => unknown;

type Method = (this: object, ...args: readonly unknown[]) => unknown;

/** Calls the method and nothing else. */
export const plainCall: MethodCall = ({ instance }, method, args) =>
  methodOf(instance, method).apply(instance, [...args]);

/**
 * Calls the method with the guards, interceptors and exception filters of it, of its class, and of the whole application
 * around it, as Nest does for a controller. A guard that says no makes the item fail with a `ForbiddenException`.
 */
export function enhancedCall(creator: ExternalContextCreator): MethodCall {
  const made = new WeakMap<object, Map<string | symbol, Method>>();
  return (on, method, args) => {
    const { instance, contextId } = on;
    const known = made.get(instance) ?? new Map<string | symbol, Method>();
    made.set(instance, known);
    const found = known.get(method) ?? enhanced(creator, instance, method, contextId);
    known.set(method, found);
    return found.apply(instance, [...args]);
  };
}

/**
 * The context of the run that a guard, an interceptor or a filter was asked about. Throws a `TypeError` for a request or a
 * message; ask `host.getType()` first where both may come.
 *
 * @example
 * canActivate(context: ExecutionContext) {
 *   return shardingContextOf(context).shardingItem === 0;
 * }
 */
export function shardingContextOf(host: ArgumentsHost): ShardingContext {
  if (host.getType<string>() === ELASTIC_JOB_CONTEXT) return host.getArgByIndex<ShardingContext>(0);
  throw new TypeError(`this is no run of a job, but a context of type '${host.getType<string>()}'`);
}

function enhanced(
  creator: ExternalContextCreator,
  instance: object,
  method: string | symbol,
  contextId: ProvidedInstance['contextId'],
): Method {
  const callback = methodOf(instance, method);
  // Nest's type says text, but it only looks the name up.
  return creator.create(
    instance as Record<string, unknown>,
    callback,
    method as string,
    undefined,
    undefined,
    contextId,
    undefined,
    undefined,
    ELASTIC_JOB_CONTEXT,
  );
}

function methodOf(instance: object, method: string | symbol): Method {
  return Reflect.get(instance, method);
}
