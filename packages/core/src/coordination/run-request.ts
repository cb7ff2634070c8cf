import type { Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';

/**
 * Asks instances of a job for a run of the items that each of them owns, over the same nodes as Java's lifecycle API. An
 * instance that is running keeps the request until it is done, a Java member drops it. Requests do not add up: one that
 * has not been taken yet stands for all.
 */
export async function requestRun(registry: Registry, jobName: string, instances: readonly string[]): Promise<void> {
  await Promise.all(instances.map((id) => registry.ensure(jobPath(jobName, layout.trigger(id)))));
}
