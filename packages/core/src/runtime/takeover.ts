import type { CrashedRun } from '../coordination/failover.js';
import type { JobRuns, Ownership, RunRequest } from '../execution/job-run.js';
import type { AdoptedRun, TriggeredRuns } from '../execution/triggered-runs.js';
import { messageOf } from '../foundation/errors.js';
import type { TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import { RareSet } from '../foundation/rare-map.js';
import type { CronSchedule } from '../schedule/cron.js';

/** What crashed runs are begun anew with. */
export interface TakeoverParts {
  readonly logger: Logger;
  readonly tasks: TaskGroup;
  readonly triggered: TriggeredRuns;
  /** Where what leads to a run counts as one. */
  readonly runs: JobRuns;
  /** The job's schedule now; `null` = it has none. */
  schedule(): CronSchedule | null;
  /** Begins a run of items that were taken over. */
  run(request: RunRequest): void;
  /** The same of one that somebody asked for, with something around what makes its item this instance's. */
  runAsked(request: RunRequest, around: (ownership: Ownership) => Ownership): void;
  /** What was taken over is to be looked at anew. */
  giveBack(item: number): void;
}

/** Begins anew the crashed runs that this instance took over: one that was asked for as what it was asked for. */
export class Takeover {
  /** Items of which a crashed run was taken over and is about to be run again. */
  readonly #adopting = new RareSet<number>();

  constructor(private readonly parts: TakeoverParts) {}

  /** Whether a crashed run of the item is about to be begun anew here. */
  concerns(item: number): boolean {
    return this.#adopting.has(item);
  }

  /** These are this instance's now. */
  begin(runs: readonly CrashedRun[]): void {
    const { triggered } = this.parts;
    this.#rerun(runs.filter(({ item }) => !triggered.concerns(item)));
    for (const run of runs) if (triggered.concerns(run.item)) this.#adopt(run);
  }

  #adopt(run: CrashedRun): void {
    const { logger, tasks, triggered, runs } = this.parts;
    this.#adopting.add(run.item);
    const adopt = async (): Promise<void> => {
      try {
        const adopted = await triggered.adopt(run);
        if (adopted === null) this.#rerun([run]);
        else this.#rerunAsked(run, adopted);
      } catch (error) {
        logger.debug('what was taken over is looked at again', { error: messageOf(error) });
        this.parts.giveBack(run.item);
      }
      this.#adopting.delete(run.item);
    };
    tasks.run('takeover', () => runs.prepare(adopt));
  }

  #rerun(runs: readonly CrashedRun[]): void {
    for (const request of takeoverRuns(this.parts.schedule(), runs)) this.parts.run(request);
  }

  #rerunAsked({ item }: CrashedRun, { scheduledAt, order, around }: AdoptedRun): void {
    this.parts.runAsked({ scheduledAt, source: 'FAILOVER', items: [item], order }, around);
  }
}

/**
 * The planned time of a run of which only the mark is known: the last before it was marked, or that moment itself if there
 * is none.
 */
export function fireMarkedAt(schedule: CronSchedule | null, markedAt: number): number {
  return schedule?.previous(markedAt + 1) ?? markedAt;
}

/** The runs in which crashed runs that nobody asked for are executed: one for each fire that they belong to. */
function takeoverRuns(schedule: CronSchedule | null, crashed: readonly CrashedRun[]): RunRequest[] {
  const fires = new Map<number, number[]>();
  for (const { item, markedAt } of crashed) {
    const at = fireMarkedAt(schedule, markedAt);
    fires.set(at, [...(fires.get(at) ?? []), item]);
  }
  return [...fires].map(([scheduledAt, items]) => ({ scheduledAt, source: 'FAILOVER', items }));
}
