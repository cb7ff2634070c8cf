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
}

/** Length, xid and type: a request with nothing in it. */
export const PING_BYTES = 12;

/** A look is itself a packet of four letters. */
const LOOK = { packets: 1, bytes: 4 };

type Reading = ServerLoad & { readonly watches: number };

/**
 * Reads the counters of a server by `mntr` before and after. All four numbers are the server's own
 * (`zk_packets_received`, `zk_bytes_received_count`, `zk_cnt_readlatency`, `zk_cnt_updatelatency`), so that nothing the
 * clients believe about themselves goes into a result; `reads + writes = packets` is a check on them.
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
    return new LoadMeter(zookeeper, await read(zookeeper));
  }

  /** What came since the start; may be asked once. */
  async load(): Promise<ServerLoad> {
    const after = await read(this.zookeeper);
    return {
      packets: after.packets - this.before.packets - LOOK.packets,
      bytes: after.bytes - this.before.bytes - LOOK.bytes,
      reads: after.reads - this.before.reads,
      writes: after.writes - this.before.writes,
    };
  }
}

/** Watches that the server keeps at present, on values and on lists of children. */
export async function watchCount(zookeeper: ZooKeeper): Promise<number> {
  return (await read(zookeeper)).watches;
}

async function read({ servers: [server] }: ZooKeeper): Promise<Reading> {
  if (server === undefined) throw new Error('the server was not started here, so its counters would count others too');
  const text = await fourLetter(server.port, 'mntr');
  const metrics = new Map(text.split('\n').map((line) => line.split('\t', 2) as [string, string | undefined]));
  const metric = (name: string): number => {
    const value = Number(metrics.get(name));
    if (Number.isFinite(value)) return value;
    throw new Error(`this ZooKeeper does not report ${name}; the bench was written for version 3.8`);
  };
  return {
    packets: metric('zk_packets_received'),
    bytes: metric('zk_bytes_received_count'),
    reads: metric('zk_cnt_readlatency'),
    writes: metric('zk_cnt_updatelatency'),
    watches: metric('zk_watch_count'),
  };
}
