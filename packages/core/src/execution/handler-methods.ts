import { ConfigurationError } from '../foundation/errors.js';
import type { JobHandler } from '../job/handlers.js';

/** Whether a handler has the method, of its own or by inheritance. */
export function hasMethod(handler: JobHandler, method: string): boolean {
  return handler !== undefined && typeof Reflect.get(handler, method) === 'function';
}

/** The error for a handler that lacks what its kind of job calls. */
export function missingMethod(jobName: string, kind: string, handler: JobHandler, method: string): ConfigurationError {
  const seen = handler === undefined ? 'it was given no handler' : `${classOf(handler)} has no method '${method}'`;
  return new ConfigurationError(
    'INVALID_CONFIGURATION',
    `job '${jobName}' is a ${kind} job, but ${seen}; add ${method}(context), or choose another kind of job`,
    { jobName, path: method },
  );
}

function classOf(handler: object): string {
  const maker: unknown = Reflect.get(handler, 'constructor');
  return typeof maker === 'function' && maker !== Object ? `the class '${maker.name}'` : 'its handler';
}
