import { randomUUID } from 'node:crypto';
import type { ClockDifference } from '../coordination/registry-time.js';
import type { Claim } from '../coordination/running-marks.js';
import { DeadlineError, LazyAbort, onAbort, SessionLostError, type StoppedError } from '../foundation/abort.js';
import { type Clock, sleep } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import { describeFailure, ElasticJobError, ExecutionError, messageOf } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import { RareSet } from '../foundation/rare-map.js';
import type { RunOrder, ShardingContext } from '../job/context.js';
import type { JobDefinition } from '../job/definition.js';
import { ID_DELIMITER } from '../job/identity.js';
import type { ExecutionSource, ItemFinishedTrace, SkipReason, TaskState } from '../tracing/trace-event.js';
import type { TraceSink } from '../tracing/trace-sink.js';
import { clockProblem } from './clock-check.js';
import type { ItemPool } from './item-pool.js';
import type { JobErrorHandler, JobListener, RunContext } from './job-extensions.js';
import type { ItemExecutor } from './job-kind.js';
import { notifyAfter, notifyBefore } from './job-listeners.js';

/** Which items to run, and for which fire. */
export interface RunRequest {
  /** Planned time of the fire, epoch milliseconds. */
  readonly scheduledAt: number;
  readonly source: ExecutionSource;
  readonly items: readonly number[];
  /** What the run has of its own, if it was asked for. */
  readonly order?: RunOrder | undefined;
}

/** A job ready to be executed: its definition with everything that the definition names looked up. */
export interface RunnableJob {
  readonly definition: JobDefinition;
  readonly itemParameters: ReadonlyMap<number, string>;
  readonly executor: ItemExecutor;
  readonly errorHandler: JobErrorHandler;
  readonly listeners: readonly JobListener[];
}

/** The outcome of {@link Ownership.claim}; without `monitorExecution` there is no mark, and no token. */
export type RunClaim = Claim | { readonly claimed: true; readonly fencingToken: bigint | undefined };

/** What makes an item this instance's to run; coordination answers. */
export interface Ownership {
  /** Marks the item as running, exclusively; without `monitorExecution` only asks whether the assignment is current. */
  claim(item: number): Promise<RunClaim>;
  /**
   * Takes this instance's mark away, also one that a claim which failed made after all; never another's. `ended`: how the
   * handler's call ended, `null` if it was not called.
   */
  release(item: number, ended: CallEnd | null): Promise<void>;
  /**
   * Offers items back that could not be started. Returns whether somebody decides about them anew; if not, the fire is
   * recorded as skipped.
   */
  giveBack(request: RunRequest, items: readonly number[], reason: SkipReason): boolean;
  /** The item's handler has settled, its mark is gone, and its outcome is told. */
  settled(item: number): void;
  /** Whether the item is still assigned here. */
  mayContinue(item: number): boolean;
  /** Why nothing of the request may be started now, `null` if it may: the registry is out of reach, the job is paused. */
  barrier(request: RunRequest): SkipReason | null;
  /** How far the clocks are apart; absent if the job does not care. Rejects if the registry's is not known. */
  readonly clocks?: () => Promise<ClockDifference>;
  /** Aborts when the session of the marks is lost. */
  readonly session: AbortSignal;
}

/** How a handler's call ended. */
export interface CallEnd {
  /** `null` if it succeeded. */
  readonly failure: { readonly error: unknown } | null;
}

/** What all runs of a job on this instance share. */
export interface RunServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly trace: TraceSink;
  readonly pool: ItemPool;
  readonly instanceId: string;
}

/** Pause before a mark that could not be removed is removed again, milliseconds. */
const RELEASE_RETRY_MS = 1000;

interface Started {
  readonly item: number;
  readonly context: ShardingContext;
  readonly abort: LazyAbort;
  readonly session: AbortSignal;
}

/** A handler's call that has ended, before it is known whether its mark was there to the end. */
interface EndedCall {
  readonly common: Omit<ItemFinishedTrace, 'kind' | 'at' | 'durationMs' | 'success' | 'failureCause'>;
  readonly at: number;
  readonly durationMs: number;
  readonly failure: { readonly error: unknown } | null;
}

/** In place of a failure: the item was not called, and somebody decides about it anew. */
const GIVEN_BACK = 'given back';

interface Failure {
  readonly item: number;
  readonly error: unknown;
}

/**
 * The runs of one job on this instance. {@link run} is one run from top to bottom. An item whose former call has not
 * settled is not started again, whatever happened to its session or its mark meanwhile.
 */
export class JobRuns {
  readonly #busy = new RareSet<number>();
  readonly #started = new RareSet<Started>();
  /** Sessions whose loss this object already listens for: one listener each, however many runs there are. */
  #sessions: WeakSet<AbortSignal> | null = null;
  #stopped: StoppedError | null = null;
  /** Runs whose promise has not settled. */
  #open = 0;
  /** Made when somebody waits. */
  #idle: Deferred<void> | null = null;

  constructor(private readonly services: RunServices) {}

  /** Items whose handlers have not settled, ascending. */
  get runningItems(): number[] {
    return this.#busy.values().sort((one, other) => one - other);
  }

  /** Whether the item is taken by a run whose handler has not settled. */
  isRunning(item: number): boolean {
    return this.#busy.has(item);
  }

  /** Whether everything was told to end. */
  get isAborted(): boolean {
    return this.#stopped !== null;
  }

  /** Resolves when no item is busy and no listener or error handler is at work. */
  async idle(): Promise<void> {
    while (this.#open > 0) {
      this.#idle ??= deferred();
      await this.#idle.promise;
    }
  }

  /** Aborts what runs, and what is still to start. */
  abort(reason: StoppedError): void {
    this.#stopped = reason;
    for (const { abort } of this.#started.values()) abort.abort(reason);
  }

  /**
   * Runs the items for one fire and resolves when all of them have settled. Rejects only where the job's error handler
   * says that a failure fails the run (THROW).
   */
  run(request: RunRequest, job: RunnableJob, ownership: Ownership): Promise<void> {
    return this.prepare(() => this.#run(request, job, ownership));
  }

  /** Counts what leads to a run as a part of it: nothing is {@link idle} until the work has settled. */
  async prepare(work: () => Promise<void>): Promise<void> {
    this.#open += 1;
    try {
      await work();
    } finally {
      this.#open -= 1;
      if (this.#open === 0) {
        this.#idle?.resolve();
        this.#idle = null;
      }
    }
  }

  async #run(request: RunRequest, job: RunnableJob, ownership: Ownership): Promise<void> {
    if (ownership.clocks !== undefined && !(await this.#clocksAgree(ownership.clocks, request, job, ownership))) return;
    const items = this.#reserve(request, job, ownership);
    if (items.length === 0) return;
    const taskId = this.#taskId(job, items);
    this.#status(job, taskId, items, 'TASK_STAGING', `Job '${job.definition.jobName}' execute begin.`);
    const started = await this.#claim(request, job, ownership, taskId, items);
    if (started.length === 0) {
      this.#status(job, taskId, [], 'TASK_FINISHED', `Sharding item for job '${job.definition.jobName}' is empty.`);
      return;
    }
    const run = runContext(request, job, taskId, started);
    const onListenerError = (error: unknown): Promise<void> => this.#handle(job, undefined, error);
    await notifyBefore(job.listeners, run, onListenerError);
    this.#status(job, taskId, run.items, 'TASK_RUNNING', '');
    const outcomes = await Promise.all(started.map((item) => this.#execute(request, job, ownership, item)));
    // What was given back is run later, or elsewhere: it has not ended here.
    const ended = started.filter((_, position) => outcomes[position] !== GIVEN_BACK);
    await notifyAfter(job.listeners, runContext(request, job, taskId, ended), onListenerError);
    this.#conclude(
      job,
      run,
      outcomes.filter((outcome) => outcome !== null && outcome !== GIVEN_BACK),
    );
  }

  async #clocksAgree(
    clocks: () => Promise<ClockDifference>,
    request: RunRequest,
    job: RunnableJob,
    ownership: Ownership,
  ): Promise<boolean> {
    let problem: ExecutionError | null;
    try {
      problem = clockProblem(job.definition, await clocks());
    } catch (error) {
      this.services.logger.warn("the registry's time is not known", { error: messageOf(error) });
      this.#refuse(request, job, ownership, request.items, 'no-session');
      return false;
    }
    if (problem === null) return true;
    await this.#handle(job, undefined, problem);
    if (job.definition.maxTimeDiffAction === 'report') return true;
    this.#refuse(request, job, ownership, request.items, 'clock');
    return false;
  }

  /** Takes the items that are free; the others are given back. */
  #reserve(request: RunRequest, job: RunnableJob, ownership: Ownership): number[] {
    const free = request.items.filter((item) => !this.#busy.has(item));
    const busy = request.items.filter((item) => this.#busy.has(item));
    for (const item of free) this.#busy.add(item);
    this.#refuse(request, job, ownership, busy, 'overlap');
    return free;
  }

  async #claim(
    request: RunRequest,
    job: RunnableJob,
    ownership: Ownership,
    taskId: string,
    items: readonly number[],
  ): Promise<Started[]> {
    const claims = await Promise.all(items.map((item) => this.#claimOne(item, ownership)));
    const refused = new Map<SkipReason, number[]>();
    const started = items.flatMap((item, position) => {
      const claim = claims[position];
      if (claim?.claimed) return [this.#begin(request, job, ownership, taskId, item, claim.fencingToken)];
      const reason = claim?.reason ?? 'no-session';
      refused.set(reason, [...(refused.get(reason) ?? []), item]);
      this.#busy.delete(item);
      return [];
    });
    for (const [reason, skipped] of refused) this.#refuse(request, job, ownership, skipped, reason);
    return started;
  }

  async #claimOne(
    item: number,
    ownership: Ownership,
  ): Promise<{ claimed: true; fencingToken: bigint | undefined } | { claimed: false; reason: SkipReason }> {
    // A mark that is asked for now would be made in the next session, which knows nothing of this run.
    if (ownership.session.aborted) return { claimed: false, reason: 'no-session' };
    try {
      const claim = await ownership.claim(item);
      return claim.claimed && ownership.session.aborted ? { claimed: false, reason: 'no-session' } : claim;
    } catch (error) {
      this.services.logger.warn('an item could not be marked as running', { item, error: messageOf(error) });
      await this.#unmark(item, ownership, null);
      return { claimed: false, reason: 'no-session' };
    }
  }

  #begin(
    request: RunRequest,
    { definition, itemParameters }: RunnableJob,
    ownership: Ownership,
    taskId: string,
    item: number,
    fencingToken: bigint | undefined,
  ): Started {
    const abort = new LazyAbort();
    const { jobName, shardingTotalCount } = definition;
    const { order } = request;
    const context: ShardingContext = Object.freeze({
      jobName,
      taskId,
      shardingTotalCount,
      jobParameter: order?.jobParameter ?? definition.jobParameter,
      shardingItem: item,
      shardingParameter: itemParameters.get(item),
      scheduledAt: request.scheduledAt,
      trigger: order?.trigger,
      window: order?.window ?? undefined,
      get signal() {
        return abort.signal;
      },
      fencingToken,
    });
    const started = { item, context, abort, session: ownership.session };
    this.#follow(started);
    return started;
  }

  /** From now on the item's abort follows its session and this object's own. */
  #follow(started: Started): void {
    const { session, abort } = started;
    this.#started.add(started);
    if (this.#stopped !== null) abort.abort(this.#stopped);
    if (session.aborted) abort.abort(new SessionLostError());
    if (this.#sessions?.has(session)) return;
    this.#sessions ??= new WeakSet();
    this.#sessions.add(session);
    onAbort(session, () => {
      for (const each of this.#started.values()) if (each.session === session) each.abort.abort(new SessionLostError());
    });
  }

  /** Resolves to the failure of the item, `null` if it succeeded or its fire was recorded as skipped. */
  async #execute(
    request: RunRequest,
    job: RunnableJob,
    ownership: Ownership,
    started: Started,
  ): Promise<Failure | typeof GIVEN_BACK | null> {
    const { item } = started;
    // Its turn may come long after its mark was made, and much may have happened by then.
    let barrier: SkipReason | null = null;
    const call = await this.services.pool.run(async () => {
      barrier = ownership.barrier(request);
      return barrier === null ? this.#call(request, job, ownership, started) : null;
    });
    await this.#unmark(item, ownership, call);
    this.#started.delete(started);
    this.#busy.delete(item);
    if (call === null) {
      return this.#refuse(request, job, ownership, [item], barrier ?? 'no-session') ? GIVEN_BACK : null;
    }
    // Only a mark that was there to the end tells that nobody else ran the item meanwhile: a process that slept longer
    // than its session learns of that when it takes the mark away, after the handler may have ended happily.
    const failure = call.failure ?? (ownership.session.aborted ? { error: new SessionLostError() } : null);
    this.#finished(call, failure);
    ownership.settled(item);
    if (failure === null) return null;
    await this.#handle(job, item, failure.error);
    return { item, error: failure.error };
  }

  /** Calls the handler. */
  async #call(
    { source, scheduledAt }: RunRequest,
    job: RunnableJob,
    ownership: Ownership,
    { item, context, abort }: Started,
  ): Promise<EndedCall> {
    const { clock, trace, instanceId, logger } = this.services;
    const startedAt = clock.monotonic();
    const common = {
      jobName: context.jobName,
      instanceId,
      id: randomUUID(),
      taskId: context.taskId,
      item,
      source,
      scheduledAt,
    };
    trace.emit({ kind: 'item-started', ...common, fencingToken: context.fencingToken, at: clock.now() });
    const failure = await this.#settle(job, context, abort, {
      get logger() {
        return logger.child({ item });
      },
      mayContinue: () => !abort.aborted && ownership.mayContinue(item),
    });
    return { common, at: clock.now(), durationMs: clock.monotonic() - startedAt, failure };
  }

  #finished({ common, at, durationMs }: EndedCall, failure: EndedCall['failure']): void {
    this.services.trace.emit({
      kind: 'item-finished',
      ...common,
      at,
      durationMs,
      success: failure === null,
      failureCause: failure === null ? undefined : describeFailure(failure.error),
    });
  }

  /** The handler's outcome. Work that was told to end counts as failed for that reason, whatever it returns. */
  async #settle(
    { definition, executor }: RunnableJob,
    context: ShardingContext,
    abort: LazyAbort,
    itemRun: Parameters<ItemExecutor>[1],
  ): Promise<{ error: unknown } | null> {
    const { timeout, jobName } = definition;
    const deadline = (): void =>
      abort.abort(new DeadlineError(`item ${context.shardingItem} of job '${jobName}' ran longer than ${timeout} ms`));
    const timer = timeout === null ? null : this.services.clock.setTimer(timeout, deadline);
    try {
      abort.throwIfAborted();
      await executor(context, itemRun);
      abort.throwIfAborted();
      return null;
    } catch (error) {
      return { error };
    } finally {
      timer?.cancel();
    }
  }

  /**
   * Takes the mark away, for as long as its session lives: a mark that stayed in a living session would keep the item
   * from ever running again. With the session the mark goes by itself.
   */
  async #unmark(item: number, ownership: Ownership, ended: CallEnd | null): Promise<void> {
    while (!ownership.session.aborted) {
      try {
        return await ownership.release(item, ended);
      } catch (error) {
        // Ours is gone, and what stands there now was made later, by somebody else: it is not to be touched.
        if (ElasticJobError.is(error, 'RESULT_UNKNOWN')) return;
        this.services.logger.warn('the mark of an item is not removed yet', { item, error: messageOf(error) });
        if (!ElasticJobError.is(error) || !error.retryable) return;
        await sleep(this.services.clock, RELEASE_RETRY_MS);
      }
    }
  }

  async #handle(job: RunnableJob, item: number | undefined, error: unknown): Promise<void> {
    const { logger } = this.services;
    try {
      await job.errorHandler.handle({ jobName: job.definition.jobName, item, error, logger });
    } catch (problem) {
      const handler = job.errorHandler.type;
      logger.error('the error handler failed', { handler, error: messageOf(problem), item, failure: messageOf(error) });
    }
  }

  #conclude(job: RunnableJob, run: RunContext, failures: readonly Failure[]): void {
    const state = failures.length === 0 ? 'TASK_FINISHED' : 'TASK_ERROR';
    const message = failures.map(({ item, error }) => `item ${item}: ${messageOf(error)}`).join('\n');
    this.#status(job, run.taskId, run.items, state, message);
    if (failures.length === 0 || !job.errorHandler.failsRun) return;
    throw new ExecutionError('JOB_FAILED', `job '${run.jobName}' failed: ${message}`, {
      jobName: run.jobName,
      cause: failures[0]?.error,
    });
  }

  /** Returns whether somebody decides about the items anew; if not, their fire is recorded. */
  #refuse(
    request: RunRequest,
    job: RunnableJob,
    ownership: Ownership,
    items: readonly number[],
    reason: SkipReason,
  ): boolean {
    if (items.length === 0 || ownership.giveBack(request, items, reason)) return true;
    this.#skip(request, job, items, reason);
    return false;
  }

  #skip(
    { scheduledAt, source }: RunRequest,
    { definition }: RunnableJob,
    items: readonly number[],
    reason: SkipReason,
  ): void {
    if (items.length === 0) return;
    const { trace, clock, instanceId } = this.services;
    const { jobName } = definition;
    trace.emit({ kind: 'fire-skipped', jobName, instanceId, source, items, scheduledAt, reason, at: clock.now() });
  }

  #status(job: RunnableJob, taskId: string, items: readonly number[], state: TaskState, message: string): void {
    const { trace, clock, instanceId } = this.services;
    const { jobName } = job.definition;
    trace.emit({ kind: 'status', jobName, instanceId, taskId, items, state, message, at: clock.now() });
  }

  #taskId({ definition }: RunnableJob, items: readonly number[]): string {
    return [definition.jobName, items.join(','), 'READY', this.services.instanceId].join(ID_DELIMITER);
  }
}

function runContext(request: RunRequest, job: RunnableJob, taskId: string, started: readonly Started[]): RunContext {
  return {
    jobName: job.definition.jobName,
    taskId,
    scheduledAt: request.scheduledAt,
    source: request.source,
    items: started.map(({ item }) => item),
    contexts: started.map(({ context }) => context),
  };
}
