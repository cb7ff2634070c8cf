import { ConfigurationError, type JobOptions } from '@elasticjob/core';
import type { InjectionToken } from '@nestjs/common';
import type { DeclaredOptions } from './job.decorators.js';

/** The prop of ElasticJob's script jobs. */
const COMMAND_LINE = 'script.command.line';

/** Gives what a token stands for in the application; throws if it stands for nothing. */
export type Lookup = (token: InjectionToken) => unknown;

/**
 * Options with the functions among them called. What it gives is checked by `defineJob`; here only what keeps a value
 * from being known is an error, naming the option.
 */
export async function resolveOptions(declared: DeclaredOptions, lookup: Lookup): Promise<JobOptions> {
  const { inject = [], ...options } = declared;
  const dependencies = inject.map(lookup);
  const resolved: Record<string, unknown> = {};
  for (const [option, value] of Object.entries(options)) {
    resolved[option] = typeof value === 'function' ? await call(option, value, dependencies) : value;
  }
  return withCommand(resolved);
}

async function call(option: string, value: object, dependencies: readonly unknown[]): Promise<unknown> {
  try {
    return await (value as (...injected: readonly unknown[]) => unknown)(...dependencies);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError('INVALID_CONFIGURATION', `the function for the option ${option} failed: ${reason}`, {
      cause: error,
      path: option,
    });
  }
}

function withCommand({ command, ...options }: Record<string, unknown>): JobOptions {
  // Whatever is wrong with it is for defineJob to say.
  if (command === undefined) return options as unknown as JobOptions;
  return { ...options, props: { ...Object(options.props), [COMMAND_LINE]: command } } as unknown as JobOptions;
}
