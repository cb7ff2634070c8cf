import { startZooKeeper } from '@elasticjob/test-support';
import { ZooKeeper } from '@elasticjob/zookeeper-client';
import { CLIENT_PACKAGES, type ClientPackage } from './client-adapters.js';
import { ClientProcess } from './client-process.js';
import type { Figure, Question } from './question.js';
import { figure, median } from './statistics.js';

const [OURS] = CLIENT_PACKAGES;
const ROUNDS = 3;
const GETS = 3000;
const PIPELINED = 20_000;
const CREATES = 1000;
const WATCHED = 1000;
const WATCH_ROUNDS = 10;
const NOTIFICATIONS = WATCHED * WATCH_ROUNDS;

/**
 * How fast are the ZooKeeper clients of npm beside ours, at the same work? Each has a process of its own; they take
 * turns (A B C A B C …), so that whatever else the machine does meets all of them, and the figures are medians over the
 * turns after one to warm up. Each is used in the way that is cheapest for it. The number in parentheses is how many
 * times ours the figure is.
 *
 * The server does not wait for the disk (`forceSync=no`), because otherwise the disk would be measured. It runs on the
 * same machine and takes its share of the processor, so that a client cannot look faster than the server is.
 *
 * - **Pipelined** requests are all sent before the first answer is awaited.
 * - **Notifications** of single watches: 1,000 nodes are changed by another process, and each watch is set again by a
 *   read as soon as it has fired; the time runs from the first notification to the last such answer, ten times over.
 * - **Processor time** is that of the client's process, in user and system mode, over the whole of the work.
 */
export const clients: Question = {
  name: 'clients',
  asks: 'How fast is our ZooKeeper client beside the others of npm?',
  async answer(say) {
    const zookeeper = await startZooKeeper({ own: true, tickTime: 2000, durable: false });
    try {
      const contest = await Contest.open(zookeeper.connectString);
      try {
        return await contest.figures(say);
      } finally {
        await contest.close();
      }
    } finally {
      await zookeeper.stop();
    }
  },
};

/** One line of the table: which figure of which work, in which unit. */
interface Measure {
  readonly subject: string;
  readonly work: Work['name'];
  readonly key: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** Turns the figure into that of the unit. */
  readonly scale?: number;
}

const MEASURES: readonly Measure[] = [
  { subject: 'get, one after the other, p50', work: 'latency', key: 'p50', unit: ' ms', better: 'lower' },
  { subject: 'get, one after the other, p99', work: 'latency', key: 'p99', unit: ' ms', better: 'lower' },
  { subject: '20,000 creates, pipelined', work: 'throughput', key: 'create', unit: '/s', better: 'higher' },
  { subject: '20,000 gets, pipelined', work: 'throughput', key: 'get', unit: '/s', better: 'higher' },
  { subject: '20,000 deletes, pipelined', work: 'throughput', key: 'remove', unit: '/s', better: 'higher' },
  {
    subject: 'processor per 10,000 requests, pipelined',
    work: 'throughput',
    key: 'processorMs',
    unit: ' ms',
    better: 'lower',
    scale: 10_000 / (3 * PIPELINED),
  },
  { subject: '1,000 creates in a transaction', work: 'transaction', key: 'ms', unit: ' ms', better: 'lower' },
  { subject: 'notifications, single watches', work: 'notifications', key: 'perSecond', unit: '/s', better: 'higher' },
  {
    subject: 'processor per 10,000 notifications, single watches',
    work: 'notifications',
    key: 'processorMs',
    unit: ' ms',
    better: 'lower',
    scale: 10_000 / NOTIFICATIONS,
  },
  { subject: 'notifications, a tree', work: 'tree-notifications', key: 'perSecond', unit: '/s', better: 'higher' },
  {
    subject: 'processor per 10,000 notifications, a tree',
    work: 'tree-notifications',
    key: 'processorMs',
    unit: ' ms',
    better: 'lower',
    scale: 10_000 / NOTIFICATIONS,
  },
  { subject: 'memory (RSS) after all this', work: 'memory', key: 'mib', unit: ' MiB', better: 'lower' },
];

type Figures = Readonly<Record<string, number>> | null;

/** Something that every client does in turn. */
interface Work {
  readonly name: 'latency' | 'throughput' | 'transaction' | 'notifications' | 'tree-notifications' | 'memory';
  measure(client: ClientProcess, writer: Writer, round: number): Promise<Figures>;
}

const WORKS: readonly Work[] = [
  { name: 'latency', measure: (client) => client.measure({ kind: 'latency', count: GETS }) },
  { name: 'throughput', measure: (client) => client.measure({ kind: 'throughput', count: PIPELINED }) },
  { name: 'transaction', measure: (client) => client.measure({ kind: 'transaction', count: CREATES }) },
  {
    name: 'notifications',
    measure: async (client, writer) =>
      client.measure({ kind: 'notifications', nodes: WATCHED, rounds: WATCH_ROUNDS }, () => writer.changeAll(client)),
  },
  {
    name: 'tree-notifications',
    measure: async (client, writer, round) => {
      const path = `${client.root}/t${round}`;
      await writer.create(path);
      return client.measure({ kind: 'tree-notifications', path, count: NOTIFICATIONS }, () =>
        writer.change(path, NOTIFICATIONS),
      );
    },
  },
  { name: 'memory', measure: (client) => client.measure({ kind: 'memory' }) },
];

/** The clients in their processes, and one more that changes what they watch. */
class Contest {
  private constructor(
    private readonly clients: readonly ClientProcess[],
    private readonly writer: Writer,
  ) {}

  static async open(connectString: string): Promise<Contest> {
    const writer = await Writer.open(connectString);
    const started: ClientProcess[] = [];
    for (const [number, name] of CLIENT_PACKAGES.entries()) {
      const client = await ClientProcess.start(name, connectString, `/client-${number}`);
      await writer.prepare(client);
      started.push(client);
    }
    return new Contest(started, writer);
  }

  async figures(say: (progress: string) => void): Promise<Figure[]> {
    const results = new Map<Work['name'], ReadonlyMap<ClientPackage, Figures[]>>();
    for (const work of WORKS) {
      say(`${work.name}: one turn of each to warm up, then ${ROUNDS}`);
      results.set(work.name, await this.#takeTurns(work));
    }
    return MEASURES.map((measure) => compare(measure, results.get(measure.work) ?? new Map()));
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.stop()));
    await this.writer.close();
  }

  async #takeTurns(work: Work): Promise<ReadonlyMap<ClientPackage, Figures[]>> {
    const results = new Map(CLIENT_PACKAGES.map((name): [ClientPackage, Figures[]] => [name, []]));
    for (let round = 0; round <= ROUNDS; round++) {
      for (const client of this.clients) {
        const figures = await work.measure(client, this.writer, round);
        if (round > 0) results.get(client.name)?.push(figures);
      }
    }
    return results;
  }
}

function compare(measure: Measure, results: ReadonlyMap<ClientPackage, Figures[]>): Figure {
  const { subject, key, unit, better, scale = 1 } = measure;
  const values = CLIENT_PACKAGES.map((name) => {
    const rounds = (results.get(name) ?? []).map((figures) => figures?.[key]);
    return median(rounds.filter((value) => value !== undefined)) * scale;
  });
  const [ours = Number.NaN, ...others] = values;
  const texts = CLIENT_PACKAGES.map((name, index) => {
    const value = values[index] ?? Number.NaN;
    if (Number.isNaN(value)) return `${name} cannot`;
    const ratio = name === OURS ? '' : ` (${figure(value / ours)})`;
    return `${name === OURS ? 'ours' : name} ${figure(value)}${unit}${ratio}`;
  });
  const rivals = others.filter((value) => !Number.isNaN(value));
  const met = rivals.every((rival) => (better === 'higher' ? ours >= rival : ours <= rival));
  return {
    subject: `clients, ${subject}`,
    figures: texts.join('; '),
    ...(rivals.length === 0 ? {} : { budget: { promise: 'behind none', met } }),
  };
}

/** Changes what the clients watch, from a session of its own. */
class Writer {
  private constructor(private readonly client: ZooKeeper) {}

  static async open(connectString: string): Promise<Writer> {
    const client = new ZooKeeper({ connectString });
    await client.connect();
    return new Writer(client);
  }

  async create(path: string): Promise<void> {
    await this.client.create(path);
  }

  /** Makes the nodes that a client will watch. */
  async prepare(client: ClientProcess): Promise<void> {
    await Promise.all(watchedPaths(client).map((path) => this.create(path)));
  }

  /** Changes each of them once. */
  async changeAll(client: ClientProcess): Promise<void> {
    await Promise.all(watchedPaths(client).map((path) => this.client.set(path, '')));
  }

  /** Changes one node many times. */
  async change(path: string, times: number): Promise<void> {
    await Promise.all(Array.from({ length: times }, () => this.client.set(path, '')));
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

function watchedPaths({ root }: ClientProcess): string[] {
  return Array.from({ length: WATCHED }, (_, index) => `${root}/w${index}`);
}
