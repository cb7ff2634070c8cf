import { deferred } from '../foundation/deferred.js';
import type { DriverSession, MultiResult } from './driver.js';
import type { ExclusiveMode, Operation } from './registry.js';
import { operationBytes } from './request-size.js';

/** At most so much goes in one transaction, so that the first answers do not wait for the last requests. */
const LARGEST = { operations: 128, bytes: 250_000 } as const;

/**
 * So many transactions may be under way before a commit that is asked for waits for one of them to be answered, and goes
 * with all that has come by then: the more there is to do, the more goes at a time, and whoever is alone waits for nobody.
 * Single marks, which are many in one instant and few in the next, do not wait.
 */
const UNDER_WAY = 4;

/** What a create can be told. */
type Created = Awaited<ReturnType<DriverSession['create']>>;

interface Waiting {
  /** What belongs together: all of them are applied, or none. */
  readonly operations: readonly Operation[];
  /** Takes the transaction in which the operations were applied. */
  applied(zxid: bigint): void;
  /** Sends the operations as a request of their own. Resolves when it is answered, in whatever way. */
  alone(): Promise<void>;
  failed(error: unknown): void;
}

/**
 * Group commit: creates, removals and commits asked for in the same instant go to the server as one transaction, which
 * costs it hardly more than one of them alone. A transaction that is refused because of one operation has applied none of
 * them, and each is then sent by itself, so that nobody fares worse for the company.
 *
 * Whatever is sent without being grouped may overtake what is waiting here.
 */
export class RequestGroup {
  #waiting: Waiting[] = [];
  #underWay = 0;
  #isScheduled = false;

  constructor(readonly driver: DriverSession) {}

  /** As {@link DriverSession.create}. */
  create(path: string, value: string, mode: ExclusiveMode): Promise<Created> {
    const operation: Operation = { kind: 'create', path, value, mode };
    return this.#add(
      [operation],
      () => this.driver.create(path, value, mode),
      (zxid) => ({ path, czxid: zxid }),
    );
  }

  /** As {@link DriverSession.remove}, of any version. */
  remove(path: string): Promise<void> {
    const operation: Operation = { kind: 'remove', path };
    return this.#add(
      [operation],
      () => this.driver.remove(path, -1),
      () => undefined,
    );
  }

  /** As {@link DriverSession.multi}, which the driver must have. */
  commit(operations: readonly Operation[]): Promise<MultiResult> {
    return this.#add(
      operations,
      () => sendTransaction(this.driver, operations),
      (zxid) => ({ committed: true, zxid }),
      UNDER_WAY,
    );
  }

  #add<T>(
    operations: readonly Operation[],
    send: () => Promise<T>,
    answer: (zxid: bigint) => T,
    underWay = Number.POSITIVE_INFINITY,
  ): Promise<T> {
    if (this.driver.multi === undefined) return send();
    const { promise, resolve, reject } = deferred<T>();
    this.#waiting.push({
      operations,
      applied: (zxid) => resolve(answer(zxid)),
      alone: () => send().then(resolve, reject),
      failed: reject,
    });
    this.#schedule(underWay);
    return promise;
  }

  /** Sends what waits, unless so many transactions are under way. */
  #schedule(underWay: number): void {
    if (this.#isScheduled || this.#waiting.length === 0 || this.#underWay >= underWay) return;
    this.#isScheduled = true;
    // Whatever is asked for in this turn of the event loop's queue of promises has been asked for by then.
    queueMicrotask(() => this.#send());
  }

  #send(): void {
    this.#isScheduled = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const portion of portions(waiting)) {
      this.#underWay += 1;
      void this.#sendTogether(portion).then(() => {
        this.#underWay -= 1;
        this.#schedule(UNDER_WAY);
      });
    }
  }

  async #sendTogether(portion: readonly Waiting[]): Promise<void> {
    if (portion.length === 1 || this.driver.multi === undefined) {
      await Promise.all(portion.map((one) => one.alone()));
      return;
    }
    const alone: Waiting[] = [];
    try {
      const result = await this.driver.multi(portion.flatMap(({ operations }) => operations));
      for (const one of portion) {
        if (result.committed) one.applied(result.zxid);
        else alone.push(one);
      }
    } catch (error) {
      for (const one of portion) one.failed(error);
    }
    await Promise.all(alone.map((one) => one.alone()));
  }
}

function portions(waiting: readonly Waiting[]): Waiting[][] {
  const all: Waiting[][] = [];
  let [portion, room]: [Waiting[], { operations: number; bytes: number }] = [[], { ...LARGEST }];
  for (const one of waiting) {
    const count = one.operations.length;
    const bytes = one.operations.reduce((sum, operation) => sum + operationBytes(operation), 0);
    if (portion.length === 0 || count > room.operations || bytes > room.bytes) {
      portion = [];
      room = { ...LARGEST };
      all.push(portion);
    }
    portion.push(one);
    room.operations -= count;
    room.bytes -= bytes;
  }
  return all;
}

/** One transaction, for which the driver is known to be made. */
export function sendTransaction(driver: DriverSession, operations: readonly Operation[]): Promise<MultiResult> {
  if (driver.multi === undefined) throw new Error('the driver says atomicCommit but has no multi');
  return driver.multi(operations);
}
