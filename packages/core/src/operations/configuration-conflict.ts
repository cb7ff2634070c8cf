import { OperationError } from '../foundation/errors.js';
import type { JobDefinition } from '../job/definition.js';
import {
  type ConfigurationDifference,
  configurationDifferences,
  describeDifferences,
} from './configuration-difference.js';

/**
 * A definition was not changed because somebody else had changed it in the meantime. Nothing was written: look at both
 * sides, then ask again with the version that was found.
 */
export class ConfigurationConflictError extends OperationError {
  constructor(
    jobName: string,
    /** The version that the change was made for. */
    readonly expectedVersion: number,
    /** The version that is stored. */
    readonly foundVersion: number,
    /** Where what was to be written (`one`) and what is stored (`other`) differ; secrets are hidden. */
    readonly differences: readonly ConfigurationDifference[],
  ) {
    super('CONFIGURATION_CONFLICT', describe(jobName, expectedVersion, foundVersion, differences), { jobName });
  }
}

/** The conflict between a definition that was to be written and the one that is stored. */
export function configurationConflict(
  wanted: JobDefinition,
  stored: JobDefinition | null,
  expectedVersion: number,
  foundVersion: number,
): ConfigurationConflictError {
  const differences = stored === null ? [] : configurationDifferences(wanted, stored);
  return new ConfigurationConflictError(wanted.jobName, expectedVersion, foundVersion, differences);
}

function describe(
  jobName: string,
  expected: number,
  found: number,
  differences: readonly ConfigurationDifference[],
): string {
  const lines = differences.length === 0 ? '' : `\n${describeDifferences(differences, ['asked for', 'stored'])}`;
  return (
    `the definition of job '${jobName}' was not changed: expected version ${expected}, found version ${found}. ` +
    `Somebody else changed it: look at it again and give version ${found} to change that.${lines}`
  );
}
