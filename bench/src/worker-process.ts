import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * A process of the bench that runs a file beside this one. The setup goes as its first argument, as JSON; orders and what
 * it tells go as messages.
 */
export class WorkerProcess<Order, Told> {
  /** Rejects when the process ends although nobody killed it; what it had to say about that is on stderr. */
  readonly failed: Promise<never>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #isKilled = false;

  constructor(file: `./${string}.js`, setup: object, hear: (told: Told) => void) {
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(setup)]);
    this.#child.on('message', (told) => hear(told as Told));
    this.#exited = once(this.#child, 'exit');
    this.failed = new Promise((_, reject) => {
      this.#child.once('exit', () => {
        if (!this.#isKilled) reject(new Error(`the process of ${file} ended too early; see what it wrote to stderr`));
      });
    });
    // Whoever waits for something hears of it; between two waits the next one does.
    this.failed.catch(() => undefined);
  }

  /** The operating system's number of it. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the process was not started');
    return this.#child.pid;
  }

  order(order: Order): void {
    this.#child.send(order as object);
  }

  /** SIGKILL: it says goodbye to nobody. Resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#isKilled = true;
    this.#child.kill('SIGKILL');
    await this.#exited;
  }
}
