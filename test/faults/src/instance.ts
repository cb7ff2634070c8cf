import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { JobPlan } from './job-plan.js';
import { readJsonLines } from './json-lines.js';
import type { NetworkLink } from './network-link.js';
import type { WorkerMessage } from './worker-message.js';

// The build's, also when this file is read as source by a test.
const WORKER = fileURLToPath(new URL('../dist/worker.js', import.meta.url));

/** What an instance is started with. */
export interface InstanceSettings {
  readonly id: string;
  readonly namespace: string;
  readonly jobs: readonly JobPlan[];
  readonly ledgerPort: number;
  readonly sessionTimeoutMs: number;
  /** The ZooKeeper client to use; the kernel's default if undefined. */
  readonly client: string | undefined;
}

/** An instance of the jobs: a process, and a network of its own to the servers. */
export class Instance {
  /** Whether all its jobs have joined. */
  isReady = false;
  /** When its event loop turned again after a standstill: epoch milliseconds, one for each time. */
  readonly wokeAt: number[] = [];
  readonly #items = new Map<string, readonly number[]>();
  readonly #connected = new Set<string>();
  readonly #leads = new Set<string>();
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(
    settings: InstanceSettings,
    readonly link: NetworkLink,
    private readonly onMessage: (message: WorkerMessage) => void,
  ) {
    this.id = settings.id;
    this.#process = spawn(process.execPath, [WORKER, ...workerArguments(settings, link)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#exited = once(this.#process, 'exit');
    if (this.#process.stdout === null) throw new Error(`instance ${this.id} has no output`);
    readJsonLines<WorkerMessage>(this.#process.stdout, (message) => this.#hear(message));
  }

  readonly id: string;

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The items of a job that it says it owns. */
  itemsOf(job: string): readonly number[] {
    return this.#items.get(job) ?? [];
  }

  /** Whether the job is registered here in a session that is connected. */
  isConnected(job: string): boolean {
    return this.#connected.has(job);
  }

  /** Whether it was the last that was elected, as far as it knows. */
  leads(job: string): boolean {
    return this.#leads.has(job);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Resolves to the exit code, `null` if a signal ended it. */
  async exited(): Promise<number | null> {
    await this.#exited;
    return this.#process.exitCode;
  }

  #hear(message: WorkerMessage): void {
    if (message.kind === 'ready') this.isReady = true;
    if (message.kind === 'woke') this.wokeAt.push(message.at);
    if (message.kind === 'coordination') this.#changed(message);
    this.onMessage(message);
  }

  #changed({ job, event, items }: WorkerMessage & { kind: 'coordination' }): void {
    switch (event) {
      case 'registered':
        this.#connected.add(job);
        break;
      case 'reconnected':
        this.#connected.add(job);
        break;
      case 'suspended':
        this.#connected.delete(job);
        break;
      case 'session-lost':
        this.#connected.delete(job);
        this.#leads.delete(job);
        break;
      case 'elected':
        this.#leads.add(job);
        break;
      case 'abdicated':
        this.#leads.delete(job);
        break;
      case 'assigned':
        this.#items.set(job, items ?? []);
        break;
    }
  }
}

function workerArguments(settings: InstanceSettings, link: NetworkLink): string[] {
  const { id, namespace, jobs, ledgerPort, sessionTimeoutMs, client } = settings;
  const values = {
    connect: link.connectString,
    namespace,
    instance: id,
    'session-timeout': String(sessionTimeoutMs),
    ledger: String(ledgerPort),
    jobs: JSON.stringify(jobs),
    ...(client === undefined ? {} : { client }),
  };
  return Object.entries(values).flatMap(([name, value]) => [`--${name}`, value]);
}
