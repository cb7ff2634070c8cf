import { type Deferred, deferred } from '../foundation/deferred.js';
import { RegistryError } from '../foundation/errors.js';
import type { ConnectionEvent, DriverSession, MultiResult, TreeChange, TreeWatcher, Watcher } from './driver.js';
import { type Committed, type MemoryTree, parentOf, type TreeEdit } from './memory-tree.js';
import type { Capabilities, CreateMode, NodeStat, Operation } from './registry.js';

/** How messages get from one end of a connection to the other: calls `deliver` later, once per message. */
export type Delivery = (deliver: () => void) => void;

/** The kinds of one-shot watch a client keeps: on a node that exists, on one that does not, on a set of children. */
export type WatchKind = 'data' | 'exists' | 'children';

/** What a server tells a client about a watched path. */
export interface Notification {
  readonly kind: 'created' | 'changed' | 'deleted' | 'children';
  readonly path: string;
}

/** What a session needs of the server it is with. */
export interface SessionServer {
  readonly tree: MemoryTree;
  readonly maxRequestBytes: number;
  /** Connects a client, now or as soon as nothing stands in the way. */
  attach(client: MemorySession): void;
  /** Drops a client that gave up while it was not connected; its session expires in its time. */
  forget(client: MemorySession): void;
  /** Cuts the connection; the client comes back at once. */
  drop(sessionId: bigint): void;
  /** Removes a session and, in one transaction, the nodes it owns. */
  endSession(sessionId: bigint): void;
  /** Applies a change and notifies whoever watches what it touches. */
  transact<T>(work: (edit: TreeEdit) => T): Committed<T>;
  /** Applies all operations or none. */
  transactAll(operations: readonly Operation[], sessionId: bigint): MultiResult;
}

/** What a driver in memory can do; see {@link Capabilities}. */
export type MemoryAbilities = Pick<Capabilities, 'atomicCommit' | 'recursiveWatch'>;

/** Where sessions come from: while its network is cut, none of them reaches the server. */
export interface MemoryHost {
  cut: boolean;
}

const HEARS: Record<Notification['kind'], readonly WatchKind[]> = {
  created: ['data', 'exists'],
  changed: ['data', 'exists'],
  deleted: ['data', 'exists', 'children'],
  children: ['children'],
};

/** One direction of a connection: messages arrive in the order sent, none after it was broken. */
class Pipe {
  readonly #messages: (() => void)[] = [];
  #broken = false;

  constructor(private readonly delivery: Delivery) {}

  get length(): number {
    return this.#messages.length;
  }

  send(message: () => void): void {
    if (this.#broken) return;
    this.#messages.push(message);
    this.delivery(() => this.#messages.shift()?.());
  }

  /** Lets the next `count` messages arrive now. */
  flush(count: number): void {
    for (const message of this.#messages.splice(0, count)) message();
  }

  break(): void {
    this.#broken = true;
    this.#messages.length = 0;
  }
}

/** A connection between a client session and the server, with the watches that the server keeps for it. */
export class MemoryConnection {
  readonly requests: Pipe;
  readonly answers: Pipe;
  readonly watched: Record<'data' | 'children' | 'trees', Set<string>> = {
    data: new Set(),
    children: new Set(),
    trees: new Set(),
  };
  sessionId = 0n;

  constructor(
    readonly client: MemorySession,
    delivery: Delivery,
  ) {
    this.requests = new Pipe(delivery);
    this.answers = new Pipe(delivery);
  }

  notify(notification: Notification): void {
    this.answers.send(() => this.client.notified(notification));
  }

  break(): void {
    this.requests.break();
    this.answers.break();
  }
}

/** The client's end of a session with a server in memory. */
export class MemorySession implements DriverSession {
  readonly watches: Record<WatchKind, Map<string, Set<Watcher>>> = {
    data: new Map(),
    exists: new Map(),
    children: new Map(),
  };
  /** Who hears of everything at or below a path. */
  readonly trees = new Map<string, Set<TreeWatcher>>();
  readonly multi?: (operations: readonly Operation[]) => Promise<MultiResult>;
  readonly watchTree?: (path: string, watcher: TreeWatcher) => Promise<() => void>;
  #id = 0n;
  #timeoutMs = 0;
  #zxid = 0n;
  #connection: MemoryConnection | undefined;
  #ended = false;
  #closed: Deferred<void> | undefined;
  readonly #pending = new Set<Deferred<never>>();

  constructor(
    private readonly server: SessionServer,
    readonly host: MemoryHost,
    readonly requestedTimeoutMs: number,
    private readonly onEvent: (event: ConnectionEvent) => void,
    abilities: MemoryAbilities,
  ) {
    if (abilities.atomicCommit) this.multi = (operations) => this.#multi(operations);
    if (abilities.recursiveWatch) this.watchTree = (path, watcher) => this.#watchTree(path, watcher);
  }

  get id(): bigint {
    return this.#id;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** The last transaction this client has heard of; tells the server which changes it may have missed. */
  get zxid(): bigint {
    return this.#zxid;
  }

  /** No more use: closed or expired. */
  get ended(): boolean {
    return this.#ended;
  }

  create(path: string, value: string, mode: CreateMode): Promise<{ path: string; czxid: bigint }> {
    return this.#request(path, path.length + Buffer.byteLength(value), () => {
      const { result, zxid } = this.server.transact((edit) => edit.create(path, value, mode, this.#id));
      return { path: result, czxid: zxid };
    });
  }

  async get(path: string, watcher?: Watcher): Promise<{ value: string; stat: NodeStat }> {
    const read = () => {
      const found = this.server.tree.get(path);
      if (watcher !== undefined) this.#connection?.watched.data.add(path);
      return found;
    };
    return this.#request(path, 0, read, () => this.#watch('data', path, watcher));
  }

  async exists(path: string, watcher?: Watcher): Promise<NodeStat | null> {
    const read = () => {
      if (watcher !== undefined) this.#connection?.watched.data.add(path);
      return this.server.tree.stat(path);
    };
    return this.#request(path, 0, read, (stat) => this.#watch(stat === null ? 'exists' : 'data', path, watcher));
  }

  async children(path: string, watcher?: Watcher): Promise<{ names: string[]; stat: NodeStat }> {
    const read = () => {
      const found = this.server.tree.children(path);
      if (watcher !== undefined) this.#connection?.watched.children.add(path);
      return found;
    };
    return this.#request(path, 0, read, () => this.#watch('children', path, watcher));
  }

  set(path: string, value: string, version: number): Promise<NodeStat> {
    const write = () => this.server.transact((edit) => edit.set(path, value, version)).result;
    return this.#request(path, path.length + Buffer.byteLength(value), write);
  }

  remove(path: string, version: number): Promise<void> {
    return this.#request(path, 0, () => this.server.transact((edit) => edit.remove(path, version)).result);
  }

  sync(path: string): Promise<void> {
    return this.#request(path, 0, () => undefined);
  }

  async close(): Promise<void> {
    if (this.#ended) return this.#closed?.promise;
    this.#ended = true;
    this.#closed = deferred();
    const connection = this.#connection;
    this.#reject('the session is closing');
    if (connection === undefined) {
      this.server.forget(this);
      return this.#closed.resolve();
    }
    connection.requests.send(() => {
      this.server.endSession(connection.sessionId);
      connection.answers.send(() => this.#closed?.resolve());
    });
    return this.#closed.promise;
  }

  /** The server is there, but answers nothing yet. */
  attached(connection: MemoryConnection): void {
    this.#connection = connection;
  }

  established(id: bigint, timeoutMs: number): void {
    this.#id = id;
    this.#timeoutMs = timeoutMs;
    this.#tell('connected');
  }

  disconnected(): void {
    this.#connection = undefined;
    this.#closed?.resolve();
    if (this.#id !== 0n) this.#tell('disconnected');
    this.#reject('the connection was cut');
    if (!this.#ended) this.server.attach(this);
  }

  expired(): void {
    this.#connection = undefined;
    this.#tell('expired');
    this.#ended = true;
  }

  notified({ kind, path }: Notification): void {
    if (this.#ended) return;
    for (const watchKind of HEARS[kind]) {
      const watchers = this.watches[watchKind].get(path);
      this.watches[watchKind].delete(path);
      for (const watcher of watchers ?? []) watcher();
    }
    if (kind !== 'children') this.#tellTrees({ kind, path });
  }

  #multi(operations: readonly Operation[]): Promise<MultiResult> {
    let bytes = 0;
    for (const operation of operations) {
      bytes += operation.path.length + ('value' in operation ? Buffer.byteLength(operation.value) : 0);
    }
    return this.#request('multi', bytes, () => this.server.transactAll(operations, this.#id));
  }

  async #watchTree(path: string, watcher: TreeWatcher): Promise<() => void> {
    const watch = (): void => void this.#connection?.watched.trees.add(path);
    const keep = (): void => void this.trees.set(path, (this.trees.get(path) ?? new Set<TreeWatcher>()).add(watcher));
    await this.#request(path, 0, watch, keep);
    return () => this.#forgetTree(path, watcher);
  }

  #forgetTree(path: string, watcher: TreeWatcher): void {
    const watchers = this.trees.get(path);
    if (watchers?.delete(watcher) !== true || watchers.size > 0) return;
    this.trees.delete(path);
    const connection = this.#connection;
    // A connection that is gone takes its watches with it, and the next one is told only of those that are left.
    connection?.requests.send(() => void (this.trees.has(path) || connection.watched.trees.delete(path)));
  }

  #tellTrees(change: TreeChange): void {
    if (this.trees.size === 0) return;
    for (const root of upwards(change.path)) {
      for (const watcher of [...(this.trees.get(root) ?? [])]) watcher(change);
    }
  }

  #request<T>(path: string, bytes: number, execute: () => T, onSuccess?: (result: T) => void): Promise<T> {
    const connection = this.#connection;
    if (this.#ended)
      return Promise.reject(new RegistryError('SESSION_LOST', `${path}: the session has ended`, { path }));
    if (connection === undefined || this.#id === 0n) return Promise.reject(connectionLoss(path, 'not connected'));
    const answer = deferred<T>();
    this.#pending.add(answer as Deferred<never>);
    connection.requests.send(() => {
      if (bytes > this.server.maxRequestBytes) return this.server.drop(this.#id);
      const outcome = attempt(execute);
      const { zxid } = this.server.tree;
      connection.answers.send(() => {
        this.#pending.delete(answer as Deferred<never>);
        this.#zxid = zxid;
        if ('error' in outcome) return answer.reject(outcome.error);
        onSuccess?.(outcome.result);
        answer.resolve(outcome.result);
      });
    });
    return answer.promise;
  }

  #watch(kind: WatchKind, path: string, watcher: Watcher | undefined): void {
    if (watcher === undefined) return;
    const watchers = this.watches[kind].get(path) ?? new Set();
    this.watches[kind].set(path, watchers.add(watcher));
  }

  #reject(reason: string): void {
    for (const answer of this.#pending) answer.reject(connectionLoss('request', reason));
    this.#pending.clear();
  }

  #tell(event: ConnectionEvent): void {
    if (!this.#ended) this.onEvent(event);
  }
}

/** A path and everything above it, up to the root: a look at each costs less than one at every watch there is. */
export function upwards(path: string): string[] {
  const paths = [path];
  for (let above = path; above !== '/'; above = parentOf(above)) paths.push(parentOf(above));
  return paths;
}

function attempt<T>(execute: () => T): { result: T } | { error: unknown } {
  try {
    return { result: execute() };
  } catch (error) {
    return { error };
  }
}

function connectionLoss(path: string, reason: string): RegistryError {
  return new RegistryError('CONNECTION_LOSS', `${path}: ${reason}`, { path, retryable: true });
}
