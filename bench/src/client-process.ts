import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import type { ClientPackage } from './client-adapters.js';

const WORKER = fileURLToPath(new URL('./client-worker.js', import.meta.url));

/** What the process of a client is to measure. */
export type ClientOrder =
  | { readonly kind: 'latency' | 'throughput' | 'transaction'; readonly count: number }
  | { readonly kind: 'notifications'; readonly nodes: number; readonly rounds: number }
  | { readonly kind: 'tree-notifications'; readonly path: string; readonly count: number }
  | { readonly kind: 'memory' };

/** What it says: figures, or `null` when its client cannot do it; and on the way, that its watches are set. */
export type ClientTold =
  | { readonly kind: 'answer'; readonly figures: Readonly<Record<string, number>> | null }
  | { readonly kind: 'armed' };

/** A process with one client, told what to measure from here. */
export class ClientProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  #answer: Deferred<Readonly<Record<string, number>> | null> = deferred();
  #onArmed: () => Promise<void> = unexpected;

  private constructor(
    readonly name: ClientPackage,
    connectString: string,
    /** A node of its own. */
    readonly root: string,
  ) {
    this.#child = fork(WORKER, [name, connectString, root]);
    this.#child.on('message', (told) => this.#hear(told as ClientTold));
    this.#exited = once(this.#child, 'exit').then(() => {
      this.#answer.reject(new Error(`the process of ${name} ended too early; what it wrote to stderr is above`));
    });
  }

  /** Resolves when its client is connected. */
  static async start(name: ClientPackage, connectString: string, root: string): Promise<ClientProcess> {
    const made = new ClientProcess(name, connectString, root);
    await made.#answer.promise;
    return made;
  }

  /**
   * Its figures, or `null` when its client cannot do it. `onArmed` is called whenever its watches are set; if that
   * fails, so does the measurement, which would wait for ever.
   */
  measure(
    order: ClientOrder,
    onArmed: () => Promise<void> = unexpected,
  ): Promise<Readonly<Record<string, number>> | null> {
    this.#answer = deferred();
    this.#onArmed = onArmed;
    this.#child.send(order);
    return this.#answer.promise;
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #hear(told: ClientTold): void {
    if (told.kind === 'answer') this.#answer.resolve(told.figures);
    else this.#onArmed().catch((error: unknown) => this.#answer.reject(error));
  }
}

function unexpected(): Promise<void> {
  return Promise.reject(new Error('watches were set that nobody asked for'));
}
