import type { DiscoveryService } from '@nestjs/core';
import { type ContextId, ContextIdFactory, ModuleRef } from '@nestjs/core';

/** Nest's record of a provider or controller. */
export type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** An instance of a provider, and the context that it was made in; none of a static one. */
export interface ProvidedInstance {
  readonly instance: object;
  readonly contextId: ContextId | undefined;
}

/**
 * Whether there is one instance for the whole application; otherwise the provider (or something it injects) is
 * request-scoped, or it is transient.
 */
export function isStatic(wrapper: Wrapper): boolean {
  return wrapper.isDependencyTreeStatic() && !wrapper.isTransient;
}

/**
 * The classes that may carry the decorators of a provider: that of its value, then the token if it is a class, as for
 * factories whose value does not exist yet and for replacements in tests.
 */
export function classesOf(wrapper: Wrapper): readonly object[] {
  if (wrapper.isAlias) return [];
  const candidates: unknown[] = wrapper.isNotMetatype ? [valueClass(wrapper), wrapper.token] : [wrapper.metatype];
  return candidates.filter((candidate): candidate is object => typeof candidate === 'function');
}

/** How messages call a provider: its class (or token) and the module it belongs to. */
export function nameOf(wrapper: Wrapper): string {
  const { token } = wrapper;
  const name = typeof token === 'function' ? token.name : String(token);
  return `${name} (in ${wrapper.host?.name ?? 'an unknown module'})`;
}

/** The prototype, or for a static provider the instance, where the methods are to be found. */
export function methodsOf(wrapper: Wrapper): object | null {
  if (isStatic(wrapper)) return objectOrNull(wrapper.instance);
  const [type] = classesOf(wrapper);
  return type === undefined ? null : objectOrNull(Reflect.get(type, 'prototype'));
}

/**
 * Gives the instance for a key: always the same of a static provider; of any other a new one per key, made in a context
 * of its own in which `@Inject(REQUEST)` gives the key.
 */
export function instanceSource<K extends object>(wrapper: Wrapper): (key: K) => Promise<ProvidedInstance> {
  if (isStatic(wrapper)) return async () => ({ instance: wrapper.instance, contextId: undefined });
  const instances = new WeakMap<K, Promise<ProvidedInstance>>();
  return (key) => {
    const made = instances.get(key) ?? makeInstance(wrapper, key);
    instances.set(key, made);
    return made;
  };
}

async function makeInstance(wrapper: Wrapper, request: object): Promise<ProvidedInstance> {
  // The reference of the provider's own module: elsewhere its token may stand for something else.
  const moduleRef = wrapper.host?.providers.get(ModuleRef)?.instance as ModuleRef;
  const contextId = ContextIdFactory.create();
  moduleRef.registerRequestByContextId(request, contextId);
  return { instance: await moduleRef.resolve(wrapper.token as string | symbol, contextId), contextId };
}

function valueClass(wrapper: Wrapper): unknown {
  return isStatic(wrapper) ? objectOrNull(wrapper.instance)?.constructor : undefined;
}

function objectOrNull(value: unknown): object | null {
  return typeof value === 'object' && value !== null ? value : null;
}
