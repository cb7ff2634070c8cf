import type { DropReason } from '../coordination/crashed-run.js';
import type { CrashedRun } from '../coordination/failover.js';
import { jobPath, layout } from '../coordination/job-layout.js';
import { JobMember, type MemberEvent, type MemberHooks } from '../coordination/job-member.js';
import { untilAbsent } from '../coordination/node-absence.js';
import { publish } from '../coordination/publication.js';
import type { RegistryTime } from '../coordination/registry-time.js';
import { RunningMarks } from '../coordination/running-marks.js';
import { TriggerLedger } from '../coordination/trigger-ledger.js';
import { ItemPool } from '../execution/item-pool.js';
import { JobRuns, type Ownership, type RunRequest } from '../execution/job-run.js';
import { JobTimer } from '../execution/job-timer.js';
import { TriggeredRuns, type TriggeredRunsHooks } from '../execution/triggered-runs.js';
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
import { makeUps } from '../job/misfire-policy.js';
import { configurationDifferences } from '../operations/configuration-difference.js';
import { literalSecrets } from '../operations/literal-secrets.js';
import type { Registry } from '../registry/registry.js';
import type { AlarmClock } from '../schedule/alarm-clock.js';
import type { CoordinationTrace, ExecutionSource, SkipReason } from '../tracing/trace-event.js';
import type { TraceSink } from '../tracing/trace-sink.js';
import { Firing } from './firing.js';
import { FollowedDefinition } from './followed-definition.js';
import { askedItems, assignedItems, type OwnershipParts, takenItems } from './item-ownership.js';
import { JOB_TRANSITIONS, type JobState, type JobStatus } from './job-state.js';
import { OnceCalls } from './once-calls.js';
import { type DrainOptions, leaveInOrder } from './orderly-leave.js';
import type { EquippedJob, Extensions } from './runnable-job.js';
import { fireMarkedAt, Takeover } from './takeover.js';

/** What the jobs of a process share. */
export interface JobServices {
  readonly registry: Registry;
  readonly registryTime: RegistryTime;
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
  #reconcile: Timer | null = null;
  #started: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;
  #taking = false;
  /** Whether there was a fire, or a trigger, since this instance began. */
  #hasFired = false;
  readonly #changeListeners = new RareSet<() => void>();
  readonly #logger: Logger;
  readonly #tasks: TaskGroup;
  readonly #followed: FollowedDefinition;
  readonly #member: JobMember;
  readonly #once: OnceCalls;
  readonly #trace: TraceSink;
  readonly #marks: RunningMarks;
  readonly #pool: ItemPool;
  readonly #runs: JobRuns;
  readonly #timer: JobTimer;
  readonly #firing: Firing;
  #triggered: TriggeredRuns | null = null;
  #takeover: Takeover | null = null;
  readonly #owned: OwnershipParts;

  /** Throws a `ConfigurationError` if the definition names something unknown or the handler does not fit. */
  constructor(
    private readonly services: JobServices,
    private readonly ownDefinition: JobDefinition,
    handler: JobHandler,
  ) {
    const { registry, registryTime, clock, alarms, identity } = services;
    const { jobName } = ownDefinition;
    const { instanceId } = identity;
    this.#followed = new FollowedDefinition(ownDefinition, handler, services.extensions);
    this.#logger = services.logger.child({ job: jobName });
    const [logger, tasks] = [this.#logger, new TaskGroup(this.#logger)];
    this.#tasks = tasks;
    this.#member = new JobMember({ registry, clock, logger, identity }, jobName, this.#hooks());
    this.#once = new OnceCalls({ registry, clock, identity, tasks }, jobName, this.#member, () => this.#job);
    this.#trace = this.#once.listen(services.trace);
    this.#marks = new RunningMarks(registry, jobName, instanceId);
    this.#pool = new ItemPool(() => this.#job.poolSize);
    this.#runs = new JobRuns({ clock, logger, trace: this.#trace, pool: this.#pool, instanceId });
    this.#firing = new Firing({
      registry,
      clock,
      logger,
      jobName,
      instanceId,
      member: this.#member,
      runs: this.#runs,
      schedule: () => this.#job.schedule,
      makeUps: () => makeUps(this.#job.definition),
      hasFailover: () => this.#job.definition.failover,
      isAskedFor: (item) => (this.#triggered?.isEngaged(item) ?? false) || this.#isTakenOver(item),
      run: (request) => this.#run(request),
      skip: (scheduledAt, items, reason, source) => this.#skip(scheduledAt, items, reason, source),
      putOff: (scheduledAt, items) => this.#once.putOff(scheduledAt, items),
    });
    this.#timer = new JobTimer(
      alarms,
      () => clock.now(),
      (fire) => {
        this.#noteFire();
        // A pause may have ended.
        this.#member.failover.reconsider();
        this.#firing.fire(fire);
      },
    );
    this.#owned = {
      registry,
      registryTime,
      clock,
      instanceId,
      member: this.#member,
      marks: this.#marks,
      runs: this.#runs,
      firing: this.#firing,
      settled: () => this.#lookForTriggers(),
    };
  }

  get jobName(): string {
    return this.ownDefinition.jobName;
  }

  get #job(): EquippedJob {
    return this.#followed.job;
  }

  /** What the job is doing here. */
  status(): JobStatus {
    const view = this.#member.view;
    return {
      jobName: this.jobName,
      state: this.#state,
      problem: this.#followed.problem,
      leader: view?.leader?.instanceId ?? null,
      isLeader: this.#member.isLeader,
      instances: [...(view?.members.keys() ?? [])],
      items: this.#firing.items,
      runningItems: this.#runs.runningItems,
      pause: this.#firing.pauseAt(this.services.clock.now()),
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
      this.#logger.warn('the registry has another definition of this job, which holds; set overwrite to replace it', {
        differing: configurationDifferences(definition, publication.stored).map(({ option }) => option),
      });
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
    this.#moveTo(this.#followed.problem === null ? 'active' : 'waiting');
    this.#armReconcile();
  }

  #hooks(): MemberHooks {
    return {
      goal: () => {
        if (this.#followed.problem !== null) return null;
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
        this.#lookForTriggers();
        this.#once.wake();
        this.#announceChange();
      },
      onAssignment: (assignment) => {
        this.#once.wake();
        this.#firing.assigned(assignment);
        this.#lookForTriggers();
        this.#announceChange();
      },
      onTrigger: () => this.#trigger(),
      room: () => this.#room(),
      onTaken: (runs) => this.#takeovers().begin(runs),
      onDropped: (run, reason) => this.#drop(run, reason),
      onShutDown: () => {
        this.#logger.warn('an operator removed the node of this instance: the job stops here');
        this.#tasks.run('remote shutdown', () => this.stop());
      },
      onEvent: (event, details) => this.#emit(event, details),
    };
  }

  // ---- definition ----------------------------------------------------------------------------------------------------

  /** Takes over what the registry says the job is. What cannot be followed stops the fires until it is mended. */
  #followDefinition(text: string, isOwn = false): void {
    if (!this.#followed.follow(text, isOwn)) return;
    const { problem } = this.#followed;
    if (problem !== null) {
      this.#logger.error('the stored definition cannot be followed; the job waits', { problem });
      this.#emit('waiting', { problem });
    }
    const next = problem === null ? 'active' : 'waiting';
    if (JOB_TRANSITIONS[this.#state].includes(next) && this.#state !== 'starting') this.#moveTo(next);
    this.#firing.redefined();
    this.#pool.admit();
    this.#armTimer();
    this.#armReconcile();
    this.#member.wake();
  }

  // ---- firing --------------------------------------------------------------------------------------------------------

  #armTimer(): void {
    const fires = this.#state === 'starting' || this.#state === 'active' || this.#state === 'draining';
    this.#timer.set(fires && this.#followed.problem === null ? this.#job.schedule : null);
  }

  /** Items that stay where they are are given away at the first fire, among all who are there by then. */
  #noteFire(): void {
    if (this.#hasFired) return;
    this.#hasFired = true;
    if (this.#job.definition.staticSharding) this.#member.wake();
  }

  /** Begins a run of a fire, of what all were asked for by nodes, or of what was taken over. */
  #run(asked: RunRequest): void {
    if (asked.items.length === 0) return;
    const job = this.#once.equip(this.#job);
    const ownership =
      asked.source === 'FAILOVER'
        ? takenItems(this.#owned, job.definition)
        : assignedItems(this.#owned, job.definition, asked.source === 'MISFIRE');
    const request = asked.source === 'MANUAL_TRIGGER' ? { ...asked, order: ASKED_BY_NODE } : asked;
    this.#begin(request, job, ownership);
  }

  #begin(request: RunRequest, job: EquippedJob, ownership: Ownership): void {
    this.#tasks.run('run', () => this.#execute(request, job, ownership));
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
    this.#lookForTriggers();
    if (this.#member.view?.triggered) this.#member.wake();
    const { strategy, definition } = this.#job;
    if (strategy.movesAfterRun?.(definition.shardingTotalCount)) await this.#member.askForResharding();
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
        const now = this.services.clock.now();
        this.#once.triggered(now);
        this.#firing.runNow(now);
      } finally {
        this.#taking = false;
      }
    });
  }

  /** What is asked for item by item, by `extension/triggers`. Made when it is needed: most jobs are never triggered. */
  #triggeredRuns(): TriggeredRuns {
    if (this.#triggered !== null) return this.#triggered;
    const { registry, clock } = this.services;
    const ledger = new TriggerLedger(registry, this.jobName);
    this.#triggered = new TriggeredRuns({ ledger, clock, logger: this.#logger, tasks: this.#tasks }, this.#triggers());
    return this.#triggered;
  }

  #lookForTriggers(): void {
    const isAsked = (this.#member.view?.openTriggers.length ?? 0) > 0;
    if (isAsked || this.#triggered !== null) this.#triggeredRuns().look();
  }

  #triggers(): TriggeredRunsHooks {
    const { clock, identity, registry } = this.services;
    return {
      view: () => this.#member.view,
      mayBegin: () =>
        (this.#state === 'active' || this.#state === 'starting') &&
        this.#followed.problem === null &&
        this.#member.isConnected &&
        this.#member.isEnabled &&
        this.#member.isCurrent(),
      owns: (item) => this.#firing.owns(item),
      surplusFrom: () => (this.#member.isLeader ? this.#job.definition.shardingTotalCount : null),
      isRunning: (item) => this.#runs.isRunning(item) || this.#isTakenOver(item),
      isPaused: () => this.#firing.pauseAt(clock.now()) !== null,
      isDisabled: (item) => this.#member.view?.disabledItems.has(item) ?? false,
      self: () => ({ instanceId: identity.instanceId, session: registry.session.id }),
      marking: () => {
        const { monitorExecution, failover } = this.#job.definition;
        return monitorExecution ? { marks: this.#marks, witness: failover ? this.#member.witness : null } : null;
      },
      ownership: () => askedItems(this.#owned, this.#job.definition),
      currency: () => this.#member.currency(),
      run: (request, ownership) => this.#execute(request, this.#job, ownership),
      onSkipped: (scheduledAt, items, reason) => {
        if (reason !== 'cancelled') this.#skip(scheduledAt, items, reason, 'MANUAL_TRIGGER');
      },
      onMarked: (item) => this.#member.failover.obstructed(item),
      onReleased: () => this.#firing.resume(),
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

  /** What is taken over runs at once if possible: there has to be a place for it in the pool. */
  #room(): ReturnType<MemberHooks['room']> {
    const busy = this.#runs.runningItems;
    const fires = this.#state === 'active' || this.#state === 'starting';
    const starts = fires && this.#firing.pauseAt(this.services.clock.now()) === null;
    const places = starts ? Math.max(0, this.#job.poolSize - busy.length) : 0;
    return { places, mayWait: starts, own: this.#firing.items, busy };
  }

  /** Made when it is needed, as {@link #triggeredRuns}. */
  #takeovers(): Takeover {
    this.#takeover ??= new Takeover({
      logger: this.#logger,
      tasks: this.#tasks,
      triggered: this.#triggeredRuns(),
      runs: this.#runs,
      schedule: () => this.#job.schedule,
      run: (request) => this.#run(request),
      runAsked: (request, around) =>
        this.#begin(request, this.#job, around(takenItems(this.#owned, this.#job.definition))),
      giveBack: (item) => this.#member.failover.giveBack(item),
    });
    return this.#takeover;
  }

  #isTakenOver(item: number): boolean {
    return this.#takeover?.concerns(item) ?? false;
  }

  #drop({ item, markedAt }: CrashedRun, reason: DropReason): void {
    if (reason !== 'switched-off') {
      this.#skip(fireMarkedAt(this.#job.schedule, markedAt), [item], reason, 'FAILOVER');
    }
  }

  // ---- leaving -------------------------------------------------------------------------------------------------------

  async #stop(): Promise<void> {
    if (this.#started === null) {
      this.#moveTo('stopped');
      this.#announceChange();
      return;
    }
    if (this.#state === 'starting') this.#member.retire();
    await this.#started.catch((error: unknown) => {
      this.#logger.debug('a job that did not start is stopped', { error: messageOf(error) });
    });
    this.#moveTo('draining');
    this.#once.close();
    this.#emit('draining', { items: this.#firing.items, running: this.#runs.runningItems });
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
        this.#triggered?.stop();
        this.#member.failover.close();
      },
      giveUp: () => this.#firing.giveUp(),
      clear: async () => {
        await this.#member.failover.withdraw();
        await this.#firing.cleared();
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

  #skip(scheduledAt: number, items: readonly number[], reason: SkipReason, source: ExecutionSource): void {
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
