import type { DropReason } from '../coordination/crashed-run.js';
import type { CrashedRun } from '../coordination/failover.js';
import { jobPath, layout } from '../coordination/job-layout.js';
import { JobMember, type MemberEvent, type MemberHooks } from '../coordination/job-member.js';
import { decodeJobConfig } from '../coordination/job-yaml.js';
import { untilAbsent } from '../coordination/node-absence.js';
import { isPausedAt, type Pause } from '../coordination/pause.js';
import { publish } from '../coordination/publication.js';
import { type Claim, RunningMarks } from '../coordination/running-marks.js';
import { TriggerLedger } from '../coordination/trigger-ledger.js';
import { type DueItems, FireBook } from '../execution/fire-book.js';
import { ItemPool } from '../execution/item-pool.js';
import { JobRuns, type Ownership, type RunRequest } from '../execution/job-run.js';
import { type DueFire, JobTimer } from '../execution/job-timer.js';
import { type AdoptedRun, TriggeredRuns, type TriggeredRunsHooks } from '../execution/triggered-runs.js';
import { abortable, StoppedError } from '../foundation/abort.js';
import type { Clock, Timer } from '../foundation/clock.js';
import { ElasticJobError, messageOf } from '../foundation/errors.js';
import { type Lifecycle, TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import { RareSet } from '../foundation/rare-map.js';
import type { RunOrder } from '../job/context.js';
import type { JobDefinition } from '../job/definition.js';
import type { JobHandler } from '../job/handlers.js';
import type { InstanceIdentity } from '../job/identity.js';
import { literalSecrets } from '../operations/literal-secrets.js';
import type { Registry } from '../registry/registry.js';
import type { AlarmClock } from '../schedule/alarm-clock.js';
import type { CoordinationTrace, ExecutionSource, SkipReason } from '../tracing/trace-event.js';
import type { TraceSink } from '../tracing/trace-sink.js';
import { JOB_TRANSITIONS, type JobState, type JobStatus } from './job-state.js';
import { OnceCalls } from './once-calls.js';
import { type DrainOptions, leaveInOrder } from './orderly-leave.js';
import { type EquippedJob, type Extensions, equip } from './runnable-job.js';

/** What the jobs of a process share. */
export interface JobServices {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly alarms: AlarmClock;
  readonly logger: Logger;
  readonly trace: TraceSink;
  readonly identity: InstanceIdentity;
  readonly extensions: Extensions;
  readonly drain: DrainOptions;
}

/** A run that was asked for as Java's lifecycle API does. */
const ASKED_BY_NODE: RunOrder = {
  trigger: { kind: 'manual', id: null, by: '', key: null },
  jobParameter: null,
  window: null,
};

/**
 * One job on this instance: follows the stored definition, turns fires into runs of the items that are this instance's,
 * and leaves in order. Who owns what is its {@link JobMember}'s business.
 */
export class JobRuntime implements Lifecycle {
  #state: JobState = 'new';
  #job: EquippedJob;
  #problem: string | null = null;
  #configText: string | null = null;
  #reconcile: Timer | null = null;
  #started: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;
  #taking = false;
  /** Whether there was a fire, or a trigger, since this instance began. */
  #hasFired = false;
  readonly #changeListeners = new RareSet<() => void>();
  readonly #logger: Logger;
  readonly #tasks: TaskGroup;
  readonly #member: JobMember;
  readonly #once: OnceCalls;
  readonly #trace: TraceSink;
  readonly #marks: RunningMarks;
  readonly #pool: ItemPool;
  readonly #runs: JobRuns;
  readonly #timer: JobTimer;
  readonly #fires: FireBook;
  readonly #triggered: TriggeredRuns;
  /** Items of which a crashed run was taken over and is about to be run again. */
  readonly #adopting = new RareSet<number>();

  /** Throws a `ConfigurationError` if the definition names something unknown or the handler does not fit. */
  constructor(
    private readonly services: JobServices,
    private readonly ownDefinition: JobDefinition,
    private readonly handler: JobHandler,
  ) {
    const { registry, clock, alarms, identity } = services;
    const { jobName } = ownDefinition;
    const { instanceId } = identity;
    this.#job = equip(ownDefinition, handler, services.extensions);
    this.#logger = services.logger.child({ job: jobName });
    this.#tasks = new TaskGroup(this.#logger);
    this.#member = new JobMember({ registry, clock, logger: this.#logger, identity }, jobName, this.#hooks());
    this.#once = new OnceCalls(
      { registry, clock, identity, tasks: this.#tasks },
      jobName,
      this.#member,
      () => this.#job,
    );
    this.#trace = this.#once.listen(services.trace);
    this.#marks = new RunningMarks(registry, jobName, instanceId);
    this.#pool = new ItemPool(() => this.#job.poolSize);
    this.#runs = new JobRuns({ clock, logger: this.#logger, trace: this.#trace, pool: this.#pool, instanceId });
    this.#timer = new JobTimer(
      alarms,
      () => clock.now(),
      (fire) => this.#fire(fire),
    );
    this.#fires = new FireBook(instanceId);
    const ledger = new TriggerLedger(registry, jobName);
    this.#triggered = new TriggeredRuns({ ledger, clock, logger: this.#logger, tasks: this.#tasks }, this.#triggers());
  }

  get jobName(): string {
    return this.ownDefinition.jobName;
  }

  /** What the job is doing here. */
  status(): JobStatus {
    const view = this.#member.view;
    return {
      jobName: this.jobName,
      state: this.#state,
      problem: this.#problem,
      leader: view?.leader?.instanceId ?? null,
      isLeader: this.#member.isLeader,
      instances: [...(view?.members.keys() ?? [])],
      items: this.#fires.items,
      runningItems: this.#runs.runningItems,
      pause: this.#pauseAt(this.services.clock.now()),
      nextFire: this.#timer.next(1)[0] ?? null,
    };
  }

  /** The next planned times, epoch milliseconds. */
  nextFires(count: number): number[] {
    return this.#timer.next(count);
  }

  /** Resolves when `predicate` holds for the job's status here; rejects as `STOPPED` once it cannot any more. */
  async waitFor(predicate: (status: JobStatus) => boolean, signal?: AbortSignal): Promise<void> {
    while (!predicate(this.status())) {
      if (this.#state === 'stopped') throw new StoppedError(`job '${this.jobName}' was stopped here`);
      const changed = new Promise<void>((resolve) => this.#changeListeners.add(resolve));
      await abortable(changed, signal);
    }
  }

  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #start(): Promise<void> {
    if (this.#state !== 'new') return;
    this.#moveTo('starting');
    const { definition, kind } = this.#job;
    const className = definition.className ?? kind.storedClassName;
    const publication = await publish(this.services.registry, definition, className);
    if (publication.outcome === 'adopted') {
      this.#logger.info('the registry has another definition of this job, which holds; set overwrite to replace it');
    }
    const literal = literalSecrets(definition.props);
    if (literal.length > 0) {
      this.#logger.warn(
        'props hold secrets that everybody who may read the registry can read: put them into the option secrets, and write {secret:NAME} here',
        { props: literal },
      );
    }
    // Fires from before it is a member: once it is, it may be given items of any later fire.
    this.#followDefinition(publication.text, publication.outcome === 'published');
    await this.#member.join(this.#job.definition.disabled ? 'DISABLED' : 'ENABLED');
    this.#moveTo(this.#problem === null ? 'active' : 'waiting');
    this.#armReconcile();
  }

  #hooks(): MemberHooks {
    return {
      goal: () => {
        if (this.#problem !== null) return null;
        const { shardingTotalCount, failover, monitorExecution, staticSharding } = this.#job.definition;
        return {
          itemCount: shardingTotalCount,
          strategy: this.#job.strategy,
          // Without marks nobody can tell who ran what.
          failover: failover && monitorExecution,
          staticSharding,
          hasFired: this.#hasFired,
        };
      },
      onView: (view) => {
        if (view.config !== null) this.#followDefinition(view.config);
        this.#member.failover.reconsider();
        this.#triggered.look();
        this.#once.wake();
        this.#announceChange();
      },
      onAssignment: (assignment) => {
        this.#once.wake();
        this.#dispatch(this.#fires.settled(assignment), 'NORMAL_TRIGGER');
        this.#triggered.look();
        this.#announceChange();
      },
      onTrigger: () => this.#trigger(),
      room: () => this.#room(),
      onTaken: (runs) => this.#takeOver(runs),
      onDropped: (run, reason) => this.#drop(run, reason),
      onShutDown: () => {
        this.#logger.warn('an operator removed the node of this instance: the job stops here');
        this.#tasks.run('remote shutdown', () => this.stop());
      },
      onEvent: (event, details) => this.#emit(event, details),
    };
  }

  // ---- definition ----------------------------------------------------------------------------------------------------

  /**
   * Takes over what the registry says the job is. What cannot be followed stops the fires until it is mended. `isOwn`:
   * the text means what this instance was given, so that it need not be read.
   */
  #followDefinition(text: string, isOwn = false): void {
    // Not by its version: a node that was removed and written anew begins to count again.
    const before = this.#configText;
    // The text as the view has it, so that there is one copy.
    this.#configText = text;
    if (text === before) return;
    this.#problem = isOwn ? null : this.#adopt(text);
    if (this.#problem !== null) {
      this.#logger.error('the stored definition cannot be followed; the job waits', { problem: this.#problem });
      this.#emit('waiting', { problem: this.#problem });
    }
    const next = this.#problem === null ? 'active' : 'waiting';
    if (JOB_TRANSITIONS[this.#state].includes(next) && this.#state !== 'starting') this.#moveTo(next);
    this.#pool.admit();
    this.#armTimer();
    this.#armReconcile();
    this.#member.wake();
  }

  /** Returns the problem, `null` if there is none. */
  #adopt(text: string): string | null {
    const path = jobPath(this.jobName, layout.config);
    const decoded = decodeJobConfig(text);
    if (!decoded.readable) return `${path}: ${decoded.problem}`;
    if (decoded.unsupported.length > 0) {
      return `${path} asks for ${decoded.unsupported.join(', ')}, which this version does not do; change it there`;
    }
    try {
      this.#job = equip(decoded.definition, this.handler, this.services.extensions);
      return null;
    } catch (error) {
      return `${path}: ${messageOf(error)}`;
    }
  }

  // ---- firing --------------------------------------------------------------------------------------------------------

  #armTimer(): void {
    const fires = this.#state === 'starting' || this.#state === 'active' || this.#state === 'draining';
    this.#timer.set(fires && this.#problem === null ? this.#job.schedule : null);
  }

  #fire({ scheduledAt, missed }: DueFire): void {
    this.#noteFire();
    // A pause may have ended.
    this.#member.failover.reconsider();
    for (const at of missed) this.#skip(at, this.#fires.items, 'late');
    this.#dispatch(this.#dueFor(scheduledAt), 'NORMAL_TRIGGER');
  }

  /** Items that stay where they are are given away at the first fire, among all who are there by then. */
  #noteFire(): void {
    if (this.#hasFired) return;
    this.#hasFired = true;
    if (this.#job.definition.staticSharding) this.#member.wake();
  }

  /** The pause that a planned time falls into. */
  #pauseAt(at: number): Pause | null {
    const pause = this.#member.view?.pause ?? null;
    return isPausedAt(pause, at) ? pause : null;
  }

  #dueFor(scheduledAt: number): DueItems[] {
    if (!this.#member.isConnected) return this.#fires.miss(scheduledAt, 'no-session');
    return this.#member.isCurrent() ? this.#fires.due(scheduledAt) : this.#fires.park(scheduledAt);
  }

  #dispatch(due: readonly DueItems[], source: ExecutionSource): void {
    for (const { scheduledAt, items, skip } of due) {
      if (source === 'MANUAL_TRIGGER') this.#once.triggered(scheduledAt);
      if (skip !== undefined) {
        this.#skip(scheduledAt, items, skip, source);
        continue;
      }
      if (this.#pauseAt(scheduledAt) !== null) {
        this.#skip(scheduledAt, items, 'paused', source);
        continue;
      }
      const off = this.#member.view?.disabledItems;
      const barred = items.filter((item) => !this.#member.isEnabled || off?.has(item));
      this.#skip(scheduledAt, barred, 'disabled', source);
      this.#run(
        scheduledAt,
        items.filter((item) => !barred.includes(item)),
        source,
      );
    }
  }

  #run(scheduledAt: number, items: readonly number[], source: ExecutionSource): void {
    if (items.length === 0) return;
    const job = this.#once.equip(this.#job);
    const ownership = source === 'FAILOVER' ? this.#takeover(job) : this.#ownership(job);
    const order = source === 'MANUAL_TRIGGER' ? ASKED_BY_NODE : undefined;
    this.#tasks.run('run', () => this.#execute({ scheduledAt, source, items, order }, job, ownership));
  }

  async #execute(request: RunRequest, job: EquippedJob, ownership: Ownership): Promise<void> {
    const run = this.#runs.run(request, job, ownership);
    this.#announceChange();
    try {
      await run;
    } catch (error) {
      this.#logger.error('the run failed', { scheduledAt: request.scheduledAt, error: messageOf(error) });
    }
    this.#announceChange();
    this.#member.failover.reconsider();
    this.#triggered.look();
    if (this.#member.view?.triggered) this.#member.wake();
    const { strategy, definition } = this.#job;
    if (strategy.movesAfterRun?.(definition.shardingTotalCount)) await this.#member.askForResharding();
  }

  #ownership({ definition }: EquippedJob): Ownership {
    const isCurrent = this.#member.currency();
    return {
      session: this.#member.session,
      mayContinue: (item) => isCurrent() && this.#fires.items.includes(item),
      mayStart: () => this.#member.isConnected,
      claim: async (item) => {
        if (definition.monitorExecution) return this.#mark(item, definition, isCurrent);
        return isCurrent() ? { claimed: true, fencingToken: undefined } : { claimed: false, reason: 'resharded' };
      },
      giveBack: (scheduledAt, items, reason) => {
        if (reason !== 'resharded') return false;
        if (!this.#fires.giveBack(scheduledAt, items)) this.#skip(scheduledAt, items, 'resharded');
        if (this.#member.isCurrent()) this.#dispatch(this.#fires.settled(), 'NORMAL_TRIGGER');
        return true;
      },
      settled: () => this.#triggered.look(),
      release: async (item) => {
        if (definition.monitorExecution) await this.#marks.release(item);
      },
    };
  }

  /** With failover a mark outlives its session, once others can tell whether that still lives. */
  async #mark(item: number, { failover }: JobDefinition, isCurrent: () => boolean): Promise<Claim> {
    const claim = await this.#marks.claim(item, isCurrent, failover ? this.#member.witness : null);
    // It may be a mark that nobody will take away any more.
    if (!claim.claimed && claim.reason === 'running-elsewhere') this.#member.failover.suspect(item);
    return claim;
  }

  /** Runs what this instance owns, once that is known and the runs under way have ended; until then the request stays. */
  #trigger(): void {
    this.#noteFire();
    if (this.#taking || this.#runs.runningItems.length > 0) return;
    if (!this.#member.isAssigned || !this.#member.isCurrent()) return;
    this.#taking = true;
    this.#tasks.run('trigger', async () => {
      try {
        if (!(await this.#member.takeTrigger())) return;
        // A fire may have come meanwhile.
        await this.#runs.idle();
        if (this.#state === 'stopped') return;
        this.#dispatch([{ scheduledAt: this.services.clock.now(), items: this.#fires.items }], 'MANUAL_TRIGGER');
      } finally {
        this.#taking = false;
      }
    });
  }

  /** What is asked for item by item, by `extension/triggers`. */
  #triggers(): TriggeredRunsHooks {
    const { clock, identity, registry } = this.services;
    return {
      view: () => this.#member.view,
      mayBegin: () =>
        (this.#state === 'active' || this.#state === 'starting') &&
        this.#problem === null &&
        this.#member.isConnected &&
        this.#member.isEnabled &&
        this.#member.isCurrent(),
      items: () => this.#fires.items,
      surplusFrom: () => (this.#member.isLeader ? this.#job.definition.shardingTotalCount : null),
      isRunning: (item) => this.#runs.isRunning(item) || this.#adopting.has(item),
      isPaused: () => this.#pauseAt(clock.now()) !== null,
      isDisabled: (item) => this.#member.view?.disabledItems.has(item) ?? false,
      self: () => ({ instanceId: identity.instanceId, session: registry.session.id }),
      marking: () => {
        const { monitorExecution, failover } = this.#job.definition;
        return monitorExecution ? { marks: this.#marks, witness: failover ? this.#member.witness : null } : null;
      },
      ownership: () => this.#ownership(this.#job),
      currency: () => this.#member.currency(),
      run: (request, ownership) => this.#execute(request, this.#job, ownership),
      onSkipped: (scheduledAt, items, reason) => {
        if (reason !== 'cancelled') this.#skip(scheduledAt, items, reason, 'MANUAL_TRIGGER');
      },
      onMarked: (item) => this.#member.failover.suspect(item),
      unmarked: (item, signal) => untilAbsent(registry, jobPath(this.jobName, layout.running(item)), signal),
    };
  }

  #armReconcile(): void {
    const minutes = this.#job.definition.reconcileIntervalMinutes;
    this.#reconcile?.cancel();
    if (minutes <= 0 || (this.#state !== 'active' && this.#state !== 'waiting')) return;
    // Spread over a tenth of the interval, so that jobs started together do not read together for ever.
    const delay = minutes * 60_000 * (0.95 + Math.random() * 0.1);
    this.#reconcile = this.services.clock.setTimer(Math.min(delay, 2 ** 31 - 1), () => {
      this.#armReconcile();
      this.#tasks.run('reconcile', () => this.#member.refresh());
    });
  }

  // ---- failover ------------------------------------------------------------------------------------------------------

  /** What is taken over runs at once or not here: there has to be a place for it in the pool. */
  #room(): { places: number; busy: readonly number[] } {
    const busy = this.#runs.runningItems;
    const fires = this.#state === 'active' || this.#state === 'starting';
    const starts = fires && this.#pauseAt(this.services.clock.now()) === null;
    return { places: starts ? Math.max(0, this.#job.poolSize - busy.length) : 0, busy };
  }

  /** A run that was asked for is run again as what it was asked for. */
  #takeOver(runs: readonly CrashedRun[]): void {
    this.#rerun(runs.filter(({ item }) => !this.#triggered.concerns(item)));
    for (const run of runs) if (this.#triggered.concerns(run.item)) this.#takeOverAsked(run);
  }

  #takeOverAsked(run: CrashedRun): void {
    this.#adopting.add(run.item);
    this.#tasks.run('takeover', async () => {
      try {
        const adopted = await this.#triggered.adopt(run);
        if (adopted === null) this.#rerun([run]);
        else this.#rerunAsked(run, adopted);
      } catch (error) {
        this.#logger.debug('what was taken over is looked at again', { error: messageOf(error) });
        this.#member.failover.giveBack(run.item);
      }
      this.#adopting.delete(run.item);
    });
  }

  #rerun(runs: readonly CrashedRun[]): void {
    const fires = new Map<number, number[]>();
    for (const { item, markedAt } of runs) {
      const at = this.#fireMarkedAt(markedAt);
      fires.set(at, [...(fires.get(at) ?? []), item]);
    }
    for (const [at, items] of fires) this.#run(at, items, 'FAILOVER');
  }

  #rerunAsked({ item }: CrashedRun, { scheduledAt, order, around }: AdoptedRun): void {
    const job = this.#job;
    const request: RunRequest = { scheduledAt, source: 'FAILOVER', items: [item], order };
    this.#tasks.run('run', () => this.#execute(request, job, around(this.#takeover(job))));
  }

  #drop({ item, markedAt }: CrashedRun, reason: DropReason): void {
    if (reason !== 'switched-off') this.#skip(this.#fireMarkedAt(markedAt), [item], reason, 'FAILOVER');
  }

  /** The planned time of a run of which only the mark is known: the last before it was marked. */
  #fireMarkedAt(markedAt: number): number {
    return this.#job.schedule?.previous(markedAt + 1) ?? markedAt;
  }

  /** What was taken over is this instance's whatever the assignment says, until it has been executed. */
  #takeover(job: EquippedJob): Ownership {
    const { failover } = this.#member;
    const ordinary = this.#ownership(job);
    return {
      ...ordinary,
      claim: (item) => this.#marks.claim(item, () => true, this.#member.witness),
      giveBack: (_, items) => {
        for (const item of items) failover.giveBack(item);
        return true;
      },
      release: async (item, ended) => {
        if (ended !== null) await failover.conclude(item);
        await this.#marks.release(item);
      },
    };
  }

  // ---- leaving -------------------------------------------------------------------------------------------------------

  async #stop(): Promise<void> {
    if (this.#state === 'new') this.#moveTo('stopped');
    if (this.#started === null) return;
    if (this.#state === 'starting') this.#member.retire();
    await this.#started.catch((error: unknown) => {
      this.#logger.debug('a job that did not start is stopped', { error: messageOf(error) });
    });
    this.#moveTo('draining');
    this.#once.close();
    this.#emit('draining', { items: this.#fires.items, running: this.#runs.runningItems });
    const { clock, drain } = this.services;
    await leaveInOrder({
      jobName: this.jobName,
      member: this.#member,
      runs: this.#runs,
      clock,
      drain,
      logger: this.#logger,
      until: (done, signal) => this.waitFor(done, signal),
      stopFiring: () => {
        this.#timer.set(null);
        this.#reconcile?.cancel();
        this.#triggered.stop();
      },
      giveUp: async () => {
        await this.#member.failover.withdraw();
        await this.#marks.giveUp(this.#member.witness);
      },
    });
    this.#moveTo('stopped');
    this.#emit('left', {});
    this.#announceChange();
  }

  // ---- telling -------------------------------------------------------------------------------------------------------

  #moveTo(next: JobState): void {
    if (this.#state === next) return;
    if (!JOB_TRANSITIONS[this.#state].includes(next)) {
      throw new ElasticJobError('INVALID_STATE', `job '${this.jobName}' cannot go from ${this.#state} to ${next}`);
    }
    this.#state = next;
  }

  #announceChange(): void {
    const listeners = this.#changeListeners.values();
    this.#changeListeners.clear();
    for (const listener of listeners) listener();
  }

  #skip(
    scheduledAt: number,
    items: readonly number[],
    reason: SkipReason,
    source: ExecutionSource = 'NORMAL_TRIGGER',
  ): void {
    if (items.length === 0) return;
    const { clock, identity } = this.services;
    const { instanceId } = identity;
    this.#trace.emit({
      kind: 'fire-skipped',
      jobName: this.jobName,
      instanceId,
      source,
      items,
      scheduledAt,
      reason,
      at: clock.now(),
    });
  }

  #emit(event: MemberEvent | 'waiting' | 'draining' | 'left', details: CoordinationTrace['details']): void {
    const { trace, clock, identity } = this.services;
    const { instanceId } = identity;
    trace.emit({ kind: 'coordination', jobName: this.jobName, instanceId, event, details, at: clock.now() });
  }
}
