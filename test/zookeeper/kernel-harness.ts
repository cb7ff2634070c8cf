import {
  createEngine,
  defineJob,
  type Engine,
  type EngineOptions,
  type ExtensionSet,
  extensionModule,
  type JobOptions,
  type Registry,
  type ShardingContext,
  type SkipReason,
  silentLogger,
  type TraceEvent,
} from '@elasticjob/core';
import { MemoryTraceSink } from '@elasticjob/core/testing';
import { startProxy, type TcpProxy } from '@elasticjob/test-support';
import { deferred } from '../../packages/core/src/foundation/deferred.js';
import type { DriverSession } from '../../packages/core/src/registry/driver.js';
import { loadNativePackage, type NativeClient } from '../../packages/core/src/registry/native-driver-package.js';
import { orNull } from '../../packages/core/src/registry/refusal.js';
import { SessionRegistry } from '../../packages/core/src/registry/session-registry.js';
import { type Client, driverOf } from './drivers.js';

/** One call of the job's handler. */
export interface Call {
  readonly instance: string;
  readonly item: number;
  readonly scheduledAt: number;
  readonly context: ShardingContext;
}

/** What a test holds of one instance: an engine behind a network of its own. */
export interface Node {
  readonly name: string;
  readonly instanceId: string;
  readonly engine: Engine;
  readonly proxy: TcpProxy;
  readonly traces: MemoryTraceSink;
}

/** Settings of a {@link KernelCluster}. */
export interface KernelClusterOptions {
  readonly job?: Partial<JobOptions>;
  readonly work?: (context: ShardingContext, instance: string) => void | Promise<void>;
  readonly engine?: Partial<EngineOptions>;
  readonly digest?: string;
  /** What an instance has besides what the kernel brings. */
  readonly extensions?: (instance: string) => ExtensionSet;
  /** Default `'wire'`. */
  readonly client?: Client;
}

export const JOB = 'job';
export const SESSION_MS = 4_000;
export const SECOND = 1_000;
/** A job that fires only when asked to. */
export const YEARLY = { cron: '0 0 0 1 1 *' } as const;

let counter = 0;

/**
 * Instances of one job on a real server, in a namespace of their own. The job fires every second for six items unless
 * told otherwise.
 */
export class KernelCluster {
  readonly namespace = `kernel-${process.pid}-${Date.now()}-${counter++}`;
  readonly calls: Call[] = [];
  readonly nodes = new Map<string, Node>();
  readonly #operators: Registry[] = [];
  readonly #waiting = new Set<() => void>();
  #started = 0;

  constructor(
    private readonly connectString: string,
    private readonly options: KernelClusterOptions = {},
  ) {}

  /** Starts an instance; resolves when it has joined, not when it owns anything. */
  async start(name: string, overrides: { job?: Partial<JobOptions>; digest?: string } = {}): Promise<Node> {
    this.#started += 1;
    const instanceId = `10.0.0.${this.#started}@-@${name}`;
    const [host = '', port = ''] = this.connectString.split(',')[0]?.split(':') ?? [];
    const proxy = await startProxy(Number(port), host);
    const traces = new MemoryTraceSink();
    const digest = overrides.digest ?? this.options.digest;
    const settings: EngineOptions = {
      registry: {
        connectString: `127.0.0.1:${proxy.port}`,
        namespace: this.namespace,
        sessionTimeoutMilliseconds: SESSION_MS,
        baseSleepTimeMilliseconds: 100,
        client: this.#client,
        ...(digest === undefined ? {} : { digest }),
      },
      instanceId,
      logger: silentLogger,
      traceSinks: [traces, { emit: () => this.#announce() }],
      ...this.options.engine,
    };
    const engine = createEngine(settings, extensionModule(this.options.extensions?.(name) ?? {}));
    const node = { name, instanceId, engine, proxy, traces };
    this.nodes.set(name, node);
    await engine.start();
    await engine.add(this.definition(overrides.job), { execute: (context) => this.#execute(context, name) });
    return node;
  }

  get #client(): Client {
    return this.options.client ?? 'wire';
  }

  definition(job: Partial<JobOptions> = {}): ReturnType<typeof defineJob> {
    const common = { name: JOB, cron: '* * * * * *', shardingTotalCount: 6, timeZone: 'UTC' };
    return defineJob({ ...common, ...this.options.job, ...job });
  }

  /** Starts instances and resolves when the items are shared by all of them. */
  async share(...names: readonly string[]): Promise<Node[]> {
    const nodes = [];
    for (const name of names) nodes.push(await this.start(name));
    await this.shared(...names);
    return nodes;
  }

  /** Resolves when each of these instances knows its part and together they own all items, each once. */
  async shared(...names: readonly string[]): Promise<void> {
    await this.until(() => {
      const parts = names.map((name) => this.status(name).items);
      const items = parts.flat();
      return (
        parts.every((part) => part.length > 0) &&
        items.length === this.definition().shardingTotalCount &&
        new Set(items).size === items.length
      );
    });
  }

  async stop(name: string): Promise<void> {
    await this.node(name).engine.stop();
    await this.node(name).proxy.stop();
    this.nodes.delete(name);
  }

  async end(): Promise<void> {
    await Promise.all(
      [...this.nodes.values()].map(async ({ proxy, engine }) => {
        await proxy.restore();
        await engine.stop();
        await proxy.stop();
      }),
    );
    this.nodes.clear();
    await Promise.all(this.#operators.splice(0).map((registry) => registry.stop()));
  }

  node(name: string): Node {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no instance '${name}' runs`);
    return node;
  }

  status(name: string): ReturnType<ReturnType<Engine['job']>['status']> {
    return this.node(name).engine.job(JOB).status();
  }

  /** A client that takes no part in the job, as an operator's, or as a Java member's. */
  async operator(digest = this.options.digest): Promise<Registry> {
    const common = { sessionTimeoutMilliseconds: SESSION_MS, ...(digest === undefined ? {} : { digest }) };
    const { connectString, namespace } = this;
    const driver = driverOf(this.#client, { ...common, connectString });
    const registry = new SessionRegistry({ ...common, namespace, driver, describe: connectString });
    this.#operators.push(registry);
    await registry.start();
    return registry;
  }

  /** Resolves when `predicate` holds; asked again with every trace event and every call. */
  async until(predicate: () => boolean): Promise<void> {
    while (!predicate()) {
      const changed = deferred();
      this.#waiting.add(changed.resolve);
      await changed.promise;
    }
  }

  /** Resolves when the fire of this planned time, and so every earlier one, has ended for all items. */
  async past(scheduledAt: number): Promise<void> {
    await this.until(() => [...this.nodes.values()].some(({ traces }) => hasBegunAfter(traces.events, scheduledAt)));
  }

  /** Fires planned in `[from, to]` that did not run exactly once for every item: planned time and items with counts. */
  irregular(from: number, to: number, count = this.definition().shardingTotalCount): string[] {
    const fires = Array.from({ length: Math.floor((to - from) / SECOND) + 1 }, (_, n) => from + n * SECOND);
    return fires.flatMap((fire) => {
      const calls = this.calls.filter(({ scheduledAt }) => scheduledAt === fire);
      const runs = Array.from({ length: count }, (_, item) => calls.filter((call) => call.item === item).length);
      return runs.every((times) => times === 1) ? [] : [`${new Date(fire).toISOString()}: ${runs.join()}`];
    });
  }

  async #execute(context: ShardingContext, instance: string): Promise<void> {
    const { shardingItem: item, scheduledAt } = context;
    this.calls.push({ instance, item, scheduledAt, context });
    this.#announce();
    await this.options.work?.(context, instance);
  }

  #announce(): void {
    // After the event's own consequences: a status is read, not an event.
    setImmediate(() => {
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      for (const wake of waiting) wake();
    });
  }
}

function hasBegunAfter(events: readonly TraceEvent[], scheduledAt: number): boolean {
  return events.some((event) => event.kind === 'item-finished' && event.scheduledAt > scheduledAt);
}

/** The next whole second. */
export function nextSecond(): number {
  return Math.floor(Date.now() / SECOND) * SECOND + SECOND;
}

/** The coordination events of an instance, by name. */
export function coordination(node: Node): string[] {
  return node.traces.of('coordination').map(({ event }) => event);
}

/** Items for which an instance skipped fires for this reason, ascending, each once. */
export function skipped(node: Node, reason: SkipReason): number[] {
  const items = node.traces.of('fire-skipped').flatMap((event) => (event.reason === reason ? event.items : []));
  return [...new Set(items)].sort((one, other) => one - other);
}

/**
 * Everything below a path: relative path → value, with `E` in front of ephemeral nodes' values and `P` of others'. What goes
 * while it is read is left out.
 */
export async function dump(session: DriverSession, root: string): Promise<Record<string, string>> {
  const nodes: Record<string, string> = {};
  const visit = async (path: string): Promise<void> => {
    const node = await orNull(session.get(path));
    const list = node === null ? null : await orNull(session.children(path));
    if (node === null || list === null) return;
    nodes[path.slice(root.length + 1)] = `${node.stat.ephemeralOwner === 0n ? 'P' : 'E'} ${node.value}`;
    for (const name of list.names) await visit(`${path}/${name}`);
  };
  await visit(root);
  return nodes;
}

/** The access control lists of nodes: path → entries as `scheme:id:permissions`. */
export async function accessLists(
  connectString: string,
  digest: string,
  paths: readonly string[],
): Promise<Map<string, string[]>> {
  const client: NativeClient = new (loadNativePackage())({
    connect: connectString,
    timeout: SESSION_MS,
    debug_level: 0,
    host_order_deterministic: false,
  });
  const connected = deferred();
  client.on('connect', () => connected.resolve());
  client.init({});
  await connected.promise;
  const authorized = deferred();
  client.add_auth('digest', digest, () => authorized.resolve());
  await authorized.promise;
  const read = async (path: string): Promise<[string, string[]]> => {
    const found = deferred<string[]>();
    client.a_get_acl(path, (code, text, acl) => {
      if (code === 0) found.resolve(acl.map(({ scheme, auth, perms }) => `${scheme}:${auth}:${perms}`));
      else found.reject(new Error(`${path}: ${text}`));
    });
    return [path, await found.promise];
  };
  try {
    return new Map(await Promise.all(paths.map(read)));
  } finally {
    client.removeAllListeners();
    client.close();
  }
}
