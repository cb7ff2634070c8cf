import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Message, parseMessage } from './messages.js';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

/** One process of the cluster, as its parent sees it. */
export class Worker {
  /** Items it owns, as it last told. */
  items: readonly number[] = [];
  isLeader = false;
  readonly #process: ChildProcess;

  constructor(
    readonly name: string,
    options: readonly string[],
    onMessage: (worker: Worker, message: Message) => void,
  ) {
    this.#process = spawn(process.execPath, [MAIN, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
    const { stdout } = this.#process;
    if (stdout === null) return;
    createInterface({ input: stdout }).on('line', (line) => {
      const message = parseMessage(line);
      if (message === null) process.stderr.write(`${name}: ${line}\n`);
      else onMessage(this, message);
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Sends a signal and waits until the process has ended. Resolves to its exit code, `null` if it was killed. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    if (this.isRunning) {
      const ended = once(this.#process, 'exit');
      this.#process.kill(signal);
      await ended;
    }
    return this.#process.exitCode;
  }
}
