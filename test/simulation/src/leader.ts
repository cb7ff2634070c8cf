import type { CreateMode, Operation } from '@elasticjob/core';
import { refusal } from '@elasticjob/core/driver';
import { type Change, DataTree, parentOf } from './data-tree.js';
import type { Link } from './link.js';
import type { Admission, Entry, LeaderRequest, Outcome, Transaction } from './protocol.js';
import type { Timeline } from './timeline.js';

interface LeaderSession {
  readonly id: bigint;
  readonly timeoutMs: number;
  readonly owned: Set<string>;
  /** The connection it was admitted over last: requests that come over an earlier one are refused. */
  link: Link;
  heard: number;
}

/**
 * The leader: decides about every write against the newest state, puts it into the one history, and alone decides when
 * a session has been silent for too long.
 */
export class Leader {
  readonly tree = new DataTree();
  readonly log: Transaction[] = [];
  readonly #sessions = new Map<bigint, LeaderSession>();
  #lastSession = 0x1000_0000n;

  constructor(
    private readonly timeline: Timeline,
    private readonly tickMs: number,
    private readonly onCommit: (transaction: Transaction) => void,
  ) {}

  get zxid(): bigint {
    return BigInt(this.log.length);
  }

  /** The sessions that are alive, oldest first. */
  get sessionIds(): bigint[] {
    return [...this.#sessions.keys()];
  }

  isAlive(session: bigint): boolean {
    return this.#sessions.has(session);
  }

  /** Paths of the nodes that these sessions own. */
  ownedBy(sessions: ReadonlySet<bigint>): string[] {
    return [...this.#sessions.values()].filter(({ id }) => sessions.has(id)).flatMap(({ owned }) => [...owned]);
  }

  /** Something was heard of a session over its present connection. */
  touch(link: Link): void {
    const session = this.#sessions.get(link.session);
    if (session?.link === link) session.heard = this.timeline.now;
  }

  /** Ends a session and removes, in one transaction, the nodes it owns. */
  close(id: bigint): void {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#sessions.delete(id);
    const changes = [...session.owned].map((path): Change => ({ kind: 'deleted', path }));
    for (const change of changes) this.tree.apply(change, this.zxid + 1n, 0);
    this.#append(id, changes, true);
  }

  /** Decides about a request; `null` if it comes from a session that has ended or gone elsewhere: nobody is answered. */
  decide({ request, link }: Entry): Outcome | null {
    if (request.kind === 'open') return { result: this.#open(request.timeoutMs, link) };
    if (request.kind === 'resume') return { result: this.#resume(request.session, link) };
    const session = this.#sessions.get(link.session);
    if (session === undefined || session.link !== link) return null;
    try {
      return { result: this.#perform(request as LeaderRequest, session) };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      // A refusal has its place in the history too: its answer is not older than what it was refused for.
      this.#append(session.id, [], false);
      return { error };
    }
  }

  #perform(request: LeaderRequest, session: LeaderSession): unknown {
    switch (request.kind) {
      case 'create':
        return this.#create(request, session);
      case 'set':
        this.#check(request.path, request.version);
        this.#commit(session, [{ kind: 'changed', path: request.path, value: request.value }]);
        return this.tree.demand(request.path);
      case 'remove':
        this.#checkRemoval(request.path, request.version);
        this.#commit(session, [{ kind: 'deleted', path: request.path }]);
        return undefined;
      case 'multi':
        return this.#multi(request.operations, session);
      case 'close':
        this.close(session.id);
        return undefined;
      default:
        return undefined;
    }
  }

  #create(request: { path: string; value: string; mode: CreateMode }, session: LeaderSession): unknown {
    const change = this.#creation(request.path, request.value, request.mode, session);
    this.#commit(session, [change]);
    return { path: change.path, czxid: this.zxid };
  }

  #creation(path: string, value: string, mode: CreateMode, session: LeaderSession): Change & { kind: 'created' } {
    const parent = parentOf(path);
    const { ephemeralOwner } = this.tree.demand(parent);
    if (ephemeralOwner !== 0n) throw refusal('REGISTRY_FAILURE', path, 'an ephemeral node cannot have children');
    const number = String(this.tree.creations(parent)).padStart(10, '0');
    const full = mode.endsWith('-sequential') ? `${path}${number}` : path;
    if (this.tree.has(full)) throw refusal('NODE_EXISTS', full, 'exists already');
    return { kind: 'created', path: full, value, owner: mode.startsWith('ephemeral') ? session.id : 0n };
  }

  #check(path: string, version: number): void {
    const stat = this.tree.demand(path);
    if (version !== -1 && stat.version !== version) {
      throw refusal('BAD_VERSION', path, `has version ${stat.version}, not ${version}`);
    }
  }

  #checkRemoval(path: string, version: number): void {
    this.#check(path, version);
    const { numChildren } = this.tree.demand(path);
    if (numChildren > 0) throw refusal('NOT_EMPTY', path, `has ${numChildren} children`);
  }

  /** Applies one operation after the other, and takes all back when one is refused. */
  #multi(operations: readonly Operation[], session: LeaderSession): unknown {
    const changes: Change[] = [];
    const undo: (() => void)[] = [];
    for (const [index, operation] of operations.entries()) {
      try {
        const change = this.#step(operation, session);
        if (change === null) continue;
        undo.push(this.tree.apply(change, this.zxid + 1n, this.#time));
        changes.push(change);
      } catch (error) {
        for (const step of undo.reverse()) step();
        this.#append(session.id, [], false);
        return { committed: false, index, reason: (error as { code?: string }).code ?? String(error) };
      }
    }
    this.#own(session, changes);
    this.#append(session.id, changes, false);
    return { committed: true, zxid: this.zxid };
  }

  #step(operation: Operation, session: LeaderSession): Change | null {
    const { path } = operation;
    switch (operation.kind) {
      case 'check':
        this.#check(path, operation.version);
        return null;
      case 'create':
        return this.#creation(path, operation.value, operation.mode, session);
      case 'write':
        this.#check(path, operation.version ?? -1);
        return { kind: 'changed', path, value: operation.value };
      case 'remove':
        this.#checkRemoval(path, operation.version ?? -1);
        return { kind: 'deleted', path };
    }
  }

  #commit(session: LeaderSession, changes: readonly Change[]): void {
    const before = changes.map(({ path }) => this.tree.owner(path));
    for (const change of changes) this.tree.apply(change, this.zxid + 1n, this.#time);
    this.#own(session, changes, before);
    this.#append(session.id, changes, false);
  }

  /** Keeps account of who owns which ephemeral node. */
  #own(session: LeaderSession, changes: readonly Change[], before: readonly (bigint | null)[] = []): void {
    for (const [index, change] of changes.entries()) {
      if (change.kind === 'created' && change.owner !== 0n) session.owned.add(change.path);
      if (change.kind !== 'deleted') continue;
      const owner = before[index];
      if (owner) this.#sessions.get(owner)?.owned.delete(change.path);
      else for (const each of this.#sessions.values()) each.owned.delete(change.path);
    }
  }

  #append(session: bigint, changes: readonly Change[], closes: boolean): void {
    const transaction = { zxid: this.zxid + 1n, time: this.#time, session, changes, closes };
    this.log.push(transaction);
    this.onCommit(transaction);
  }

  get #time(): number {
    return Math.floor(this.timeline.now);
  }

  #open(timeoutMs: number, link: Link): Admission {
    const id = ++this.#lastSession;
    const session = { id, timeoutMs, owned: new Set<string>(), link, heard: this.timeline.now };
    this.#sessions.set(id, session);
    link.session = id;
    this.#append(id, [], false);
    this.#awaitSilence(session);
    return { id, timeoutMs };
  }

  #resume(id: bigint, link: Link): Admission {
    const session = this.#sessions.get(id);
    if (session === undefined) return null;
    session.link = link;
    session.heard = this.timeline.now;
    link.session = id;
    return { id, timeoutMs: session.timeoutMs };
  }

  /** A session is over when its timeout has passed in silence, at the next tick of the leader. */
  #awaitSilence(session: LeaderSession): void {
    const deadline = (Math.floor((session.heard + session.timeoutMs) / this.tickMs) + 1) * this.tickMs;
    this.timeline.at(deadline, null, () => {
      if (this.#sessions.get(session.id) !== session) return;
      if (session.heard + session.timeoutMs <= this.timeline.now) this.close(session.id);
      else this.#awaitSilence(session);
    });
  }
}
