import type { JobHandler } from '@elasticjob/core';
import { type DeclaredKind, type DeclaredOptions, declarationsOf, type JobDeclaration } from './job.decorators.js';
import type { JobFeature } from './job-features.js';
import { type ClassFeature, type HandlerFeature, JOB_FEATURES } from './job-features.js';
import { type MethodCall, plainCall } from './method-call.js';
import { methodsOfKind, nestJobHandler } from './nest-job-handler.js';
import { classesOf, instanceSource, methodsOf, nameOf, type Wrapper } from './nest-provider.js';

/** A job that the application declares. */
export interface FoundJob {
  /** Who declares it, for messages. */
  readonly origin: string;
  /** Its options; later ones are laid over earlier ones. */
  readonly layers: readonly DeclaredOptions[];
  readonly handler: JobHandler;
}

/** What an application declares, and what is wrong with it. */
export interface Exploration {
  readonly jobs: readonly FoundJob[];
  readonly problems: readonly string[];
}

/** Options for a class from a feature, and the module they are for, `null` for all. */
interface Overlay {
  readonly feature: ClassFeature;
  readonly module: Wrapper['host'] | null;
}

/** A declaration with what features lay over its options. */
interface LayeredDeclaration extends Omit<JobDeclaration, 'options'> {
  readonly layers: readonly DeclaredOptions[];
}

/** All jobs among the application's providers and controllers. `call` is how their methods are called. */
export function exploreJobs(wrappers: readonly Wrapper[], call: MethodCall = plainCall): Exploration {
  const features = wrappers.filter((wrapper) => wrapper.token === JOB_FEATURES);
  const overlays = features.flatMap(overlaysOf);
  const found = [...wrappers.flatMap((wrapper) => jobsOf(wrapper, overlays, call)), ...features.flatMap(handlerJobs)];
  const jobs = found.filter((result): result is FoundJob => typeof result !== 'string');
  const problems = found.filter((result): result is string => typeof result === 'string');
  return { jobs, problems: [...problems, ...overlays.flatMap((overlay) => unused(overlay, wrappers))] };
}

function jobsOf(wrapper: Wrapper, overlays: readonly Overlay[], call: MethodCall): (FoundJob | string)[] {
  const declarations =
    classesOf(wrapper)
      .map(declarationsOf)
      .find(({ length }) => length > 0) ?? [];
  const own = overlays.filter((overlay) => appliesTo(overlay, wrapper));
  const overlaid = own.map(({ feature }) =>
    overlay(
      declarations.find(({ member }) => member === null),
      feature,
      wrapper,
    ),
  );
  const rest = declarations
    .filter(({ member }) => member !== null || own.length === 0)
    .map(({ options, ...declaration }) => ({ ...declaration, layers: [options] }));
  return [...overlaid, ...rest].map((declaration) => jobOf(declaration, wrapper, call));
}

function jobOf({ kind, layers, member }: LayeredDeclaration, wrapper: Wrapper, call: MethodCall): FoundJob | string {
  const origin = member === null ? nameOf(wrapper) : `${String(member)} of ${nameOf(wrapper)}`;
  const methods = methodsOf(wrapper);
  const missing = methodsOfKind(kind, member).filter((method) => !hasMethod(methods, method));
  if (missing.length > 0) {
    const names = missing.map((method) => `${String(method)}(context)`).join(' and ');
    return `${origin}: a ${kind} job needs the method ${names}, which the class does not have`;
  }
  return { origin, layers, handler: nestJobHandler(kind, member, instanceSource(wrapper), call) };
}

function overlaysOf(wrapper: Wrapper): Overlay[] {
  return featuresOf(wrapper).flatMap((feature) => {
    if ('handler' in feature) return [];
    return [{ feature, module: feature.useClass === undefined ? null : wrapper.host }];
  });
}

function appliesTo({ feature, module }: Overlay, wrapper: Wrapper): boolean {
  if (module !== null && wrapper.host !== module) return false;
  const type = feature.useClass ?? feature.useExisting;
  return wrapper.token === type || classesOf(wrapper).includes(type);
}

function overlay(declared: JobDeclaration | undefined, feature: ClassFeature, wrapper: Wrapper): LayeredDeclaration {
  const { useClass: _, useExisting: __, ...options } = feature;
  const kind = declared?.kind ?? kindOf(methodsOf(wrapper));
  return { kind, member: null, layers: declared === undefined ? [options] : [declared.options, options] };
}

function handlerJobs(wrapper: Wrapper): FoundJob[] {
  const origin = `a handler of forFeature (${wrapper.host?.id ?? 'unknown module'})`;
  return featuresOf(wrapper).flatMap((feature) => {
    if (!('handler' in feature)) return [];
    const { handler, ...options } = feature;
    return [{ origin, layers: [options], handler: asHandler(handler) }];
  });
}

function asHandler(handler: HandlerFeature['handler']): JobHandler {
  if (typeof handler !== 'function') return handler;
  return {
    async execute(context) {
      await handler(context);
    },
  };
}

function unused({ feature, module }: Overlay, wrappers: readonly Wrapper[]): string[] {
  if (wrappers.some((wrapper) => appliesTo({ feature, module }, wrapper))) return [];
  return [
    `forFeature: ${feature.useExisting?.name} is not a provider of any module; provide it, or give it as useClass`,
  ];
}

function featuresOf(wrapper: Wrapper): readonly JobFeature[] {
  return wrapper.instance;
}

function kindOf(methods: object | null): DeclaredKind {
  return hasMethod(methods, 'fetchData') || hasMethod(methods, 'processData') ? 'dataflow' : 'simple';
}

function hasMethod(methods: object | null, method: string | symbol): boolean {
  return methods !== null && typeof Reflect.get(methods, method) === 'function';
}
