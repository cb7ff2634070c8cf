import type { Lifecycle } from '../foundation/lifecycle.js';

/** How a node lives. `sequential` nodes get ten digits appended by the server. */
export type CreateMode = ExclusiveMode | `${ExclusiveMode}-sequential`;

/** The ways of making a node of a given name. */
export type ExclusiveMode = 'persistent' | 'ephemeral';

/** What ZooKeeper keeps about a node. Zxids identify changes; versions restart at 0 when a node is re-created. */
export interface NodeStat {
  /** Transaction that created the node: its identity. */
  readonly czxid: bigint;
  /** Transaction that last changed the value. */
  readonly mzxid: bigint;
  /** Transaction that last changed the set of children: grows, also when a child came and went between two reads. */
  readonly pzxid: bigint;
  /** Creation, registry clock, epoch milliseconds. */
  readonly ctime: number;
  /** Last change of the value, registry clock, epoch milliseconds. */
  readonly mtime: number;
  readonly version: number;
  /** Number of children created plus children removed since the node was created. */
  readonly cversion: number;
  /** Session that owns an ephemeral node, `0n` for a persistent one. */
  readonly ephemeralOwner: bigint;
  readonly numChildren: number;
}

/** A node as it was read. */
export interface RegistryNode {
  readonly path: string;
  readonly value: string;
  readonly stat: NodeStat;
}

/** The children of a node as they were read, names in ascending order. */
export interface ChildList {
  readonly names: readonly string[];
  /** Stat of the parent. */
  readonly stat: NodeStat;
}

/** The outcome of an exclusive create. "Somebody has it" is an outcome, not an error. */
export type CreateResult =
  | {
      readonly created: true;
      /** The path, with the sequence number if there is one. */
      readonly path: string;
      /** Transaction of the create. */
      readonly czxid: bigint;
    }
  | { readonly created: false };

/** The outcome of a conditional write. */
export type WriteResult =
  | { readonly written: true; readonly version: number }
  | { readonly written: false; readonly reason: 'absent' | 'version' };

/** One step of a {@link Registry.commit}. Missing parents are not created: a commit changes what is there. */
export type Operation =
  | { readonly kind: 'check'; readonly path: string; readonly version: number }
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly value: string;
      readonly mode: ExclusiveMode;
    }
  | { readonly kind: 'write'; readonly path: string; readonly value: string; readonly version?: number }
  | { readonly kind: 'remove'; readonly path: string; readonly version?: number };

/** Whether a commit was applied. When it was not and the driver is not atomic, stages before `stage` were. */
export type CommitResult =
  | {
      readonly committed: true;
      /** The transaction in which all of it was applied; absent if the driver is not atomic. */
      readonly zxid?: bigint;
    }
  | { readonly committed: false; readonly stage: number; readonly operation: Operation; readonly reason: string };

/** How a create, a removal or a commit is sent. */
export interface GroupOption {
  /**
   * Together with whatever else is asked for so in the same instant: one transaction of ZooKeeper, if the driver can.
   * A commit that is asked for while four of these are under way waits for one of them, and goes with all that came by then.
   * What becomes of it is the same as alone; nodes made together have the same `czxid`. Requests that are not sent so may
   * overtake it. Not for sequential nodes.
   */
  readonly grouped?: boolean;
}

/** What a driver can do; docs/guarantees.md says what each missing one costs. */
export interface Capabilities {
  /** `commit` is one transaction. Without it, stages are applied in order and a failure leaves the earlier ones. */
  readonly atomicCommit: boolean;
  /** Nodes are born with their ACL. Without it there is a moment in which anyone may touch a new node. */
  readonly aclAtCreation: boolean;
  /** One watch covers a tree. Without it a tree costs one watch per node looked at. */
  readonly recursiveWatch: boolean;
  readonly tls: boolean;
}

/**
 * `connected`: act. `suspended` (also before the first connection): start nothing, keep what runs, trust nothing. `lost`: what the session owned is gone,
 * or must be assumed to be; abort it. `closed`: the registry was stopped.
 */
export type SessionState = 'connected' | 'suspended' | 'lost' | 'closed';

/** The session at one moment. */
export interface Session {
  readonly state: SessionState;
  /** ZooKeeper's session id; compare with `ephemeralOwner`. `0n` before the first connection. */
  readonly id: bigint;
  /** 1 for the first session, one more for each that replaces a lost one. */
  readonly epoch: number;
  /** One more for each (re)connection; unequal values mean that notifications may have been missed in between. */
  readonly connection: number;
  /** What the server granted, milliseconds. */
  readonly timeoutMs: number;
}

/** One place that a {@link TreeWatch} looks at. */
export interface Selection {
  /** Relative to the root of the watch; `''` is the root itself. */
  readonly path: string;
  /**
   * `names`: also the list of children; `nodes`: also the value of each child. Default: only the node's value.
   *
   * `followed`: the names only, of a list that may be long and change often. Where the driver tells of each child that
   * comes or goes (`recursiveWatch`) the list is kept by that, and read anew only after a reconnect or a refresh: its stat
   * is as of the last time it was read.
   */
  readonly children?: 'names' | 'nodes' | 'followed';
}

/**
 * An immutable picture of what a {@link TreeWatch} looks at. Paths are relative to its root. The stat of a node is to be
 * trusted about its value (`czxid`, `mzxid`, `version`), that of a list about the children (`pzxid`, `cversion`).
 */
export interface TreeSnapshot {
  /** The node, or `null` when it does not exist or is not looked at. */
  node(path: string): RegistryNode | null;
  /** The children, or `null` when the node does not exist or its children are not looked at. */
  children(path: string): ChildList | null;
  /** Grows with each snapshot of one watch. */
  readonly revision: number;
}

/**
 * Called with the picture before and after; a change that came and went in between shows only in the stats. When a change
 * was told, or the connection cut, and what was read anew says the same as before, both are the same picture.
 */
export type TreeListener = (before: TreeSnapshot, after: TreeSnapshot) => void;

/**
 * A level-triggered view of a part of the tree. It reads what is selected, is notified of changes, reads again, and
 * reports the difference. After a reconnect or in a new session it reads everything anew.
 */
export interface TreeWatch {
  readonly snapshot: TreeSnapshot;
  /**
   * Whether nothing is known to have changed at `path` since the snapshot: false from the moment a notification arrives
   * (or the connection is cut) until a newer snapshot has taken its consequences in.
   */
  isFresh(path: string): boolean;
  /** Replaces what is looked at. Resolves when the snapshot covers the new selection. */
  select(selection: readonly Selection[]): Promise<TreeSnapshot>;
  /** Reads everything anew. */
  refresh(): Promise<TreeSnapshot>;
  /** Stops looking. Listeners hear nothing more. */
  close(): void;
}

/**
 * What coordination needs of ZooKeeper. All paths are relative to the namespace, without a leading slash
 * (`job/config`). "Already so" is success. A lost connection means *unknown*: idempotent calls are tried again within
 * the retry policy, others end with an error of code `RESULT_UNKNOWN`; nothing is ever read as "absent" because of it.
 *
 * Errors are `RegistryError`s. `stop` ends the session on the server, which removes its ephemeral nodes at once.
 *
 * @example
 * const registry = memoryRegistry();
 * await registry.start();
 * const mark = await registry.create('job/sharding/0/running', 'me', 'ephemeral');
 * if (mark.created) await work(mark.czxid);
 */
export interface Registry extends Lifecycle {
  readonly capabilities: Capabilities;
  readonly session: Session;
  /** Hears every change of {@link session}, in order. Returns the undo. */
  onSession(listener: (session: Session) => void): () => void;

  /** The node, or `null` if it does not exist. */
  read(path: string): Promise<RegistryNode | null>;
  /** The children, or `null` if the node does not exist. */
  children(path: string): Promise<ChildList | null>;
  /** Creates the node and, as persistent nodes with an empty value, its missing parents. Never overwrites. */
  create(path: string, value: string, mode: CreateMode, options?: GroupOption): Promise<CreateResult>;
  /** Makes sure that a persistent node exists, with its parents; an existing one keeps its value. */
  ensure(path: string, value?: string): Promise<void>;
  /** Gives a persistent node this value, creating it and its parents if need be. */
  put(path: string, value: string): Promise<void>;
  /** Changes the value of an existing node, if it still has `version`. */
  write(path: string, value: string, version: number): Promise<WriteResult>;
  /**
   * Removes the node (with `recursive`, all below it). Resolves to whether there was, or may have been, anything to
   * remove. Without `recursive`, a removal whose answer was lost is not repeated on a node that may have been created
   * after it, but fails as `RESULT_UNKNOWN`: somebody else's lock is not removed by mistake.
   */
  remove(path: string, options?: GroupOption & { readonly recursive?: boolean }): Promise<boolean>;
  /**
   * Applies all operations or none, if the driver can; otherwise stage by stage, each pipelined, and a stage begins only
   * when every operation of the former has succeeded. Put what announces the result in the last stage.
   */
  commit(stages: readonly (readonly Operation[])[], options?: GroupOption): Promise<CommitResult>;
  /** Starts looking at a part of the tree; resolves with the first snapshot taken. */
  watchTree(root: string, selection: readonly Selection[], listener: TreeListener): Promise<TreeWatch>;
  /** The registry's clock, epoch milliseconds. Costs a write. */
  time(): Promise<number>;
}
