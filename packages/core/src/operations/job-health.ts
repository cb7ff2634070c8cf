import { isPausedAt } from '../coordination/pause.js';
import type { InstanceReading, ItemReading, JobReading, MarkReading } from './job-reading.js';

/**
 * How a job is, in ElasticJob's words where it has them, the first that applies:
 * - `CRASHED`: no instance is registered; it may also have been shut down.
 * - `MISCONFIGURED`: the stored definition cannot be read, or every instance says that it cannot follow it.
 * - `DISABLED`: the server of every instance is disabled.
 * - `PAUSED`: an operator paused it.
 * - `SHARDING_FLAG`: items are being assigned, or one has no owner that is registered.
 * - `OK`: every item has an owner that is registered.
 */
export type JobHealth = 'CRASHED' | 'MISCONFIGURED' | 'DISABLED' | 'PAUSED' | 'SHARDING_FLAG' | 'OK';

/**
 * How an item is, in ElasticJob's words, the first that applies:
 * - `DISABLED`: an operator switched it off.
 * - `RUNNING`: its mark is there, and not left behind by an instance that is gone.
 * - `SHARDING_FLAG`: it has no owner that is registered.
 * - `PENDING`: its owner waits for the next fire.
 */
export type ItemStatus = 'DISABLED' | 'RUNNING' | 'SHARDING_FLAG' | 'PENDING';

/** What {@link JobReading} says of the job as a whole. `now`: epoch milliseconds. */
export function jobHealth(reading: JobReading, now: number): JobHealth {
  const { instances, stored, pause } = reading;
  if (instances.length === 0) return 'CRASHED';
  if (!stored.readable || instances.every(({ withdrawal }) => withdrawal === 'waiting')) return 'MISCONFIGURED';
  if (instances.every((instance) => !isEnabled(reading, instance))) return 'DISABLED';
  if (isPausedAt(pause, now)) return 'PAUSED';
  return isAssigned(reading, stored.definition.shardingTotalCount) ? 'OK' : 'SHARDING_FLAG';
}

/** What {@link JobReading} says of one of its items. */
export function itemStatus(reading: JobReading, { disabled, running, owner }: ItemReading): ItemStatus {
  if (disabled) return 'DISABLED';
  if (running !== null && isStandingBy(reading, running)) return 'RUNNING';
  return instanceOf(reading, owner) === undefined ? 'SHARDING_FLAG' : 'PENDING';
}

/** Whether a server takes part; anything but `ENABLED` in its node, or no node, counts as disabled. */
export function isEnabledServer(reading: Pick<JobReading, 'servers'>, serverIp: string): boolean {
  return reading.servers.get(serverIp) === 'ENABLED';
}

/** The registered instance of this id. */
export function instanceOf(reading: JobReading, instanceId: string | null): InstanceReading | undefined {
  return reading.instances.find((instance) => instance.instanceId === instanceId);
}

/**
 * Whether somebody stands by a mark: not where it outlived its session and its instance is gone. An instance that was told
 * to stop is registered no more and may still be running the item.
 */
export function isStandingBy(reading: JobReading, { instanceId, isLasting }: MarkReading): boolean {
  if (!isLasting || instanceId === null) return true;
  return instanceOf(reading, instanceId) !== undefined || reading.witnesses.has(instanceId);
}

function isEnabled(reading: JobReading, { serverIp }: InstanceReading): boolean {
  return isEnabledServer(reading, serverIp);
}

/** The count may be very large, so that the owners are looked at and not the items. */
function isAssigned({ resharding, owners, instances }: JobReading, count: number): boolean {
  if (resharding.since !== null || resharding.processing) return false;
  const online = new Set(instances.map(({ instanceId }) => instanceId));
  const held = [...owners].filter(([item, owner]) => item < count && online.has(owner));
  return held.length === count;
}
