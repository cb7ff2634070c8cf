import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { systemClock, type ZooKeeperOptions } from '@elasticjob/core';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import { startZooKeeper, type ZooKeeper } from '@elasticjob/test-support';
import type { Figure, KernelClient } from './question.js';
import { figure } from './statistics.js';

const WORKER = fileURLToPath(new URL('./scale-worker.js', import.meta.url));

/** What a process runs. */
export interface ScaleSetup {
  readonly registry: ZooKeeperOptions;
  readonly instanceId: string;
  readonly jobs: number;
  /** Of each job. */
  readonly items: number;
  readonly strategy: string;
  /** Whether each job fires once a minute, the jobs spread over it, or only at new year. */
  readonly firesEach: 'minute' | 'year';
}

/** What processes coordinate over: a server, and the client library. */
export interface Ground {
  readonly zookeeper: ZooKeeper;
  readonly client: KernelClient;
}

/** How processes reach the server. */
export function registryAt({ zookeeper: { connectString }, client }: Ground, namespace: string): ZooKeeperOptions {
  return { connectString, client, namespace: `${namespace}-${client}`, sessionTimeoutMilliseconds: 40_000 };
}

/** Answers for one client library after the other, on one server. */
export async function onEachGround(
  clients: readonly KernelClient[],
  say: (progress: string) => void,
  answer: (ground: Ground, say: (progress: string) => void) => Promise<Figure[]>,
): Promise<Figure[]> {
  const zookeeper = await startZooKeeper({ own: true, tickTime: 2000, durable: true });
  try {
    const figures: Figure[] = [];
    for (const client of clients) {
      const answers = await answer({ zookeeper, client }, (progress) => say(`${client}: ${progress}`));
      figures.push(...answers.map((each) => ({ ...each, subject: `${each.subject}, ${client}` })));
    }
    return figures;
  } finally {
    await zookeeper.stop();
  }
}

/** What a process is to do. */
export type Order =
  /** Start the engine with all jobs. */
  | 'start'
  /** Begin to watch the event loop anew. */
  | 'watch'
  | 'tell-delay'
  | 'tell-heap'
  /** Stop the engine and end. */
  | 'stop';

/** How late the event loop was, milliseconds, and how much processor time went by, since it was last begun to watch. */
export interface LoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly processorMs: number;
}

/** What a process says. */
export type Told =
  | { readonly kind: 'done' }
  | { readonly kind: 'draining' }
  /** It has items of every job. */
  | { readonly kind: 'owned' }
  /** Its items, if it has one job. */
  | { readonly kind: 'items'; readonly items: readonly number[] }
  | { readonly kind: 'delay'; readonly delay: LoopDelay }
  | { readonly kind: 'heap'; readonly heapUsed: number };

/** A real process with an engine, started and told what to do from here. */
export class ScaleProcess {
  /** What it last said it owns of its only job. */
  items: readonly number[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Map<Told['kind'], Deferred<Told>>();
  readonly #exited: Promise<unknown>;
  #ended = false;

  private constructor(
    setup: ScaleSetup,
    private readonly onChange: () => void,
  ) {
    this.#child = fork(WORKER, [JSON.stringify(setup)], { execArgv: ['--expose-gc'] });
    this.#child.on('message', (told) => this.#hear(told as Told));
    this.#exited = once(this.#child, 'exit').then(() => this.#end());
  }

  /** Resolves when the process is there and has loaded everything it needs. `onChange`: its items changed, or it ended. */
  static async spawn(setup: ScaleSetup, onChange: () => void = () => undefined): Promise<ScaleProcess> {
    const made = new ScaleProcess(setup, onChange);
    await made.told('done');
    return made;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Resolves to how long it took until it had items of all its jobs, milliseconds. */
  async start(): Promise<number> {
    const from = systemClock.monotonic();
    const owned = this.told('owned');
    this.order('start');
    await owned;
    return systemClock.monotonic() - from;
  }

  order(order: Order): void {
    this.#child.send(order);
  }

  /** The next that it says of this kind; ask before the order. */
  async told<K extends Told['kind']>(kind: K): Promise<Told & { kind: K }> {
    const answer = deferred<Told>();
    if (this.#ended) answer.reject(endedTooEarly());
    else this.#waiting.set(kind, answer);
    return (await answer.promise) as Told & { kind: K };
  }

  async watch(): Promise<void> {
    const done = this.told('done');
    this.order('watch');
    await done;
  }

  async delay(): Promise<LoopDelay> {
    const answer = this.told('delay');
    this.order('tell-delay');
    return (await answer).delay;
  }

  async heap(): Promise<number> {
    const answer = this.told('heap');
    this.order('tell-heap');
    return (await answer).heapUsed;
  }

  /** Leaves in order; resolves when the process is gone. */
  async stop(): Promise<void> {
    if (!this.#ended) this.order('stop');
    await this.#exited;
  }

  /** Ends it without a goodbye, if it is still there. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #hear(told: Told): void {
    if (told.kind === 'items') {
      this.items = told.items;
      this.onChange();
    }
    this.#waiting.get(told.kind)?.resolve(told);
    this.#waiting.delete(told.kind);
  }

  #end(): void {
    this.#ended = true;
    for (const answer of this.#waiting.values()) answer.reject(endedTooEarly());
    this.#waiting.clear();
    this.onChange();
  }
}

/** The error that a process of the bench is gone although nobody told it to go. */
export function endedTooEarly(): Error {
  return new Error('a process of the bench ended too early; what it wrote to stderr is above');
}

/** `event loop late p50 1 ms, p99 12 ms, max 40 ms`. */
export function lateness({ p50, p99, max }: Omit<LoopDelay, 'processorMs'>): string {
  return `event loop late p50 ${figure(p50)} ms, p99 ${figure(p99)} ms, max ${figure(max)} ms`;
}
