/**
 * What the package calls back, in its order, once the package has returned. It calls in the middle of its own work: what
 * follows an answer would run inside of that, where a connection that turns out to be broken cannot be given up.
 */
export class Deliveries {
  #waiting: (() => void)[] = [];

  /** Has `deliver` called in this turn of the event loop, or early in the next. */
  push(deliver: () => void): void {
    if (this.#waiting.push(deliver) === 1) setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const deliver of waiting) deliver();
  }
}
