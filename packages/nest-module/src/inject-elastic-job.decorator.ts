import 'reflect-metadata';
import { Engine } from '@elasticjob/core';
import { type FactoryProvider, Inject } from '@nestjs/common';
import { ElasticJobHandle } from './elastic-job-handle.js';
import { classesOf, type Wrapper } from './nest-provider.js';

const INJECTED_JOBS = Symbol.for('elasticjob:injectedJobs');
const TOKEN_PREFIX = 'elasticjob:handle:';

/**
 * The providers of all handles that were asked for, and their tokens. Nest reads these lists when it creates an
 * application, which is after every class with `@InjectElasticJob` was defined; see docs/decisions.
 */
export const handleProviders: FactoryProvider<ElasticJobHandle>[] = [];
export const handleTokens: symbol[] = [];

/**
 * The token of a job's {@link ElasticJobHandle}, for `inject` lists and `overrideProvider`. Ask for it before the
 * application is created: that is what makes the handle available.
 */
export function getElasticJobToken(jobName: string): symbol {
  const token = Symbol.for(TOKEN_PREFIX + jobName);
  if (handleTokens.includes(token)) return token;
  handleTokens.push(token);
  handleProviders.push({
    provide: token,
    useFactory: (engine: Engine) => new ElasticJobHandle(jobName, engine),
    inject: [Engine],
  });
  return token;
}

/** Of a property (no index) or of a constructor's parameter (no key). */
type TargetDecorator = (target: object, key?: string | symbol, index?: number) => void;

/** Injects the {@link ElasticJobHandle} of a job. A name that no job has is an error when the application starts. */
export function InjectElasticJob(jobName: string): PropertyDecorator & ParameterDecorator {
  const inject = Inject(getElasticJobToken(jobName));
  return (target: object, key: string | symbol | undefined, index?: number): void => {
    (inject as TargetDecorator)(target, key, index);
    const owner = typeof target === 'function' ? target : target.constructor;
    Reflect.defineMetadata(INJECTED_JOBS, [...injectedInto(owner), jobName], owner);
  };
}

/** The names of the jobs whose handles a provider or controller injects, by decorator or in its `inject` list. */
export function injectedJobs(wrapper: Wrapper): readonly string[] {
  return [...classesOf(wrapper).flatMap(injectedInto), ...(wrapper.inject ?? []).flatMap(jobNameOf)];
}

function injectedInto(type: object): readonly string[] {
  const names: unknown = Reflect.getMetadata(INJECTED_JOBS, type);
  return Array.isArray(names) ? names : [];
}

function jobNameOf(token: unknown): string[] {
  const key = typeof token === 'symbol' ? Symbol.keyFor(token) : undefined;
  return key?.startsWith(TOKEN_PREFIX) ? [key.slice(TOKEN_PREFIX.length)] : [];
}
