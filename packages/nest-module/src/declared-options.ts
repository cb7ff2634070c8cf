import { inspect } from 'node:util';
import { ConfigurationError, type JobOptions } from '@elasticjob/core';
import type { InjectionToken } from '@nestjs/common';
import type { DeclaredOptions } from './job.decorators.js';

type Callable = (...injected: readonly unknown[]) => unknown;

/** Gives what a token stands for in the application; throws if it stands for nothing. */
export type Lookup = (token: InjectionToken) => unknown;

/**
 * Options with the functions among them called, those of each layer with what its own `inject` names; later layers are
 * laid over earlier ones. What it gives is checked by `defineJob`; here only what keeps a value from being known is an
 * error, naming the option.
 */
export async function resolveOptions(layers: readonly DeclaredOptions[], lookup: Lookup): Promise<JobOptions> {
  const resolved: Record<string, unknown> = {};
  for (const { inject = [], ...options } of layers.toReversed()) {
    const dependencies = inject.map((token, index) => dependency(token, index, lookup));
    for (const [option, value] of Object.entries(options)) {
      if (Object.hasOwn(resolved, option)) continue;
      resolved[option] = typeof value === 'function' ? await call(option, value as Callable, dependencies) : value;
    }
  }
  return withProps(resolved);
}

/** Whether a function was to give the job's cron and gave `undefined`, as for a missing entry of the configuration. */
export function isCronUnset(layers: readonly DeclaredOptions[], { cron }: JobOptions): boolean {
  return cron === undefined && typeof layers.findLast((layer) => Object.hasOwn(layer, 'cron'))?.cron === 'function';
}

function dependency(token: InjectionToken | undefined, index: number, lookup: Lookup): unknown {
  if (token === undefined) throw invalid(`inject[${index}] is undefined; do two files import each other?`, 'inject');
  try {
    return lookup(token);
  } catch (error) {
    const name = typeof token === 'function' ? token.name : inspect(token);
    throw invalid(
      `inject asks for ${name}, which is not a static provider of any module: add it to one, or correct inject ` +
        `(Nest says: ${textOf(error)})`,
      'inject',
      error,
    );
  }
}

async function call(option: string, value: Callable, dependencies: readonly unknown[]): Promise<unknown> {
  try {
    return await value(...dependencies);
  } catch (error) {
    const hint = shortage(value.length, dependencies.length);
    throw invalid(`the function for the option ${option} failed: ${textOf(error)}${hint}`, option, error);
  }
}

/** What to do if a function takes more than `inject` names, which the text of its failure does not tell. */
function shortage(taken: number, given: number): string {
  if (taken <= given) return '';
  const seen = given === 0 ? 'inject is missing' : `inject has ${given}`;
  return `; it takes ${taken} argument${taken === 1 ? '' : 's'}, but ${seen}: list there what it is to be called with`;
}

function invalid(message: string, path: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('INVALID_CONFIGURATION', message, { cause, path });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Moves what stands under the name of a prop, which has a dot, to the props. */
function withProps(resolved: Readonly<Record<string, unknown>>): JobOptions {
  const entries = Object.entries(resolved);
  const props = entries.filter(([name, value]) => name.includes('.') && value !== undefined);
  const options = Object.fromEntries(entries.filter(([name]) => !name.includes('.')));
  // Whatever is wrong with the options is for defineJob to say.
  if (props.length === 0) return options as unknown as JobOptions;
  const texts = props.map(([name, value]) => [name, typeof value === 'number' ? String(value) : value]);
  return { ...options, props: { ...Object(options.props), ...Object.fromEntries(texts) } } as unknown as JobOptions;
}
