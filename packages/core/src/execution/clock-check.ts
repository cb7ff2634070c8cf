import type { ClockDifference } from '../coordination/registry-time.js';
import { ExecutionError } from '../foundation/errors.js';
import type { JobDefinition } from '../job/definition.js';

/**
 * Why a job must not run on a machine whose clock differs from the registry's by this much; `null` if it may. What the
 * measurement leaves uncertain speaks for the machine.
 */
export function clockProblem(definition: JobDefinition, { aheadMs, errorMs }: ClockDifference): ExecutionError | null {
  const { jobName, maxTimeDiffSeconds } = definition;
  const differsMs = Math.abs(aheadMs);
  if (maxTimeDiffSeconds < 0 || differsMs - errorMs <= maxTimeDiffSeconds * 1000) return null;
  return new ExecutionError(
    'CLOCK_DIFFERENCE',
    `the clock of this machine is ${(differsMs / 1000).toFixed(3)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} the registry's, ` +
      `and maxTimeDiffSeconds of job '${jobName}' is ${maxTimeDiffSeconds}: set the clock, or allow more`,
    { jobName, retryable: true },
  );
}
