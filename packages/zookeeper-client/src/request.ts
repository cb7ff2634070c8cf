import { serverError, ZooKeeperError } from './errors.js';
import type { JuteReader, JuteWriter } from './jute.js';
import { checkPath } from './paths.js';
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
      const { name, path, op, signal } = request;
      if (path !== undefined) checkPath(path, name, request.sequential);
      signal?.throwIfAborted();
      const { channel } = this.session;
      if (channel === null) throw refused(this.session.refusal, name, path);
      channel.begin(op, request.write);
      const onAbort = (): void => reject(signal?.reason);
      const expected = request.watches === true ? this.watches.expectOneShot(this.full(path ?? '/')) : nothing;
      const done = (): void => {
        expected();
        signal?.removeEventListener('abort', onAbort);
      };
      signal?.addEventListener('abort', onAbort);
      try {
        channel.commit({
          xid: channel.xid,
          name,
          path,
          sentAt: channel.now,
          answer: (input, zxid) => {
            const value = request.read(input, zxid);
            done();
            resolve(value);
          },
          refuse: (serverCode, zxid) => {
            const outcome = request.outcome?.(serverCode, zxid) ?? null;
            done();
            if (outcome === null) reject(serverError(serverCode, name, path));
            else resolve(outcome.value);
          },
          fail: (error) => {
            done();
            reject(ZooKeeperError.is(error) ? refused(error, name, path) : error);
          },
        });
      } catch (error) {
        done();
        throw error;
      }
    });
  }
}

function nothing(): void {}

/** The same error, for one request. */
function refused(error: ZooKeeperError, request: string, path: string | undefined): ZooKeeperError {
  const { code, message, cause, serverCode } = error;
  return new ZooKeeperError(code, `${request} ${path ?? ''}: ${message}`, { path, request, serverCode, cause });
}
