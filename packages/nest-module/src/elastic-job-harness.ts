import type { Engine, ItemFinishedTrace, JobStatus, StatusTrace, TraceEvent } from '@elasticjob/core';
import { type ManualClock, type MemoryTraceSink, settle } from '@elasticjob/core/testing';

/** One call of a job's handler for one item. */
export interface RecordedRun {
  readonly item: number;
  /** The planned time, epoch milliseconds; of a trigger, the moment it was received. */
  readonly scheduledAt: number;
  readonly success: boolean;
  /** What the handler threw, with stack and causes; `undefined` after success. */
  readonly error: string | undefined;
  readonly triggered: boolean;
}

/** Turns of waiting for items at a start. A disabled job gets none; without a network all others have theirs long before. */
const TURNS_UNTIL_ASSIGNED = 50;

/**
 * Moves the time of an application under test and tells what its jobs did. What fires on the way is awaited, so a handler
 * may do real I/O. A handler that must be looked at while it runs, or that waits for this clock, needs {@link clock}
 * itself, which waits for nobody.
 *
 * @example
 * await harness.advanceTo('2027-01-01T02:00:00Z');
 * expect(harness.runs('invoice').map(({ item }) => item)).toEqual([0, 1, 2]);
 */
export class ElasticJobHarness {
  constructor(
    readonly engine: Engine,
    /** The time of all jobs. */
    readonly clock: ManualClock,
    /** Everything that the kernel told, oldest first. */
    readonly traces: MemoryTraceSink,
  ) {}

  /** Lets `ms` milliseconds pass. Resolves when every run that was due has ended, with its listeners. */
  async advance(ms: number): Promise<void> {
    await this.advanceTo(this.clock.now() + ms);
  }

  /** Lets time pass until then, epoch milliseconds or ISO text. Resolves as {@link advance} does. */
  async advanceTo(time: number | string): Promise<void> {
    const target = typeof time === 'number' ? time : Date.parse(time);
    await this.#assigned();
    for (let next = this.#nextFire(); next <= target; next = this.#nextFire()) {
      const due = this.#statuses().filter(({ nextFire }) => nextFire === next);
      await this.clock.advanceTo(next);
      await Promise.all(due.flatMap((status) => this.#outcomes(status, next)));
      await Promise.all(due.map(({ jobName }) => this.#concluded(jobName)));
    }
    await this.clock.advanceTo(target);
  }

  /** Triggers a job. Resolves when all its items have run and the listeners were told. */
  async trigger(jobName: string): Promise<void> {
    const job = this.engine.job(jobName);
    await this.#assigned();
    const { items } = job.status();
    const ends = items.map((item) =>
      this.traces.next((event) => isRunOf(event, jobName, item) && event.source === 'MANUAL_TRIGGER'),
    );
    await job.trigger();
    await Promise.all(ends);
    await this.#concluded(jobName);
  }

  /** The finished runs of a job's items, oldest first. */
  runs(jobName: string): RecordedRun[] {
    this.engine.job(jobName);
    const finished = this.traces.of('item-finished').filter((event) => event.jobName === jobName);
    return finished.map(({ item, scheduledAt, success, failureCause, source }) => ({
      item,
      scheduledAt,
      success,
      error: failureCause,
      triggered: source === 'MANUAL_TRIGGER',
    }));
  }

  /** Items that still run are left out: their fire has its outcome only when they have ended. */
  #outcomes({ jobName, items, runningItems }: JobStatus, scheduledAt: number): Promise<TraceEvent>[] {
    const idle = items.filter((item) => !runningItems.includes(item));
    return idle.map((item) =>
      this.traces.waitFor((event) => {
        if (isRunOf(event, jobName, item)) return event.scheduledAt === scheduledAt;
        if (event.kind !== 'fire-skipped' || event.jobName !== jobName) return false;
        return event.scheduledAt === scheduledAt && event.items.includes(item);
      }),
    );
  }

  /** Resolves when every run that began has ended. */
  async #concluded(jobName: string): Promise<void> {
    const count = (isCounted: (event: StatusTrace) => boolean): number =>
      this.traces.of('status').filter((event) => event.jobName === jobName && isCounted(event)).length;
    while (count(({ state }) => state === 'TASK_STAGING') > count(isEnd)) {
      await this.traces.next((event) => event.kind === 'status' && event.jobName === jobName && isEnd(event));
    }
  }

  async #assigned(): Promise<void> {
    const isWaiting = ({ state, items }: JobStatus): boolean => state === 'active' && items.length === 0;
    for (let turn = 0; turn < TURNS_UNTIL_ASSIGNED && this.#statuses().some(isWaiting); turn++) await settle();
  }

  #nextFire(): number {
    return Math.min(...this.#statuses().map(({ nextFire }) => nextFire ?? Number.POSITIVE_INFINITY));
  }

  #statuses(): JobStatus[] {
    return this.engine.jobs.map((job) => job.status());
  }
}

function isEnd({ state }: StatusTrace): boolean {
  return state === 'TASK_FINISHED' || state === 'TASK_ERROR';
}

function isRunOf(event: TraceEvent, jobName: string, item: number): event is ItemFinishedTrace {
  return event.kind === 'item-finished' && event.jobName === jobName && event.item === item;
}
