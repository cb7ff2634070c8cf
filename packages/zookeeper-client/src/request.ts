import { serverError, ZooKeeperError } from './errors.js';
import type { JuteReader, JuteWriter } from './jute.js';
import { checkPath } from './paths.js';
import type { PendingRequest } from './pending-requests.js';
import type { Session } from './session.js';
import type { WatchTable } from './watch-table.js';

/** What one request sends, and what its answer means. */
export interface Request<T> {
  readonly name: string;
  /** The client's own path, for errors; `undefined` where there are several. */
  readonly path: string | undefined;
  /** Whether the server makes the path longer. */
  readonly sequential?: boolean;
  readonly op: number;
  readonly write: (out: JuteWriter) => void;
  readonly read: (input: JuteReader, zxid: bigint) => T;
  /** What a refusal means where it is an outcome; `null` where it is a failure. */
  readonly outcome?: (serverCode: number, zxid: bigint) => { readonly value: T } | null;
  readonly signal?: AbortSignal | undefined;
  /** Whether the answer brings a watcher with it. */
  readonly watches?: boolean;
}

/** Sends the requests of a client on the present connection of its session, and settles them by their answers. */
export class Requests {
  constructor(
    private readonly session: Session,
    private readonly watches: WatchTable,
    private readonly full: (path: string) => string,
  ) {}

  send<T>(request: Request<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { name, path, signal } = request;
      if (path !== undefined) checkPath(path, name, request.sequential);
      signal?.throwIfAborted();
      const { channel } = this.session;
      if (channel === null) throw refused(this.session.refusal, name, path);
      channel.begin(request.op, request.write);
      const exchange = new Exchange(channel.xid, request, resolve, reject);
      if (request.watches === true) exchange.whenOver(this.watches.expectOneShot(this.full(path ?? '/')));
      if (signal !== undefined) exchange.giveUpWith(signal);
      try {
        channel.commit(exchange);
      } catch (error) {
        exchange.over();
        throw error;
      }
    });
  }
}

/** One request under way. There are thousands of them at times: an object for each, and closures for few. */
class Exchange<T> implements PendingRequest {
  #whenOver: (() => void) | null = null;

  constructor(
    readonly xid: number,
    private readonly request: Request<T>,
    private readonly resolve: (value: T) => void,
    private readonly reject: (error: unknown) => void,
  ) {}

  get name(): string {
    return this.request.name;
  }

  get path(): string | undefined {
    return this.request.path;
  }

  answer(input: JuteReader, zxid: bigint): void {
    const value = this.request.read(input, zxid);
    this.over();
    this.resolve(value);
  }

  refuse(serverCode: number, zxid: bigint): void {
    const outcome = this.request.outcome?.(serverCode, zxid) ?? null;
    this.over();
    if (outcome === null) this.reject(serverError(serverCode, this.name, this.path));
    else this.resolve(outcome.value);
  }

  fail(error: unknown): void {
    this.over();
    this.reject(ZooKeeperError.is(error) ? refused(error, this.name, this.path) : error);
  }

  /** The caller waits no longer when the signal aborts; the request itself may be applied. */
  giveUpWith(signal: AbortSignal): void {
    const giveUp = (): void => this.reject(signal.reason);
    signal.addEventListener('abort', giveUp);
    this.whenOver(() => signal.removeEventListener('abort', giveUp));
  }

  /** Is called once the request is answered or has failed. */
  whenOver(then: () => void): void {
    const before = this.#whenOver;
    this.#whenOver = () => {
      before?.();
      then();
    };
  }

  over(): void {
    this.#whenOver?.();
    this.#whenOver = null;
  }
}

/** The same error, for one request. */
function refused(error: ZooKeeperError, request: string, path: string | undefined): ZooKeeperError {
  const { code, message, cause, serverCode } = error;
  return new ZooKeeperError(code, `${request} ${path ?? ''}: ${message}`, { path, request, serverCode, cause });
}
