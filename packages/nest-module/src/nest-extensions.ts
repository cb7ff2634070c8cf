import type { ExtensionSet } from '@elasticjob/core';
import {
  type ExtensionDeclaration,
  extensionOf,
  type JobErrorHandler,
  type JobKind,
  type JobListener,
  type PoolPolicy,
  type ShardingStrategy,
} from './extension.decorators.js';
import { classesOf, isStatic, methodsOf, nameOf, type Wrapper } from './nest-provider.js';

/** A provider with the decorator of an extension. */
interface Extension extends ExtensionDeclaration {
  readonly wrapper: Wrapper;
}

/**
 * The extensions among providers, as the kernel takes them. Providers need not have been instantiated yet: each is looked
 * at when the kernel calls it.
 */
export function nestExtensions(wrappers: readonly Wrapper[]): ExtensionSet {
  const found = wrappers.flatMap(extensionsOf);
  const at = (point: ExtensionDeclaration['point']) => found.filter((extension) => extension.point === point);
  return {
    shardingStrategies: at('ShardingStrategy').map(({ type, wrapper }) => {
      const strategy = (): ShardingStrategy => wrapper.instance;
      return {
        type,
        assign: (input) => strategy().assign(input),
        movesAfterRun: (itemCount) => strategy().movesAfterRun?.(itemCount) ?? false,
      };
    }),
    errorHandlers: at('JobErrorHandler').map(({ type, wrapper }) => {
      const handler = (): JobErrorHandler => wrapper.instance;
      return {
        type,
        get failsRun() {
          return handler().failsRun ?? false;
        },
        handle: (failure) => handler().handle(failure),
        prepare(definition) {
          const own = handler().prepare?.(definition);
          if (own === undefined) return this;
          return { type, failsRun: own.failsRun ?? false, handle: (failure) => own.handle(failure) };
        },
      };
    }),
    poolPolicies: at('PoolPolicy').map(({ type, wrapper }) => {
      const policy = (): PoolPolicy => wrapper.instance;
      return { type, size: () => policy().size() };
    }),
    jobKinds: at('JobKind').map(({ type, wrapper }) => {
      const kind = (): JobKind => wrapper.instance;
      return {
        type,
        storedClassName: null,
        accepts(definition, handler) {
          const own = kind();
          if (own.accepts !== undefined) return own.accepts(definition, handler);
          return handler === undefined && definition.className === type;
        },
        prepare: (definition, handler) => kind().prepare(definition, handler),
      };
    }),
    listeners: at('JobListener').map(({ type, wrapper }) => {
      const listener = (): JobListener => wrapper.instance;
      return {
        type,
        get order() {
          return listener().order ?? Number.MAX_SAFE_INTEGER;
        },
        beforeJobExecuted: (run) => listener().beforeJobExecuted?.(run),
        afterJobExecuted: (run) => listener().afterJobExecuted?.(run),
        // Only if the class has it: with such a method a job waits for all of its items.
        get beforeJobExecutedAtLastStarted() {
          return listener().beforeJobExecutedAtLastStarted?.bind(listener());
        },
        get afterJobExecutedAtLastCompleted() {
          return listener().afterJobExecutedAtLastCompleted?.bind(listener());
        },
        get startedTimeoutMs() {
          return listener().startedTimeoutMs;
        },
        get completedTimeoutMs() {
          return listener().completedTimeoutMs;
        },
      };
    }),
  };
}

/** What is wrong with the extensions, once all providers exist. */
export function extensionProblems(wrappers: readonly Wrapper[]): string[] {
  return wrappers.flatMap(extensionsOf).flatMap((extension) => {
    const problem = problemOf(extension);
    return problem === undefined ? [] : [`${nameOf(extension.wrapper)}: ${problem}`];
  });
}

/** What the kernel says of an unknown extension: its type, and where an engine without Nest takes it from. */
const KERNEL_REMEDY =
  /(the [a-z ]+ '([^'\n]*)'.*)add it to the engine's extensions \(TYPES\.(ShardingStrategy|JobErrorHandler|JobListener|PoolPolicy)\)/g;

/** The kernel's message about unknown extensions, with the remedy that an application of Nest has. */
export function withNestRemedy(message: string): string {
  const said = message.replaceAll(KERNEL_REMEDY, "$1add the class with @$3('$2') to the providers of a module");
  if (said !== message) return said;
  return `${message}; extensions are providers with @ShardingStrategy, @JobErrorHandler, @JobListener or @PoolPolicy`;
}

const REQUIRED: Readonly<Record<ExtensionDeclaration['point'], readonly string[]>> = {
  ShardingStrategy: ['assign'],
  JobErrorHandler: ['handle'],
  JobListener: [
    'beforeJobExecuted',
    'afterJobExecuted',
    'beforeJobExecutedAtLastStarted',
    'afterJobExecutedAtLastCompleted',
  ],
  PoolPolicy: ['size'],
  JobKind: ['prepare'],
};

function problemOf({ point, type, wrapper }: Extension): string | undefined {
  const decorator = `@${point}('${type}')`;
  if (!isStatic(wrapper)) return `${decorator} needs a static provider, but this one is request-scoped or transient`;
  const methods = methodsOf(wrapper);
  const names = REQUIRED[point];
  if (methods !== null && names.some((name) => typeof Reflect.get(methods, name) === 'function')) return undefined;
  return `${decorator} needs the method ${names.join(' or ')}, which the class does not have`;
}

function extensionsOf(wrapper: Wrapper): Extension[] {
  const declaration = classesOf(wrapper)
    .map(extensionOf)
    .find((found) => found !== undefined);
  return declaration === undefined ? [] : [{ ...declaration, wrapper }];
}
