import { type Capabilities, type CreateMode, type NodeStat, type Operation, RegistryError } from '@elasticjob/core';
import {
  type ConnectionEvent,
  type Driver,
  type DriverSession,
  MAX_REQUEST_BYTES,
  type MultiResult,
  refusal,
  type TreeWatcher,
  type Watcher,
} from '@elasticjob/core/driver';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import type { Ensemble } from './ensemble.js';
import { Link, type LinkEnd } from './link.js';
import type { Found, Notification, Outcome, Request } from './protocol.js';
import type { Random } from './random.js';
import type { Server } from './server.js';
import type { Actor, Timeline } from './timeline.js';

/** Which client library is simulated. */
export type ClientKind = 'native' | 'wire';

/** What each client library can do. */
export const ABILITIES: Readonly<Record<ClientKind, Capabilities>> = {
  native: { atomicCommit: false, aclAtCreation: true, recursiveWatch: false, tls: false },
  wire: { atomicCommit: true, aclAtCreation: true, recursiveWatch: true, tls: true },
};

/** Where sessions come from: the machine of a process, whose network may be cut. */
export interface Host extends Actor {
  readonly networkCut: boolean;
}

/** What a client works with. */
export interface ClientParts {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly ensemble: Ensemble;
  readonly host: Host;
  readonly kind: ClientKind;
  readonly sessionTimeoutMs: number;
  /** One way to a server, milliseconds. */
  readonly delay: () => number;
  /** The pause before another server is tried, milliseconds. */
  readonly pause: () => number;
}

type WatchKind = 'data' | 'exists' | 'children';

/** How long an attempt to connect may take, milliseconds. */
const CONNECT_MS = 1000;

const HEARS: Record<Notification['kind'], readonly WatchKind[]> = {
  created: ['data', 'exists'],
  changed: ['data', 'exists'],
  deleted: ['data', 'exists', 'children'],
  children: ['children'],
};

/** The driver of one process, with the means to break its connection. */
export class SimulatedDriver implements Driver {
  readonly capabilities: Capabilities;
  #session: ClientSession | null = null;

  constructor(private readonly parts: ClientParts) {
    this.capabilities = ABILITIES[parts.kind];
  }

  async open(onEvent: (event: ConnectionEvent) => void): Promise<DriverSession> {
    this.#session = new ClientSession(this.parts, onEvent);
    return this.#session;
  }

  /** The connection breaks; with `silent` neither end is told. */
  disconnect(silent: boolean): void {
    this.#session?.disconnect(silent);
  }

  /** Whether the connection is broken, and the client does not know it yet. */
  get deceived(): boolean {
    return this.#session?.deceived ?? false;
  }
}

/** The client's end of a session, as a client library keeps it: one connection after the other, to any server. */
export class ClientSession implements DriverSession {
  readonly multi?: (operations: readonly Operation[]) => Promise<MultiResult>;
  readonly watchTree?: (path: string, watcher: TreeWatcher) => Promise<() => void>;
  readonly #watches: Record<WatchKind, Map<string, Set<Watcher>>> = {
    data: new Map(),
    exists: new Map(),
    children: new Map(),
  };
  readonly #trees = new Map<string, Set<TreeWatcher>>();
  readonly #pending = new Set<Deferred<never>>();
  #id = 0n;
  #timeoutMs = 0;
  #zxid = 0n;
  #heard = 0;
  #link: Link | null = null;
  #server: Server | null = null;
  #connected = false;
  #ended = false;
  #closed: Deferred<void> | null = null;

  constructor(
    private readonly parts: ClientParts,
    private readonly onEvent: (event: ConnectionEvent) => void,
  ) {
    const abilities = ABILITIES[parts.kind];
    if (abilities.atomicCommit) this.multi = (operations) => this.#multi(operations);
    if (abilities.recursiveWatch) this.watchTree = (path, watcher) => this.#watchTree(path, watcher);
    this.#connectSoon(0);
  }

  get id(): bigint {
    return this.#id;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  create(path: string, value: string, mode: CreateMode): Promise<{ path: string; czxid: bigint }> {
    return this.#request(path, { kind: 'create', path, value, mode });
  }

  get(path: string, watcher?: Watcher): Promise<Found> {
    const request: Request = { kind: 'get', path, watch: watcher !== undefined };
    return this.#request<Found>(path, request, () => this.#watch('data', path, watcher));
  }

  exists(path: string, watcher?: Watcher): Promise<NodeStat | null> {
    const request: Request = { kind: 'exists', path, watch: watcher !== undefined };
    return this.#request<NodeStat | null>(path, request, (stat) =>
      this.#watch(stat === null ? 'exists' : 'data', path, watcher),
    );
  }

  children(path: string, watcher?: Watcher): Promise<{ names: string[]; stat: NodeStat }> {
    const request: Request = { kind: 'children', path, watch: watcher !== undefined };
    return this.#request<{ names: string[]; stat: NodeStat }>(path, request, () =>
      this.#watch('children', path, watcher),
    );
  }

  set(path: string, value: string, version: number): Promise<NodeStat> {
    return this.#request(path, { kind: 'set', path, value, version });
  }

  remove(path: string, version: number): Promise<void> {
    return this.#request(path, { kind: 'remove', path, version });
  }

  sync(path: string): Promise<void> {
    return this.#request(path, { kind: 'sync' });
  }

  async close(): Promise<void> {
    if (this.#ended) return this.#closed?.promise;
    this.#closed = deferred();
    const link = this.#link;
    const connected = this.#connected;
    if (link !== null && connected) {
      this.#send(link, { kind: 'close' }, () => this.#closed?.resolve());
    }
    this.#ended = true;
    this.#reject('the session is closing');
    if (!connected) this.#closed.resolve();
    return this.#closed.promise;
  }

  /** The connection breaks: of the requests on their way the first few still arrive, no answer does. */
  disconnect(silent: boolean): void {
    const link = this.#link;
    const server = this.#server;
    if (link === null || server === null) return;
    link.up.break(this.parts.random.whole(0, link.up.inFlight));
    link.down.break();
    const { timeline, delay } = this.parts;
    if (!silent) timeline.after(delay() * 3, null, () => server.drop(link));
    // Who is gone does not hear of it any more.
    if (!this.parts.host.gone && (!silent || !this.#connected)) this.#disconnected();
  }

  get deceived(): boolean {
    return this.#link !== null && this.#connected && this.#link.down.broken;
  }

  #connectSoon(delay: number): void {
    const { timeline, host } = this.parts;
    timeline.after(delay, host, () => this.#connect());
  }

  #connect(): void {
    if (this.#ended || this.#link !== null) return;
    const { timeline, random, ensemble, host, delay, sessionTimeoutMs } = this.parts;
    const server = random.pick(ensemble.servers);
    const link: Link = new Link(
      timeline,
      host,
      this.#end(() => link),
      delay,
    );
    this.#link = link;
    this.#server = server;
    timeline.after(Math.min(sessionTimeoutMs / 3, CONNECT_MS), host, () => {
      if (this.#link === link && !this.#connected) this.#abandon(link);
    });
    if (host.networkCut) return;
    link.up.send(() => server.accept(link, this.#id, this.#zxid, sessionTimeoutMs));
  }

  /** What arrives over a connection counts only while it is the present one. */
  #end(own: () => Link): LinkEnd {
    const present = (work: () => void): void => {
      if (this.#link === own()) work();
    };
    return {
      established: (id, timeoutMs, zxid) => present(() => this.#established(own(), id, timeoutMs, zxid)),
      expired: () => present(() => this.#expired()),
      notified: (notification) => present(() => this.#notified(notification)),
      closed: () => present(() => this.#disconnected()),
    };
  }

  #abandon(link: Link): void {
    const server = this.#server;
    link.up.break();
    link.down.break();
    this.parts.timeline.after(this.parts.delay(), null, () => server?.drop(link));
    this.#disconnected();
  }

  #established(link: Link, id: bigint, timeoutMs: number, zxid: bigint): void {
    this.#id = id;
    this.#timeoutMs = timeoutMs;
    const since = this.#zxid;
    if (zxid > this.#zxid) this.#zxid = zxid;
    this.#connected = true;
    this.#heard = this.parts.timeline.now;
    if (this.#ended) return;
    this.#setWatches(link, since);
    this.#pingSoon(link);
    this.onEvent('connected');
  }

  #setWatches(link: Link, since: bigint): void {
    const { data, exists, children } = this.#watches;
    const watches = {
      data: [...data.keys()],
      exists: [...exists.keys()],
      children: [...children.keys()],
      trees: [...this.#trees.keys()],
    };
    if (Object.values(watches).every((paths) => paths.length === 0)) return;
    this.#send(link, { kind: 'set-watches', since, watches }, () => undefined);
  }

  /** Pings, and gives a silent server up after two thirds of the timeout. */
  #pingSoon(link: Link): void {
    const { timeline, host } = this.parts;
    timeline.after(this.#timeoutMs / 3, host, () => {
      // Also while closing: an answer that does not come is not waited for.
      if (this.#link !== link) return;
      if (timeline.now - this.#heard >= (this.#timeoutMs * 2) / 3 - 1) return this.#abandon(link);
      const server = this.#server;
      link.up.send(() => server?.ping(link, () => this.#hear(link)));
      this.#pingSoon(link);
    });
  }

  #hear(link: Link): void {
    if (this.#link === link) this.#heard = this.parts.timeline.now;
  }

  #expired(): void {
    this.#link = null;
    this.#connected = false;
    const told = !this.#ended;
    this.#ended = true;
    this.#closed?.resolve();
    if (told) this.onEvent('expired');
    this.#reject('the session has expired');
  }

  #disconnected(): void {
    const was = this.#connected;
    this.#link = null;
    this.#connected = false;
    this.#closed?.resolve();
    const { random } = this.parts;
    const answersFirst = random.chance(0.5);
    if (answersFirst) this.#reject('the connection was cut');
    if (was && !this.#ended) this.onEvent('disconnected');
    this.#reject('the connection was cut');
    if (!this.#ended) this.#connectSoon(this.parts.pause());
  }

  #notified({ kind, path }: Notification): void {
    if (this.#ended) return;
    this.#heard = this.parts.timeline.now;
    for (const watchKind of HEARS[kind]) {
      const watchers = this.#watches[watchKind].get(path);
      this.#watches[watchKind].delete(path);
      for (const watcher of watchers ?? []) watcher();
    }
    if (kind === 'children') return;
    for (const [root, watchers] of this.#trees) {
      const inside = path === root || path.startsWith(`${root}/`);
      if (inside) for (const watcher of [...watchers]) watcher({ kind, path });
    }
  }

  #multi(operations: readonly Operation[]): Promise<MultiResult> {
    return this.#request('multi', { kind: 'multi', operations });
  }

  async #watchTree(path: string, watcher: TreeWatcher): Promise<() => void> {
    const keep = (): void => {
      this.#trees.set(path, (this.#trees.get(path) ?? new Set<TreeWatcher>()).add(watcher));
    };
    await this.#request(path, { kind: 'watch-tree', path }, keep);
    return () => this.#forgetTree(path, watcher);
  }

  #forgetTree(path: string, watcher: TreeWatcher): void {
    const watchers = this.#trees.get(path);
    if (watchers?.delete(watcher) !== true || watchers.size > 0) return;
    this.#trees.delete(path);
    const link = this.#link;
    if (link !== null && this.#connected && !this.#ended)
      this.#send(link, { kind: 'unwatch-tree', path }, () => undefined);
  }

  #request<T>(path: string, request: Request, onSuccess: (result: T) => void = () => undefined): Promise<T> {
    if (this.#ended) return Promise.reject(refusal('SESSION_LOST', path, 'the session has ended'));
    const link = this.#link;
    if (link === null || !this.#connected) return Promise.reject(connectionLoss(path, 'not connected'));
    if ('value' in request && request.value.length > MAX_REQUEST_BYTES) {
      this.disconnect(false);
      return Promise.reject(connectionLoss(path, 'the request is too large'));
    }
    const answer = deferred<T>();
    this.#pending.add(answer as Deferred<never>);
    this.#send(link, request, (outcome) => {
      this.#pending.delete(answer as Deferred<never>);
      if ('error' in outcome) return answer.reject(outcome.error);
      const result = outcome.result as T;
      onSuccess(result);
      answer.resolve(result);
    });
    return answer.promise;
  }

  #send(link: Link, request: Request, answered: (outcome: Outcome) => void): void {
    const server = this.#server;
    const answer = (outcome: Outcome): void => {
      const zxid = server?.zxid ?? 0n;
      link.down.send(() => {
        if (this.#link !== link) return;
        if (zxid > this.#zxid) this.#zxid = zxid;
        this.#hear(link);
        answered(outcome);
      });
    };
    link.up.send(() => server?.handle({ link, request, answer, outcome: null }));
  }

  #watch(kind: WatchKind, path: string, watcher: Watcher | undefined): void {
    if (watcher === undefined) return;
    const watchers = this.#watches[kind].get(path) ?? new Set();
    this.#watches[kind].set(path, watchers.add(watcher));
  }

  #reject(reason: string): void {
    for (const answer of this.#pending) answer.reject(connectionLoss('request', reason));
    this.#pending.clear();
  }
}

function connectionLoss(path: string, reason: string): RegistryError {
  return new RegistryError('CONNECTION_LOSS', `${path}: ${reason}`, { path, retryable: true });
}
