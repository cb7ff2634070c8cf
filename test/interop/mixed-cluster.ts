import {
  createEngine,
  defineJob,
  type Engine,
  type EngineOptions,
  type ExtensionSet,
  extensionModule,
  type JobOptions,
  type JobStatus,
  type Registry,
  type ShardingContext,
  silentLogger,
} from '@elasticjob/core';
import { MemoryTraceSink } from '@elasticjob/core/testing';
import { JAVA_JOB, type JavaEvent, type JavaJob, type JavaMember, startJava } from '@elasticjob/interop';
import { startProxy, type TcpProxy } from '@elasticjob/test-support';
import { jobPath, layout } from '../../packages/core/src/coordination/job-layout.js';
import { untilAbsent } from '../../packages/core/src/coordination/node-absence.js';
import { deferred } from '../../packages/core/src/foundation/deferred.js';
import { SessionRegistry } from '../../packages/core/src/registry/session-registry.js';
import { driverOf } from '../zookeeper/drivers.js';
import { JobNodes, watchNodes } from './job-nodes.js';

export const JOB = 'job';
export const SESSION_MS = 4_000;
/** A job that fires only when asked to. */
export const YEARLY = '0 0 0 1 1 ?';

/** One call of an item's handler, by whichever member. */
export interface Run {
  /** Instance id of the member. */
  readonly by: string;
  readonly item: number;
  /** Epoch milliseconds, by the clock of this machine, which all share. */
  readonly beganAt: number;
  /** `null` while it runs. */
  endedAt: number | null;
}

/** A process of Java, behind a network of its own. */
export type JavaNode = JavaMember & { readonly proxy: TcpProxy };

/** A TypeScript member, behind a network of its own. */
export interface TsMember {
  readonly instanceId: string;
  readonly ip: string;
  readonly engine: Engine;
  readonly proxy: TcpProxy;
  readonly traces: MemoryTraceSink;
  /** What each call of the handler was given. */
  readonly contexts: ShardingContext[];
  status(): JobStatus;
}

/** Options of the job that both languages know. */
export type SharedOptions = Partial<Omit<JavaJob, 'jobName' | 'tracing' | 'jobListenerTypes'>>;

/** What the handler of TypeScript members does. */
export type TsWork = (context: ShardingContext) => void | Promise<void>;

let counter = 0;

/**
 * Members of one job in both languages on a real server, in a namespace of their own. The job fires every second for four
 * items unless told otherwise, and makes up for no misfire.
 */
export class MixedCluster {
  readonly namespace = `interop-${process.pid}-${Date.now()}-${counter++}`;
  readonly runs: Run[] = [];
  readonly #javas: JavaMember[] = [];
  readonly #tss: TsMember[] = [];
  readonly #proxies: TcpProxy[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #options: SharedOptions & { readonly cron: string; readonly shardingTotalCount: number };
  #operator: SessionRegistry | null = null;
  #nodes: JobNodes | null = null;
  #addresses = 0;

  constructor(
    readonly connectString: string,
    options: SharedOptions = {},
    private readonly work: TsWork = () => undefined,
  ) {
    this.#options = { cron: '0/1 * * * * ?', shardingTotalCount: 4, misfire: false, ...options };
  }

  /** Starts looking at the nodes; to be called first. */
  async open(): Promise<this> {
    const common = { sessionTimeoutMilliseconds: SESSION_MS };
    const driver = driverOf('wire', { ...common, connectString: this.connectString });
    const settings = { ...common, namespace: this.namespace, driver, describe: this.connectString };
    this.#operator = new SessionRegistry(settings);
    await this.#operator.start();
    this.#nodes = await watchNodes(this.#operator, JOB, this.#options.shardingTotalCount + 4, () => this.#announce());
    return this;
  }

  /** A client that takes no part in the job, as an operator's. */
  get operator(): Registry {
    if (this.#operator === null) throw new Error('the cluster was not opened');
    return this.#operator;
  }

  /** What stands in ZooKeeper. */
  get nodes(): JobNodes {
    if (this.#nodes === null) throw new Error('the cluster was not opened');
    return this.#nodes;
  }

  /** Starts a process of Java behind a network of its own; it takes no part yet. */
  async java(): Promise<JavaNode> {
    const proxy = await this.#proxy();
    const java = await startJava({
      connectString: `127.0.0.1:${proxy.port}`,
      namespace: this.namespace,
      ip: this.#address(),
      sessionTimeoutMs: SESSION_MS,
      onEvent: (event) => this.#hear(event),
    });
    this.#javas.push(java);
    return Object.assign(java, { proxy });
  }

  /** Starts a process of Java that joins the job. */
  async javaMember(job: Partial<JavaJob> = {}): Promise<JavaNode> {
    const java = await this.java();
    await java.startJob({ jobName: JOB, ...this.#options, ...job });
    return java;
  }

  /** Starts an engine that joins the job, under the identity of a former one if `as` is given. */
  async tsMember(
    job: Partial<JobOptions> = {},
    as?: Pick<TsMember, 'ip' | 'instanceId'>,
    options: Partial<EngineOptions> = {},
    extensions: ExtensionSet = {},
  ): Promise<TsMember> {
    const proxy = await this.#proxy();
    const ip = as?.ip ?? this.#address();
    const instanceId = as?.instanceId ?? `${ip}@-@ts`;
    const traces = new MemoryTraceSink();
    const settings: EngineOptions = {
      registry: {
        connectString: `127.0.0.1:${proxy.port}`,
        namespace: this.namespace,
        sessionTimeoutMilliseconds: SESSION_MS,
        baseSleepTimeMilliseconds: 100,
      },
      instanceId,
      logger: silentLogger,
      traceSinks: [traces, { emit: () => this.#announce() }],
      ...options,
    };
    const engine = createEngine(settings, extensionModule(extensions));
    const contexts: ShardingContext[] = [];
    const member: TsMember = {
      instanceId,
      ip,
      engine,
      proxy,
      traces,
      contexts,
      status: () => engine.job(JOB).status(),
    };
    this.#tss.push(member);
    await engine.start();
    await engine.add(this.definition(job), { execute: (context) => this.#execute(context, member) });
    return member;
  }

  /**
   * A Java member that leads, and a TypeScript member that joined after it; resolves when both own items. One after the
   * other: a Java leader that is assigning items does not notice who comes meanwhile.
   */
  async javaThenTs(): Promise<{ readonly java: JavaNode; readonly ts: TsMember }> {
    const java = await this.javaMember();
    await this.shared(java);
    const ts = await this.tsMember();
    await this.shared(java, ts);
    return { java, ts };
  }

  definition(job: Partial<JobOptions> = {}): ReturnType<typeof defineJob> {
    return defineJob({ name: JOB, className: JAVA_JOB, ...this.#options, ...job });
  }

  /** Resolves when these members own all items, each at least one, and no flag is up. */
  async shared(...members: readonly { readonly instanceId: string }[]): Promise<void> {
    await this.until(() => this.#isShared(members));
  }

  /**
   * The same under a Java leader whose job does not fire by itself: it assigns items when it is to run. Whom it overlooks
   * because it was assigning when they came asks for items later, and then it is to run once more. Told to while it runs,
   * it would drop that without a word: each of its runs is waited for.
   */
  async sharedBy(java: JavaNode, ...members: readonly { readonly instanceId: string }[]): Promise<void> {
    for (;;) {
      await this.until(() => this.#isShared(members) || this.nodes.flags.includes('necessary'));
      if (this.#isShared(members)) return;
      const toldAt = Date.now();
      await java.lifecycle.trigger(JOB);
      await this.#ranItsItems(java.instanceId, toldAt);
    }
  }

  /** Resolves when the items of a member have run since and their marks, the last that there is of a run, are gone. */
  async #ranItsItems(instanceId: string, since: number): Promise<void> {
    const hasRun = (item: number): boolean =>
      this.runs.some(
        (run) => run.by === instanceId && run.item === item && run.beganAt >= since && run.endedAt !== null,
      );
    await this.until(() => {
      const items = this.nodes.itemsOf(instanceId);
      return items.length > 0 && items.every(hasRun);
    });
    const marks = this.nodes.itemsOf(instanceId).map((item) => jobPath(JOB, layout.running(item)));
    await Promise.all(marks.map((mark) => untilAbsent(this.operator, mark)));
  }

  #isShared(members: readonly { readonly instanceId: string }[]): boolean {
    const ids = members.map(({ instanceId }) => instanceId);
    const owners = this.nodes.owners(this.nodes.itemCount);
    return (
      owners.length > 0 &&
      owners.every((owner) => owner !== null && ids.includes(owner)) &&
      ids.every((id) => owners.includes(id)) &&
      this.nodes.flags.length === 0
    );
  }

  /** Runs of an item that began after a moment, by instance id. */
  runsSince(at: number, item?: number): string[] {
    const runs = this.runs.filter((run) => run.beganAt > at && (item === undefined || run.item === item));
    return runs.map(({ by }) => by);
  }

  /** Resolves when each item has begun after `at` at least `times` times. */
  async eachItemRun(at: number, times: number): Promise<void> {
    await this.until(() => {
      const items = Array.from({ length: this.nodes.itemCount }, (_, item) => item);
      return items.every((item) => this.runsSince(at, item).length >= times);
    });
  }

  /** Pairs of runs of one item of which the later began before the earlier had ended, in words. */
  overlaps(): string[] {
    return this.runs.flatMap((one) =>
      this.runs
        .filter((other) => other.item === one.item && other !== one)
        .filter((other) => other.beganAt >= one.beganAt && other.beganAt < (one.endedAt ?? Number.POSITIVE_INFINITY))
        .map(
          (other) =>
            `item ${one.item}: ${one.by} from ${one.beganAt} to ${one.endedAt}, ${other.by} at ${other.beganAt}`,
        ),
    );
  }

  /** Resolves when `predicate` holds; asked again with every event, call and change of a node. */
  async until(predicate: () => boolean): Promise<void> {
    while (!predicate()) {
      const changed = deferred();
      this.#waiting.add(changed.resolve);
      await changed.promise;
    }
  }

  /** Ends everything that was started here. */
  async end(): Promise<void> {
    await Promise.all(this.#javas.map((java) => java.end()));
    await Promise.all(this.#proxies.map((proxy) => proxy.restore()));
    await Promise.all(this.#tss.map(({ engine }) => engine.stop()));
    this.#nodes?.close();
    await this.#operator?.stop();
    await Promise.all(this.#proxies.map((proxy) => proxy.stop()));
  }

  /** Who is who and owns what, and what Java logged: for a person who looks for the cause of a failure. */
  describe(): string {
    const javas = this.#javas.map((java) => `Java, ${java.instanceId}, logged:\n${java.log}`);
    return [JSON.stringify(this.nodes.all(), null, 2), ...javas].join('\n');
  }

  #address(): string {
    this.#addresses += 1;
    return `10.0.0.${this.#addresses}`;
  }

  async #proxy(): Promise<TcpProxy> {
    const [host = '', port = ''] = this.connectString.split(',')[0]?.split(':') ?? [];
    const proxy = await startProxy(Number(port), host);
    this.#proxies.push(proxy);
    return proxy;
  }

  async #execute(context: ShardingContext, { instanceId, contexts }: TsMember): Promise<void> {
    const run: Run = { by: instanceId, item: context.shardingItem, beganAt: Date.now(), endedAt: null };
    this.runs.push(run);
    contexts.push(context);
    this.#announce();
    try {
      await this.work(context);
    } finally {
      run.endedAt = Date.now();
    }
  }

  #hear(event: JavaEvent | null): void {
    if (event?.kind === 'begin') this.#began(event);
    if (event?.kind === 'end') this.#ended(event);
    this.#announce();
  }

  #began({ taskId, item, at }: JavaEvent & { kind: 'begin' }): void {
    this.runs.push({ by: memberOf(taskId), item, beganAt: at, endedAt: null });
  }

  #ended({ taskId, item, at }: JavaEvent & { kind: 'end' }): void {
    const by = memberOf(taskId);
    const run = this.runs.findLast((each) => each.by === by && each.item === item && each.endedAt === null);
    if (run !== undefined) run.endedAt = at;
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

/** The instance id within a Java task id, `job@-@items@-@READY@-@ip@-@pid`. */
function memberOf(taskId: string): string {
  return taskId.split('@-@').slice(3).join('@-@');
}
