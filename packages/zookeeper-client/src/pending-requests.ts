import type { JuteReader } from './jute.js';

/** A request that was sent and not answered. */
export interface PendingRequest {
  readonly xid: number;
  /** `create`, `getData`, … */
  readonly name: string;
  readonly path: string | undefined;
  /** Takes the body of a good answer. Called before anything that came after it is looked at. */
  answer(input: JuteReader, zxid: bigint): void;
  /** Takes an answer that says something else than success, `serverCode` not 0. */
  refuse(serverCode: number, zxid: bigint): void;
  /** Takes the news that no answer will come. */
  fail(error: unknown): void;
}

/** What was sent, in order: a queue that does not move its elements. */
export class PendingRequests {
  #items: (PendingRequest | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  get oldest(): PendingRequest | undefined {
    return this.#items[this.#head];
  }

  push(request: PendingRequest): void {
    this.#items.push(request);
  }

  shift(): PendingRequest | undefined {
    const request = this.#items[this.#head];
    if (request === undefined) return undefined;
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    } else if (this.#head >= MOST_EMPTY && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return request;
  }

  /** Takes all of them, oldest first. */
  drain(): PendingRequest[] {
    const rest = this.#items.slice(this.#head).filter((request) => request !== undefined);
    this.#items = [];
    this.#head = 0;
    return rest;
  }
}

const MOST_EMPTY = 1024;
