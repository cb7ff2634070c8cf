import {
  type Clock,
  createEngine,
  defineJob,
  type Engine,
  extensionModule,
  type JobHandle,
  type JobListener,
  type LogFields,
  type Logger,
  type MisfirePolicy,
  type RunContext,
  type ShardingContext,
  type TraceEvent,
} from '@elasticjob/core';
import { SessionRegistry } from '@elasticjob/core/driver';
import { deferred } from '@elasticjob/core/testing';
import { type ClientKind, type Host, SimulatedDriver } from './client.js';
import type { Ensemble } from './ensemble.js';
import type { History } from './history.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

/** The namespace that all simulated instances share. */
export const NAMESPACE = 'sim';

/** A job of the world, as all instances define it. */
export interface SimulatedJob {
  readonly name: string;
  readonly periodSeconds: number;
  readonly items: number;
  readonly strategy: string;
  readonly poolSize: number;
  readonly failover: boolean;
  /** Whether it has a listener that is called once for all instances. */
  readonly once: boolean;
  readonly misfirePolicy: MisfirePolicy;
}

/** One call of a listener that is called once for all instances. */
export interface OnceCall {
  readonly process: SimulatedProcess;
  readonly jobName: string;
  readonly phase: 'started' | 'completed';
  readonly scheduledAt: number;
  /** Session of the process at the start. */
  readonly session: bigint;
  settled: boolean;
}

/** One call of a handler. */
export interface Call {
  readonly process: SimulatedProcess;
  readonly jobName: string;
  readonly item: number;
  readonly token: bigint;
  readonly scheduledAt: number;
  /** Session of the process as it knew it at the start. */
  readonly epoch: number;
  readonly context: ShardingContext;
  /** True time at which it was called. */
  readonly startedAt: number;
  /** True time at which the handler settled; `null` while it has not. */
  settledAt: number | null;
}

/** Who hears of what an instance does. */
export interface Witness {
  called(call: Call): void;
  settled(call: Call): void;
  calledOnce(call: OnceCall): void;
  traced(process: SimulatedProcess, event: TraceEvent): void;
  sessionChanged(process: SimulatedProcess, state: string): void;
}

/** What all processes are made with. */
export interface ProcessParts {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly ensemble: Ensemble;
  readonly history: History;
  readonly witness: Witness;
  readonly jobs: readonly SimulatedJob[];
  readonly kind: ClientKind;
  readonly sessionTimeoutMs: number;
  readonly delay: () => number;
  /** How handlers behave in this history. */
  readonly temper: HandlerTemper;
  readonly skewMs: number;
  /** How much faster than true time the wall clock runs, as a share. */
  readonly drift: number;
}

/** Shares of handlers that do not simply succeed soon. */
export interface HandlerTemper {
  readonly slow: number;
  readonly hung: number;
  readonly failing: number;
}

/** One process with the real kernel in it: what stands around the kernel is simulated. */
export class SimulatedProcess implements Host {
  paused = false;
  gone = false;
  networkCut = false;
  /** Asked to leave, and left. */
  leaving = false;
  left = false;
  started = false;
  readonly startedAt: number;
  readonly ip: string;
  readonly driver: SimulatedDriver;
  readonly registry: SessionRegistry;
  readonly engine: Engine;
  readonly handles = new Map<string, JobHandle>();
  readonly calls = new Set<Call>();
  /** All sessions that this process ever had. */
  readonly sessions = new Set<bigint>();

  constructor(
    readonly instanceId: string,
    private readonly parts: ProcessParts,
  ) {
    const { timeline, kind, sessionTimeoutMs } = parts;
    this.startedAt = timeline.now;
    this.ip = instanceId.slice(0, instanceId.indexOf('@'));
    const clock = processClock(this, parts);
    const logger = this.#logger({});
    this.driver = new SimulatedDriver({ ...parts, host: this, pause: () => parts.random.between(0, 300) });
    this.registry = new SessionRegistry({
      driver: this.driver,
      describe: `simulated ${kind}`,
      namespace: NAMESPACE,
      clock,
      logger,
      sessionTimeoutMilliseconds: sessionTimeoutMs,
      waitForRegistry: true,
      wantsFirstNode: true,
      // Without retries it is not known what became of any request whose connection was lost.
      maxRetries: parts.random.chance(0.5) ? 0 : 3,
    });
    this.registry.onSession(({ state, id }) => {
      if (state === 'connected') this.sessions.add(id);
      parts.witness.sessionChanged(this, state);
    });
    this.engine = createEngine(
      {
        registry: this.registry,
        instanceId,
        clock,
        logger,
        traceSinks: [{ emit: (event) => parts.witness.traced(this, event) }],
        drainTimeoutMs: 6000,
        abortGraceMs: 1000,
        handoverTimeoutMs: 3000,
      },
      extensionModule({ listeners: [this.#onceListener()] }),
    );
  }

  /** The name in histories: what tells instances apart. */
  get name(): string {
    return this.instanceId.slice(this.instanceId.lastIndexOf('.') + 1);
  }

  /** Whether it takes part: it runs and nobody asked it to go. */
  get takesPart(): boolean {
    return !this.gone && !this.leaving && !this.left;
  }

  /** Starts the engine with all jobs. What became of it is noted in the history. */
  start(): void {
    const { history, jobs } = this.parts;
    history.note(this.name, () => 'starts');
    this.#start(jobs).then(
      () => {
        this.started = true;
        history.note(this.name, () => 'has started');
      },
      (error: unknown) => {
        history.note(this.name, () => `could not start: ${String(error).split('\n')[0]}`);
        this.gone = true;
      },
    );
  }

  /** Leaves in order. */
  leave(): void {
    if (this.leaving) return;
    this.leaving = true;
    // It may be cut off already.
    this.parts.witness.sessionChanged(this, this.registry.session.state);
    const { history } = this.parts;
    history.note(this.name, () => 'is asked to leave');
    this.engine.stop().then(
      () => {
        history.note(this.name, () => 'has left');
        this.left = true;
        // The process exits, whatever a handler still does.
        this.gone = true;
      },
      (error: unknown) => {
        history.note(this.name, () => `could not leave: ${String(error)}`);
        this.gone = true;
      },
    );
  }

  /** Ends without a word. `silent`: the machine went with it, and nobody is told that its connection is gone. */
  crash(silent: boolean): void {
    this.parts.history.note(this.name, () => (silent ? 'crashes with its machine' : 'crashes'));
    this.gone = true;
    this.driver.disconnect(silent);
  }

  pause(): void {
    this.parts.history.note(this.name, () => 'stands still');
    this.paused = true;
  }

  resume(): void {
    if (!this.paused || this.gone) return;
    this.parts.history.note(this.name, () => 'goes on');
    this.paused = false;
    this.parts.timeline.release(this);
  }

  async #start(jobs: readonly SimulatedJob[]): Promise<void> {
    for (const job of jobs) {
      const definition = defineJob(
        {
          name: job.name,
          cron: `0/${job.periodSeconds} * * * * ?`,
          timeZone: 'UTC',
          shardingTotalCount: job.items,
          jobShardingStrategyType: job.strategy,
          jobExecutorThreadPoolSizeProviderType: job.poolSize,
          jobErrorHandlerType: 'IGNORE',
          failover: job.failover,
          jobListenerTypes: job.once ? ['ONCE'] : [],
          misfirePolicy: job.misfirePolicy,
        },
        { now: this.parts.timeline.now },
      );
      const handle = await this.engine.add(definition, { execute: (context) => this.#execute(context) });
      this.handles.set(job.name, handle);
    }
    await this.engine.start();
  }

  async #execute(context: ShardingContext): Promise<void> {
    const { jobName, shardingItem: item, fencingToken: token = 0n, scheduledAt } = context;
    const { epoch } = this.registry.session;
    const startedAt = this.parts.timeline.now;
    const call: Call = { process: this, jobName, item, token, scheduledAt, epoch, context, startedAt, settledAt: null };
    const { timeline, witness } = this.parts;
    witness.called(call);
    this.calls.add(call);
    try {
      await this.#work(call);
    } finally {
      call.settledAt = timeline.now;
      this.calls.delete(call);
      witness.settled(call);
    }
  }

  #onceListener(): JobListener {
    return {
      type: 'ONCE',
      beforeJobExecutedAtLastStarted: (run) => this.#callOnce('started', run),
      afterJobExecutedAtLastCompleted: (run) => this.#callOnce('completed', run),
      startedTimeoutMs: 2000,
      completedTimeoutMs: 20_000,
    };
  }

  async #callOnce(phase: OnceCall['phase'], { jobName, scheduledAt, source }: RunContext): Promise<void> {
    if (source === 'MANUAL_TRIGGER') return;
    const { random, witness } = this.parts;
    const session = this.registry.session.id;
    const call: OnceCall = { process: this, jobName, phase, scheduledAt, session, settled: false };
    witness.calledOnce(call);
    if (random.chance(0.3)) await this.#wait(random.between(1, 600));
    call.settled = true;
  }

  async #work({ context }: Call): Promise<void> {
    const { random, temper } = this.parts;
    const draw = random.next();
    if (draw < temper.failing / 2) throw new Error('failed at once');
    if (draw < temper.failing) {
      await this.#wait(random.between(1, 300));
      throw new Error('failed');
    }
    // What hangs does not look at its signal.
    if (draw < temper.failing + temper.hung) return this.#wait(random.between(3000, 8000));
    const patience =
      draw < temper.failing + temper.hung + temper.slow ? random.between(500, 4000) : random.between(1, 200);
    await this.#wait(patience, context.signal);
  }

  async #wait(ms: number, signal?: AbortSignal): Promise<void> {
    const done = deferred();
    const { timeline } = this.parts;
    timeline.after(ms, this, () => done.resolve());
    signal?.addEventListener('abort', () => done.reject(signal.reason), { once: true });
    if (signal?.aborted) done.reject(signal.reason);
    await done.promise;
  }

  #logger(fields: LogFields): Logger {
    const log = (level: string) => (text: string, own?: LogFields) => {
      const values = (): string[] =>
        Object.entries({ ...fields, ...own }).map(([key, value]) => `${key}=${String(value)}`);
      this.parts.history.note(this.name, () => `${level}: ${text} ${values().join(' ')}`);
    };
    return {
      debug: log('debug'),
      info: log('info'),
      warn: log('warn'),
      error: log('error'),
      child: (more) => this.#logger({ ...fields, ...more }),
    };
  }
}

/** The clocks of one machine: its wall clock may differ from the true time; its timers are never early, often late. */
function processClock(actor: SimulatedProcess, { timeline, random, skewMs, drift }: ProcessParts): Clock {
  const start = timeline.now;
  return {
    now: () => Math.floor(timeline.now + skewMs + (timeline.now - start) * drift),
    monotonic: () => timeline.now - start,
    setTimer(ms, callback) {
      const late = random.chance(0.02) ? random.between(0, 80) : random.between(0, 1.5);
      const happening = timeline.after(Math.ceil(Math.max(1, ms)) + late, actor, callback);
      return {
        cancel: () => {
          happening.cancelled = true;
        },
      };
    },
  };
}
