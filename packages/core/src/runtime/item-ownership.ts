import { jobPath, layout } from '../coordination/job-layout.js';
import type { JobMember } from '../coordination/job-member.js';
import type { RegistryTime } from '../coordination/registry-time.js';
import type { Claim, RunningMarks } from '../coordination/running-marks.js';
import type { JobRuns, Ownership } from '../execution/job-run.js';
import type { Clock } from '../foundation/clock.js';
import type { JobDefinition } from '../job/definition.js';
import type { Registry } from '../registry/registry.js';
import type { SkipReason } from '../tracing/trace-event.js';
import type { Firing } from './firing.js';

/** What ownership is known from. */
export interface OwnershipParts {
  readonly registry: Registry;
  readonly registryTime: RegistryTime;
  readonly clock: Clock;
  readonly instanceId: string;
  readonly member: JobMember;
  readonly marks: RunningMarks;
  readonly runs: JobRuns;
  readonly firing: Firing;
  /** An item's run has ended here. */
  settled(): void;
}

/**
 * What makes items this instance's to run under a definition: the assignment as it is known now. `givesWay`: a crashed run
 * that somebody took over comes first, which would wait for ever where one run of its item follows the other.
 */
export function assignedItems(parts: OwnershipParts, definition: JobDefinition, givesWay = false): Ownership {
  const { registry, registryTime, member, marks, firing, settled } = parts;
  const isCurrent = member.currency();
  const { connection } = registry.session;
  return {
    session: member.session,
    ...(definition.maxTimeDiffSeconds >= 0 && { clocks: () => registryTime.difference() }),
    mayContinue: (item) => isCurrent() && firing.owns(item),
    barrier: ({ scheduledAt }) => barrierAt(parts, scheduledAt),
    claim: async (item) => {
      if (givesWay && (await isTakenOver(parts, item, definition)))
        return { claimed: false, reason: 'running-elsewhere' };
      if (definition.monitorExecution) return mark(parts, item, definition, isCurrent);
      return isCurrent() ? { claimed: true, fencingToken: undefined } : { claimed: false, reason: 'resharded' };
    },
    giveBack: (request, items, reason) => firing.giveBack(request, items, reason, connection),
    settled: () => {
      // What somebody asked for comes before what is made up for.
      settled();
      firing.resume();
    },
    release: async (item) => {
      if (definition.monitorExecution) await marks.release(item);
    },
  };
}

/** Why nothing is started that is planned for `at`. */
function barrierAt({ member, firing }: OwnershipParts, at: number): SkipReason | null {
  if (!member.isConnected) return 'no-session';
  return firing.pauseAt(at) === null ? null : 'paused';
}

/** Whether another instance has signed for a crashed run of the item. */
async function isTakenOver(
  { registry, instanceId }: OwnershipParts,
  item: number,
  { jobName, failover, monitorExecution }: JobDefinition,
): Promise<boolean> {
  if (!failover || !monitorExecution) return false;
  const note = await registry.read(jobPath(jobName, layout.failovering(item)));
  return note !== null && note.value !== instanceId;
}

/** With failover a mark outlives its session, once others can tell whether that still lives. */
async function mark(
  { member, marks }: OwnershipParts,
  item: number,
  { failover }: JobDefinition,
  isCurrent: () => boolean,
): Promise<Claim> {
  const claim = await marks.claim(item, isCurrent, failover ? member.witness : null);
  // It may be a mark that nobody will take away any more.
  if (!claim.claimed && claim.reason === 'running-elsewhere') member.failover.obstructed(item);
  return claim;
}

/** The same of items of which a run was asked for. Whoever leaves gives back what it has not begun. */
export function askedItems(parts: OwnershipParts, definition: JobDefinition): Ownership {
  return {
    ...assignedItems(parts, definition),
    // The fire may be one of long ago, from within a pause that has ended since.
    barrier: () => (parts.runs.isAborted ? 'no-session' : barrierAt(parts, parts.clock.now())),
  };
}

/** What was taken over is this instance's whatever the assignment says, until it has been executed. */
export function takenItems(parts: OwnershipParts, definition: JobDefinition): Ownership {
  const { member, marks } = parts;
  // A crashed run is late already, and the fire was allowed where it began: clocks do not matter any more.
  const { clocks: _, ...ordinary } = askedItems(parts, definition);
  return {
    ...ordinary,
    claim: (item) => marks.claim(item, () => true, member.witness),
    giveBack: (_, items) => {
      for (const item of items) member.failover.giveBack(item);
      return true;
    },
    release: async (item, ended) => {
      if (ended !== null) await member.failover.conclude(item);
      await marks.release(item);
    },
  };
}
