import { describeFailure } from '../foundation/errors.js';
import type { JobErrorHandler } from './job-extensions.js';

/** Writes the failure with its causes to the log; the job goes on. The default. */
export const logErrorHandler: JobErrorHandler = {
  type: 'LOG',
  handle({ jobName, item, error, logger }) {
    logger.error('job failed', { job: jobName, item, error: describeFailure(error) });
  },
};

/**
 * Fails the whole run, after all its items have settled; the job goes on at its next fire. In Java this worked only for
 * runs of a single item.
 */
export const throwErrorHandler: JobErrorHandler = { type: 'THROW', failsRun: true, handle: () => undefined };

/** Says nothing; only the traces tell of the failure. */
export const ignoreErrorHandler: JobErrorHandler = { type: 'IGNORE', handle: () => undefined };

/** The error handlers that the kernel brings. */
export const builtInErrorHandlers: readonly JobErrorHandler[] = [
  logErrorHandler,
  throwErrorHandler,
  ignoreErrorHandler,
];
