import { ElasticJobError, RegistryError } from '../foundation/errors.js';
import { backoff, type RetryPolicy } from '../foundation/retry.js';
import type { DriverSession } from './driver.js';
import type { NodeStat } from './registry.js';
import type { Link, SessionKeeper } from './session-keeper.js';

/**
 * A request on one connection. `doubt` says that it was sent before and the answer was lost, so that it may have been
 * applied.
 */
export type Attempt<T> = (driver: DriverSession, doubt: boolean) => Promise<T>;

/**
 * Sends requests in the present session. A lost connection is waited out under the retry policy; an answer that belongs
 * to a session that ended meanwhile is never given out.
 */
export class RegistryRequests {
  #seen = 0n;

  constructor(
    private readonly keeper: SessionKeeper,
    private readonly policy: RetryPolicy,
    private readonly describe: string,
  ) {}

  /** The latest transaction that any answer has shown: what has a greater zxid happened after it. */
  get seen(): bigint {
    return this.#seen;
  }

  /** The session that a request belongs to which is asked for now. */
  get epoch(): number {
    const { state, epoch } = this.keeper.session;
    return state === 'lost' ? epoch + 1 : epoch;
  }

  /** Takes note of the transactions in an answer. */
  saw(...stats: readonly Pick<NodeStat, 'czxid' | 'mzxid' | 'pzxid'>[]): void {
    for (const { czxid, mzxid, pzxid } of stats) {
      for (const zxid of [czxid, mzxid, pzxid]) if (zxid > this.#seen) this.#seen = zxid;
    }
  }

  /**
   * Calls `attempt` until it is answered: again after each connection loss, in the same session only. When the policy is
   * used up, a request that was sent fails with the error of `unanswered`, by default `CONNECTION_LOSS`.
   */
  async run<T>(path: string, attempt: Attempt<T>, unanswered?: (path: string) => RegistryError): Promise<T> {
    const { epoch } = this;
    let failed = 0;
    for (let tries = 1; tries <= this.policy.maxRetries + 1; tries++) {
      const link = this.#present(path, epoch, failed) ?? (await this.#link(path, epoch, failed, tries));
      if (link === null) continue;
      try {
        const result = await attempt(link.driver, failed > 0);
        this.assertAlive(path, epoch);
        return result;
      } catch (error) {
        this.assertAlive(path, epoch, error);
        if (!ElasticJobError.is(error, 'CONNECTION_LOSS')) throw error;
        failed = link.connection;
      }
    }
    if (failed === 0) throw this.#noConnection(path);
    throw unanswered === undefined ? this.#noAnswer(path) : unanswered(path);
  }

  /** Calls `attempt` on one connection. If the answer is lost, nobody knows: `RESULT_UNKNOWN`. */
  async once<T>(path: string, attempt: (driver: DriverSession) => Promise<T>): Promise<T> {
    return this.run(path, async (driver) => {
      try {
        return await attempt(driver);
      } catch (error) {
        throw ElasticJobError.is(error, 'CONNECTION_LOSS') ? unknownResult(path, error) : error;
      }
    });
  }

  /** Throws once the session that a request was asked for in is over: it is not to be sent in the next one. */
  assertAlive(path: string, expected: number, cause?: unknown): void {
    const { state, epoch } = this.keeper.session;
    if (state === 'closed') {
      throw new RegistryError('REGISTRY_CLOSED', `${path}: the registry was stopped`, { path, cause });
    }
    if (epoch > expected || (epoch === expected && state === 'lost')) {
      const message = `${path}: the session ended before the answer came; read anew in the next one`;
      throw new RegistryError('SESSION_LOST', message, { path, cause, retryable: true });
    }
  }

  /** The connection there is, if nothing failed on it yet: the usual case, in which there is nothing to wait for. */
  #present(path: string, epoch: number, failed: number): Link | null {
    if (failed > 0) return null;
    this.assertAlive(path, epoch);
    return this.keeper.link;
  }

  async #link(path: string, epoch: number, failed: number, tries: number): Promise<Link | null> {
    const link = await this.keeper.linkAfter(failed, backoff(this.policy, tries));
    this.assertAlive(path, epoch);
    return link ?? this.keeper.link;
  }

  #noConnection(path: string): RegistryError {
    return new RegistryError('CONNECTION_LOSS', `${path}: no connection to the registry at ${this.describe}`, {
      path,
      retryable: true,
    });
  }

  #noAnswer(path: string): RegistryError {
    const message = `${path}: no answer from the registry at ${this.describe}; the request may have been applied`;
    return new RegistryError('CONNECTION_LOSS', message, { path, retryable: true });
  }
}

/** The error of a request that may or may not have been applied, when nothing can tell. */
export function unknownResult(path: string, cause?: unknown): RegistryError {
  const message = `${path}: the connection was lost before the answer came, so the change may or may not be there; read it`;
  return new RegistryError('RESULT_UNKNOWN', message, { path, cause });
}
