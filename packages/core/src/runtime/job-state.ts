import type { Pause } from '../coordination/pause.js';

/**
 * - `new`: made, nothing done.
 * - `starting`: publishing the definition and registering.
 * - `active`: a member; fires run.
 * - `waiting`: a member, but the stored definition cannot be followed; nothing fires until somebody mends it.
 * - `draining`: leaving; idle items are given away, running ones finish.
 * - `stopped`: no longer a member, nothing runs.
 */
export type JobState = 'new' | 'starting' | 'active' | 'waiting' | 'draining' | 'stopped';

/** Every change of state there is. */
export const JOB_TRANSITIONS: Readonly<Record<JobState, readonly JobState[]>> = {
  new: ['starting', 'stopped'],
  starting: ['active', 'waiting', 'draining'],
  active: ['waiting', 'draining'],
  waiting: ['active', 'draining'],
  draining: ['stopped'],
  stopped: [],
};

/** What a job is doing on this instance, for people. */
export interface JobStatus {
  readonly jobName: string;
  readonly state: JobState;
  /** Why the job waits, `null` if it does not. */
  readonly problem: string | null;
  readonly leader: string | null;
  readonly isLeader: boolean;
  /** Ids of all registered instances. */
  readonly instances: readonly string[];
  /** Items owned by this instance. */
  readonly items: readonly number[];
  /** Items that run on this instance now. */
  readonly runningItems: readonly number[];
  /** What keeps the job from starting anything now, on all instances; `null` if nothing does. */
  readonly pause: Pause | null;
  /** Next planned time, epoch milliseconds, also if it falls into a pause. */
  readonly nextFire: number | null;
}
