import { type Clock, systemClock, type Timer } from '../foundation/clock.js';
import { ElasticJobError } from '../foundation/errors.js';
import type { Driver, MultiResult } from './driver.js';
import {
  type Delivery,
  MemoryConnection,
  type MemoryHost,
  MemorySession,
  type SessionServer,
  upwards,
} from './memory-session.js';
import { type Change, type Committed, MemoryTree, parentOf, type TreeEdit } from './memory-tree.js';
import type { Operation } from './registry.js';
import type { RegistryOptions } from './registry-options.js';
import { SessionRegistry } from './session-registry.js';

/** What a {@link MemoryServer} can be told. */
export interface MemoryServerOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** The longest session timeout that is granted, milliseconds. Default: no limit. */
  readonly maxSessionTimeoutMs?: number;
  /** The largest request that does not cut the connection, bytes. Default 1,048,575, as ZooKeeper. */
  readonly maxRequestBytes?: number;
  /**
   * When a message arrives; default `queueMicrotask`, so that all that can happen without time passing does. A
   * simulation gives its own to draw the interleaving of sessions; the order within a session stays.
   */
  readonly delivery?: Delivery;
}

/** What a driver of a {@link MemoryServer} can be told. */
export interface MemoryDriverOptions {
  /** Default 60000. */
  readonly sessionTimeoutMilliseconds?: number;
  /** Whether the driver offers transactions. Default `true`; `false` behaves as drivers that lack them. */
  readonly atomicCommit?: boolean;
  /** Whether the driver offers watches on whole trees. Default `true`. */
  readonly recursiveWatch?: boolean;
}

interface ServerSession {
  readonly id: bigint;
  readonly timeoutMs: number;
  connection: MemoryConnection | undefined;
  expiry: Timer | undefined;
}

/**
 * A ZooKeeper server in this process: sessions, ephemeral and sequential nodes, one-shot and recursive watches,
 * transactions, and the ways in which a real one fails. For first runs and for tests; nothing outlives the process.
 *
 * @example
 * const server = new MemoryServer({ clock });
 * const a = server.registry({ namespace: 'shop' });
 * const b = server.registry({ namespace: 'shop' });
 * await Promise.all([a.start(), b.start()]);
 * server.expire(a.session.id);
 */
export class MemoryServer implements SessionServer {
  readonly tree: MemoryTree;
  readonly maxRequestBytes: number;
  readonly #clock: Clock;
  readonly #delivery: Delivery;
  readonly #maxSessionTimeoutMs: number;
  readonly #sessions = new Map<bigint, ServerSession>();
  readonly #hosts = new Map<bigint, MemoryHost>();
  readonly #waiting = new Set<MemorySession>();
  #running = true;
  #lastId = 0x1000_0000_0000n;

  constructor(options: MemoryServerOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#delivery = options.delivery ?? queueMicrotask;
    this.#maxSessionTimeoutMs = options.maxSessionTimeoutMs ?? Number.POSITIVE_INFINITY;
    this.maxRequestBytes = options.maxRequestBytes ?? 1_048_575;
    this.tree = new MemoryTree(this.#clock);
  }

  /** A driver whose sessions are with this server. */
  driver(options: MemoryDriverOptions = {}): Driver {
    const { sessionTimeoutMilliseconds = 60_000, atomicCommit = true, recursiveWatch = true } = options;
    const host = { cut: false };
    const abilities = { atomicCommit, recursiveWatch };
    return {
      capabilities: { ...abilities, aclAtCreation: true, tls: false },
      open: (onEvent) => {
        const client = new MemorySession(this, host, sessionTimeoutMilliseconds, onEvent, abilities);
        this.#delivery(() => this.attach(client));
        return Promise.resolve(client);
      },
    };
  }

  /** A registry on this server, by its clock unless told otherwise. It still has to be started. */
  registry(options: RegistryOptions & MemoryDriverOptions): SessionRegistry {
    const driver = this.driver(options);
    return new SessionRegistry({ clock: this.#clock, ...options, driver, describe: 'memory' });
  }

  /** The sessions that are alive, oldest first. */
  get sessionIds(): bigint[] {
    return [...this.#sessions.keys()];
  }

  /** How many watches on whole trees the server holds for all sessions; a test that ends with more has leaked one. */
  get heldTrees(): number {
    const connections = [...this.#sessions.values()].map(({ connection }) => connection?.watched.trees.size ?? 0);
    return connections.reduce((sum, count) => sum + count, 0);
  }

  /** Ends a session as if its client had been silent for too long; the client learns it when it connects again. */
  expire(sessionId: bigint): void {
    this.#disconnect(sessionId, 0);
    this.endSession(sessionId);
  }

  /**
   * Cuts the network between the host of a session and the server until {@link restore}: this session and any that its
   * driver opens instead. Of the requests that the server has not seen yet, the share `applied` (0 to 1) still reaches
   * it; the client learns the fate of none.
   */
  cut(sessionId: bigint, applied = 0): void {
    const host = this.#hosts.get(sessionId);
    if (host === undefined) throw new Error(`there never was a session ${sessionId}`);
    host.cut = true;
    this.#disconnect(sessionId, applied);
  }

  /** Mends the network of the host that a session, perhaps an ended one, came from. */
  restore(sessionId: bigint): void {
    const host = this.#hosts.get(sessionId);
    if (host !== undefined) host.cut = false;
    this.#attachWaiting();
  }

  /** Shuts the server down: every connection is cut. Data and sessions are kept, and time does not count. */
  stop(): void {
    this.#running = false;
    for (const session of this.#sessions.values()) {
      this.#disconnect(session.id, 0);
      session.expiry?.cancel();
    }
  }

  /** Starts the server again; each session has its whole timeout to come back. */
  restart(): void {
    this.#running = true;
    for (const session of this.#sessions.values()) this.#awaitReturn(session);
    this.#attachWaiting();
  }

  attach(client: MemorySession): void {
    if (client.ended) return;
    this.#waiting.add(client);
    this.#attachWaiting();
  }

  forget(client: MemorySession): void {
    this.#waiting.delete(client);
  }

  drop(sessionId: bigint): void {
    this.#disconnect(sessionId, 0);
  }

  endSession(sessionId: bigint): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) return;
    session.expiry?.cancel();
    this.#sessions.delete(sessionId);
    const owned = this.tree.ownedBy(sessionId);
    if (owned.length === 0) return;
    this.transact((edit) => {
      for (const path of owned) edit.remove(path, -1);
    });
  }

  transact<T>(work: (edit: TreeEdit) => T): Committed<T> {
    const committed = this.tree.transact(work);
    for (const { connection } of this.#sessions.values()) {
      if (connection !== undefined) fire(connection, committed.changes);
    }
    return committed;
  }

  transactAll(operations: readonly Operation[], sessionId: bigint): MultiResult {
    let index = 0;
    try {
      const { zxid } = this.transact((edit) => {
        for (const operation of operations) {
          edit.perform(operation, sessionId);
          index++;
        }
      });
      return { committed: true, zxid };
    } catch (error) {
      if (!ElasticJobError.is(error)) throw error;
      return { committed: false, index, reason: error.code };
    }
  }

  #attachWaiting(): void {
    if (!this.#running) return;
    for (const client of this.#waiting) {
      if (client.host.cut) continue;
      this.#waiting.delete(client);
      this.#connect(client);
    }
  }

  #connect(client: MemorySession): void {
    const connection = new MemoryConnection(client, this.#delivery);
    client.attached(connection);
    const session = client.id === 0n ? this.#newSession(client) : this.#sessions.get(client.id);
    if (session === undefined) {
      connection.answers.send(() => client.expired());
      return;
    }
    session.expiry?.cancel();
    session.connection = connection;
    connection.sessionId = session.id;
    connection.answers.send(() => client.established(session.id, session.timeoutMs));
    this.#restoreWatches(connection);
  }

  #newSession(client: MemorySession): ServerSession {
    const timeoutMs = Math.min(client.requestedTimeoutMs, this.#maxSessionTimeoutMs);
    const session = { id: ++this.#lastId, timeoutMs, connection: undefined, expiry: undefined };
    this.#sessions.set(session.id, session);
    this.#hosts.set(session.id, client.host);
    return session;
  }

  /** ZooKeeper's SetWatches2: fires what can be seen to have changed, keeps the rest; of trees it tells nothing. */
  #restoreWatches(connection: MemoryConnection): void {
    const { watches, trees, zxid } = connection.client;
    for (const root of trees.keys()) connection.watched.trees.add(root);
    for (const path of watches.data.keys()) {
      const stat = this.tree.stat(path);
      if (stat === null) connection.notify({ kind: 'deleted', path });
      else if (stat.mzxid > zxid) connection.notify({ kind: 'changed', path });
      else connection.watched.data.add(path);
    }
    for (const path of watches.exists.keys()) {
      if (this.tree.stat(path) !== null) connection.notify({ kind: 'created', path });
      else connection.watched.data.add(path);
    }
    for (const path of watches.children.keys()) {
      const stat = this.tree.stat(path);
      if (stat === null) connection.notify({ kind: 'deleted', path });
      else if (stat.pzxid > zxid) connection.notify({ kind: 'children', path });
      else connection.watched.children.add(path);
    }
  }

  #disconnect(sessionId: bigint, applied: number): void {
    const session = this.#sessions.get(sessionId);
    const connection = session?.connection;
    if (session === undefined || connection === undefined) return;
    connection.requests.flush(Math.round(connection.requests.length * applied));
    connection.break();
    session.connection = undefined;
    this.#awaitReturn(session);
    this.#delivery(() => connection.client.disconnected());
  }

  #awaitReturn(session: ServerSession): void {
    session.expiry?.cancel();
    if (session.connection !== undefined || !this.#running) return;
    session.expiry = this.#clock.setTimer(session.timeoutMs, () => this.endSession(session.id));
  }
}

/** Takes the watches that a transaction sets off and sends their notifications. */
function fire(connection: MemoryConnection, changes: readonly Change[]): void {
  const { data, children, trees } = connection.watched;
  for (const { kind, path } of changes) {
    const byData = data.delete(path);
    const byChildren = kind === 'deleted' && children.delete(path);
    const byTree = trees.size > 0 && upwards(path).some((root) => trees.has(root));
    if (byData || byChildren || byTree) connection.notify({ kind, path });
    if (kind !== 'changed' && children.delete(parentOf(path))) {
      connection.notify({ kind: 'children', path: parentOf(path) });
    }
  }
}

/** A registry with a server of its own, for a first run or a test of one instance. */
export function memoryRegistry(options: Partial<RegistryOptions> & MemoryServerOptions = {}): SessionRegistry {
  return new MemoryServer(options).registry({ namespace: 'elasticjob', ...options });
}
