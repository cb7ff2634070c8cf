import type { Clock, Timer } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import type { RegistryError } from '../foundation/errors.js';
import { RESULT } from './native-driver-results.js';

/** Settles a request; `read` makes the result, and is called only when the code says success. */
export type Answer<T> = (code: number, read: () => T) => void;

/** What a {@link PendingRequests} works with. */
export interface PendingParts {
  readonly clock: Clock;
  /** The error for a result code. */
  readonly failure: (code: number, path: string) => RegistryError;
  /** Sends any request whose answer nobody waits for. */
  readonly nudge: () => void;
}

/**
 * How long a request may be without an answer before another one is sent after it. Servers from 3.6.0 to 3.8.0 can leave
 * the only request of a follower lying until the next one comes (ZOOKEEPER-4537), and the C client sends no pings while
 * a request is out: it would drop the connection after two thirds of the session timeout.
 */
const NUDGE_MS = 200;

/** The requests of one session that have been sent and not been answered. */
export class PendingRequests {
  readonly #requests = new Set<Deferred<never>>();
  #timer: Timer | undefined;
  #answered = 0;

  constructor(private readonly parts: PendingParts) {}

  /** Sends a request. `send` returns what the client said to it: 0 if it took the request and will answer. */
  send<T>(path: string, send: (answer: Answer<T>) => number): Promise<T> {
    const request = deferred<T>();
    const pending = request as Deferred<never>;
    this.#requests.add(pending);
    const refused = send((code, read) => {
      this.#answered += 1;
      if (!this.#requests.delete(pending)) return;
      if (code === RESULT.OK) request.resolve(read());
      else request.reject(this.parts.failure(code, path));
    });
    if (refused !== RESULT.OK) {
      this.#requests.delete(pending);
      request.reject(this.parts.failure(refused, path));
    }
    this.#timer ??= this.#nudgeLater();
    return request.promise;
  }

  /** Rejects what is pending; answers that still come are ignored. */
  reject(error: RegistryError): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const request of this.#requests) request.reject(error);
    this.#requests.clear();
  }

  /** Until nothing is pending: nudges whenever nothing was answered for a while. */
  #nudgeLater(): Timer {
    const before = this.#answered;
    return this.parts.clock.setTimer(NUDGE_MS, () => {
      this.#timer = undefined;
      if (this.#requests.size === 0) return;
      this.#timer = this.#nudgeLater();
      if (this.#answered === before) this.parts.nudge();
    });
  }
}
