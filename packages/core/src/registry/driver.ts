import type { ElasticJobErrorCode } from '../foundation/errors.js';
import type { Capabilities, CreateMode, NodeStat, Operation } from './registry.js';

/** The largest request that ZooKeeper accepts with its default `jute.maxbuffer`, bytes; larger ones cut the connection. */
export const MAX_REQUEST_BYTES = 1_000_000;

/** What happens to the connection of a driver session. After `expired` or `auth-failed` the session is of no more use. */
export type ConnectionEvent = 'connected' | 'disconnected' | 'expired' | 'auth-failed';

/**
 * The outcome of a transaction: applied as the transaction `zxid`, or not at all because of one operation; `reason` is an
 * error code.
 */
export type MultiResult =
  | { readonly committed: true; readonly zxid: bigint }
  | { readonly committed: false; readonly index: number; readonly reason: ElasticJobErrorCode };

/** Called at most once, when something at the watched node changed; never for events of the session itself. */
export type Watcher = () => void;

/** What happened to one node at or below a watched one. */
export interface TreeChange {
  readonly kind: 'created' | 'changed' | 'deleted';
  readonly path: string;
}

/** Called for each change, in the order of the transactions; never for events of the session itself. */
export type TreeWatcher = (change: TreeChange) => void;

/**
 * One ZooKeeper session as a client library offers it: absolute paths, one-shot watches, requests answered in the order
 * sent, notifications before the answers to later requests. Each method rejects with a `RegistryError`:
 * `NO_NODE`, `NODE_EXISTS`, `NOT_EMPTY`, `BAD_VERSION`, `NO_AUTH`, `SESSION_LOST`, or `CONNECTION_LOSS` when the answer
 * did not come and the request may or may not have been applied.
 */
export interface DriverSession {
  /** Session id as the server knows it, `0n` until connected. */
  readonly id: bigint;
  /** Granted session timeout in milliseconds, 0 until connected. */
  readonly timeoutMs: number;
  /** Why there is no connection, as far as the client library tells; `null` while there is one. */
  readonly problem?: string | null;
  /** Creates one node; parents must exist. With credentials, resolves only once the node is protected. */
  create(path: string, value: string, mode: CreateMode): Promise<{ readonly path: string; readonly czxid: bigint }>;
  /** Value and stat; the watcher hears a change of the value or the removal. */
  get(path: string, watcher?: Watcher): Promise<{ readonly value: string; readonly stat: NodeStat }>;
  /** Stat, or `null`; the watcher hears creation, change of the value, removal. */
  exists(path: string, watcher?: Watcher): Promise<NodeStat | null>;
  /** Names in any order, stat of the parent; the watcher hears a child coming or going and the removal of the node. */
  children(path: string, watcher?: Watcher): Promise<{ readonly names: string[]; readonly stat: NodeStat }>;
  /** `version` -1 writes whatever is there. */
  set(path: string, value: string, version: number): Promise<NodeStat>;
  /** `version` -1 removes whatever is there. */
  remove(path: string, version: number): Promise<void>;
  /**
   * Watches a node, which need not exist, and all below it, until the function it resolves to is called or the session
   * ends. It stands over reconnects of the session, but what changed while the connection was gone is not told. Only
   * when `capabilities.recursiveWatch`.
   */
  watchTree?(path: string, watcher: TreeWatcher): Promise<() => void>;
  /** One transaction. Only when `capabilities.atomicCommit`. */
  multi?(operations: readonly Operation[]): Promise<MultiResult>;
  /** Lets a server that follows catch up before later reads are answered; a leader may wait for nothing. */
  sync(path: string): Promise<void>;
  /** Ends the session on the server. Requests in flight are rejected. */
  close(): Promise<void>;
}

/** Opens sessions. `onEvent` is called in order, and never before `open` has returned. */
export interface Driver {
  readonly capabilities: Capabilities;
  open(onEvent: (event: ConnectionEvent) => void): Promise<DriverSession>;
}
