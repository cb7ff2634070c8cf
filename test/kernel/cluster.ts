import {
  type CoordinationTrace,
  createEngine,
  defineJob,
  type Engine,
  type EngineOptions,
  type ExtensionSet,
  extensionModule,
  type InstanceLabels,
  type JobHandler,
  type JobOptions,
  type Registry,
  type ShardingContext,
  silentLogger,
} from '@elasticjob/core';
import { ManualClock, MemoryServer, MemoryTraceSink, settle } from '@elasticjob/core/testing';

/** One call of the job's handler, as the test saw it. */
export interface Call {
  readonly instance: string;
  readonly item: number;
  readonly scheduledAt: number;
  readonly token: bigint | undefined;
}

/** What a test holds of one instance. */
export interface Node {
  readonly name: string;
  readonly instanceId: string;
  readonly engine: Engine;
  readonly registry: Registry;
  readonly traces: MemoryTraceSink;
}

/** Settings of a {@link Cluster}. */
export interface ClusterOptions {
  readonly job?: Partial<JobOptions>;
  /** What the handler does; by default nothing. */
  readonly work?: (context: ShardingContext, instance: string) => void | Promise<void>;
  readonly engine?: Partial<EngineOptions>;
  readonly atomicCommit?: boolean;
  readonly recursiveWatch?: boolean;
  /** What an instance has besides what the kernel brings. */
  readonly extensions?: (instance: string) => ExtensionSet;
  readonly sessionTimeoutMilliseconds?: number;
}

/** What an instance has that others have not. */
export interface StartOptions {
  readonly instanceId?: string;
  readonly labels?: InstanceLabels;
  readonly job?: Partial<JobOptions>;
}

export const JOB = 'job';
export const SECOND = 1000;

/**
 * Instances of one job over one memory server, with the clock in the test's hand. The job fires every second for three
 * items unless told otherwise.
 */
export class Cluster {
  readonly clock = new ManualClock('2027-01-01T00:00:00.500Z');
  readonly server = new MemoryServer({ clock: this.clock });
  readonly calls: Call[] = [];
  readonly nodes = new Map<string, Node>();
  #started = 0;

  constructor(private readonly options: ClusterOptions = {}) {}

  /** Starts an instance and waits until nothing moves any more. */
  async start(name: string, overrides: StartOptions = {}): Promise<Node> {
    this.#started += 1;
    const instanceId = overrides.instanceId ?? `10.0.0.${this.#started}@-@${name}`;
    const { atomicCommit = true, recursiveWatch = true, sessionTimeoutMilliseconds = 10_000 } = this.options;
    const driver = { atomicCommit, recursiveWatch, sessionTimeoutMilliseconds };
    const registry = this.server.registry({ namespace: 'test', ...driver });
    const traces = new MemoryTraceSink();
    const options = {
      registry,
      instanceId,
      labels: overrides.labels ?? {},
      clock: this.clock,
      logger: silentLogger,
      traceSinks: [traces],
      ...this.options.engine,
    };
    const engine = createEngine(options, extensionModule(this.options.extensions?.(name) ?? {}));
    const node = { name, instanceId, engine, registry, traces };
    this.nodes.set(name, node);
    await engine.start();
    await engine.add(this.definition(overrides.job), this.#handler(name));
    await settle();
    return node;
  }

  definition(job: Partial<JobOptions> = {}): ReturnType<typeof defineJob> {
    const options = {
      name: JOB,
      cron: '* * * * * *',
      shardingTotalCount: 3,
      timeZone: 'UTC',
      ...this.options.job,
      ...job,
    };
    return defineJob(options, { now: this.clock.now() });
  }

  /** Ends a process without a goodbye: nothing of it is heard again, and its session expires. */
  async kill(name: string): Promise<void> {
    const { registry, engine } = this.node(name);
    const { id } = registry.session;
    this.server.cut(id);
    this.server.expire(id);
    this.nodes.delete(name);
    void engine.stop();
    await settle();
  }

  async stop(name: string): Promise<void> {
    const stopped = this.node(name).engine.stop();
    for (let left = 300; left > 0 && !(await isSettled(stopped)); left--) await this.clock.advance(100);
    await stopped;
    this.nodes.delete(name);
  }

  /** Ends the test. */
  async end(): Promise<void> {
    for (const name of [...this.nodes.keys()]) await this.stop(name);
  }

  node(name: string): Node {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no instance '${name}' runs`);
    return node;
  }

  /** Owner of each item, by the names of the instances, as the nodes of the registry say. */
  async owners(count = 3): Promise<string[]> {
    const [node] = this.nodes.values();
    const read = async (item: number): Promise<string> =>
      nameOf((await node?.registry.read(`${JOB}/sharding/${item}/instance`))?.value);
    return Promise.all(Array.from({ length: count }, (_, item) => read(item)));
  }

  /** The next whole second. */
  async nextFire(): Promise<number> {
    const at = Math.floor(this.clock.now() / SECOND) * SECOND + SECOND;
    await this.clock.advanceTo(at);
    return at;
  }

  /** Who was called for a fire: one `instance:item` per call, sorted. */
  ranAt(scheduledAt: number): string[] {
    return this.calls
      .filter((call) => call.scheduledAt === scheduledAt)
      .map((call) => `${call.instance}:${call.item}`)
      .sort();
  }

  /** Items that were called for a fire, sorted, with repetitions. */
  itemsAt(scheduledAt: number): number[] {
    return this.calls
      .filter((call) => call.scheduledAt === scheduledAt)
      .map((call) => call.item)
      .sort();
  }

  #handler(instance: string): JobHandler {
    return {
      execute: async (context) => {
        const { shardingItem: item, scheduledAt, fencingToken: token } = context;
        this.calls.push({ instance, item, scheduledAt, token });
        await this.options.work?.(context, instance);
      },
    };
  }
}

/** What is asked of the registry from now on, `verb path` for each request. */
export function recordRequests(registry: Registry): string[] {
  const requests: string[] = [];
  const verbs = ['read', 'children', 'create', 'ensure', 'put', 'write', 'remove', 'commit', 'watchTree'] as const;
  for (const verb of verbs) {
    const send = registry[verb].bind(registry) as (...args: unknown[]) => Promise<never>;
    registry[verb] = (...args: unknown[]) => {
      requests.push(`${verb} ${String(args[0])}`);
      return send(...args);
    };
  }
  return requests;
}

/** The coordination events of an instance, by name. */
export function coordination(node: Node): CoordinationTrace['event'][] {
  return node.traces.of('coordination').map(({ event }) => event);
}

/** Why fires were skipped on an instance: `reason:items`. */
export function skips(node: Node): string[] {
  return node.traces.of('fire-skipped').map(({ reason, items }) => `${reason}:${items.join()}`);
}

/** The last part of an instance id, which tests use as its name. */
export function nameOf(instanceId: string | undefined): string {
  return instanceId?.split('@-@')[1] ?? 'nobody';
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const mark = (): void => {
    settled = true;
  };
  promise.then(mark, mark);
  await settle();
  return settled;
}
