import { LazyAbort, SessionLostError, StoppedError } from '../foundation/abort.js';
import type { Clock, Timer } from '../foundation/clock.js';
import { ElasticJobError, messageOf } from '../foundation/errors.js';
import { TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import type { InstanceIdentity } from '../job/identity.js';
import type { Registry, Session, TreeWatch } from '../registry/registry.js';
import type { Assignment, AssignmentPlan } from './assignment-plan.js';
import { type CrashedRun, Failover, type FailoverHooks } from './failover.js';
import { forgetServer, GoneServers } from './gone-servers.js';
import { DRAINING, WAITING } from './instance-labels.js';
import { jobPath, layout, type ServerStatus } from './job-layout.js';
import { availableMembers, isResharding, type JobView, jobView, NO_INTEREST, viewSelection } from './job-view.js';
import { KnownAssignment } from './known-assignment.js';
import { campaign, resign } from './leader-election.js';
import { leaveMembership } from './member-leave.js';
import { Membership } from './membership.js';
import { Patience } from './patience.js';
import { failoverSigns, leads, type Reaction, react, type Self, type ShardingGoal } from './reactions.js';
import { distrust, raise, readOwners, reshard } from './resharding.js';
import type { ShardingStrategy } from './sharding-strategies.js';

/** What the job wants of coordination, and what it is told. */
export interface MemberHooks extends Pick<FailoverHooks, 'room' | 'onTaken' | 'onDropped'> {
  /** How items are to be assigned; `null` while the stored definition cannot be followed: then nothing is done. */
  goal(): MemberGoal | null;
  /** The view changed. Called before anything is done about it. */
  onView(view: JobView): void;
  /** The assignment is known to be current, for the first time or again. */
  onAssignment(assignment: Assignment): void;
  /** A run is asked of this instance; called until {@link JobMember.takeTrigger} has taken the request. */
  onTrigger(): void;
  /** An operator told this instance to stop the job. */
  onShutDown(): void;
  /** Something that belongs in the trace happened. */
  onEvent(event: MemberEvent, details: Readonly<Record<string, unknown>>): void;
}

/** What the assignment should follow. */
export interface MemberGoal extends Omit<ShardingGoal, 'strategy'> {
  readonly strategy: ShardingStrategy;
}

/** What a member tells of itself. */
export type MemberEvent =
  | 'registered'
  | 'suspended'
  | 'session-lost'
  | 'reconnected'
  | 'elected'
  | 'abdicated'
  | 'resharded'
  | 'assigned'
  | 'taken-over'
  | 'shut-down-remotely';

/** What a member is made of. */
export interface MemberServices {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly identity: InstanceIdentity;
}

/** What the reactions are decided by. */
const ACTED_UPON = [layout.instances, layout.servers, layout.leader, layout.resharding, layout.plan] as const;

/** What tells who could take items over. */
const MEMBERS = [layout.instances, layout.servers] as const;

/** Pause before something that failed for another reason than the session is tried again, milliseconds. */
const RETRY_MS = 1000;

/**
 * This instance as a member of one job. It looks at the job's view whenever that changes, brings its knowledge of the
 * assignment up to date, and does what {@link react} says. One look at a time: a change that comes meanwhile leads to
 * another look, so nothing depends on having seen each change.
 */
export class JobMember {
  #watch: TreeWatch | null = null;
  #view: JobView | null = null;
  #draining = false;
  /** The session this instance is registered in, and the signal that ends with it. */
  #session = 0n;
  #sessionAbort = new LazyAbort();
  #looking = false;
  #lookAgain = false;
  #campaigning = false;
  #searching = false;
  /** An attempt changes what is watched; without a pause its failure would be its own reason to try again. */
  #reshardingPaused = false;
  #retry: Timer | null = null;
  #forgetSession: () => void = () => undefined;
  readonly #left = new LazyAbort();
  /** The crashed runs of other instances, and those of them that this one took over. */
  readonly failover: Failover;
  readonly #membership: Membership;
  readonly #known: KnownAssignment;
  readonly #tasks: TaskGroup;
  /** Since when this instance is overlooked. */
  readonly #overlooked: Patience;
  readonly #goneServers = new GoneServers();

  constructor(
    private readonly services: MemberServices,
    private readonly jobName: string,
    private readonly hooks: MemberHooks,
  ) {
    const { registry, clock, identity, logger } = services;
    this.#tasks = new TaskGroup(logger);
    this.#membership = new Membership(registry, clock, jobName, identity);
    this.#known = new KnownAssignment(registry, jobName, identity.instanceId);
    this.#overlooked = new Patience(clock, () => this.wake());
    this.failover = new Failover(registry, jobName, identity.instanceId, {
      room: () => hooks.room(),
      onTaken: (runs) => this.#taken(runs),
      onDropped: (run, reason) => hooks.onDropped(run, reason),
      wake: () => this.wake(),
      background: (name, work) => this.#beside(name, work),
    });
  }

  /** What is known of the job, `null` before {@link join}. */
  get view(): JobView | null {
    return this.#view;
  }

  /** Items owned by this instance. */
  get items(): number[] {
    return this.#known.items;
  }

  /** Who owns what, as far as this instance knows; see {@link isCurrent}. */
  get assignment(): Assignment {
    return this.#known.assignment;
  }

  get isLeader(): boolean {
    return this.#view !== null && leads(this.#view, this.#self);
  }

  /** Whether this instance is registered in the present, connected session. */
  get isConnected(): boolean {
    const { session } = this.services.registry;
    return session.state === 'connected' && session.id === this.#session;
  }

  /** The transaction of this session's witness, if it has one: what is made in it may outlive it then. */
  get witness(): bigint | null {
    return this.#membership.witness;
  }

  /** Aborts when the session in which this instance is registered now is lost. */
  get session(): AbortSignal {
    return this.#sessionAbort.signal;
  }

  /** Whether an operator lets this server take part. */
  get isEnabled(): boolean {
    return this.#view?.servers.get(this.services.identity.serverIp) === 'ENABLED';
  }

  /** The other instances that could take this one's items; none of items that stay where they are. */
  get successors(): string[] {
    if (this.hooks.goal()?.staticSharding) return [];
    const members = this.#view === null ? [] : availableMembers(this.#view);
    return members.map((member) => member.instanceId).filter((id) => id !== this.services.identity.instanceId);
  }

  /**
   * Whether it is known that this one keeps its items: nobody could take them, and nobody who leads, or may, will give them
   * to nobody. Not as long as news of who is there is on its way.
   */
  get isAlone(): boolean {
    return this.successors.length === 0 && this.#sees(MEMBERS) && !this.#mayBeDeserted;
  }

  /** Without a plan there is nothing that whoever comes next could go by. */
  get #mayBeDeserted(): boolean {
    const goal = this.hooks.goal();
    if (goal === null || goal.staticSharding || !this.#view?.plan) return false;
    return this.isEnabled || (this.#view.leader !== null && !this.isLeader);
  }

  /** The transaction in which this instance first registered, `null` before that. */
  get since(): bigint | null {
    return this.#membership.since;
  }

  /** Whether the assignment in force was made without this instance, so that no fire after it is this one's. */
  get isHandedOver(): boolean {
    if (this.#left.aborted) return true;
    if (this.#view === null || !this.isCurrent() || this.items.length > 0) return false;
    const { planHolds, plan } = this.#view;
    return !(planHolds && plan?.members.includes(this.services.identity.instanceId));
  }

  /** Registers, watches the job, and takes part from now on. */
  async join(status: ServerStatus): Promise<void> {
    const { registry, identity } = this.services;
    await this.#membership.announceServer(status);
    this.#left.throwIfAborted();
    await this.#register(registry.session);
    this.#left.throwIfAborted();
    this.#forgetSession = registry.onSession((session) => this.#onSession(session));
    const selection = viewSelection(identity.instanceId, NO_INTEREST);
    this.#watch = await registry.watchTree(this.jobName, selection, () => this.#see());
    this.#see();
  }

  /** Tells the leader that this instance takes on nothing more; it goes on with what it has. */
  async drain(): Promise<void> {
    this.#draining = true;
    await this.#membership.say(DRAINING);
    // A leader gives its own items away, also when its node is gone and no change of the view tells it to.
    this.wake();
  }

  /** Begins nothing more and waits for nothing more. A {@link join} under way rejects as `STOPPED`. */
  retire(): void {
    this.#left.abort(new StoppedError(`job '${this.jobName}' was stopped`));
    this.#retry?.cancel();
    this.#overlooked.end();
  }

  /**
   * Gives up leadership and membership and stops watching. What cannot be undone now goes with the session. `runsOn`:
   * handlers were left behind, and are still told of the loss of their session.
   */
  async leave(runsOn = false): Promise<void> {
    this.retire();
    this.#forgetSession();
    if (runsOn) this.#abortWithSession();
    this.#watch?.close();
    const { registry, logger } = this.services;
    const atRest = (): Promise<void> => this.#tasks.drained();
    await leaveMembership({ registry, logger, jobName: this.jobName, membership: this.#membership, atRest });
  }

  #abortWithSession(): void {
    const undo = this.services.registry.onSession(({ state }) => {
      if (state !== 'lost' && state !== 'closed') return;
      undo();
      this.#sessionAbort.abort(new SessionLostError());
    });
  }

  /** Asks the leader for a new assignment, if there is one and anybody to give items to. */
  async askForResharding(): Promise<void> {
    if (this.isCurrent() && this.successors.length > 0) await raise(this.services.registry, this.jobName);
  }

  /**
   * Reads everything anew, as a precaution against what nobody thought of; what differs is reacted to as always. The leader
   * also looks at what is not watched: whether a crashed run was overlooked, whether the items' nodes say what the plan says,
   * and which servers are long gone.
   */
  async refresh(): Promise<void> {
    await this.#watch?.refresh();
    if (this.isLeader && this.isConnected) await this.#lookAround();
    else this.#goneServers.reset();
  }

  async #lookAround(): Promise<void> {
    const { registry, clock } = this.services;
    const view = this.#view;
    if (view === null) return;
    this.failover.doubt();
    this.wake();
    for (const ip of this.#goneServers.look(view, clock.monotonic())) {
      if (await forgetServer(registry, this.jobName, ip)) this.services.logger.info('a server was forgotten', { ip });
    }
    if (view.planHolds && view.plan !== null && this.isCurrent()) await this.#compareOwners(view.plan);
  }

  /** Who owns what stands twice. Somebody who edits one of them keeps Java members and us from agreeing. */
  async #compareOwners({ spans: [{ owners }] }: AssignmentPlan): Promise<void> {
    const { registry, logger } = this.services;
    const isCurrent = this.currency();
    const nodes = await readOwners(registry, this.jobName, [...owners.keys()]);
    const items = [...owners.keys()].filter((item) => (nodes.get(item)?.value ?? null) !== owners[item]);
    if (items.length === 0 || !isCurrent()) return;
    logger.warn('the nodes of items do not say what the plan says: they are assigned anew', { items });
    await distrust(registry, this.jobName);
  }

  /** Looks again although nothing changed in the registry. */
  wake(): void {
    this.#lookAgain = true;
    if (this.#looking || this.#left.aborted) return;
    this.#looking = true;
    this.#tasks.run('coordination', () => this.#lookUntilDone());
  }

  /** Takes the request to run away. Resolves to whether it was still there. */
  async takeTrigger(): Promise<boolean> {
    return this.services.registry.remove(jobPath(this.jobName, layout.trigger(this.services.identity.instanceId)));
  }

  /** Whether it is known who owns what, even if that is about to change. */
  get isAssigned(): boolean {
    return this.#known.exists;
  }

  /** Whether the assignment that was last announced is still the one to act on. */
  isCurrent(): boolean {
    return this.currency()();
  }

  /** A question to be asked later, after a mark was made: is the assignment as known now still the one to act on? */
  currency(): () => boolean {
    return this.#known.currency(this.#watch);
  }

  // ---- session -------------------------------------------------------------------------------------------------------

  async #register(session: Session): Promise<void> {
    await this.#left.lend((signal) => this.#membership.register(signal));
    this.failover.reset();
    this.#session = session.id;
    this.#sessionAbort = new LazyAbort();
    this.#reshardingPaused = false;
    this.hooks.onEvent('registered', { session: hexadecimal(session.id) });
  }

  #onSession(session: Session): void {
    switch (session.state) {
      case 'suspended':
        this.hooks.onEvent('suspended', {});
        break;
      case 'lost':
      case 'closed':
        this.hooks.onEvent('session-lost', { session: hexadecimal(this.#session) });
        this.#sessionAbort.abort(new SessionLostError());
        break;
      case 'connected':
        this.hooks.onEvent('reconnected', { session: hexadecimal(session.id) });
        this.wake();
        break;
    }
  }

  // ---- looking -------------------------------------------------------------------------------------------------------

  get #self(): Self {
    const { instanceId, serverIp } = this.services.identity;
    const { searched } = this.failover;
    const isPlanless = this.isCurrent() && this.#view?.planHolds === false;
    const assigned = isPlanless ? (this.#known.assignment.spans[0]?.owners ?? []) : null;
    return { instanceId, serverIp, session: this.#session, draining: this.#draining, searched, assigned };
  }

  #see(): void {
    if (this.#watch === null) return;
    this.#view = jobView(this.#watch.snapshot, this.services.identity.instanceId, this.#known.interest);
    this.#membership.noteStatus(this.#view.servers.get(this.services.identity.serverIp));
    this.hooks.onView(this.#view);
    this.wake();
  }

  async #lookUntilDone(): Promise<void> {
    try {
      while (this.#lookAgain && !this.#left.aborted) {
        this.#lookAgain = false;
        await this.#look();
      }
    } catch (error) {
      this.#retryLater(messageOf(error));
    } finally {
      this.#looking = false;
    }
  }

  async #look(): Promise<void> {
    const { session } = this.services.registry;
    if (session.state !== 'connected' || this.#watch === null) return;
    if (this.#session !== session.id) await this.#register(session);
    const goal = this.hooks.goal();
    await this.#membership.say(this.#draining ? DRAINING : goal === null ? WAITING : null);
    if (goal?.failover && !(await this.#membership.attest()))
      this.#retryLater('the witness of a former session is there');
    if (goal !== null) await this.#known.watchFailover(this.#watch, goal.failover);
    // The session may be another one by now, in which this instance is not registered yet: the next look registers it.
    if (!this.isConnected) return;
    if (goal !== null && this.#view !== null && this.#sees(ACTED_UPON)) {
      await this.#followAssignment(this.#view, this.#watch, goal.itemCount);
    }
    // Only now, so that what came while we waited is seen.
    const view = this.#view;
    if (view === null || !this.isConnected || !this.#sees(ACTED_UPON)) return;
    const wanted = goal === null ? null : { ...goal, strategy: goal.strategy.type };
    const reactions = react(view, this.#self, wanted);
    if (isResharding(view)) this.#overlooked.interrupt();
    else if (!reactions.includes('ask')) this.#overlooked.end();
    for (const reaction of reactions) await this.#perform(reaction, view);
  }

  /**
   * Whether nothing is known to have changed in these places since the view was taken. If something has, a newer view is
   * on its way and wakes us; acting now could answer what we did ourselves a moment ago.
   */
  #sees(places: readonly string[]): boolean {
    return places.every((path) => this.#watch?.isFresh(path));
  }

  /** A lost session is followed by a new one, whose arrival wakes us; anything else is tried again soon. */
  #retryLater(reason: string): void {
    if (this.#left.aborted) return;
    const { registry, clock, logger } = this.services;
    const level = registry.session.state === 'connected' ? 'warn' : 'debug';
    logger[level]('coordination was not finished and is tried again', { reason });
    this.#retry?.cancel();
    this.#retry = clock.setTimer(RETRY_MS, () => {
      this.#reshardingPaused = false;
      this.wake();
    });
  }

  async #followAssignment(view: JobView, watch: TreeWatch, itemCount: number): Promise<void> {
    const before = this.items.join();
    const following = await this.#known.follow(view, watch, itemCount);
    this.#view = jobView(watch.snapshot, this.services.identity.instanceId, this.#known.interest);
    if (following === 'overtaken') this.#lookAgain = true;
    if (following !== 'taken-over') return;
    if (this.items.join() !== before) this.hooks.onEvent('assigned', { items: this.items });
    this.hooks.onAssignment(this.#known.assignment);
  }

  // ---- reactions -----------------------------------------------------------------------------------------------------

  async #perform(reaction: Reaction, view: JobView): Promise<void> {
    switch (reaction) {
      case 'shut-down':
        await this.#confirmShutDown();
        break;
      case 'announce':
        await this.#membership.reassertServer();
        break;
      case 'campaign':
        this.#campaign();
        break;
      case 'abdicate':
        if (await resign(this.services.registry, this.jobName)) this.hooks.onEvent('abdicated', {});
        break;
      case 'reshard':
        await this.#reshard(view);
        break;
      case 'ask':
        if (this.#overlooked.isOver()) await raise(this.services.registry, this.jobName);
        break;
      case 'fail-over':
        this.#failOver(view);
        break;
      case 'trigger':
        this.hooks.onTrigger();
        break;
    }
  }

  /** An operator's deletion of the node of a live session is the command to stop; a view that lags behind is not. */
  async #confirmShutDown(): Promise<void> {
    if (!(await this.#membership.isAbsent()) || !this.isConnected) return;
    this.hooks.onEvent('shut-down-remotely', {});
    this.hooks.onShutDown();
  }

  /** Runs beside the looks: waiting for the latch must not keep this instance from anything else. */
  #campaign(): void {
    if (this.#campaigning) return;
    this.#campaigning = true;
    const { registry, identity } = this.services;
    this.#beside('leader election', async () => {
      try {
        const won = await this.#left.lend((signal) => campaign(registry, this.jobName, identity.instanceId, signal));
        if (won) this.hooks.onEvent('elected', {});
      } finally {
        this.#campaigning = false;
      }
    });
  }

  /** Likewise. What comes meanwhile is seen by the next look. */
  #failOver(view: JobView): void {
    const goal = this.hooks.goal();
    if (goal === null || this.#searching) return;
    this.#searching = true;
    const { itemCount, failover } = goal;
    const signs = failoverSigns(view, { ...goal, strategy: goal.strategy.type });
    const instances = availableMembers(view).length;
    this.#beside('failover', async () => {
      try {
        await this.failover.search({ signs, failover, itemCount, instances, signal: this.#left.signal });
      } finally {
        this.#searching = false;
      }
      this.wake();
    });
  }

  #taken(runs: readonly CrashedRun[]): void {
    this.hooks.onEvent('taken-over', { items: runs.map(({ item }) => item), from: runs.map(({ from }) => from) });
    this.hooks.onTaken(runs);
  }

  #beside(name: string, work: () => Promise<void>): void {
    this.#tasks.run(name, async () => {
      try {
        await work();
      } catch (error) {
        if (!ElasticJobError.is(error, 'STOPPED')) this.#retryLater(messageOf(error));
      }
    });
  }

  async #reshard(view: JobView): Promise<void> {
    const goal = this.hooks.goal();
    if (goal === null || this.#reshardingPaused) return;
    this.#reshardingPaused = true;
    const outcome = await reshard(this.services.registry, {
      jobName: this.jobName,
      itemCount: goal.itemCount,
      strategy: goal.strategy,
      members: availableMembers(view),
      configVersion: view.configVersion,
      forEarlierFires: goal.staticSharding,
      now: this.services.clock.now(),
    });
    if (!outcome.published) {
      this.#retryLater(outcome.reason);
      return;
    }
    this.#reshardingPaused = false;
    this.hooks.onEvent('resharded', { members: outcome.plan.members, items: goal.itemCount });
  }
}

function hexadecimal(session: bigint): string {
  return `0x${session.toString(16)}`;
}
