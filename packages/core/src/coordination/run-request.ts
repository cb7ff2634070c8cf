import type { Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';

/**
 * Asks every registered instance of a job for a run of the items that it owns, over the same nodes as Java's lifecycle
 * API. An instance that is running keeps the request until it is done. Requests do not add up: one that has not been
 * taken yet stands for all. Resolves to the ids of the instances asked.
 */
export async function requestRun(registry: Registry, jobName: string): Promise<string[]> {
  const members = await registry.children(jobPath(jobName, layout.instances));
  const ids = [...(members?.names ?? [])];
  await Promise.all(ids.map((id) => registry.ensure(jobPath(jobName, layout.trigger(id)))));
  return ids;
}
