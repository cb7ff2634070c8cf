import type { Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';

/**
 * Asks every registered instance of a job for a run of the items that it owns, over the same nodes as Java's lifecycle
 * API. An instance that is running keeps the request until it is done. Requests do not add up: one that has not been
 * taken yet stands for all; requests to instances that are gone are removed. Resolves to the ids of those asked.
 */
export async function requestRun(registry: Registry, jobName: string): Promise<string[]> {
  const [members, requests] = await Promise.all([
    registry.children(jobPath(jobName, layout.instances)),
    registry.children(jobPath(jobName, layout.triggers)),
  ]);
  const ids = [...(members?.names ?? [])];
  const left = (requests?.names ?? []).filter((id) => !ids.includes(id));
  await Promise.all(left.map((id) => registry.remove(jobPath(jobName, layout.trigger(id)))));
  await Promise.all(ids.map((id) => registry.ensure(jobPath(jobName, layout.trigger(id)))));
  return ids;
}
