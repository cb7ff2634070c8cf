import { abortable, StoppedError } from '../foundation/abort.js';
import { type Clock, sleep, type Timer } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import { ElasticJobError, type ElasticJobErrorCode, messageOf, RegistryError } from '../foundation/errors.js';
import { TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import { backoff, type RetryPolicy } from '../foundation/retry.js';
import type { ConnectionEvent, Driver, DriverSession } from './driver.js';
import type { Session } from './registry.js';
import { NO_SESSION, nextSession, type SessionEvent } from './session.js';

/** A connected session, as long as it is the present one. */
export interface Link {
  readonly driver: DriverSession;
  readonly epoch: number;
  readonly connection: number;
}

/** A path where nothing is. */
const NOWHERE = '/elasticjob.nothing-is-here';

/** What a request fails with of which nobody knows whether the server has decided it. */
const UNANSWERED: ReadonlySet<ElasticJobErrorCode> = new Set<ElasticJobErrorCode>([
  'CONNECTION_LOSS',
  'SESSION_LOST',
  'REGISTRY_CLOSED',
]);

/** What a {@link SessionKeeper} works with. */
export interface SessionKeeperParts {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The pauses between attempts to open a session; the number of attempts is not limited. */
  readonly policy: RetryPolicy;
  /** What the user whose credentials were refused is called, for the message. */
  readonly user: string | undefined;
  /** Where the server is, for messages. */
  readonly describe: string;
}

/**
 * Keeps a session with the server: opens one, follows its fate, declares it lost when the server says so or stayed away
 * for longer than it keeps sessions, and opens the next. Never gives up until stopped.
 */
export class SessionKeeper {
  #session = NO_SESSION;
  #link: Link | null = null;
  /** How many events of connections there were: what waits for one knows by it that another has come. */
  #events = 0;
  #problem: () => string | null = () => null;
  #deadline: Timer | undefined;
  readonly #listeners = new Set<(session: Session) => void>();
  readonly #undelivered: Session[] = [];
  #delivering = false;
  readonly #stopping = new AbortController();
  /** Rejected when trying again cannot help: the credentials are refused, or there is no client library. */
  readonly refused: Deferred<never> = deferred<never>();
  readonly #tasks: TaskGroup;

  constructor(private readonly parts: SessionKeeperParts) {
    this.#tasks = new TaskGroup(parts.logger);
  }

  get session(): Session {
    return this.#session;
  }

  /** The connection to send requests on, `null` while there is none. */
  get link(): Link | null {
    return this.#link;
  }

  /** Why there is no connection, as far as anybody tells. */
  get problem(): string | null {
    return this.#problem();
  }

  /** Hears every change, in order. Returns the undo. */
  onChange(listener: (session: Session) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  start(): void {
    this.#tasks.run('registry session', () => this.#keep(this.#stopping.signal));
  }

  /** Ends the session on the server, if it can be reached. */
  async stop(): Promise<void> {
    this.#link = null;
    this.#deadline?.cancel();
    this.#apply('stopped');
    this.#stopping.abort(new StoppedError('the registry was stopped'));
    await this.#tasks.drained();
  }

  /**
   * A link of a connection later than number `after`; `null` when `ms` passed without one, or the session ended.
   * Without `ms`, waits as long as it takes.
   */
  async linkAfter(after: number, ms?: number): Promise<Link | null> {
    if (this.#link !== null && this.#link.connection > after) return this.#link;
    if (this.#session.state === 'closed') return null;
    const found = deferred<Link | null>();
    const undo = this.onChange((session) => {
      if (session.state !== 'suspended') found.resolve(this.#link);
    });
    const timer = ms === undefined ? undefined : this.parts.clock.setTimer(ms, () => found.resolve(null));
    try {
      return await found.promise;
    } finally {
      undo();
      timer?.cancel();
    }
  }

  async #keep(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      const connected = await this.#live(signal);
      failures = connected ? 0 : failures + 1;
      if (failures > 0 && !signal.aborted) await this.#pause(failures, signal);
    }
  }

  async #pause(failures: number, signal: AbortSignal): Promise<void> {
    try {
      await sleep(this.parts.clock, backoff(this.parts.policy, failures), signal);
    } catch (error) {
      this.parts.logger.debug('opening a session was called off', { reason: messageOf(error) });
    }
  }

  /** Opens a session and stays with it to its end. Resolves to whether it was ever connected. */
  async #live(signal: AbortSignal): Promise<boolean> {
    const before = this.#session.connection;
    const ended = deferred();
    const early: ConnectionEvent[] = [];
    let hear = (event: ConnectionEvent): void => void early.push(event);
    const opening = this.parts.driver.open((event) => hear(event));
    try {
      const driver = await abortable(opening, signal);
      this.#problem = () => driver.problem ?? null;
      hear = (event) => this.#hear(driver, event, ended);
      for (const event of early) hear(event);
      await abortable(ended.promise, signal).catch(() => undefined);
      hear = () => undefined;
      this.#tasks.run('close registry session', () => driver.close());
    } catch (error) {
      if (signal.aborted) this.#discard(opening);
      else this.parts.logger.warn('cannot open a registry session', this.#where(error));
      this.#problem = () => messageOf(error);
      if (ElasticJobError.is(error) && !error.retryable) this.refused.reject(error);
    }
    return this.#session.connection > before;
  }

  /** A session that opens only after the stop is closed by itself: the stop does not wait for a server. */
  #discard(opening: Promise<DriverSession>): void {
    opening
      .then((driver) => driver.close())
      .catch((error: unknown) => this.parts.logger.debug('a late session failed', this.#where(error)));
  }

  #hear(driver: DriverSession, event: ConnectionEvent, ended: Deferred<void>): void {
    this.#events += 1;
    if (event === 'connected') {
      if (this.#session.state === 'suspended' && this.#session.connection > 0) this.#reconnected(driver);
      else this.#connected(driver);
      return;
    }
    this.#deadline?.cancel();
    this.#link = null;
    if (event === 'disconnected') this.#suspended(driver, ended);
    else {
      if (event === 'auth-failed') this.#refuse();
      this.#apply('expired');
      ended.resolve();
    }
  }

  /**
   * A connection counts once it is decided what became of all that was sent on the one before. Such a request may still
   * be on its way through the servers, so that a read, or even one after `sync`, which on the leader waits for nothing,
   * could find a node absent that is about to appear: a mark, or a place in a latch, that nobody would ever take away.
   * A write has to get behind it, and this one is refused wherever it comes.
   */
  #reconnected(driver: DriverSession): void {
    const event = this.#events;
    this.#tasks.run('settle what was under way', async () => {
      try {
        await driver.remove(NOWHERE, -1);
      } catch (error) {
        if (!ElasticJobError.is(error) || UNANSWERED.has(error.code))
          return this.parts.logger.debug('the connection did not last', this.#where(error));
      }
      // The deadline may have come meanwhile, or a stop.
      if (event === this.#events && this.#session.state === 'suspended') this.#connected(driver);
    });
  }

  #connected(driver: DriverSession): void {
    this.#deadline?.cancel();
    const next = nextSession(this.#session, 'connected', driver);
    this.#link = { driver, epoch: next.epoch, connection: next.connection };
    this.#apply('connected', driver);
  }

  #suspended(driver: DriverSession, ended: Deferred<void>): void {
    this.#apply('disconnected');
    if (this.#session.state !== 'suspended' || this.#session.connection === 0) return;
    this.#deadline = this.parts.clock.setTimer(driver.timeoutMs, () => {
      this.#apply('deadline');
      ended.resolve();
    });
  }

  #refuse(): void {
    const { user, describe } = this.parts;
    const who = user === undefined ? 'the credentials' : `the credentials of user "${user}"`;
    const seen = this.problem === null ? '' : ` (${this.problem})`;
    const remedy = 'check the option "digest" (user:password) or "sasl"';
    const error = new RegistryError('AUTH_FAILED', `the registry at ${describe} refused ${who}${seen}: ${remedy}`);
    this.parts.logger.error('the registry refused the credentials', this.#where(error));
    this.refused.reject(error);
  }

  #apply(event: SessionEvent, granted?: DriverSession): void {
    const next = nextSession(this.#session, event, granted);
    if (next === this.#session) return;
    this.#session = next;
    this.parts.logger.info('registry session', { state: next.state, epoch: next.epoch, id: next.id.toString(16) });
    this.#undelivered.push(next);
    this.#deliver();
  }

  /** A listener may cause the next change; the others still hear them in order. */
  #deliver(): void {
    if (this.#delivering) return;
    this.#delivering = true;
    for (let next = this.#undelivered.shift(); next !== undefined; next = this.#undelivered.shift()) {
      for (const listener of [...this.#listeners]) this.#call(listener, next);
    }
    this.#delivering = false;
  }

  #call(listener: (session: Session) => void, session: Session): void {
    try {
      listener(session);
    } catch (error) {
      this.parts.logger.error('a session listener failed', { error: messageOf(error) });
    }
  }

  #where(error: unknown): Record<string, string> {
    return { registry: this.parts.describe, error: messageOf(error) };
  }
}
