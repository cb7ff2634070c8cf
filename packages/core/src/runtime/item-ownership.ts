import type { JobMember } from '../coordination/job-member.js';
import type { Claim, RunningMarks } from '../coordination/running-marks.js';
import type { JobRuns, Ownership } from '../execution/job-run.js';
import type { TriggeredRuns } from '../execution/triggered-runs.js';
import type { JobDefinition } from '../job/definition.js';
import type { Firing } from './firing.js';

/** What ownership is known from. */
export interface OwnershipParts {
  readonly member: JobMember;
  readonly marks: RunningMarks;
  readonly runs: JobRuns;
  readonly firing: Firing;
  readonly triggered: TriggeredRuns;
}

/** What makes items this instance's to run under a definition: the assignment as it is known now. */
export function assignedItems(parts: OwnershipParts, definition: JobDefinition): Ownership {
  const { member, marks, firing, triggered } = parts;
  const isCurrent = member.currency();
  return {
    session: member.session,
    mayContinue: (item) => isCurrent() && firing.owns(item),
    mayStart: () => member.isConnected,
    claim: async (item) => {
      if (definition.monitorExecution) return mark(parts, item, definition, isCurrent);
      return isCurrent() ? { claimed: true, fencingToken: undefined } : { claimed: false, reason: 'resharded' };
    },
    giveBack: (scheduledAt, items, reason) => firing.giveBack(scheduledAt, items, reason),
    settled: () => triggered.look(),
    release: async (item) => {
      if (definition.monitorExecution) await marks.release(item);
    },
  };
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

/** What was taken over is this instance's whatever the assignment says, until it has been executed. */
export function takenItems(parts: OwnershipParts, definition: JobDefinition): Ownership {
  const { member, marks, runs } = parts;
  return {
    ...assignedItems(parts, definition),
    // Whoever leaves gives back what it has not begun.
    mayStart: () => member.isConnected && !runs.isAborted,
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
