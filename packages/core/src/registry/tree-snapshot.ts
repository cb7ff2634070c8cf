import type { ChildList, NodeStat, RegistryNode, TreeSnapshot } from './registry.js';

type Picture<T> = ReadonlyMap<string, T>;

/** An immutable picture of what there was of all that was looked at. Unchanged nodes are shared between pictures. */
export class Snapshot implements TreeSnapshot {
  constructor(
    readonly revision: number,
    private readonly nodes: Picture<RegistryNode>,
    private readonly lists: Picture<ChildList>,
  ) {}

  node(path: string): RegistryNode | null {
    return this.nodes.get(path) ?? null;
  }

  children(path: string): ChildList | null {
    return this.lists.get(path) ?? null;
  }

  /** Whether it shows just these objects. */
  shows(nodes: Picture<RegistryNode>, lists: Picture<ChildList>): boolean {
    return sameEntries(this.nodes, nodes) && sameEntries(this.lists, lists);
  }
}

/** `before` if `after` says the same, so that an unchanged node keeps its identity. */
export function keep<T extends { readonly stat: NodeStat }>(before: T | null | undefined, after: T | null): T | null {
  return before && after && sameStat(before.stat, after.stat) ? before : after;
}

function sameStat(a: NodeStat, b: NodeStat): boolean {
  return a.czxid === b.czxid && a.mzxid === b.mzxid && a.pzxid === b.pzxid && a.cversion === b.cversion;
}

function sameEntries<T>(a: Picture<T>, b: Picture<T>): boolean {
  if (a.size !== b.size) return false;
  for (const [path, value] of b) if (a.get(path) !== value) return false;
  return true;
}
