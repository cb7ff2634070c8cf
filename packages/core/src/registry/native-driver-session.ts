import type { Clock, Timer } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { ElasticJobError, RegistryError } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import type { ConnectionEvent, DriverSession, Watcher } from './driver.js';
import { Deliveries } from './native-driver-deliveries.js';
import type { NativeClient, NativeStat, NativeWatcher } from './native-driver-package.js';
import { type Answer, PendingRequests } from './native-driver-pending.js';
import { digestOnly, mayBeLeftOpen, type NodeProtection, protectLeftovers } from './native-driver-protection.js';
import { connectionLoss, RESULT, resultError, sessionLost, toNodeStat, toSessionId } from './native-driver-results.js';
import { WatchTable } from './native-driver-watches.js';
import type { CreateMode, NodeStat } from './registry.js';

/** What a {@link NativeSession} works with. */
export interface NativeSessionParts {
  readonly digest: string | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Nodes that may have been created but not protected before a connection was lost; outlives the session. */
  readonly unprotected: Map<string, CreateMode>;
  readonly onEvent: (event: ConnectionEvent) => void;
}

const FLAGS: Record<CreateMode, number> = {
  persistent: 0,
  ephemeral: 1,
  'persistent-sequential': 2,
  'ephemeral-sequential': 3,
};

const AUTH_FAILED_STATE = -113;

/** Connected, and connected to a server that only reads. */
const CONNECTED_STATES: readonly number[] = [3, 5];

/** No socket, and nobody who would make another one before a third of the session's time is over. */
const GIVEN_UP_STATE = 999;

/** Pause before a session is gone on with once more, when no server could be reached at all. */
const RETRY_MS = 200;

/** How long `close` lets the server answer what was sent before. */
const DRAIN_MS = 1_000;

interface Created {
  readonly path: string;
  readonly czxid: bigint;
}

/**
 * A session of the C client. Requests are refused while there is no connection, not queued as the C client would.
 *
 * A client that finds its connection broken while it sends closes the socket and leaves the event loop watching its number,
 * which may be another socket's a moment later: the process ends, or that socket is never heard of again. Such a client is
 * given up at once, and another one goes on with the session ({@link NativeSession.#goOn}).
 */
export class NativeSession implements DriverSession {
  #id = 0n;
  #timeoutMs = 0;
  #connected = false;
  #over: 'expired' | 'closed' | undefined;
  #closing: Promise<void> | undefined;
  readonly #pending: PendingRequests;
  readonly #watches = new WatchTable();
  readonly #deliveries = new Deliveries();
  #client: NativeClient;
  /** What the present client calls for every watch; the package remembers in the function whose it is. */
  #notify: NativeWatcher = () => undefined;
  /** A client that goes on with a session knows neither its watches nor what was read in it. */
  #isAnother = false;
  #retry: Timer | undefined;
  readonly #protection: NodeProtection = {
    owns: (stat) => stat.ephemeralOwner === this.#id,
    exists: (path) => this.exists(path),
    protect: (path) => this.#protect(path),
  };

  constructor(
    private readonly makeClient: () => NativeClient,
    private readonly parts: NativeSessionParts,
  ) {
    this.#client = makeClient();
    this.#pending = new PendingRequests({
      clock: parts.clock,
      failure: (code, path) => this.#failure(code, path),
      nudge: () => this.#nudge(),
    });
  }

  get id(): bigint {
    return this.#id;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /** Whether the client never connects: no address could be resolved. */
  get isDead(): boolean {
    return this.#client.state === 0;
  }

  /** Starts connecting, and goes on until `close`. The C client repeats the credentials on every connection. */
  connect(): void {
    this.#connectAs({});
  }

  async create(path: string, value: string, mode: CreateMode): Promise<Created> {
    if (this.parts.digest !== undefined) return this.#createProtected(path, value, mode);
    const creating = this.#create(path, value, mode);
    if (mode.endsWith('sequential')) {
      const created = await creating;
      return { path: created, czxid: this.#identity(created, mode, await this.exists(created)) };
    }
    // The server answers in order: this reads the node that was just created, without waiting for a second round trip.
    const reading = this.exists(path);
    // Both can fail of the same loss; the create tells of it, and the reading's own failure is not to end the process.
    reading.catch(() => undefined);
    await creating;
    return { path, czxid: this.#identity(path, mode, await reading) };
  }

  get(path: string, watcher?: Watcher): Promise<{ value: string; stat: NodeStat }> {
    return this.#request(path, (answer: Answer<{ value: string; stat: NodeStat }>) => {
      const done = (code: number, _text: string, stat: NativeStat, value: Buffer | null): void =>
        answer(code, () => {
          if (watcher !== undefined) this.#watches.add('node', path, watcher);
          return { value: value === null ? '' : value.toString('utf8'), stat: toNodeStat(stat) };
        });
      if (watcher === undefined) return this.#client.a_get(path, false, done);
      return this.#client.aw_get(path, this.#notify, done);
    });
  }

  exists(path: string, watcher?: Watcher): Promise<NodeStat | null> {
    return this.#request(path, (answer: Answer<NodeStat | null>) => {
      const done = (code: number, _text: string, stat: NativeStat): void =>
        answer(code === RESULT.NO_NODE ? RESULT.OK : code, () => {
          if (watcher !== undefined) this.#watches.add('node', path, watcher);
          return code === RESULT.NO_NODE ? null : toNodeStat(stat);
        });
      if (watcher === undefined) return this.#client.a_exists(path, false, done);
      return this.#client.aw_exists(path, this.#notify, done);
    });
  }

  children(path: string, watcher?: Watcher): Promise<{ names: string[]; stat: NodeStat }> {
    return this.#request(path, (answer: Answer<{ names: string[]; stat: NodeStat }>) => {
      const done = (code: number, _text: string, names: string[], stat: NativeStat): void =>
        answer(code, () => {
          if (watcher !== undefined) this.#watches.add('children', path, watcher);
          return { names, stat: toNodeStat(stat) };
        });
      if (watcher === undefined) return this.#client.a_get_children2(path, false, done);
      return this.#client.aw_get_children2(path, this.#notify, done);
    });
  }

  set(path: string, value: string, version: number): Promise<NodeStat> {
    return this.#request(path, (answer: Answer<NodeStat>) =>
      this.#client.a_set(path, value, version, (code, _text, stat) => answer(code, () => toNodeStat(stat))),
    );
  }

  remove(path: string, version: number): Promise<void> {
    return this.#request(path, (answer: Answer<void>) =>
      this.#client.a_delete_(path, version, (code) => answer(code, () => undefined)),
    );
  }

  sync(path: string): Promise<void> {
    return this.#request(path, (answer: Answer<void>) =>
      this.#client.a_sync(path, (code) => answer(code, () => undefined)),
    );
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    const expired = this.#over !== undefined;
    const answering = this.#connected ? this.#drained() : undefined;
    this.#over = 'closed';
    this.#connected = false;
    this.#retry?.cancel();
    this.#watches.clear();
    this.#pending.reject(closed('the request was under way'));
    // The connection is closed hard; what the server has not yet answered could make it lose the request to close.
    if (this.#client.state !== GIVEN_UP_STATE) await answering;
    this.#client.removeAllListeners();
    if (!expired) this.#client.close();
  }

  #drained(): Promise<void> {
    const drained = deferred();
    const timer = this.parts.clock.setTimer(DRAIN_MS, () => drained.resolve());
    const answered = (): void => this.#deliveries.push(() => drained.resolve());
    if (this.#client.a_exists('/', false, answered) !== RESULT.OK) drained.resolve();
    return drained.promise.finally(() => timer.cancel());
  }

  #connectAs(session: { readonly client_id?: string; readonly client_password?: string }): void {
    const client = this.#client;
    const hear = (what: () => void): void =>
      this.#deliveries.push(() => {
        if (client === this.#client) what();
      });
    client.on('connect', () => hear(() => this.#onConnect()));
    client.on('connecting', () => hear(() => this.#onDisconnect()));
    client.on('close', (_client, state) => hear(() => this.#onEnd(state)));
    this.#notify = (...event) => hear(() => this.#watches.notify(...event));
    client.init(session);
    if (this.parts.digest !== undefined) client.add_auth('digest', this.parts.digest, () => undefined);
  }

  /** Gives up a client that has lost its socket, before the event loop looks for it, and goes on with another one. */
  #goOn(): void {
    const { client_id, client_password } = this.#client;
    this.#client.removeAllListeners();
    this.#client.close();
    this.#client = this.makeClient();
    this.#isAnother = true;
    this.#connectAs({ client_id, client_password });
    if (this.isDead) this.#retry = this.parts.clock.setTimer(RETRY_MS, () => this.#goOn());
  }

  #onConnect(): void {
    if (this.#over !== undefined) return;
    this.#onDisconnect();
    if (this.#isAnother) this.#catchUp();
    else this.#onConnected();
  }

  /**
   * A server that lags behind what was read with the former client would tell of the past. Where this fails the connection is
   * lost, and the next one begins with it.
   */
  #catchUp(): void {
    const client = this.#client;
    const synced = (code: number): void =>
      this.#deliveries.push(() => {
        if (code !== RESULT.OK || client !== this.#client || this.#over !== undefined) return;
        this.#isAnother = false;
        this.#onConnected();
        this.#watches.notifyAll();
      });
    client.a_sync('/', synced);
    // A server that leaves a lone request lying is reminded of it.
    client.a_exists('/', false, () => undefined);
    this.#noticeLoss();
  }

  #onConnected(): void {
    this.#id = toSessionId(this.#client.client_id);
    this.#timeoutMs = this.#client.timeout;
    this.#connected = true;
    this.parts.onEvent('connected');
    void protectLeftovers(this.parts.unprotected, this.#protection, this.parts.logger);
  }

  #onDisconnect(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.parts.onEvent('disconnected');
  }

  #onEnd(state: number): void {
    if (this.#over !== undefined) return;
    this.#over = 'expired';
    this.#connected = false;
    this.#watches.clear();
    this.parts.onEvent(state === AUTH_FAILED_STATE ? 'auth-failed' : 'expired');
  }

  #request<T>(path: string, send: (answer: Answer<T>) => number): Promise<T> {
    if (this.#over === 'closed') return Promise.reject(closed(path));
    if (this.#over === 'expired') return Promise.reject(sessionLost(path));
    this.#noticeLoss();
    if (!this.#connected) return Promise.reject(connectionLoss(path));
    const answer = this.#pending.send<T>(path, (settle) =>
      send((code, read) => this.#deliveries.push(() => settle(code, read))),
    );
    this.#noticeLoss();
    return answer;
  }

  #nudge(): void {
    this.#client.a_exists('/', false, () => undefined);
    this.#noticeLoss();
  }

  /** A client that finds the connection broken while sending gives it up without an event, and forgets what is out. */
  #noticeLoss(): void {
    const { state } = this.#client;
    if (this.#connected && !CONNECTED_STATES.includes(state)) {
      this.#onDisconnect();
      this.#pending.reject(connectionLoss('the request was under way'));
    }
    if (state === GIVEN_UP_STATE && this.#over === undefined) this.#goOn();
  }

  #failure(code: number, path: string): RegistryError {
    return resultError(code, path, this.parts.digest !== undefined);
  }

  #create(path: string, value: string, mode: CreateMode): Promise<string> {
    return this.#request(path, (answer: Answer<string>) =>
      this.#client.a_create(path, value, FLAGS[mode], (code, _text, created) => answer(code, () => created)),
    );
  }

  /** The transaction of a create, read right after it. Meanwhile the node may be gone, or be somebody else's. */
  #identity(path: string, mode: CreateMode, stat: NodeStat | null): bigint {
    if (stat === null) {
      throw new RegistryError('NO_NODE', `${path} was created, but removed before its transaction was read`, { path });
    }
    if (mode.startsWith('ephemeral') && stat.ephemeralOwner !== this.#id) throw this.#failure(RESULT.NODE_EXISTS, path);
    return stat.czxid;
  }

  async #createProtected(path: string, value: string, mode: CreateMode): Promise<Created> {
    const { unprotected } = this.parts;
    let created = path;
    try {
      created = await this.#create(path, value, mode);
      return { path: created, czxid: await this.#protectNew(created, mode) };
    } catch (error) {
      if (mayBeLeftOpen(error)) unprotected.set(created, mode);
      throw error;
    }
  }

  /** Gives a node that was just created to the digest alone, and returns the node's identity. */
  async #protectNew(path: string, mode: CreateMode): Promise<bigint> {
    const [given, found] = await Promise.allSettled([this.#protect(path), this.exists(path)]);
    if (found.status === 'rejected') throw found.reason;
    const czxid = this.#identity(path, mode, found.value);
    if (given.status === 'fulfilled') return czxid;
    // Not by us: the node is one that another member created and protected after ours had been removed.
    const isForeign = ElasticJobError.is(given.reason, 'BAD_VERSION') && mode.startsWith('persistent');
    if (isForeign) throw this.#failure(RESULT.NODE_EXISTS, path);
    if (mayBeLeftOpen(given.reason)) throw given.reason;
    await this.remove(path, -1);
    throw new RegistryError(
      'NO_AUTH',
      `${path} was created and removed again, because it could not be given to the digest configured for this ` +
        'namespace; somebody without that digest may have changed its access list in between',
      { path, cause: given.reason },
    );
  }

  /**
   * Names the digest itself instead of "whoever the session is", so that success is proof. Reading the list back is not
   * possible: the package crashes the process when a list cannot be read.
   */
  #protect(path: string): Promise<void> {
    const acl = digestOnly(this.parts.digest ?? '');
    return this.#request(path, (answer: Answer<void>) =>
      this.#client.a_set_acl(path, 0, acl, (code) => answer(code, () => undefined)),
    );
  }
}

function closed(subject: string): RegistryError {
  return new RegistryError('REGISTRY_CLOSED', `${subject}: the session was closed`);
}
