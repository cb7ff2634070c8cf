import { fourLetter, type ZooKeeper } from '@elasticjob/test-support';

/** What a ZooKeeper server was asked to do between two looks at it. */
export interface ServerLoad {
  /** Packets of clients, pings included; the looks themselves do not count. */
  readonly packets: number;
  /** What the packets weigh, bytes. A session ping weighs {@link PING_BYTES}, everything else more. */
  readonly bytes: number;
  /** Answered from the server's memory. ZooKeeper counts pings here too. */
  readonly reads: number;
  /** Became a transaction, also one that was refused. */
  readonly writes: number;
  /** What the server sent without being asked: packets sent, less those received, each of which has one answer. */
  readonly notifications: number;
}

/** Length, xid and type: a request with nothing in it. */
export const PING_BYTES = 12;

/** What the looks themselves add between two readings, three packets of four letters. */
const LOOKS = { packets: 3, bytes: 12 };

type Reading = Omit<ServerLoad, 'notifications'> & Traffic & { readonly watches: number };

/** Packets of clients both ways. */
interface Traffic {
  readonly received: number;
  readonly sent: number;
}

/**
 * Reads the counters of a server before and after. All numbers are the server's own (of `mntr`: `zk_packets_received`,
 * `zk_bytes_received_count`, `zk_cnt_readlatency`, `zk_cnt_updatelatency`; of `srvr`: `Received`, `Sent`), so that nothing
 * the clients believe about themselves goes into a result; `reads + writes = packets` is a check on them.
 *
 * The two words are looked up in such an order that the packets sent, of which an answer to `mntr` takes several, are
 * read with nothing but one answer to `srvr` in between.
 *
 * @example
 * const meter = await LoadMeter.of(zookeeper);
 * await work();
 * const { reads, writes } = await meter.load();
 */
export class LoadMeter {
  private constructor(
    private readonly zookeeper: ZooKeeper,
    private readonly before: Reading,
  ) {}

  /** Starts counting. */
  static async of(zookeeper: ZooKeeper): Promise<LoadMeter> {
    const counters = await readCounters(zookeeper);
    return new LoadMeter(zookeeper, { ...counters, ...(await readTraffic(zookeeper)) });
  }

  /** What came since the start; may be asked once. */
  async load(): Promise<ServerLoad> {
    const traffic = await readTraffic(this.zookeeper);
    const after: Reading = { ...traffic, ...(await readCounters(this.zookeeper)) };
    const since = (count: keyof Reading): number => after[count] - this.before[count];
    return {
      packets: since('packets') - LOOKS.packets,
      bytes: since('bytes') - LOOKS.bytes,
      reads: since('reads'),
      writes: since('writes'),
      notifications: since('sent') - since('received'),
    };
  }
}

/** Watches that the server keeps at present, of every kind. */
export async function watchCount(zookeeper: ZooKeeper): Promise<number> {
  return (await readCounters(zookeeper)).watches;
}

async function readCounters(zookeeper: ZooKeeper): Promise<Omit<Reading, keyof Traffic>> {
  const lines = (await ask(zookeeper, 'mntr')).split('\n');
  const metrics = new Map(lines.map((line) => line.split('\t', 2) as [string, string | undefined]));
  return {
    packets: reported('zk_packets_received', metrics.get('zk_packets_received')),
    bytes: reported('zk_bytes_received_count', metrics.get('zk_bytes_received_count')),
    reads: reported('zk_cnt_readlatency', metrics.get('zk_cnt_readlatency')),
    writes: reported('zk_cnt_updatelatency', metrics.get('zk_cnt_updatelatency')),
    watches: reported('zk_watch_count', metrics.get('zk_watch_count')),
  };
}

async function readTraffic(zookeeper: ZooKeeper): Promise<Traffic> {
  const text = await ask(zookeeper, 'srvr');
  const count = (name: string): number => reported(name, new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1]);
  return { received: count('Received'), sent: count('Sent') };
}

function ask({ servers: [server] }: ZooKeeper, word: string): Promise<string> {
  if (server === undefined) throw new Error('the server was not started here, so its counters would count others too');
  return fourLetter(server.port, word);
}

function reported(name: string, text: string | undefined): number {
  const value = Number(text);
  if (Number.isFinite(value)) return value;
  throw new Error(`this ZooKeeper does not report ${name}; the bench was written for version 3.8`);
}
