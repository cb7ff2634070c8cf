import { deferred } from '../foundation/deferred.js';
import type { DriverSession } from './driver.js';
import type { ExclusiveMode, Operation } from './registry.js';
import { operationBytes } from './request-size.js';

/** At most so much goes in one transaction, so that the first answers do not wait for the last requests. */
const LARGEST = { operations: 128, bytes: 250_000 } as const;

/** What a create can be told. */
type Created = Awaited<ReturnType<DriverSession['create']>>;

interface Waiting {
  readonly operation: Operation;
  /** Takes the transaction in which the operation was applied. */
  applied(zxid: bigint): void;
  /** Sends the operation as a request of its own. */
  alone(): void;
  failed(error: unknown): void;
}

/**
 * Group commit: creates and removals asked for in the same instant go to the server as one transaction, which costs it
 * hardly more than one of them alone. A transaction that is refused because of one operation has applied none of them,
 * and each is then sent by itself, so that nobody fares worse for the company.
 *
 * Whatever is sent without being grouped may overtake what is waiting here, for the rest of the instant only.
 */
export class RequestGroup {
  #waiting: Waiting[] = [];

  constructor(readonly driver: DriverSession) {}

  /** As {@link DriverSession.create}. */
  create(path: string, value: string, mode: ExclusiveMode): Promise<Created> {
    const operation: Operation = { kind: 'create', path, value, mode };
    return this.#add(
      operation,
      () => this.driver.create(path, value, mode),
      (zxid) => ({ path, czxid: zxid }),
    );
  }

  /** As {@link DriverSession.remove}, of any version. */
  remove(path: string): Promise<void> {
    const operation: Operation = { kind: 'remove', path };
    return this.#add(
      operation,
      () => this.driver.remove(path, -1),
      () => undefined,
    );
  }

  #add<T>(operation: Operation, send: () => Promise<T>, answer: (zxid: bigint) => T): Promise<T> {
    if (this.driver.multi === undefined) return send();
    const { promise, resolve, reject } = deferred<T>();
    // Whatever is asked for in this turn of the event loop's queue of promises has been asked for by then.
    if (this.#waiting.length === 0) queueMicrotask(() => this.#send());
    this.#waiting.push({
      operation,
      applied: (zxid) => resolve(answer(zxid)),
      alone: () => send().then(resolve, reject),
      failed: reject,
    });
    return promise;
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const portion of portions(waiting)) void this.#sendTogether(portion);
  }

  async #sendTogether(portion: readonly Waiting[]): Promise<void> {
    if (portion.length === 1 || this.driver.multi === undefined) {
      for (const one of portion) one.alone();
      return;
    }
    try {
      const result = await this.driver.multi(portion.map(({ operation }) => operation));
      for (const one of portion) {
        if (result.committed) one.applied(result.zxid);
        else one.alone();
      }
    } catch (error) {
      for (const one of portion) one.failed(error);
    }
  }
}

function portions(waiting: readonly Waiting[]): Waiting[][] {
  const all: Waiting[][] = [];
  let [portion, room]: [Waiting[], number] = [[], 0];
  for (const one of waiting) {
    const bytes = operationBytes(one.operation);
    if (portion.length === 0 || portion.length === LARGEST.operations || bytes > room) {
      portion = [];
      room = LARGEST.bytes;
      all.push(portion);
    }
    portion.push(one);
    room -= bytes;
  }
  return all;
}
