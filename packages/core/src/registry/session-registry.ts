import { StoppedError } from '../foundation/abort.js';
import { type Clock, systemClock } from '../foundation/clock.js';
import { ElasticJobError, RegistryError } from '../foundation/errors.js';
import { TaskGroup } from '../foundation/lifecycle.js';
import { type Logger, silentLogger } from '../foundation/logger.js';
import { commitAtomically, commitInStages } from './commit.js';
import type { Driver, DriverSession } from './driver.js';
import { ensure, removeAll, withParents } from './node-requests.js';
import { orNull } from './refusal.js';
import type {
  Capabilities,
  ChildList,
  CommitResult,
  CreateMode,
  CreateResult,
  ExclusiveMode,
  GroupOption,
  NodeStat,
  Operation,
  Registry,
  RegistryNode,
  Selection,
  Session,
  TreeListener,
  TreeWatch,
  WriteResult,
} from './registry.js';
import { REGISTRY_DEFAULTS, type RegistryDefaults, type RegistryOptions } from './registry-options.js';
import { below, relativeTo, validPath } from './registry-path.js';
import { RegistryRequests, unknownResult } from './registry-requests.js';
import { RequestGroup, sendTransaction } from './request-group.js';
import { assertCommitSize, assertRequestSize } from './request-size.js';
import { SessionKeeper } from './session-keeper.js';
import { WatchedTree } from './tree-watch.js';

/** What a {@link SessionRegistry} is made of. */
export interface SessionRegistryOptions extends RegistryOptions {
  readonly driver: Driver;
  /** Where the server is (its connect string), for messages. */
  readonly describe: string;
  /**
   * Whether the first node of a path, which is a job's own, is to be there already when something below it is made. Where
   * it is missing that fails as `NO_NODE`, so that nobody who is still at work brings back a job that was removed.
   */
  readonly wantsFirstNode?: boolean | undefined;
}

/**
 * A {@link Registry} over any {@link Driver}: namespace, parents, sessions that follow one another, and an honest answer
 * to what became of a request whose connection was lost.
 *
 * @example
 * const registry = new SessionRegistry({ driver, describe: connectString, namespace: 'shop' });
 * await registry.start();
 */
export class SessionRegistry implements Registry {
  readonly #options: SessionRegistryOptions & RegistryDefaults;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #keeper: SessionKeeper;
  readonly #requests: RegistryRequests;
  readonly #tasks: TaskGroup;
  readonly #watches = new Set<WatchedTree>();
  readonly #creating = new Map<string, Promise<unknown>>();
  #grouping: RequestGroup | null = null;
  #started: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: SessionRegistryOptions) {
    this.#options = { ...REGISTRY_DEFAULTS, ...definedOf(options) };
    this.#root = `/${validPath(options.namespace)}`;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#tasks = new TaskGroup(this.#logger);
    this.#keeper = new SessionKeeper({
      driver: options.driver,
      clock: this.#clock,
      logger: this.#logger,
      policy: this.#options,
      user: options.digest?.split(':', 1)[0],
      describe: options.describe,
    });
    this.#requests = new RegistryRequests(this.#keeper, this.#options, options.describe);
  }

  get capabilities(): Capabilities {
    return this.#options.driver.capabilities;
  }

  get session(): Session {
    return this.#keeper.session;
  }

  onSession(listener: (session: Session) => void): () => void {
    return this.#keeper.onChange(listener);
  }

  /**
   * Resolves once connected. Fails with `CONNECTION_TIMEOUT` or `AUTH_FAILED`, and the registry is closed then; with
   * `waitForRegistry` it goes on trying.
   */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async read(path: string): Promise<RegistryNode | null> {
    const full = this.#full(path);
    return this.#requests.run(path, async (driver) => {
      const found = await orNull(driver.get(full));
      if (found === null) return null;
      this.#requests.saw(found.stat);
      return { path, ...found };
    });
  }

  async children(path: string): Promise<ChildList | null> {
    const full = this.#full(path);
    return this.#requests.run(path, async (driver) => {
      const found = await orNull(driver.children(full));
      if (found === null) return null;
      this.#requests.saw(found.stat);
      return { names: found.names.sort(), stat: found.stat };
    });
  }

  async create(
    path: string,
    value: string,
    mode: CreateMode,
    { grouped = false }: GroupOption = {},
  ): Promise<CreateResult> {
    const full = this.#full(path);
    assertRequestSize(path, value);
    const former = this.#creating.get(full);
    const { epoch } = this.#requests;
    const create = async (): Promise<CreateResult> => {
      // One at a time for each path, so that a node found after a lost answer is known not to be an earlier call's.
      await former?.catch(() => undefined);
      this.#requests.assertAlive(path, epoch);
      return isSequential(mode)
        ? this.#createSequential(path, full, value, mode)
        : this.#createExclusive(path, full, value, mode, grouped);
    };
    const creation = create();
    this.#creating.set(full, creation);
    try {
      return await creation;
    } finally {
      if (this.#creating.get(full) === creation) this.#creating.delete(full);
    }
  }

  async ensure(path: string, value = ''): Promise<void> {
    const full = this.#full(path);
    assertRequestSize(path, value);
    await this.#requests.run(path, (driver) => ensure(driver, full, value, this.#top(path)));
  }

  async put(path: string, value: string): Promise<void> {
    const full = this.#full(path);
    assertRequestSize(path, value);
    await this.#requests.run(path, (driver) => this.#put(driver, path, full, value));
  }

  async write(path: string, value: string, version: number): Promise<WriteResult> {
    const full = this.#full(path);
    assertRequestSize(path, value);
    const attempt = async (driver: DriverSession, doubt: boolean): Promise<WriteResult> => {
      if (doubt && version !== -1) await this.#assertUnchanged(driver, path, full, version);
      return this.#write(driver, full, value, version);
    };
    return this.#requests.run(path, attempt, unknownResult);
  }

  async remove(path: string, options: GroupOption & { readonly recursive?: boolean } = {}): Promise<boolean> {
    const full = this.#full(path);
    if (options.recursive) return this.#requests.run(path, (driver, doubt) => removeAll(driver, full, doubt));
    const known = this.#requests.seen;
    return this.#requests.run(path, async (driver, doubt) => {
      if (doubt) {
        const stat = await this.#present(driver, full);
        if (stat === null) return true;
        // Younger than the request could know: perhaps made by somebody else after our removal was applied.
        if (stat.czxid > known) throw unknownResult(path);
      }
      const removal = options.grouped ? this.#group(driver).remove(full) : driver.remove(full, -1);
      return (await orNull(removal.then(() => true))) ?? doubt;
    });
  }

  async commit(
    stages: readonly (readonly Operation[])[],
    { grouped = false }: GroupOption = {},
  ): Promise<CommitResult> {
    const absolute = stages.map((stage) =>
      stage.map((operation) => ({ ...operation, path: this.#full(operation.path) })),
    );
    const atomic = this.capabilities.atomicCommit;
    assertCommitSize(stages, atomic);
    if (absolute.every((stage) => stage.length === 0)) return { committed: true };
    const where = stages.flat()[0]?.path ?? '';
    const outcome = await this.#requests.once(where, (driver) => {
      if (!atomic) return commitInStages(driver, absolute);
      const send = (operations: readonly Operation[]) =>
        grouped ? this.#group(driver).commit(operations) : sendTransaction(driver, operations);
      return commitAtomically(send, absolute);
    });
    if (!('reason' in outcome)) return { committed: true, ...outcome };
    const operation = stages[outcome.stage]?.[outcome.index];
    if (operation === undefined) throw new RegistryError('REGISTRY_FAILURE', 'the driver blamed an unknown operation');
    return { committed: false, stage: outcome.stage, operation, reason: outcome.reason };
  }

  async watchTree(root: string, selection: readonly Selection[], listener: TreeListener): Promise<TreeWatch> {
    if (this.#stopped !== undefined) throw closed(`cannot watch ${root}`);
    const watch = new WatchedTree({
      root: this.#full(root),
      // A single place costs a request less with a watch that is used up by its first change.
      recursive: this.capabilities.recursiveWatch && selection.length > 1,
      keeper: this.#keeper,
      requests: this.#requests,
      clock: this.#clock,
      logger: this.#logger,
      tasks: this.#tasks,
      policy: this.#options,
      listener,
      onClose: () => this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    await watch.open(selection);
    return watch;
  }

  /** Writes the namespace's own node, so that nothing has to be made or cleared. */
  async time(): Promise<number> {
    const full = this.#full('');
    return this.#requests.run('', async (driver) => {
      for (;;) {
        const stat = await this.#set(driver, full, '');
        if (stat !== null) return stat.mtime;
        await ensure(driver, full, '');
      }
    });
  }

  async #start(): Promise<void> {
    if (this.#stopped !== undefined) throw closed('cannot start');
    this.#keeper.start();
    try {
      await this.#connected();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #connected(): Promise<void> {
    const { connectionTimeoutMilliseconds: timeout, describe, waitForRegistry } = this.#options;
    while (!(await this.#connectedWithin(timeout))) {
      if (this.session.state === 'closed') throw new StoppedError('the registry was stopped before it was connected');
      if (!waitForRegistry) throw connectionTimeout(describe, timeout, this.#keeper.problem);
      this.#logger.warn('still waiting for the registry', {
        registry: describe,
        waitedMs: timeout,
        problem: this.#keeper.problem,
      });
    }
  }

  async #connectedWithin(ms: number): Promise<boolean> {
    const deadline = this.#clock.monotonic() + ms;
    for (let left = ms; ; left = deadline - this.#clock.monotonic()) {
      // Also with no time left a turn is taken: whoever asks again and again lets others have theirs.
      const link = await Promise.race([this.#keeper.linkAfter(0, Math.max(0, left)), this.#keeper.refused.promise]);
      if (link !== null) return true;
      if (left <= 0 || this.session.state === 'closed') return false;
    }
  }

  async #stop(): Promise<void> {
    for (const watch of [...this.#watches]) watch.close();
    await this.#keeper.stop();
    await this.#tasks.drained();
  }

  /** What is sent together in the session of this driver. */
  #group(driver: DriverSession): RequestGroup {
    if (this.#grouping?.driver !== driver) this.#grouping = new RequestGroup(driver);
    return this.#grouping;
  }

  /** The node that is not made as a parent of what `path` names. */
  #top(path: string): string | undefined {
    return this.#options.wantsFirstNode === true ? this.#full(path.split('/', 1)[0] ?? path) : undefined;
  }

  #full(path: string): string {
    return below(this.#root, validPath(path));
  }

  async #createSequential(path: string, full: string, value: string, mode: CreateMode): Promise<CreateResult> {
    const send = (driver: DriverSession) =>
      withParents(driver, full, () => driver.create(full, value, mode), this.#top(path));
    const made = await this.#requests.once(path, send);
    return { created: true, path: relativeTo(this.#root, made.path), czxid: made.czxid };
  }

  async #createExclusive(
    path: string,
    full: string,
    value: string,
    mode: ExclusiveMode,
    grouped: boolean,
  ): Promise<CreateResult> {
    const known = this.#requests.seen;
    const send = (driver: DriverSession) => (grouped ? this.#group(driver) : driver).create(full, value, mode);
    const attempt = async (driver: DriverSession, doubt: boolean): Promise<CreateResult> => {
      const stat = doubt ? await this.#present(driver, full) : null;
      if (stat === null) return this.#createOnce(driver, path, full, send);
      if (mode === 'persistent') throw unknownResult(path);
      // Ours, and younger than all that was known when it was first asked for: this call made it.
      const made = stat.ephemeralOwner === driver.id && stat.czxid > known;
      this.#requests.saw(stat);
      return made ? { created: true, path, czxid: stat.czxid } : { created: false };
    };
    return this.#requests.run(path, attempt, unknownResult);
  }

  async #createOnce(
    driver: DriverSession,
    path: string,
    full: string,
    send: (driver: DriverSession) => Promise<{ readonly czxid: bigint }>,
  ): Promise<CreateResult> {
    try {
      const { czxid } = await withParents(driver, full, () => send(driver), this.#top(path));
      this.#requests.saw({ czxid, mzxid: czxid, pzxid: czxid });
      return { created: true, path, czxid };
    } catch (error) {
      if (ElasticJobError.is(error, 'NODE_EXISTS')) return { created: false };
      throw error;
    }
  }

  async #put(driver: DriverSession, path: string, full: string, value: string): Promise<void> {
    while ((await this.#set(driver, full, value)) === null) {
      if (await ensure(driver, full, value, this.#top(path))) return;
    }
  }

  async #set(driver: DriverSession, full: string, value: string, version = -1): Promise<NodeStat | null> {
    const stat = await orNull(driver.set(full, value, version));
    if (stat !== null) this.#requests.saw(stat);
    return stat;
  }

  async #write(driver: DriverSession, full: string, value: string, version: number): Promise<WriteResult> {
    try {
      const stat = await this.#set(driver, full, value, version);
      return stat === null ? { written: false, reason: 'absent' } : { written: true, version: stat.version };
    } catch (error) {
      if (ElasticJobError.is(error, 'BAD_VERSION')) return { written: false, reason: 'version' };
      throw error;
    }
  }

  /** After a lost answer: only a node still at the old version proves that nothing was written. */
  async #assertUnchanged(driver: DriverSession, path: string, full: string, version: number): Promise<void> {
    const stat = await this.#present(driver, full);
    if (stat?.version !== version) throw unknownResult(path);
  }

  /** The stat as of now, also when another server answers than the one that was asked before. */
  async #present(driver: DriverSession, full: string): Promise<NodeStat | null> {
    await driver.sync(full);
    return driver.exists(full);
  }
}

function closed(what: string): RegistryError {
  return new RegistryError('REGISTRY_CLOSED', `${what}: the registry was stopped; make a new one`);
}

function connectionTimeout(describe: string, timeout: number, problem: string | null): RegistryError {
  const seen = problem === null ? '' : ` (${problem})`;
  const remedy = 'start it, correct the connect string, or set waitForRegistry to keep trying';
  const message = `no connection to the registry at ${describe} within ${timeout} ms${seen}: ${remedy}`;
  return new RegistryError('CONNECTION_TIMEOUT', message, { retryable: true });
}

/** Drops options given as `undefined`, so that they do not hide a default. */
function definedOf<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function isSequential(mode: CreateMode): mode is Exclude<CreateMode, ExclusiveMode> {
  return mode.endsWith('-sequential');
}
