import type { CreateMode, NodeStat, Operation } from '@elasticjob/core';
import type { Change } from './data-tree.js';
import type { Link } from './link.js';

/** What a client asks of a server. Writes, syncs and what concerns sessions go to the leader, the rest is answered there. */
export type Request =
  | { readonly kind: 'get' | 'exists' | 'children'; readonly path: string; readonly watch: boolean }
  | { readonly kind: 'set-watches'; readonly since: bigint; readonly watches: WatchedPaths }
  | { readonly kind: 'watch-tree' | 'unwatch-tree'; readonly path: string }
  | LeaderRequest;

/** What only the leader can answer. */
export type LeaderRequest =
  | { readonly kind: 'create'; readonly path: string; readonly value: string; readonly mode: CreateMode }
  | { readonly kind: 'set'; readonly path: string; readonly value: string; readonly version: number }
  | { readonly kind: 'remove'; readonly path: string; readonly version: number }
  | { readonly kind: 'multi'; readonly operations: readonly Operation[] }
  | { readonly kind: 'sync' }
  | { readonly kind: 'open'; readonly timeoutMs: number }
  | { readonly kind: 'resume'; readonly session: bigint }
  | { readonly kind: 'close' };

/** The watches that a client has, by kind; told to the next server it comes to. */
export interface WatchedPaths {
  readonly data: readonly string[];
  readonly exists: readonly string[];
  readonly children: readonly string[];
  readonly trees: readonly string[];
}

/** What becomes of a request. */
export type Outcome = { readonly result: unknown } | { readonly error: Error };

/** The answers of the leader to what concerns sessions. */
export type Admission = { readonly id: bigint; readonly timeoutMs: number } | null;

/** A request on its way through a server; answered in the order in which the requests of its connection came. */
export interface Entry {
  readonly link: Link;
  readonly request: Request;
  readonly answer: (outcome: Outcome) => void;
  /** Set once the leader has decided and the server has applied it. */
  outcome: Outcome | null;
}

/** One step of the history that all servers share. */
export interface Transaction {
  readonly zxid: bigint;
  /** The leader's clock, epoch milliseconds. */
  readonly time: number;
  readonly session: bigint;
  readonly changes: readonly Change[];
  /** Whether the session ends with it. */
  readonly closes: boolean;
}

/** What a server tells a client about a watched path. */
export interface Notification {
  readonly kind: 'created' | 'changed' | 'deleted' | 'children';
  readonly path: string;
}

/** The answer to `get`. */
export interface Found {
  readonly value: string;
  readonly stat: NodeStat;
}
