import type { JobMember } from '../coordination/job-member.js';
import type { JobRuns } from '../execution/job-run.js';
import { StoppedError } from '../foundation/abort.js';
import { type Clock, within } from '../foundation/clock.js';
import { messageOf } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';

/** How patiently a job is stopped. */
export interface DrainOptions {
  /** How long running items may go on, milliseconds. Then their signals abort. */
  readonly drainTimeoutMs: number;
  /** How long aborted items may take to settle, milliseconds. Then they are left behind, with a warning. */
  readonly abortGraceMs: number;
  /** How long to wait for the leader to give the items away, milliseconds. */
  readonly handoverTimeoutMs: number;
}

/** What leaves: a member, its runs, and whoever fires. */
export interface Leaver {
  readonly jobName: string;
  readonly member: JobMember;
  readonly runs: JobRuns;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly drain: DrainOptions;
  /** No more fires from now on. */
  stopFiring(): void;
  /** Records the fires that were put off and will not be run any more. */
  giveUp(): void;
  /** Takes away what would make others take over what still runs, or make up for what was given up. */
  clear(): Promise<void>;
  /** Resolves when `done` holds; looked at again whenever something of the job changes. */
  until(done: () => boolean, signal: AbortSignal): Promise<void>;
}

/**
 * Leaves a job in order: give the items away, stop firing, wait for what runs, abort the rest, deregister. Fires go on
 * until the items are somebody else's, so that none is lost in between. It goes on whatever the registry answers: what
 * is left behind goes with the session.
 */
export async function leaveInOrder(leaver: Leaver): Promise<void> {
  await attempt(leaver, 'give the items away', () => handOver(leaver));
  leaver.stopFiring();
  await drain(leaver);
  leaver.giveUp();
  await attempt(leaver, 'take marks away', () => clear(leaver));
  await attempt(leaver, 'deregister', () => leaver.member.leave(leaver.runs.runningItems.length > 0));
}

/** If all are leaving, who leads gives the items to nobody. Where nobody can do either there is nothing to wait for. */
async function handOver({ member, clock, drain, until }: Leaver): Promise<void> {
  if (!member.isConnected) return;
  await member.drain();
  const patience = Math.min(drain.handoverTimeoutMs, drain.drainTimeoutMs);
  await within(clock, patience, (signal) => until(() => member.isHandedOver || member.isAlone, signal));
}

/** What cannot be taken away now goes with the session, or is taken for crashed. */
async function clear({ member, clear }: Leaver): Promise<void> {
  if (member.isConnected) await clear();
}

/** Waits for what runs; then aborts it; then leaves it behind. */
async function drain({ jobName, runs, clock, logger, drain: { drainTimeoutMs, abortGraceMs } }: Leaver): Promise<void> {
  const idle = (): Promise<void> => runs.idle();
  if (await within(clock, drainTimeoutMs, idle)) return;
  logger.warn('items still run after the drain timeout and are aborted', { items: runs.runningItems, drainTimeoutMs });
  runs.abort(new StoppedError(`job '${jobName}' stops and the drain timeout of ${drainTimeoutMs} ms is over`));
  if (await within(clock, abortGraceMs, idle)) return;
  logger.warn('items ignore their abort signal and are left behind', { items: runs.runningItems });
}

async function attempt({ logger }: Leaver, step: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    logger.warn('leaving was not orderly', { step, error: messageOf(error) });
  }
}
