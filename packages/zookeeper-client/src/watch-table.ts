import type { WATCH_MODES } from './protocol.js';

/** What happened to a watched node; `children`: one of its children came or went. */
export interface WatchEvent {
  readonly kind: 'created' | 'changed' | 'deleted' | 'children';
  readonly path: string;
}

/** Hears of nodes, never of the session. */
export type Watcher = (event: WatchEvent) => void;

/** `persistent`: one node and the list of its children. `recursive`: a node and all below it, but no `children` events. */
export type WatchMode = keyof typeof WATCH_MODES;

/** A watch that is used up by the first event: on a node's data, on a node that did not exist, on its children. */
export type OneShotKind = 'data' | 'exists' | 'children';

const USED_UP_BY: Readonly<Record<WatchEvent['kind'], readonly OneShotKind[]>> = {
  created: ['data', 'exists'],
  changed: ['data', 'exists'],
  deleted: ['data', 'exists', 'children'],
  children: ['children'],
};

/** The paths of all watches that the server holds for a session, to be set again on its next connection. */
export interface WatchPaths {
  readonly data: readonly string[];
  readonly exists: readonly string[];
  readonly children: readonly string[];
  readonly persistent: readonly string[];
  readonly recursive: readonly string[];
}

type Table = Map<string, Set<Watcher>>;

/**
 * Who watches what, by the paths of the server. One path has one mode of standing watch on the server, the wider one,
 * because servers before 3.9 let watches of different modes on one path replace each other; for the same reason reads of
 * a path with a standing watch set no watch of their own. What the wider one does not tell is made up from what it does.
 */
export class WatchTable {
  readonly #oneShot: Record<OneShotKind, Table> = { data: new Map(), exists: new Map(), children: new Map() };
  readonly #standing: Record<WatchMode, Table> = { persistent: new Map(), recursive: new Map() };

  /** Reads with a watcher that are under way. */
  readonly #expected = new Map<string, Set<symbol>>();

  constructor(private readonly onFailure: (error: unknown) => void) {}

  /** Whether events of the path come without a watch of its own. */
  isCovered(path: string): boolean {
    return this.#standing.persistent.has(path) || this.#standing.recursive.has(path);
  }

  addOneShot(kind: OneShotKind, path: string, watcher: Watcher): void {
    add(this.#oneShot[kind], path, watcher);
  }

  /** Announces a read with a watcher; the undo, which may be called twice, says that it has been answered or has failed. */
  expectOneShot(path: string): () => void {
    const read = Symbol(path);
    const reads = this.#expected.get(path) ?? new Set();
    this.#expected.set(path, reads.add(read));
    return () => {
      if (reads.delete(read) && reads.size === 0) this.#expected.delete(path);
    };
  }

  /** Whether there is one, or may be as soon as a read under way is answered. */
  hasOneShot(path: string): boolean {
    return this.#expected.has(path) || Object.values(this.#oneShot).some((table) => table.has(path));
  }

  addStanding(mode: WatchMode, path: string, watcher: Watcher): void {
    add(this.#standing[mode], path, watcher);
  }

  removeStanding(mode: WatchMode, path: string, watcher: Watcher): void {
    const watchers = this.#standing[mode].get(path);
    watchers?.delete(watcher);
    if (watchers?.size === 0) this.#standing[mode].delete(path);
  }

  /** The mode that the server has to know for a path, `null` for none. */
  modeOf(path: string): WatchMode | null {
    if (this.#standing.recursive.has(path)) return 'recursive';
    return this.#standing.persistent.has(path) ? 'persistent' : null;
  }

  /** Tells an event of the server to whoever it concerns; `tell` makes the event of the client's own path. */
  dispatch(kind: WatchEvent['kind'], path: string, tell: (path: string) => string): void {
    const event = { kind, path: tell(path) };
    for (const table of USED_UP_BY[kind]) this.#use(this.#oneShot[table], path, event);
    this.#call(this.#standing.persistent.get(path), event);
    if (kind !== 'children') this.#climb(path, event, tell);
  }

  /** What the server has to be told of on a new connection. */
  paths(): WatchPaths {
    const { data, exists, children } = this.#oneShot;
    const { persistent, recursive } = this.#standing;
    return {
      data: [...data.keys()],
      exists: [...exists.keys()],
      children: [...children.keys()],
      persistent: [...persistent.keys()].filter((path) => !recursive.has(path)),
      recursive: [...recursive.keys()],
    };
  }

  clear(): void {
    for (const table of [...Object.values(this.#oneShot), ...Object.values(this.#standing)]) table.clear();
  }

  /** Recursive watches of the node and of everything above it. */
  #climb(path: string, event: WatchEvent, tell: (path: string) => string): void {
    const { recursive } = this.#standing;
    if (recursive.size === 0) return;
    for (let root = path; ; root = root.slice(0, Math.max(1, root.lastIndexOf('/')))) {
      this.#call(recursive.get(root), event);
      if (root === '/') break;
    }
    if (event.kind !== 'changed') this.#makeUpChildren(path, tell);
  }

  /** A recursive watch does not tell that the list of children changed, but that a child did. */
  #makeUpChildren(path: string, tell: (path: string) => string): void {
    const parent = path.slice(0, Math.max(1, path.lastIndexOf('/')));
    if (parent === path || !this.#standing.recursive.has(parent)) return;
    const watchers = this.#oneShot.children.get(parent);
    const standing = this.#standing.persistent.get(parent);
    if (watchers === undefined && standing === undefined) return;
    const event: WatchEvent = { kind: 'children', path: tell(parent) };
    this.#use(this.#oneShot.children, parent, event);
    this.#call(standing, event);
  }

  #use(table: Table, path: string, event: WatchEvent): void {
    const watchers = table.get(path);
    if (watchers === undefined) return;
    table.delete(path);
    this.#call(watchers, event);
  }

  #call(watchers: ReadonlySet<Watcher> | undefined, event: WatchEvent): void {
    if (watchers === undefined) return;
    for (const watcher of watchers) {
      try {
        watcher(event);
      } catch (error) {
        this.onFailure(error);
      }
    }
  }
}

function add(table: Table, path: string, watcher: Watcher): void {
  const watchers = table.get(path);
  if (watchers === undefined) table.set(path, new Set([watcher]));
  else watchers.add(watcher);
}
