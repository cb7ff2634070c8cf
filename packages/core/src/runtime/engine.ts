import type { Container, ContainerModule } from 'inversify';
import type { Clock } from '../foundation/clock.js';
import { ConfigurationError, ElasticJobError, messageOf } from '../foundation/errors.js';
import type { Lifecycle } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import type { JobDefinition } from '../job/definition.js';
import type { JobHandler } from '../job/handlers.js';
import type { InstanceIdentity } from '../job/identity.js';
import type { Deliveries } from '../notification/deliveries.js';
import type { Moderation } from '../notification/moderation.js';
import type { DumpAddress, DumpServer } from '../operations/dump-server.js';
import type { Operations } from '../operations/operations.js';
import type { Registry } from '../registry/registry.js';
import type { AlarmClock } from '../schedule/alarm-clock.js';
import type { TraceSink } from '../tracing/trace-sink.js';
import { createContainer, type JobFactory, TYPES } from './container.js';
import { checkEngineOptions, type EngineOptions } from './engine-options.js';
import { JobHandle } from './job-handle.js';
import type { JobRuntime } from './job-runtime.js';
import type { LoopWatch } from './loop-watch.js';

interface Entry {
  readonly runtime: JobRuntime;
  readonly handle: JobHandle;
  /** Who declared the job, for the error about a second one. */
  readonly origin: string;
}

/** How many jobs are started at the same time; more only queue at the registry. */
const STARTS_AT_ONCE = 64;

/**
 * All jobs of this process over one registry session. Jobs can be added and removed before the start and while running.
 *
 * @example
 * const engine = createEngine({ registry: { connectString: '127.0.0.1:2181', namespace: 'shop' } });
 * await engine.start();
 * const handle = await engine.add(
 *   defineJob({ name: 'invoice', cron: '0/5 * * * * ?', shardingTotalCount: 3 }),
 *   { execute: (context) => sendInvoices(context.shardingItem) },
 * );
 * await handle.trigger();
 * await engine.stop();
 */
export class Engine implements Lifecycle {
  readonly #jobs = new Map<string, Entry>();
  #started: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;

  constructor(private readonly container: Container) {}

  /** Who this process is to the others. */
  get identity(): InstanceIdentity {
    return this.container.get(TYPES.InstanceIdentity);
  }

  /** The registry all jobs coordinate over. */
  get registry(): Registry {
    return this.container.get(TYPES.Registry);
  }

  /** What people can do to the jobs of the namespace, and ask about them; also those that this process does not run. */
  get operations(): Operations {
    return this.container.get(TYPES.Operations);
  }

  /** Where dumps can be asked for over TCP; `null` if `dumpPort` was not given, or cannot be had. */
  get dumpAddress(): DumpAddress | null {
    return this.#dumpServer?.address ?? null;
  }

  /** The jobs that were added and not removed, in the order of adding. */
  get jobs(): JobHandle[] {
    return [...this.#jobs.values()].map(({ handle }) => handle);
  }

  /** The job's handle; throws a `ConfigurationError` naming the known jobs if there is none of this name. */
  job(jobName: string): JobHandle {
    const entry = this.#jobs.get(jobName);
    if (entry !== undefined) return entry.handle;
    const known = [...this.#jobs.keys()].join(', ') || 'none';
    throw new ConfigurationError('UNKNOWN_JOB', `no job '${jobName}' in this process; there are: ${known}`, {
      jobName,
    });
  }

  /**
   * Adds a job; on a running engine also starts it. `origin` tells people who declared it.
   *
   * Throws a `ConfigurationError`: `DUPLICATE_JOB`, `UNKNOWN_EXTENSION`, `INVALID_CONFIGURATION`, `JOB_CLASS_CONFLICT`.
   */
  async add(definition: JobDefinition, handler: JobHandler, origin = 'an anonymous handler'): Promise<JobHandle> {
    if (this.#stopped !== null) throw stoppedEngine();
    const entry = this.#register(definition, handler, origin);
    if (this.#started !== null) {
      await this.#started;
      await this.#startJob(entry);
    }
    return entry.handle;
  }

  /** Stops the job on this instance, in order, and forgets it here. What the registry stores of it stays. */
  async remove(jobName: string): Promise<void> {
    this.job(jobName);
    const entry = this.#jobs.get(jobName);
    await entry?.runtime.stop();
    if (this.#jobs.get(jobName) === entry) this.#jobs.delete(jobName);
  }

  /**
   * Connects and starts all jobs. Rejects if the registry cannot be reached or a job cannot be started; everything that
   * was started is stopped again then.
   */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /** Stops all jobs in order, lets notifications go out, flushes the traces, ends the session. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  get #dumpServer(): DumpServer | null {
    return this.container.get<DumpServer | null>(TYPES.DumpServer);
  }

  get #loopWatch(): LoopWatch | null {
    return this.container.get<LoopWatch | null>(TYPES.LoopWatch);
  }

  #register(definition: JobDefinition, handler: JobHandler, origin: string): Entry {
    const { jobName } = definition;
    const former = this.#jobs.get(jobName);
    if (former !== undefined) {
      throw new ConfigurationError(
        'DUPLICATE_JOB',
        `two jobs are called '${jobName}': ${former.origin} and ${origin}; rename one of them`,
        { jobName },
      );
    }
    const runtime = this.container.get<JobFactory>(TYPES.JobFactory)(definition, handler);
    const entry = { runtime, handle: new JobHandle(runtime, this.operations), origin };
    this.#jobs.set(jobName, entry);
    return entry;
  }

  async #start(): Promise<void> {
    if (this.#stopped !== null) throw stoppedEngine();
    await this.registry.start();
    await this.#dumpServer?.start();
    await this.#loopWatch?.start();
    await this.container.get<AlarmClock>(TYPES.AlarmClock).start();
    const waiting = [...this.#jobs.values()];
    const failures: unknown[] = [];
    const starter = async (): Promise<void> => {
      for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
        await this.#startJob(entry).catch((error: unknown) => failures.push(error));
      }
    };
    await Promise.all(Array.from({ length: STARTS_AT_ONCE }, starter));
    if (failures.length === 0) return;
    await this.stop();
    throw failures.length === 1 ? failures[0] : startFailure(failures);
  }

  async #startJob(entry: Entry): Promise<void> {
    try {
      await entry.runtime.start();
    } catch (error) {
      await entry.runtime.stop();
      this.#jobs.delete(entry.runtime.jobName);
      throw error;
    }
  }

  async #stop(): Promise<void> {
    const since = this.container.get<Clock>(TYPES.Clock).monotonic();
    await Promise.all([...this.#jobs.values()].map(({ runtime }) => runtime.stop()));
    this.container.get<Moderation>(TYPES.Moderation).flush();
    await this.container.get<Deliveries>(TYPES.Deliveries).stop(since);
    await this.container.get<AlarmClock>(TYPES.AlarmClock).stop();
    await this.#loopWatch?.stop();
    await this.#flush();
    // A dump under way ends with the registry at the latest: nobody waits for its answers.
    const dumping = this.#dumpServer?.stop();
    await this.registry.stop();
    await dumping;
  }

  async #flush(): Promise<void> {
    try {
      await this.container.get<TraceSink>(TYPES.Tracing).flush?.();
    } catch (error) {
      this.container.get<Logger>(TYPES.Logger).warn('traces could not be flushed', { error: messageOf(error) });
    }
  }
}

function stoppedEngine(): ElasticJobError {
  return new ElasticJobError('INVALID_STATE', 'the engine was stopped; create another one');
}

function startFailure(failures: readonly unknown[]): ElasticJobError {
  const list = failures.map((failure) => `- ${messageOf(failure)}`).join('\n');
  const ours = failures.filter((failure) => ElasticJobError.is(failure));
  return new ElasticJobError(
    ours[0]?.code ?? 'REGISTRY_FAILURE',
    `${failures.length} jobs could not be started:\n${list}`,
    {
      cause: failures[0],
      retryable: ours.length === failures.length && ours.every(({ retryable }) => retryable),
    },
  );
}

/**
 * An engine with its parts put together; `modules` add to what the kernel binds (see `TYPES`). Throws a
 * `ConfigurationError` that lists everything that is wrong with the options.
 */
export function createEngine(options: EngineOptions, ...modules: readonly ContainerModule[]): Engine {
  checkEngineOptions(options);
  return new Engine(createContainer(options, modules));
}
