import { logIn, showCredentials } from './authentication.js';
import { Channel, connectionLoss } from './channel.js';
import { pause, type Timer } from './clock.js';
import { messageOf, ZooKeeperError } from './errors.js';
import { NO_PASSWORD, readGrant, type SessionGrant, writeConnect } from './handshake.js';
import type { AuthInfo, Settings } from './options.js';
import { OP } from './protocol.js';
import { findReadWrite } from './read-write-search.js';
import { nameOf, RESOLVE, type ServerAddress, ServerList } from './server-list.js';
import { nextState, type SessionChange, type SessionState } from './session-state.js';
import { restoreWatches, setWatchesRequests } from './set-watches.js';
import { openSocket } from './socket.js';
import type { WatchTable } from './watch-table.js';

/** The session at one moment. `reason` says why, where somebody may want to know. */
export interface SessionEvent {
  /** While it is `connecting` or `suspended`, the event repeats for each attempt that failed, with its reason. */
  readonly state: SessionState;
  /** `0n` until connected. */
  readonly sessionId: bigint;
  /** What the server granted, milliseconds; 0 until connected. */
  readonly timeoutMs: number;
  /** The server of the present connection, `null` while there is none. */
  readonly server: string | null;
  readonly reason?: ZooKeeperError;
}

/** What a {@link Session} works with. */
export interface SessionParts {
  readonly settings: Settings;
  readonly watches: WatchTable;
  /** An event of a watched node, with the server's path. */
  readonly onEvent: (kind: 'created' | 'changed' | 'deleted' | 'children', path: string) => void;
}

/** The longest pause between two rounds over the servers, as a share of the time that the session has. */
const SHARE_OF_SESSION = 1 / 10;

/** How long `close` waits for the server to confirm, milliseconds. */
const CLOSE_MS = 1_000;

const NO_SESSION: SessionGrant = { id: 0n, password: NO_PASSWORD, timeoutMs: 0, readOnly: false };

/**
 * One session with ZooKeeper over as many connections as it takes: connects, authenticates, sets the watches again, and
 * does so anew on another server when a connection is lost, until the session is over.
 *
 * The session counts as over when the server says so, or when the time it was granted has passed since the sending of
 * the latest request that was answered: by then a server that heard nothing more has given what it owned to others.
 *
 * @see riverqueue/river, `internal/leadership`: trust ends counted from the start of the last confirmed round trip.
 */
export class Session {
  #state: SessionState = 'connecting';
  #grant: SessionGrant = NO_SESSION;
  /** Whether a server that writes has granted it. What one that only reads grants, no other server knows. */
  #isKnown = false;
  #lastZxid = 0n;
  /** When the server had surely heard of this session. */
  #confirmedAt = 0;
  #channel: Channel | null = null;
  #server: ServerAddress | null = null;
  #deadline: Timer | null = null;
  #running: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  readonly #over = new AbortController();
  readonly #servers: ServerList;
  readonly #auth: AuthInfo[];
  readonly #listeners = new Set<(event: SessionEvent) => void>();

  constructor(private readonly parts: SessionParts) {
    const { settings } = parts;
    this.#servers = new ServerList(settings.servers, settings);
    this.#auth = [...settings.auth];
  }

  /** Never says that a session goes on whose time has passed, not even before the timer that ends it could run. */
  get state(): SessionState {
    this.#isAlive();
    return this.#state;
  }

  /** Nothing is to be attempted any more. */
  get #isOver(): boolean {
    return this.#over.signal.aborted || this.#state === 'closed';
  }

  get id(): bigint {
    return this.#grant.id;
  }

  get timeoutMs(): number {
    return this.#grant.timeoutMs;
  }

  get lastZxid(): bigint {
    return this.#lastZxid;
  }

  get server(): string | null {
    return this.#server === null ? null : nameOf(this.#server);
  }

  /** Where requests go; `null` while there is no connection. */
  get channel(): Channel | null {
    this.#isAlive();
    return this.#channel;
  }

  /** Why no requests are taken now. */
  get refusal(): ZooKeeperError {
    if (this.#state === 'closed') return closed();
    if (this.#state === 'lost') return this.#over.signal.reason;
    return connectionLoss('there is no connection at the moment');
  }

  /** Hears every change, in order, as it happens. Returns the undo. */
  onChange(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Starts connecting; nothing if it has started. */
  start(): void {
    if (this.#state !== 'connecting') return;
    this.#running ??= this.#live();
  }

  /** Shows more credentials, now and on each later connection, unless the server refuses them now. */
  async addAuth(auth: AuthInfo): Promise<void> {
    if (this.#isOver) throw this.refusal;
    this.#auth.push(auth);
    try {
      if (this.#channel !== null) await showCredentials(this.#channel, auth);
    } catch (error) {
      if (ZooKeeperError.is(error, 'AUTH_FAILED')) this.#auth.splice(this.#auth.indexOf(auth), 1);
      throw error;
    }
  }

  /** Ends the session on the server, if that can be reached, within a bounded time. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const channel = this.#channel;
    const wasOver = this.#state === 'lost';
    this.#channel = null;
    this.parts.watches.clear();
    this.#change('closed');
    if (channel !== null && !wasOver) await this.#sayGoodbye(channel);
    channel?.end(closed());
    this.#end(closed());
    await this.#running;
  }

  async #sayGoodbye(channel: Channel): Promise<void> {
    const given = new AbortController();
    closeSession(channel, () => given.abort());
    const patience = pause(this.parts.settings.clock, CLOSE_MS, given.signal);
    await Promise.race([patience, channel.ended]);
    given.abort();
  }

  // ---- connecting ----------------------------------------------------------------------------------------------------

  async #live(): Promise<void> {
    const { clock, backoff } = this.parts.settings;
    for (let failures = 0; !this.#isOver; ) {
      try {
        const { server, begins } = await orAborted(this.#servers.next(), this.#over.signal);
        if (begins && failures > 0) await this.#pause(failures);
        if (this.#isOver) return;
        const channel = await this.#attach(server);
        const since = clock.monotonic();
        this.#suspended(await channel.ended);
        // One that does not last is as good as none: a server that drops whoever it welcomes is not to be overrun.
        failures = clock.monotonic() - since < backoff.maxMs ? failures + 1 : 0;
      } catch (error) {
        failures += 1;
        await this.#attemptFailed(error, failures);
      }
    }
  }

  async #attemptFailed(error: unknown, failures: number): Promise<void> {
    if (this.#isOver) return;
    const reason = ZooKeeperError.is(error) ? error : connectionLoss(messageOf(error), error);
    if (reason.code === 'SESSION_EXPIRED' || reason.code === 'AUTH_FAILED') return this.#lose(reason);
    this.parts.settings.log('cannot connect', { reason: reason.message });
    this.#tell(reason);
    // Names that cannot be resolved make no round.
    if (reason.request === RESOLVE) await this.#pause(failures);
  }

  #pause(failures: number): Promise<void> {
    const { backoff, random, clock } = this.parts.settings;
    // A session that may go on does not wait until it cannot.
    const patience = this.#grant.timeoutMs > 0 ? this.#grant.timeoutMs * SHARE_OF_SESSION : backoff.maxMs;
    const longest = Math.min(patience, backoff.maxMs, backoff.baseMs * 2 ** Math.min(failures, 20));
    return pause(clock, random() * longest, this.#over.signal);
  }

  /** Connects to a server and takes the session up there; resolves when requests can be sent. */
  async #attach(server: ServerAddress): Promise<Channel> {
    const { settings } = this.parts;
    const attempt = new AbortController();
    const expire = (): void => attempt.abort(connectionLoss(`${nameOf(server)} did not answer in time`));
    const timer = settings.clock.setTimer(settings.connectTimeoutMs, expire);
    const giveUp = (): void => attempt.abort(this.#over.signal.reason);
    this.#over.signal.addEventListener('abort', giveUp);
    let channel: Channel | null = null;
    try {
      const socket = await openSocket(server, settings.tls, attempt.signal);
      channel = this.#open(socket);
      const opened = channel;
      attempt.signal.addEventListener('abort', () => opened.end(attempt.signal.reason));
      if (attempt.signal.aborted) throw attempt.signal.reason;
      const grant = await this.#greet(opened);
      await this.#prepare(opened);
      this.#connected(opened, server, grant);
      return opened;
    } catch (error) {
      const reason = fromServer(server, error);
      channel?.end(reason);
      throw reason;
    } finally {
      timer.cancel();
      this.#over.signal.removeEventListener('abort', giveUp);
    }
  }

  #open(socket: ConstructorParameters<typeof Channel>[0]['socket']): Channel {
    const { clock, maxRequestBytes, maxAnswerBytes } = this.parts.settings;
    return new Channel({
      socket,
      clock,
      maxRequestBytes,
      maxAnswerBytes,
      onEvent: this.parts.onEvent,
      onZxid: (zxid) => {
        if (zxid > this.#lastZxid) this.#lastZxid = zxid;
      },
      isAlive: () => this.#isAlive(),
    });
  }

  async #greet(channel: Channel): Promise<SessionGrant> {
    const { settings } = this.parts;
    const { id, password } = this.#isKnown ? this.#grant : NO_SESSION;
    const ticket = {
      id,
      password,
      lastZxid: this.#lastZxid,
      timeoutMs: settings.sessionTimeoutMs,
    };
    const sentAt = settings.clock.monotonic();
    const grant = await new Promise<SessionGrant | null>((resolve, reject) => {
      channel.greet(
        (out) => writeConnect(out, ticket, settings.readOnly),
        (input) => resolve(readGrant(input)),
      );
      void channel.ended.then(reject);
    });
    if (grant === null) throw expired('the server says so');
    if (grant.readOnly && !settings.readOnly) throw connectionLoss('the server is read-only at the moment');
    this.#confirm(sentAt);
    return grant;
  }

  /** Whatever has to be there before the first request: the user, the credentials, the watches. */
  async #prepare(channel: Channel): Promise<void> {
    const { settings, watches } = this.parts;
    if (settings.sasl !== null) await logIn(channel, settings.sasl);
    await Promise.all(this.#auth.map((auth) => showCredentials(channel, auth)));
    await restoreWatches(channel, setWatchesRequests(watches.paths(), this.#lastZxid));
  }

  #connected(channel: Channel, server: ServerAddress, grant: SessionGrant): void {
    if (channel.reason !== null) throw channel.reason;
    this.#grant = grant;
    if (!grant.readOnly) this.#isKnown = true;
    this.#channel = channel;
    this.#server = server;
    channel.keepAlive(grant.timeoutMs);
    this.#armDeadline();
    this.#change(grant.readOnly ? 'established-readonly' : 'established');
    if (grant.readOnly) this.#leaveReadOnly(channel);
  }

  #suspended(reason: ZooKeeperError): void {
    this.#confirm(this.#channel?.confirmedAt ?? 0);
    this.#channel = null;
    this.#server = null;
    this.#change('disconnected', reason);
  }

  /** A server that only reads is given up as soon as there is one that writes. */
  #leaveReadOnly(channel: Channel): void {
    const over = new AbortController();
    void channel.ended.then(() => over.abort());
    findReadWrite(this.parts.settings, over.signal)
      .then((found) => {
        if (found) channel.end(connectionLoss('there is a server that writes'));
      })
      .catch((error: unknown) =>
        this.parts.settings.log('the search for a server failed', { error: messageOf(error) }),
      );
  }

  // ---- the end -------------------------------------------------------------------------------------------------------

  #confirm(sentAt: number): void {
    if (sentAt > this.#confirmedAt) this.#confirmedAt = sentAt;
  }

  get #deadlineAt(): number {
    this.#confirm(this.#channel?.confirmedAt ?? 0);
    return this.#confirmedAt + this.#grant.timeoutMs;
  }

  /** Looked at before anything that arrives is believed: a process that slept for long has no session any more. */
  #isAlive(): boolean {
    if (this.#grant.timeoutMs === 0 || this.#over.signal.aborted) return !this.#over.signal.aborted;
    if (this.parts.settings.clock.monotonic() < this.#deadlineAt) return true;
    this.#expireHere();
    return false;
  }

  #armDeadline(): void {
    this.#deadline?.cancel();
    const { clock } = this.parts.settings;
    const left = this.#deadlineAt - clock.monotonic();
    this.#deadline = clock.setTimer(Math.max(1, Math.ceil(left)), () => {
      if (this.#isAlive()) this.#armDeadline();
    });
  }

  #expireHere(): void {
    const { timeoutMs } = this.#grant;
    const channel = this.#channel;
    const reason = expired(`no server has answered for ${timeoutMs} ms`);
    // Should the server still have it, what it owns need not wait for the server's own clock.
    if (channel !== null) closeSession(channel, () => undefined);
    this.#lose(reason);
    channel?.endSoon(reason);
  }

  #lose(reason: ZooKeeperError): void {
    this.#channel = null;
    this.#server = null;
    this.#end(reason);
    this.#change('over', reason);
  }

  /** Whatever is still under way ends, with this reason. */
  #end(reason: ZooKeeperError): void {
    this.#deadline?.cancel();
    this.parts.watches.clear();
    this.#over.abort(reason);
  }

  #change(change: SessionChange, reason?: ZooKeeperError): void {
    const next = nextState(this.#state, change);
    if (next === this.#state) return;
    this.#state = next;
    this.#tell(reason);
  }

  #tell(reason?: ZooKeeperError): void {
    const { id: sessionId, timeoutMs, server } = this;
    const event = { state: this.#state, sessionId, timeoutMs, server, ...(reason === undefined ? {} : { reason }) };
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        this.parts.settings.log('a session listener failed', { error: messageOf(error) });
      }
    }
  }
}

function closeSession(channel: Channel, done: () => void): void {
  channel.begin(OP.closeSession, () => undefined);
  const [name, path] = ['closeSession', undefined];
  channel.commit({ xid: channel.xid, name, path, answer: done, refuse: done, fail: done });
}

/** The same, or the signal's reason as soon as it aborts: a resolver of names cannot be told to stop. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (): void => reject(signal.reason);
    signal.addEventListener('abort', end, { once: true });
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}

/** Why there is no connection to a server, with its name. */
function fromServer(server: ServerAddress, error: unknown): ZooKeeperError {
  if (!ZooKeeperError.is(error)) return connectionLoss(`${nameOf(server)}: ${messageOf(error)}`, error);
  const { code, message, serverCode } = error;
  if (message.includes(nameOf(server))) return error;
  return new ZooKeeperError(code, `${nameOf(server)}: ${message}`, { serverCode, cause: error });
}

function expired(why: string): ZooKeeperError {
  return new ZooKeeperError('SESSION_EXPIRED', `the session is over: ${why}; make a new client`);
}

function closed(): ZooKeeperError {
  return new ZooKeeperError('CLOSED', 'the client was closed; make a new one');
}
