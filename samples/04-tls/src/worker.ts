import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Message, parseMessage } from './messages.js';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

/** One process, as its parent sees it. */
export class Worker {
  /** Items it owns, as it last told. */
  items: readonly number[] = [];
  /** The last line of its log; why it ended, if it ended by itself. */
  lastLine = '';
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** `onLine` hears what it tells: a message, or a line of its log. */
  constructor(
    readonly name: string,
    environment: Readonly<Record<string, string>>,
    onLine: (worker: Worker, line: Message | string) => void,
  ) {
    const child = spawn(process.execPath, [MAIN], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.#process = child;
    this.#ended = once(child, 'close');
    createInterface({ input: child.stdout }).on('line', (line) => onLine(this, parseMessage(line) ?? line));
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.lastLine = line;
      onLine(this, line);
    });
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves to the exit code when it has ended by itself, `null` if a signal ended it. */
  async ended(): Promise<number | null> {
    await this.#ended;
    return this.#process.exitCode;
  }

  /** Tells it to leave, and waits until it has. */
  async leave(): Promise<number | null> {
    if (this.isRunning) this.#process.kill('SIGTERM');
    return this.ended();
  }
}
