import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { deferred } from '../../packages/core/src/foundation/deferred.js';

const WORKER = fileURLToPath(new URL('./kernel-worker.mjs', import.meta.url));
const ITEMS = 6;
const SECOND = 1_000;

let clusters = 0;

/** What a process tells: see `kernel-worker.mjs`. */
export interface Message {
  readonly kind: string;
  readonly item?: number;
  readonly items?: readonly number[];
  readonly scheduledAt?: number;
  readonly at?: number;
  readonly success?: boolean;
  readonly reason?: string;
  readonly failureCause?: string;
  readonly session?: string;
  readonly source?: string;
  readonly token?: string;
}

/** A process that takes part in the job. */
export class WorkerProcess {
  readonly messages: Message[] = [];
  items: readonly number[] = [];
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(
    readonly name: string,
    readonly instanceId: string,
    args: readonly string[],
    onMessage: () => void,
  ) {
    this.#process = spawn(process.execPath, [WORKER, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exited = once(this.#process, 'exit');
    void this.#exited.then(onMessage);
    const { stdout } = this.#process;
    if (stdout === null) return;
    createInterface({ input: stdout }).on('line', (line) => {
      const message = JSON.parse(line) as Message;
      this.messages.push(message);
      if (message.kind === 'assigned') this.items = message.items ?? [];
      onMessage();
    });
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  has(kind: string): boolean {
    return this.messages.some((message) => message.kind === kind);
  }

  of(kind: string): Message[] {
    return this.messages.filter((message) => message.kind === kind);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  write(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** Resolves to the exit code, `null` if a signal ended it. */
  async exited(): Promise<number | null> {
    await this.#exited;
    return this.#process.exitCode;
  }
}

/** Processes of one job in a namespace of their own. */
export class ProcessCluster {
  readonly namespace = `processes-${process.pid}-${Date.now()}-${clusters++}`;
  readonly workers: WorkerProcess[] = [];
  readonly #waiting = new Set<() => void>();

  /** @param options of the job, and `client`; by default it fires every second, over our own client. */
  constructor(
    private readonly connectString: string,
    private readonly options: Readonly<Record<string, unknown>> = {},
  ) {}

  start(name: string, workMs = 50): WorkerProcess {
    const instanceId = `10.0.0.1@-@${name}`;
    const args = [this.connectString, this.namespace, instanceId, String(workMs), JSON.stringify(this.options)];
    const worker = new WorkerProcess(name, instanceId, args, () => this.#announce());
    this.workers.push(worker);
    return worker;
  }

  /** Resolves when each of these processes owns items and together they own all, each once. */
  async shared(...workers: readonly WorkerProcess[]): Promise<void> {
    await this.until(() => {
      const items = workers.flatMap((worker) => worker.items);
      const complete = items.length === ITEMS && new Set(items).size === ITEMS;
      return complete && workers.every((worker) => worker.has('ready') && worker.items.length > 0);
    });
  }

  /** Resolves when `predicate` holds; asked again with every message and every exit. */
  async until(predicate: () => boolean): Promise<void> {
    while (!predicate()) {
      const changed = deferred();
      this.#waiting.add(changed.resolve);
      await changed.promise;
    }
  }

  /** Resolves when a fire later than this has been run. */
  async past(scheduledAt: number): Promise<void> {
    await this.until(() => this.#calls().some((call) => call.kind === 'end' && Number(call.scheduledAt) > scheduledAt));
  }

  /** Fires planned in `[from, to]` that were not run exactly once for every item: runs of each, and what was skipped. */
  irregular(from: number, to: number): string[] {
    const fires = Array.from({ length: Math.floor((to - from) / SECOND) + 1 }, (_, n) => from + n * SECOND);
    return fires.flatMap((fire) => {
      const begun = this.#calls().filter((call) => call.kind === 'begin' && call.scheduledAt === fire);
      const runs = Array.from({ length: ITEMS }, (_, item) => begun.filter((call) => call.item === item).length);
      if (runs.every((times) => times === 1)) return [];
      return [`${new Date(fire).toISOString()}: ${runs.join()} ${this.#skips(fire).join(' ')}`.trimEnd()];
    });
  }

  #skips(fire: number): string[] {
    return this.workers.flatMap((worker) =>
      worker
        .of('skipped')
        .filter(({ scheduledAt }) => scheduledAt === fire)
        .map(({ reason, items }) => `${worker.name} skipped ${items}: ${reason}`),
    );
  }

  async end(): Promise<void> {
    for (const worker of this.workers) {
      worker.signal('SIGCONT');
      worker.signal('SIGKILL');
    }
    await Promise.all(this.workers.map((worker) => worker.exited()));
  }

  #calls(): Message[] {
    return this.workers.flatMap(({ messages }) => messages);
  }

  #announce(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
