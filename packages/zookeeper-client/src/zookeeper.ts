import { type Acl, readAcl, writeAcl } from './acl.js';
import { connectionLoss } from './channel.js';
import { messageOf, ZooKeeperError } from './errors.js';
import { eventQueue } from './event-queue.js';
import type { JuteReader, JuteWriter } from './jute.js';
import {
  createOp,
  createsSequential,
  type MultiOperation,
  type MultiResult,
  readMulti,
  writeCreate,
  writeMulti,
} from './multi.js';
import { type AuthInfo, type Settings, settingsOf, type ZooKeeperOptions } from './options.js';
import { Chroot, checkPath } from './paths.js';
import { type CreateMode, isSequential, OP } from './protocol.js';
import { Requests } from './request.js';
import { Session, type SessionEvent } from './session.js';
import type { SessionState } from './session-state.js';
import { StandingWatches, type WatchHandle } from './standing-watches.js';
import { readStat, type Stat } from './stat.js';
import { type OneShotKind, type WatchEvent, type Watcher, type WatchMode, WatchTable } from './watch-table.js';

/** Every request may be given up. If it was sent by then, it may be applied nevertheless. */
export interface RequestOptions {
  readonly signal?: AbortSignal;
}

/** A read may ask to be told of the first change after it. */
export interface ReadOptions extends RequestOptions {
  /** Called at most once, when what was read changes; see {@link WatchEvent}. */
  readonly watcher?: Watcher;
}

/** What a create can be told. */
export interface CreateOptions extends RequestOptions {
  /** Default `persistent`. */
  readonly mode?: CreateMode;
  /** Default: the client's `defaultAcl`. */
  readonly acl?: readonly Acl[];
  /** For the modes with a time to live: milliseconds without a change after which the server removes the node. */
  readonly ttlMs?: number;
}

/** A write or a removal may demand the version that it changes; -1, the default, is any. */
export interface VersionOptions extends RequestOptions {
  readonly version?: number;
}

const NO_NODE = -101;

/**
 * A client of ZooKeeper: one session over as many connections as it takes. Requests are answered in the order in which
 * they were made, and a watcher hears of a change before the answer to any request that the server took up after it.
 *
 * Requests fail with a {@link ZooKeeperError}. Without a connection they fail at once, as `CONNECTION_LOSS`; those under
 * way when a connection is lost may or may not have been applied, and are not sent again.
 *
 * @example
 * const client = new ZooKeeper({ connectString: '127.0.0.1:2181' });
 * await client.connect({ timeoutMs: 5_000 });
 * const { path } = await client.create('/greeting', 'hello');
 * const { data } = await client.get(path, { watcher: ({ kind }) => console.log(kind) });
 * await client.close();
 */
export class ZooKeeper {
  readonly #settings: Settings;
  readonly #chroot: Chroot;
  readonly #watches: WatchTable;
  readonly #session: Session;
  readonly #requests: Requests;
  readonly #standing: StandingWatches;
  readonly #relative = (full: string): string => this.#chroot.relative(full);
  readonly #full = (path: string, sequential = false): string => this.#chroot.full(path, sequential);

  /** Opens nothing. Throws a `ZooKeeperError` of code `INVALID_OPTIONS` that names the option. */
  constructor(options: ZooKeeperOptions) {
    this.#settings = settingsOf(options);
    this.#chroot = new Chroot(this.#settings.chroot);
    this.#watches = new WatchTable((error) => this.#settings.log('a watcher failed', { error: messageOf(error) }));
    this.#session = new Session({
      settings: this.#settings,
      watches: this.#watches,
      onEvent: (kind, path) => this.#watches.dispatch(kind, path, this.#relative),
    });
    this.#requests = new Requests(this.#session, this.#watches, this.#full);
    this.#standing = new StandingWatches(this.#requests, this.#session, this.#watches, this.#full);
  }

  get state(): SessionState {
    return this.#session.state;
  }

  /** `0n` until connected. */
  get sessionId(): bigint {
    return this.#session.id;
  }

  /** How long the server keeps the session without hearing of it, milliseconds; 0 until connected. */
  get timeoutMs(): number {
    return this.#session.timeoutMs;
  }

  /** The latest transaction that an answer has shown. */
  get lastZxid(): bigint {
    return this.#session.lastZxid;
  }

  /** The server of the present connection, `null` while there is none. */
  get server(): string | null {
    return this.#session.server;
  }

  /**
   * Hears every change of the session as it happens, and why each attempt to connect failed. Listeners must not block.
   * Returns the undo.
   */
  onSession(listener: (event: SessionEvent) => void): () => void {
    return this.#session.onChange(listener);
  }

  /**
   * Starts connecting, and resolves at the first connection. Rejects with `AUTH_FAILED` or `SESSION_EXPIRED` when there
   * will be none, with `CONNECTION_TIMEOUT` after `timeoutMs` (default: never), or with the signal's reason; in the last
   * two cases the client goes on trying until it is closed.
   */
  async connect(options: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.#session.start();
    const { state } = this.#session;
    if (state === 'connected' || state === 'readonly') return;
    if (state === 'lost' || state === 'closed') throw this.#session.refusal;
    await this.#firstConnection(options);
  }

  #firstConnection({ signal, timeoutMs }: { signal?: AbortSignal; timeoutMs?: number }): Promise<void> {
    let problem = 'no server has answered';
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        forget();
        timer?.cancel();
        signal?.removeEventListener('abort', onAbort);
        end();
      };
      const onAbort = (): void => settle(() => reject(signal?.reason));
      const forget = this.#session.onChange(({ state, reason }) => {
        problem = reason?.message ?? problem;
        if (state === 'connected' || state === 'readonly') settle(resolve);
        if (state === 'lost' || state === 'closed') settle(() => reject(reason ?? this.#session.refusal));
      });
      const late = (): void => settle(() => reject(connectionTimeout(timeoutMs, problem)));
      const timer = timeoutMs === undefined ? null : this.#settings.clock.setTimer(timeoutMs, late);
      signal?.addEventListener('abort', onAbort);
    });
  }

  /** Ends the session on the server, which removes its ephemeral nodes at once; waits a second for that at most. */
  close(): Promise<void> {
    return this.#session.close();
  }

  /** Creates one node; parents must exist. Resolves to its path, which for sequential nodes has the number. */
  create(
    path: string,
    data: string | Buffer = '',
    { mode = 'persistent', acl = this.#settings.defaultAcl, ttlMs, signal }: CreateOptions = {},
  ): Promise<{ path: string; stat: Stat; zxid: bigint }> {
    const sequential = isSequential(mode);
    return this.#requests.send({
      name: 'create',
      path,
      sequential,
      op: createOp(mode, OP.create2),
      write: (out) => writeCreate(out, { path: this.#full(path, sequential), data, mode, acl, ttlMs }),
      read: (input, zxid) => ({ path: this.#relative(input.string()), stat: readStat(input), zxid }),
      signal,
    });
  }

  /** Data and stat; the watcher hears the next change of the data or the removal. */
  get(path: string, options: ReadOptions = {}): Promise<{ data: Buffer; stat: Stat; zxid: bigint }> {
    const set = this.#watchWith('data', path, options.watcher);
    return this.#requests.send({
      name: 'getData',
      path,
      op: OP.getData,
      write: (out) => this.#writeRead(out, path, options.watcher),
      watches: options.watcher !== undefined,
      read: (input, zxid) => {
        const answer = { data: input.data(), stat: readStat(input), zxid };
        set();
        return answer;
      },
      signal: options.signal,
    });
  }

  /** The stat, or `null`; the watcher hears the creation, the next change of the data or the removal. */
  exists(path: string, options: ReadOptions = {}): Promise<{ stat: Stat | null; zxid: bigint }> {
    return this.#requests.send<{ stat: Stat | null; zxid: bigint }>({
      name: 'exists',
      path,
      op: OP.exists,
      write: (out) => this.#writeRead(out, path, options.watcher),
      watches: options.watcher !== undefined,
      read: (input, zxid) => {
        const answer = { stat: readStat(input), zxid };
        this.#watchWith('data', path, options.watcher)();
        return answer;
      },
      outcome: (serverCode, zxid) => {
        if (serverCode !== NO_NODE) return null;
        this.#watchWith('exists', path, options.watcher)();
        return { value: { stat: null, zxid } };
      },
      signal: options.signal,
    });
  }

  /** The names of the children in no order, and the parent's stat; the watcher hears a child come or go, or the removal. */
  children(path: string, options: ReadOptions = {}): Promise<{ names: string[]; stat: Stat; zxid: bigint }> {
    const set = this.#watchWith('children', path, options.watcher);
    return this.#requests.send({
      name: 'getChildren',
      path,
      op: OP.getChildren2,
      write: (out) => this.#writeRead(out, path, options.watcher),
      watches: options.watcher !== undefined,
      read: (input, zxid) => {
        const answer = { names: input.strings(), stat: readStat(input), zxid };
        set();
        return answer;
      },
      signal: options.signal,
    });
  }

  /** Replaces the data of a node. */
  set(
    path: string,
    data: string | Buffer,
    { version = -1, signal }: VersionOptions = {},
  ): Promise<{ stat: Stat; zxid: bigint }> {
    return this.#requests.send({
      name: 'setData',
      path,
      op: OP.setData,
      write: (out) => {
        out.string(this.#full(path));
        out.data(data);
        out.int(version);
      },
      read: readStatAnswer,
      signal,
    });
  }

  /** Removes a node that has no children. */
  remove(path: string, { version = -1, signal }: VersionOptions = {}): Promise<{ zxid: bigint }> {
    return this.#requests.send({
      name: 'delete',
      path,
      op: OP.delete,
      write: (out) => {
        out.string(this.#full(path));
        out.int(version);
      },
      read: readNothing,
      signal,
    });
  }

  /**
   * Lets a server that follows catch up with the one that leads before later reads of this session are answered. A leader
   * of ZooKeeper 3.8 waits for nothing, and can be a moment behind what another server has acknowledged; nobody waits for
   * what is still being decided. A write waits for both, also one that is refused.
   */
  sync(path = '/', { signal }: RequestOptions = {}): Promise<{ zxid: bigint }> {
    return this.#requests.send({
      name: 'sync',
      path,
      op: OP.sync,
      write: (out) => out.string(this.#full(path)),
      read: readNothing,
      signal,
    });
  }

  getAcl(path: string, { signal }: RequestOptions = {}): Promise<{ acl: Acl[]; stat: Stat; zxid: bigint }> {
    return this.#requests.send({
      name: 'getACL',
      path,
      op: OP.getACL,
      write: (out) => out.string(this.#full(path)),
      read: (input, zxid) => ({ acl: readAcl(input), stat: readStat(input), zxid }),
      signal,
    });
  }

  /** Replaces the access list; `version` is that of the list, `stat.aversion`. */
  setAcl(
    path: string,
    acl: readonly Acl[],
    { version = -1, signal }: VersionOptions = {},
  ): Promise<{ stat: Stat; zxid: bigint }> {
    return this.#requests.send({
      name: 'setACL',
      path,
      op: OP.setACL,
      write: (out) => {
        out.string(this.#full(path));
        writeAcl(out, acl);
        out.int(version);
      },
      read: readStatAnswer,
      signal,
    });
  }

  /**
   * Applies all operations or none. That one of them cannot be applied is an outcome, told in the result; the promise
   * rejects only when it is not known what became of them.
   *
   * @example
   * const result = await client.multi([
   *   { kind: 'check', path: '/leader', version: 3 },
   *   { kind: 'create', path: '/plan', data: 'new' },
   * ]);
   * if (!result.committed) console.log(`operation ${result.index}: ${result.code}`);
   */
  async multi(operations: readonly MultiOperation[], { signal }: RequestOptions = {}): Promise<MultiResult> {
    for (const operation of operations) checkPath(operation.path, 'multi', createsSequential(operation));
    if (operations.length === 0) return { committed: true, zxid: this.lastZxid, results: [] };
    return this.#requests.send({
      name: 'multi',
      path: undefined,
      op: OP.multi,
      write: (out) => writeMulti(out, operations, this.#full, this.#settings.defaultAcl),
      read: (input, zxid) => readMulti(input, zxid, operations.length, this.#relative),
      signal,
    });
  }

  /** Shows more credentials, on this connection and on all later ones. */
  addAuth(scheme: string, credentials: string | Buffer): Promise<void> {
    const auth: AuthInfo = { scheme, credentials };
    return this.#session.addAuth(auth);
  }

  /**
   * Watches a node, which need not exist, or with `recursive` all below it as well, until the handle's `remove`. The
   * watch is set again on each connection of the session, but what changed while there was none is not told: read again
   * when the session is `connected` again.
   *
   * @throws ZooKeeperError `UNIMPLEMENTED` by servers before 3.6.
   */
  addWatch(path: string, mode: WatchMode, watcher: Watcher): Promise<WatchHandle> {
    return this.#standing.add(path, mode, watcher);
  }

  /**
   * The events of a standing watch, as they come. Ends when `signal` aborts; throws when the session is over. Events that
   * nobody has taken yet are kept, the latest of each kind and path.
   *
   * @example
   * for await (const { kind, path } of client.watch('/jobs', { mode: 'recursive', signal })) console.log(kind, path);
   */
  async *watch(
    path: string,
    { mode = 'persistent', signal }: RequestOptions & { readonly mode?: WatchMode } = {},
  ): AsyncGenerator<WatchEvent, void, undefined> {
    if (signal?.aborted === true) return;
    const queue = eventQueue(signal);
    const forget = this.onSession(({ state, reason }) => {
      if (state === 'lost' || state === 'closed') queue.fail(reason ?? this.#session.refusal);
    });
    let handle: WatchHandle | null = null;
    try {
      handle = await this.addWatch(path, mode, queue.push);
      yield* queue.events();
    } finally {
      forget();
      await handle?.remove();
    }
  }

  #writeRead(out: JuteWriter, path: string, watcher: Watcher | undefined): void {
    const full = this.#full(path);
    out.string(full);
    out.boolean(watcher !== undefined && !this.#watches.isCovered(full));
  }

  /** What is to be done when the answer to a read with a watcher is there. */
  #watchWith(kind: OneShotKind, path: string, watcher: Watcher | undefined): () => void {
    if (watcher === undefined) return nothing;
    return () => this.#watches.addOneShot(kind, this.#full(path), watcher);
  }
}

function nothing(): void {}

function readStatAnswer(input: JuteReader, zxid: bigint): { stat: Stat; zxid: bigint } {
  return { stat: readStat(input), zxid };
}

function readNothing(_input: JuteReader, zxid: bigint): { zxid: bigint } {
  return { zxid };
}

function connectionTimeout(timeoutMs: number | undefined, problem: string): ZooKeeperError {
  const message = `no connection within ${timeoutMs} ms: ${problem}`;
  return new ZooKeeperError('CONNECTION_TIMEOUT', message, { request: 'connect', cause: connectionLoss(problem) });
}
