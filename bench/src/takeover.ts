import { systemClock } from '@elasticjob/core';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import { type ZooKeeper as Server, startZooKeeper } from '@elasticjob/test-support';
import { ZooKeeper } from '@elasticjob/zookeeper-client';
import { atMost, type Figure, type KernelClient, type Question } from './question.js';
import { figure, quantile } from './statistics.js';
import type { TakeoverSetup, TakeoverTold } from './takeover-worker.js';
import { WorkerProcess } from './worker-process.js';

const CRASHES = 20;
const ITEMS = 100;
const SIZES = [10, 3];
const SESSION_MS = 2000;
const BUDGET_MS = 500;

/**
 * How soon does somebody else run the items of an instance that crashed? Every instance is a process of its own; one is
 * killed without a word, in turn the leader and another one. The server notices when the session is over, and deletes the
 * instance's node: from the notification of that, heard by the bench, the time runs for each item of the victim.
 *
 * - **Known**: until another instance has been assigned the item and knows it.
 * - **Called**: until the handler is called for it elsewhere, less the time in which nothing was due yet: the job fires
 *   every second, and from the moment at which the new owner knows of the item to its next planned fire it waits for the
 *   schedule, not for us. If a fire was due before the owner knew, nothing is taken off.
 *
 * The session timeout, before which nobody can tell a crash from silence, comes on top of both.
 */
export const takeover: Question = {
  name: 'takeover',
  asks: 'How soon does somebody else run the items of an instance that crashed?',
  async answer(say, { clients }) {
    const zookeeper = await startZooKeeper({ own: true, tickTime: 500, durable: true });
    try {
      const figures: Figure[] = [];
      for (const client of clients) {
        for (const instances of SIZES) figures.push(await measure(zookeeper, client, instances, say));
      }
      return figures;
    } finally {
      await zookeeper.stop();
    }
  },
};

async function measure(
  { connectString }: Server,
  client: KernelClient,
  instances: number,
  say: (progress: string) => void,
): Promise<Figure> {
  const subject = `takeover of ${ITEMS} items, 1 of ${instances} processes crashes, ${client}`;
  const namespace = `takeover-${client}-${instances}`;
  const registry = { connectString, client, namespace, sessionTimeoutMilliseconds: SESSION_MS };
  say(`${subject}: starting`);
  const observer = new ZooKeeper({ connectString });
  await observer.connect();
  const cluster = new Cluster((number) => ({ registry, instanceId: `10.0.0.${number}@-@${number}`, items: ITEMS }));
  await observer.addWatch(`/${namespace}/job/instances`, 'recursive', ({ kind, path }) => {
    if (kind === 'deleted') cluster.deleted(path.slice(path.lastIndexOf('/') + 1));
  });
  try {
    for (let count = 0; count < instances; count++) await cluster.join();
    say(`${subject}: ${CRASHES} crashes, each after a session of ${SESSION_MS / 1000} s`);
    const takeovers: Takeover[] = [];
    for (let crash = 0; crash < CRASHES; crash++) {
      takeovers.push(...(await cluster.crash(crash % 2 === 0 ? 'leader' : 'other')));
      await cluster.join();
    }
    return describe(subject, takeovers);
  } finally {
    await cluster.end();
    await observer.close();
  }
}

/** What became of an item of a crashed instance, milliseconds after the server deleted the instance's node. */
interface Takeover {
  readonly knownMs: number;
  /** Without the time in which no fire was due. */
  readonly calledMs: number;
}

function describe(subject: string, takeovers: readonly Takeover[]): Figure {
  const known = takeovers.map(({ knownMs }) => knownMs);
  const called = takeovers.map(({ calledMs }) => calledMs);
  const text = (values: readonly number[]): string =>
    `p50 ${quantile(values, 0.5)} ms, p99 ${quantile(values, 0.99)} ms, max ${quantile(values, 1)} ms`;
  return {
    subject,
    figures: `known ${text(known)}; called ${text(called)} (${figure(takeovers.length)} items in ${CRASHES} crashes)`,
    budget: atMost(quantile(called, 0.99), BUDGET_MS, `called p99 ≤ ${BUDGET_MS} ms`),
  };
}

/** An instance: its process, and what it last said. */
interface Member {
  readonly process: WorkerProcess<never, TakeoverTold>;
  items: readonly number[];
}

/** A crash under way: which items still wait, and since when the server knows. */
interface Crash {
  readonly instanceId: string;
  readonly waiting: Set<number>;
  readonly takeovers: Takeover[];
  /** When the new owner of an item said that it knows. */
  readonly knownAt: Map<number, number>;
  readonly over: Deferred<void>;
  deletedAt: number | null;
}

class Cluster {
  /** By instance id, in the order of their coming. */
  readonly #members = new Map<string, Member>();
  #counted = 0;
  #leader: string | null = null;
  #crash: Crash | null = null;
  #settled: Deferred<void> | null = null;

  constructor(private readonly setup: (number: number) => TakeoverSetup) {}

  /** Starts one more instance; resolves when all have their share of the items. */
  async join(): Promise<void> {
    this.#counted += 1;
    const setup = this.setup(this.#counted);
    const settled = deferred();
    this.#settled = settled;
    const process = new WorkerProcess<never, TakeoverTold>('./takeover-worker.js', setup, (told) =>
      this.#hear(setup.instanceId, told),
    );
    this.#members.set(setup.instanceId, { process, items: [] });
    await this.#unlessFailed(settled.promise);
  }

  /** Kills one instance; resolves when each of its items was called elsewhere. */
  async crash(which: 'leader' | 'other'): Promise<readonly Takeover[]> {
    const [instanceId, victim] = this.#pick(which);
    const over = deferred();
    const waiting = new Set(victim.items);
    this.#crash = { instanceId, waiting, takeovers: [], knownAt: new Map(), over, deletedAt: null };
    const { takeovers } = this.#crash;
    this.#members.delete(instanceId);
    await victim.process.kill();
    await this.#unlessFailed(over.promise);
    this.#crash = null;
    return takeovers;
  }

  /** The server has deleted the node of an instance. */
  deleted(instanceId: string): void {
    if (this.#crash?.instanceId === instanceId) this.#crash.deletedAt = systemClock.now();
    else if (this.#members.has(instanceId)) this.#crash?.over.reject(new Error(`${instanceId} lost its session too`));
  }

  async end(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ process }) => process.kill()));
  }

  #hear(instanceId: string, told: TakeoverTold): void {
    const member = this.#members.get(instanceId);
    if (member === undefined) return;
    switch (told.kind) {
      case 'elected':
        this.#leader = instanceId;
        break;
      case 'assigned':
        member.items = told.items;
        for (const item of told.items) this.#known(item, told.at);
        this.#settle();
        break;
      case 'called':
        this.#called(told);
        break;
    }
  }

  #known(item: number, at: number): void {
    if (this.#crash?.waiting.has(item) && !this.#crash.knownAt.has(item)) this.#crash.knownAt.set(item, at);
  }

  #called({ item, scheduledAt, at }: Extract<TakeoverTold, { kind: 'called' }>): void {
    const crash = this.#crash;
    const knownAt = crash?.knownAt.get(item);
    if (crash === null || knownAt === undefined || !crash.waiting.delete(item)) return;
    // The observer hears of the deletion as the instances do, but need not be the first to be told.
    const deletedAt = crash.deletedAt ?? knownAt;
    const idleMs = Math.max(0, scheduledAt - knownAt);
    crash.takeovers.push({ knownMs: knownAt - deletedAt, calledMs: at - deletedAt - idleMs });
    if (crash.waiting.size === 0) crash.over.resolve();
  }

  #settle(): void {
    const counts = [...this.#members.values()].map(({ items }) => items.length);
    const owned = counts.reduce((sum, count) => sum + count, 0);
    if (owned === ITEMS && Math.max(...counts) - Math.min(...counts) <= 1) this.#settled?.resolve();
  }

  #pick(which: 'leader' | 'other'): [string, Member] {
    const found = [...this.#members].find(([instanceId]) => (instanceId === this.#leader) === (which === 'leader'));
    if (found === undefined) throw new Error(`no instance to choose that is ${which}`);
    return found;
  }

  #unlessFailed(work: Promise<void>): Promise<void> {
    return Promise.race([work, ...[...this.#members.values()].map(({ process }) => process.failed)]);
  }
}
