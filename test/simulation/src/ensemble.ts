import { Leader } from './leader.js';
import type { Transaction } from './protocol.js';
import type { Random } from './random.js';
import { Server } from './server.js';
import type { Timeline } from './timeline.js';

/** What an ensemble is made of. */
export interface EnsembleOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  /** The leader looks for silent sessions once per tick, milliseconds. */
  readonly tickMs: number;
  /** One way between two machines, milliseconds. */
  readonly delay: () => number;
}

/** Three servers with one history. The leader's own server is one of them, and lags like the others. */
export class Ensemble {
  readonly leader: Leader;
  readonly servers: readonly [Server, Server, Server];
  readonly #listeners: ((transaction: Transaction) => void)[] = [];

  constructor(options: EnsembleOptions) {
    const { timeline, random, tickMs, delay } = options;
    this.leader = new Leader(timeline, tickMs, (transaction) => this.#committed(transaction));
    const server = (name: string): Server => new Server(name, { timeline, random, leader: this.leader, delay });
    this.servers = [server('zk1'), server('zk2'), server('zk3')];
  }

  /** Hears of every transaction at the moment the leader decides it. */
  onCommit(listener: (transaction: Transaction) => void): void {
    this.#listeners.push(listener);
  }

  #committed(transaction: Transaction): void {
    for (const server of this.servers) {
      if (!server.isolated) server.send({ transaction, entry: null, outcome: null });
    }
    for (const listener of this.#listeners) listener(transaction);
  }
}
