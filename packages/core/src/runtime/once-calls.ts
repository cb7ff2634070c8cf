import { ownerAt } from '../coordination/assignment-plan.js';
import type { OncePhase } from '../coordination/job-layout.js';
import type { JobMember } from '../coordination/job-member.js';
import { generationOf } from '../coordination/once-arrivals.js';
import { OnceBarrier, type OnceMembers, type OnceRound, sessionText } from '../coordination/once-barrier.js';
import type { RunContext } from '../execution/job-extensions.js';
import { oncePhases, withOnceCalls } from '../execution/once-listeners.js';
import type { Clock } from '../foundation/clock.js';
import { ElasticJobError } from '../foundation/errors.js';
import type { TaskGroup } from '../foundation/lifecycle.js';
import type { InstanceIdentity } from '../job/identity.js';
import type { Registry } from '../registry/registry.js';
import type { TraceEvent } from '../tracing/trace-event.js';
import type { TraceSink } from '../tracing/trace-sink.js';
import type { EquippedJob } from './runnable-job.js';

/** What the calls are made with. */
export interface OnceServices {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly identity: InstanceIdentity;
  readonly tasks: TaskGroup;
}

/** How long ago a fire can be that others may still be waiting for, milliseconds. */
const AWAITED_MS = 3_600_000;

const TRIGGERS_KNOWN = 8;

const NO_TRIGGERS: readonly number[] = [];

/**
 * Brings the listeners that are called once for all instances into the runs of one job. A job without any of them costs
 * nothing.
 */
export class OnceCalls {
  /** Made when it is needed: most jobs have no such listener. */
  #barrier: OnceBarrier | null = null;
  #closed = false;
  #equipped: { readonly from: EquippedJob; readonly job: EquippedJob } | null = null;
  /** When the last triggers by nodes came. */
  #triggers: readonly number[] = NO_TRIGGERS;

  constructor(
    private readonly services: OnceServices,
    private readonly jobName: string,
    private readonly member: JobMember,
    private readonly job: () => EquippedJob,
  ) {}

  /** The job with listeners that wait for one another where they have to; the same job where none does. */
  equip(job: EquippedJob): EquippedJob {
    if (this.#equipped?.from === job) return this.#equipped.job;
    const listeners = withOnceCalls(job.listeners, (phase, run, timeoutMs, call) =>
      this.#pass(job, phase, run, timeoutMs, call),
    );
    const equipped = listeners === job.listeners ? job : { ...job, listeners };
    this.#equipped = { from: job, job: equipped };
    return equipped;
  }

  /** A sink before `sink` that hears which items will not come for a fire. */
  listen(sink: TraceSink): TraceSink {
    return {
      emit: (event) => {
        sink.emit(event);
        this.#heard(event);
      },
    };
  }

  /** All instances were asked, by Java's nodes, to run what they own: that is a round too. */
  triggered(scheduledAt: number): void {
    this.#triggers = [...this.#triggers, scheduledAt].slice(-TRIGGERS_KNOWN);
  }

  /**
   * Items are run for the fire, but not at its time: nobody waits for them at its begin. At its end they are waited for, as
   * for any item that takes long.
   */
  putOff(scheduledAt: number, items: readonly number[]): void {
    const job = this.job();
    if (items.length === 0 || !oncePhases(job.listeners).includes('started')) return;
    if (!this.#isAwaited(job, scheduledAt)) return;
    const round = this.#round(job, 'started', scheduledAt, true);
    this.services.tasks.run('put items off', () =>
      this.#untilClosed(() => this.#openBarrier().putOff(round, items, new AbortController().signal)),
    );
  }

  /** The members changed. */
  wake(): void {
    this.#barrier?.wake();
  }

  /** This instance is leaving. */
  close(): void {
    this.#closed = true;
    this.#barrier?.close();
  }

  #openBarrier(): OnceBarrier {
    if (this.#barrier !== null) return this.#barrier;
    const { registry, clock, identity } = this.services;
    this.#barrier = new OnceBarrier(registry, clock, this.jobName, identity.instanceId, this.#members());
    if (this.#closed) this.#barrier.close();
    return this.#barrier;
  }

  async #pass(
    job: EquippedJob,
    phase: OncePhase,
    run: RunContext,
    timeoutMs: number,
    call: () => Promise<void>,
  ): Promise<void> {
    const [first] = run.contexts;
    if (first === undefined) return;
    const planned = run.source !== 'MANUAL_TRIGGER' && job.schedule !== null;
    const round = this.#round(job, phase, run.scheduledAt, planned);
    // Whoever takes the crashed run over brings its items.
    const { failover, monitorExecution } = job.definition;
    if (phase === 'completed' && failover && monitorExecution && hasLostSession(run)) return;
    const signal = phase === 'started' ? first.signal : new AbortController().signal;
    await this.#openBarrier().pass({ ...round, items: run.items, timeoutMs, signal }, call);
  }

  #heard(event: TraceEvent): void {
    if (event.kind !== 'fire-skipped') return;
    const { source, items, scheduledAt, reason } = event;
    const job = this.job();
    const phases = oncePhases(job.listeners);
    if (phases.length === 0) return;
    const planned = !this.#triggers.includes(scheduledAt);
    if (planned && (source === 'MANUAL_TRIGGER' || !this.#isAwaited(job, scheduledAt))) return;
    const { failover, monitorExecution } = job.definition;
    const mayRun = reason === 'no-session' && failover && monitorExecution;
    for (const phase of phases) {
      this.services.tasks.run('excuse skipped items', () =>
        this.#excuse(this.#round(job, phase, scheduledAt, planned), items, mayRun),
      );
    }
  }

  /** A fire that somebody may be waiting for: not what somebody asked for, nor a fire of the past that is made up for. */
  #isAwaited({ schedule }: EquippedJob, scheduledAt: number): boolean {
    const isRecent = this.services.clock.now() - scheduledAt < AWAITED_MS;
    return isRecent && schedule?.previous(scheduledAt + 1) === scheduledAt;
  }

  #excuse(round: OnceRound, items: readonly number[], mayRun: boolean): Promise<void> {
    return this.#untilClosed(() => this.#openBarrier().excuse(round, items, mayRun, new AbortController().signal));
  }

  async #untilClosed(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      // The session ends with the process: the others see that this instance is gone.
      if (!ElasticJobError.is(error, 'REGISTRY_CLOSED')) throw error;
    }
  }

  #round({ definition }: EquippedJob, phase: OncePhase, scheduledAt: number, planned: boolean): OnceRound {
    const generation = generationOf(scheduledAt, planned);
    return { phase, generation, scheduledAt, itemCount: definition.shardingTotalCount };
  }

  #members(): OnceMembers {
    const sessionOf = (instanceId: string): string | null => {
      const session = this.member.view?.members.get(instanceId)?.session;
      return session === undefined ? null : sessionText(session);
    };
    const isThere = (instanceId: string): boolean => sessionOf(instanceId) !== null;
    return {
      isThere: (session) => [...(this.member.view?.members.keys() ?? [])].some((id) => sessionOf(id) === session),
      sessionOf: (item, at) => {
        const owner = ownerAt(this.member.assignment, item, at);
        return owner === null ? null : sessionOf(owner);
      },
      ownAmong: (items, at) => {
        if (!this.member.isCurrent()) return null;
        return items.filter((item) => ownerAt(this.member.assignment, item, at) === this.services.identity.instanceId);
      },
      isOrphan: (item, at) => {
        if (!this.member.isCurrent()) return false;
        const owner = ownerAt(this.member.assignment, item, at);
        if (owner !== null && isThere(owner)) return false;
        // As long as the item is with somebody who is gone, it is about to be given to another, perhaps for this fire too.
        const present = ownerAt(this.member.assignment, item, Number.POSITIVE_INFINITY);
        return present === null || isThere(present) || this.job().definition.staticSharding;
      },
    };
  }
}

function hasLostSession({ contexts }: RunContext): boolean {
  return contexts.some(({ signal }) => signal.aborted && ElasticJobError.is(signal.reason, 'SESSION_LOST'));
}
