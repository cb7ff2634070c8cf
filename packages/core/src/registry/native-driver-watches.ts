import type { Watcher } from './driver.js';

/** What a watch is on: the node itself (also one that does not exist yet), or the set of its children. */
export type WatchKind = 'node' | 'children';

const NODE_DELETED = 2;
const CHILDREN_CHANGED = 4;

/** Created, deleted, value changed, children changed; all other types are about the session. */
const NODE_EVENTS: readonly number[] = [1, NODE_DELETED, 3, CHILDREN_CHANGED];

/**
 * The one-shot watchers of one session, found by path. The package never frees a watch callback that it was given, so it
 * is given the same function for all watches of a session and this table finds whom a notification is for: what leaks
 * per watch is a handle of a few dozen bytes instead of a closure with all it holds.
 */
export class WatchTable {
  readonly #watchers: Record<WatchKind, Map<string, Set<Watcher>>> = { node: new Map(), children: new Map() };

  /** To be called when the answer to the read that set the watch has come, so that only later changes are heard. */
  add(kind: WatchKind, path: string, watcher: Watcher): void {
    const watchers = this.#watchers[kind].get(path) ?? new Set();
    this.#watchers[kind].set(path, watchers.add(watcher));
  }

  /** Calls and forgets the watchers that an event of this type at `path` is for. */
  readonly notify = (type: number, _state: number, path: string): void => {
    if (!NODE_EVENTS.includes(type)) return;
    if (type !== CHILDREN_CHANGED) this.#fire('node', path);
    if (type === CHILDREN_CHANGED || type === NODE_DELETED) this.#fire('children', path);
  };

  /** Calls and forgets all watchers: nobody knows what has changed. */
  notifyAll(): void {
    const watchers = Object.values(this.#watchers).flatMap((paths) => [...paths.values()].flatMap((set) => [...set]));
    this.clear();
    for (const watcher of watchers) watcher();
  }

  clear(): void {
    this.#watchers.node.clear();
    this.#watchers.children.clear();
  }

  #fire(kind: WatchKind, path: string): void {
    const watchers = this.#watchers[kind].get(path);
    this.#watchers[kind].delete(path);
    for (const watcher of watchers ?? []) watcher();
  }
}
