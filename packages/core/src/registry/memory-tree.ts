import type { Clock } from '../foundation/clock.js';
import { refusal } from './refusal.js';
import type { CreateMode, NodeStat, Operation } from './registry.js';
import { nameOf } from './registry-path.js';

/** What a transaction did to one node, for the watches on it. */
export interface Change {
  readonly kind: 'created' | 'changed' | 'deleted';
  readonly path: string;
}

/** A committed transaction. */
export interface Committed<T> {
  readonly zxid: bigint;
  readonly changes: readonly Change[];
  readonly result: T;
}

interface TreeNode {
  value: string;
  readonly czxid: bigint;
  mzxid: bigint;
  pzxid: bigint;
  readonly ctime: number;
  mtime: number;
  version: number;
  /** Children ever created: the next sequence number. Twice this minus the present children is `cversion`. */
  creations: number;
  readonly owner: bigint;
  readonly children: Set<string>;
}

/** The path of the parent; the root is its own. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf('/')));
}

/**
 * The data of a ZooKeeper server: a tree of nodes with exact stats, changed by transactions that apply whole or not at
 * all. Paths are absolute.
 *
 * @see https://zookeeper.apache.org/doc/r3.8.0/zookeeperProgrammers.html#ch_zkDataModel
 */
export class MemoryTree {
  #zxid = 0n;
  readonly #nodes = new Map<string, TreeNode>();

  constructor(private readonly clock: Clock) {
    this.#nodes.set('/', this.#newNode('', 0n, 0n));
  }

  /** The transaction applied last. */
  get zxid(): bigint {
    return this.#zxid;
  }

  stat(path: string): NodeStat | null {
    const node = this.#nodes.get(path);
    return node === undefined ? null : statOf(node);
  }

  get(path: string): { value: string; stat: NodeStat } {
    const node = this.#existing(path);
    return { value: node.value, stat: statOf(node) };
  }

  children(path: string): { names: string[]; stat: NodeStat } {
    const node = this.#existing(path);
    return { names: [...node.children], stat: statOf(node) };
  }

  /** The nodes that a session owns, in the order of their creation. */
  ownedBy(session: bigint): string[] {
    return [...this.#nodes].filter(([, node]) => node.owner === session).map(([path]) => path);
  }

  /** Runs `work` as one transaction: if it throws, nothing has happened. */
  transact<T>(work: (edit: TreeEdit) => T): Committed<T> {
    const edit = new TreeEdit(this.#nodes, this.#zxid + 1n, (value, zxid, owner) => this.#newNode(value, zxid, owner));
    try {
      const result = work(edit);
      this.#zxid = edit.zxid;
      return { zxid: edit.zxid, changes: edit.changes, result };
    } catch (error) {
      edit.undo();
      throw error;
    }
  }

  #existing(path: string): TreeNode {
    const node = this.#nodes.get(path);
    if (node === undefined) throw refusal('NO_NODE', path, 'does not exist');
    return node;
  }

  #newNode(value: string, zxid: bigint, owner: bigint): TreeNode {
    const now = this.clock.now();
    return {
      value,
      czxid: zxid,
      mzxid: zxid,
      pzxid: zxid,
      ctime: now,
      mtime: now,
      version: 0,
      creations: 0,
      owner,
      children: new Set(),
    };
  }
}

/** The changes that one transaction makes, each with the way back. */
export class TreeEdit {
  readonly changes: Change[] = [];
  readonly #undo: (() => void)[] = [];

  constructor(
    private readonly nodes: Map<string, TreeNode>,
    readonly zxid: bigint,
    private readonly newNode: (value: string, zxid: bigint, owner: bigint) => TreeNode,
  ) {}

  /** Creates a node and returns its path; a sequential one gets the number of children its parent ever had. */
  create(path: string, value: string, mode: CreateMode, session: bigint): string {
    const parent = this.#existing(parentOf(path));
    if (parent.owner !== 0n) throw refusal('REGISTRY_FAILURE', path, 'an ephemeral node cannot have children');
    const full = mode.endsWith('-sequential') ? `${path}${String(parent.creations).padStart(10, '0')}` : path;
    if (this.nodes.has(full)) throw refusal('NODE_EXISTS', full, 'exists already');
    this.#replace(parentOf(full), { ...parent, pzxid: this.zxid, creations: parent.creations + 1 });
    parent.children.add(nameOf(full));
    this.#undo.push(() => parent.children.delete(nameOf(full)));
    this.#replace(full, this.newNode(value, this.zxid, mode.startsWith('ephemeral') ? session : 0n));
    this.changes.push({ kind: 'created', path: full });
    return full;
  }

  /** Writes a value; version -1 means any. */
  set(path: string, value: string, version: number): NodeStat {
    const node = this.check(path, version);
    const { mtime } = this.newNode('', 0n, 0n);
    const next = { ...node, value, mtime, mzxid: this.zxid, version: node.version + 1 };
    this.#replace(path, next);
    this.changes.push({ kind: 'changed', path });
    return statOf(next);
  }

  /** Removes a node without children; version -1 means any. */
  remove(path: string, version: number): void {
    const node = this.check(path, version);
    if (node.children.size > 0) throw refusal('NOT_EMPTY', path, `has ${node.children.size} children`);
    const parent = this.#existing(parentOf(path));
    this.#replace(parentOf(path), { ...parent, pzxid: this.zxid });
    parent.children.delete(nameOf(path));
    this.#undo.push(() => parent.children.add(nameOf(path)));
    this.nodes.delete(path);
    this.#undo.push(() => this.nodes.set(path, node));
    this.changes.push({ kind: 'deleted', path });
  }

  /** The node, if it exists in this version (-1: in any). */
  check(path: string, version: number): TreeNode {
    const node = this.#existing(path);
    if (version !== -1 && node.version !== version) {
      throw refusal('BAD_VERSION', path, `has version ${node.version}, not ${version}`);
    }
    return node;
  }

  /** One step of a multi-operation transaction. */
  perform(operation: Operation, session: bigint): void {
    switch (operation.kind) {
      case 'check':
        this.check(operation.path, operation.version);
        break;
      case 'create':
        this.create(operation.path, operation.value, operation.mode, session);
        break;
      case 'write':
        this.set(operation.path, operation.value, operation.version ?? -1);
        break;
      case 'remove':
        this.remove(operation.path, operation.version ?? -1);
    }
  }

  /** Takes everything back, in reverse order. */
  undo(): void {
    for (const step of this.#undo.splice(0).reverse()) step();
  }

  #existing(path: string): TreeNode {
    const node = this.nodes.get(path);
    if (node === undefined) throw refusal('NO_NODE', path, 'does not exist');
    return node;
  }

  #replace(path: string, node: TreeNode): void {
    const former = this.nodes.get(path);
    this.nodes.set(path, node);
    this.#undo.push(() => (former === undefined ? this.nodes.delete(path) : this.nodes.set(path, former)));
  }
}

function statOf(node: TreeNode): NodeStat {
  return {
    czxid: node.czxid,
    mzxid: node.mzxid,
    pzxid: node.pzxid,
    ctime: node.ctime,
    mtime: node.mtime,
    version: node.version,
    // ZooKeeper keeps the creations and shows creations plus removals.
    cversion: node.creations * 2 - node.children.size,
    ephemeralOwner: node.owner,
    numChildren: node.children.size,
  };
}
