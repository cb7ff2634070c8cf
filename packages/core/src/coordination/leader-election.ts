import type { Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';
import { withLatch } from './latch.js';

/**
 * Leadership of a job: whoever's id stands in the ephemeral node `leader/election/instance`, for as long as the session
 * that wrote it lives. The latch only keeps contenders, Java's among them, from creating that node at the same time; it
 * is given up at once.
 *
 * A leader is not told that it no longer is one before its next request. It does no harm until then, because everything
 * a leader writes is refused once its session has ended. What leadership does *not* give is mutual exclusion of the jobs'
 * work: that is what `running` marks and fencing tokens are for.
 */
export async function campaign(
  registry: Registry,
  jobName: string,
  instanceId: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const attempt = async (): Promise<boolean> => {
    const outcome = await registry.create(jobPath(jobName, layout.leader), instanceId, 'ephemeral');
    return outcome.created;
  };
  return withLatch(registry, jobPath(jobName, layout.electionLatch), attempt, signal);
}

/**
 * Gives leadership up, if this session has it, and with it the mark of a resharding that an outage kept from finishing:
 * the session may go on, and nobody else could assign the items.
 */
export async function resign(registry: Registry, jobName: string): Promise<boolean> {
  await removeOwn(registry, jobPath(jobName, layout.processing));
  return removeOwn(registry, jobPath(jobName, layout.leader));
}

async function removeOwn(registry: Registry, path: string): Promise<boolean> {
  const node = await registry.read(path);
  if (node === null || node.stat.ephemeralOwner !== registry.session.id) return false;
  return registry.remove(path);
}
