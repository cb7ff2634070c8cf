import type { NodeStat } from '@elasticjob/core';
import { refusal } from '@elasticjob/core/driver';

/** One change of one node, decided by the leader: every server applies it in the same way. */
export type Change =
  | { readonly kind: 'created'; readonly path: string; readonly value: string; readonly owner: bigint }
  | { readonly kind: 'changed'; readonly path: string; readonly value: string }
  | { readonly kind: 'deleted'; readonly path: string };

interface Node {
  value: string;
  readonly czxid: bigint;
  mzxid: bigint;
  pzxid: bigint;
  readonly ctime: number;
  mtime: number;
  version: number;
  creations: number;
  readonly owner: bigint;
  readonly children: Set<string>;
}

export const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf('/')));
const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/**
 * The nodes as one server has them: what came of a prefix of the one history. Changes are applied as they come, nothing
 * is checked here.
 */
export class DataTree {
  readonly #nodes = new Map<string, Node>([['/', newNode('', 0n, 0, 0n)]]);

  has(path: string): boolean {
    return this.#nodes.has(path);
  }

  value(path: string): string | null {
    return this.#nodes.get(path)?.value ?? null;
  }

  names(path: string): string[] {
    return [...(this.#nodes.get(path)?.children ?? [])];
  }

  stat(path: string): NodeStat | null {
    const node = this.#nodes.get(path);
    return node === undefined ? null : statOf(node);
  }

  /** Session that owns the node; `null` if there is no such node. */
  owner(path: string): bigint | null {
    return this.#nodes.get(path)?.owner ?? null;
  }

  /** The stat of a node that must exist. */
  demand(path: string): NodeStat {
    const node = this.#nodes.get(path);
    if (node === undefined) throw refusal('NO_NODE', path, 'does not exist');
    return statOf(node);
  }

  /** Children that the node ever had: the next sequence number. */
  creations(path: string): number {
    return this.#nodes.get(path)?.creations ?? 0;
  }

  /** Applies a change and returns the way back. */
  apply(change: Change, zxid: bigint, time: number): () => void {
    switch (change.kind) {
      case 'created':
        return this.#create(change, zxid, time);
      case 'changed':
        return this.#change(change, zxid, time);
      case 'deleted':
        return this.#delete(change.path, zxid);
    }
  }

  #create({ path, value, owner }: Change & { kind: 'created' }, zxid: bigint, time: number): () => void {
    const parent = this.#parent(path);
    const { pzxid, creations } = parent;
    this.#nodes.set(path, newNode(value, zxid, time, owner));
    parent.children.add(nameOf(path));
    parent.pzxid = zxid;
    parent.creations += 1;
    return () => {
      this.#nodes.delete(path);
      parent.children.delete(nameOf(path));
      Object.assign(parent, { pzxid, creations });
    };
  }

  #change({ path, value }: Change & { kind: 'changed' }, zxid: bigint, time: number): () => void {
    const node = this.#node(path);
    const former = { value: node.value, mzxid: node.mzxid, mtime: node.mtime, version: node.version };
    Object.assign(node, { value, mzxid: zxid, mtime: time, version: node.version + 1 });
    return () => void Object.assign(node, former);
  }

  #delete(path: string, zxid: bigint): () => void {
    const node = this.#node(path);
    const parent = this.#parent(path);
    const { pzxid } = parent;
    this.#nodes.delete(path);
    parent.children.delete(nameOf(path));
    parent.pzxid = zxid;
    return () => {
      this.#nodes.set(path, node);
      parent.children.add(nameOf(path));
      parent.pzxid = pzxid;
    };
  }

  #node(path: string): Node {
    const node = this.#nodes.get(path);
    if (node === undefined) throw new Error(`the history changes ${path}, which does not exist`);
    return node;
  }

  #parent(path: string): Node {
    return this.#node(parentOf(path));
  }
}

function newNode(value: string, zxid: bigint, time: number, owner: bigint): Node {
  const zxids = { czxid: zxid, mzxid: zxid, pzxid: zxid };
  return { value, ...zxids, ctime: time, mtime: time, version: 0, creations: 0, owner, children: new Set() };
}

function statOf(node: Node): NodeStat {
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
