import { placeOf } from '../foundation/sorted.js';
import type { DriverSession } from './driver.js';
import { orNull } from './refusal.js';
import type { ChildList, NodeStat, RegistryNode, Selection } from './registry.js';
import { joinPath } from './registry-path.js';
import type { Arming, ChildChange, PlacePart } from './tree-arming.js';
import { keep } from './tree-snapshot.js';

/** What is looked at in one place. */
export interface Look {
  readonly list: boolean;
  /** The list is kept by what is told of each child. */
  readonly followed: boolean;
  readonly childValues: boolean;
  /** The place whose list of children brought this one in; `null` if it was selected. */
  readonly parent: string | null;
}

/** Nothing but the node's value, because it was selected. */
const PLAIN: Look = { list: false, followed: false, childValues: false, parent: null };

const LISTED: Look = { list: true, followed: false, childValues: false, parent: null };
const LISTED_WITH_VALUES: Look = { ...LISTED, childValues: true };
const FOLLOWED: Look = { ...LISTED, followed: true };

/** One of a few objects, since there are many places. */
function listed(followed: boolean, childValues: boolean): Look {
  if (followed) return childValues ? { ...FOLLOWED, childValues } : FOLLOWED;
  return childValues ? LISTED_WITH_VALUES : LISTED;
}

/** All places that a selection looks at, given the children known now. */
export function lookedAt(
  selection: readonly Selection[],
  childrenOf: (path: string) => readonly string[],
): Map<string, Look> {
  const looks = new Map<string, Look>();
  for (const { path, children } of selection) {
    const former = looks.get(path);
    const list = children !== undefined || former?.list === true;
    const followed = children === undefined ? former?.followed === true : children === 'followed' && !isRead(former);
    const childValues = children === 'nodes' || former?.childValues === true;
    looks.set(path, list ? listed(followed, childValues) : PLAIN);
  }
  for (const [path, { childValues }] of [...looks]) {
    if (!childValues) continue;
    const asChild: Look = { ...PLAIN, parent: path };
    for (const name of childrenOf(path)) {
      const child = joinPath(path, name);
      if (!looks.has(child)) looks.set(child, asChild);
    }
  }
  return looks;
}

/** Whether somebody wants the list as it was read. */
function isRead(look: Look | undefined): boolean {
  return look?.list === true && !look.followed;
}

/** A value that is read again after something touched it. `undefined` until read, `null` when absent. */
class Part<T> {
  value: T | null | undefined;
  /** Has to be read. */
  due = true;
  /** Known, or to be assumed, to differ from what is published. */
  stale = true;
  #settled = false;

  touch(): void {
    this.due = true;
    this.stale = true;
    this.#settled = false;
  }

  /** Before a request is sent: what touches it from now on is not in the answer. */
  reading(): void {
    this.due = false;
    this.#settled = true;
  }

  published(): void {
    if (this.#settled) this.stale = false;
  }
}

/** One node of a watched tree: its value and, if looked at, its list of children. */
export class Place {
  readonly node = new Part<RegistryNode>();
  /** Made when it is looked at: most places have no list. */
  #list: Part<ChildList> | null = null;
  #look: Look = PLAIN;
  /** What was told of the children since the list was asked for, or published: of each the last word. */
  #told: Map<string, boolean> | null = null;

  constructor(readonly path: string) {}

  get list(): Part<ChildList> {
    this.#list ??= new Part();
    return this.#list;
  }

  get parent(): string | null {
    return this.#look.parent;
  }

  get wantsList(): boolean {
    return this.#look.list;
  }

  get due(): boolean {
    return this.node.due || (this.wantsList && this.list.due);
  }

  /** Whether something was told that is to be published and need not be read. */
  get hasNews(): boolean {
    return this.#told !== null;
  }

  get unread(): boolean {
    return this.node.value === undefined || (this.wantsList && this.list.value === undefined);
  }

  get fresh(): boolean {
    return !this.node.stale && !(this.wantsList && this.list.stale);
  }

  look(look: Look): void {
    const isAsBefore = this.wantsList && this.#look.followed === look.followed;
    if (look.list && !isAsBefore) this.list.touch();
    this.#look = look;
  }

  /** A watch fired. `child`: for a child that came or went, and nothing else has changed of the list. */
  touch(part: PlacePart, child?: ChildChange): void {
    if (part === 'node') this.node.touch();
    else if (child !== undefined && this.#follows) this.#hear(child);
    else this.#list?.touch();
  }

  /** Whether there is a list that what is told of children can be added to, or one that is being read. */
  get #follows(): boolean {
    return this.#look.followed && this.#list?.value !== undefined && this.#list.value !== null;
  }

  #hear({ name, isThere }: ChildChange): void {
    this.#told ??= new Map();
    this.#told.set(name, isThere);
    this.list.stale = true;
  }

  /** Notifications may have been missed. */
  touchAll(): void {
    this.node.touch();
    this.#list?.touch();
  }

  /** Reads anew without knowing of a change. */
  requestAll(): void {
    this.node.due = true;
    if (this.wantsList) this.list.due = true;
  }

  /** Takes in what was told, and counts as published from now on. */
  publish(): void {
    const list = this.#list?.value;
    if (list && this.#told) this.list.value = { names: withChanges(list.names, this.#told), stat: list.stat };
    this.#told = null;
    this.node.published();
    this.#list?.published();
  }

  /** Reads what is due and returns the stats seen. On failure it stays due. */
  async read(driver: DriverSession, full: string, arming: Arming): Promise<NodeStat[]> {
    const reads: Promise<void>[] = [];
    const list = this.wantsList && this.list.due;
    // What was absent most likely still is: one request tells, and the list need not be asked for.
    if (this.node.due && this.node.value === null) await this.#readNode(driver, full, arming);
    else if (this.node.due) reads.push(this.#readNode(driver, full, arming));
    if (list) reads.push(this.#readList(driver, full, arming));
    await settleAll(reads);
    // An absent node has one watch, which does not tell of its children: once it is there, its list is read too.
    if (this.wantsList && this.node.value && this.list.value === null) await this.#readList(driver, full, arming);
    // Its parent's list has changed too, then; whether it comes back shows when that has been read.
    if (this.parent !== null && this.node.value === null) this.node.touch();
    return [this.node.value?.stat, this.#list?.value?.stat].filter((stat) => stat !== undefined);
  }

  async #readNode(driver: DriverSession, full: string, arming: Arming): Promise<void> {
    this.node.reading();
    try {
      const node = await this.#find(driver, full, arming);
      this.node.value = keep(this.node.value, node === null ? null : nodeAt(this.path, node));
    } catch (error) {
      this.node.due = true;
      throw error;
    }
  }

  /** The value, or `null` when it is certain that its creation will be told. */
  async #find(driver: DriverSession, full: string, arming: Arming): Promise<Value | null> {
    if (arming.standing) return this.#get(driver, full, arming);
    const found = this.node.value === null ? null : await this.#get(driver, full, arming);
    return found ?? this.#getOnceThere(driver, full, arming);
  }

  /** The value, or `null` with a watch that tells of its creation; a child's is that on its parent's list. */
  async #getOnceThere(driver: DriverSession, full: string, arming: Arming): Promise<Value | null> {
    for (;;) {
      if (this.parent === null) {
        const stat = await arming.read('node', this.path, (watcher) => driver.exists(full, watcher));
        if (stat === null) return null;
      }
      const found = await this.#get(driver, full, arming);
      if (found !== null || this.parent !== null) return found;
    }
  }

  #get(driver: DriverSession, full: string, arming: Arming): Promise<Value | null> {
    return orNull(arming.read('node', this.path, (watcher) => driver.get(full, watcher)));
  }

  async #readList(driver: DriverSession, full: string, arming: Arming): Promise<void> {
    this.list.reading();
    // All of it is in the answer. What is told from now on may be in it or not; of each child the last word holds, since
    // nobody is answered with a change before he was told of it.
    this.#told = null;
    try {
      const absent = this.node.value === null && !this.node.due;
      const found = absent
        ? null
        : await orNull(arming.read('list', this.path, (watcher) => driver.children(full, watcher)));
      this.list.value = keep(this.list.value, found === null ? null : { names: found.names.sort(), stat: found.stat });
    } catch (error) {
      this.list.due = true;
      throw error;
    }
  }
}

type Value = Pick<RegistryNode, 'value' | 'stat'>;

/** The names, in their order, after these came (`true`) or went. */
function withChanges(names: readonly string[], changes: ReadonlyMap<string, boolean>): readonly string[] {
  const changed = [...names];
  for (const [name, isThere] of changes) {
    const at = placeOf(name, changed);
    const isListed = changed[at] === name;
    if (isListed === isThere) continue;
    if (isListed) changed.splice(at, 1);
    else changed.splice(at, 0, name);
  }
  return changed;
}

function nodeAt(path: string, { value, stat }: Value): RegistryNode {
  return { path, value, stat };
}

/** Waits for all, then fails if one did: no read may still be under way when the next round begins. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) if (outcome.status === 'rejected') throw outcome.reason;
}
