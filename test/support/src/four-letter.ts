import { connect } from 'node:net';

/** What a server counts about itself; the numbers of `mntr` that a test can compare before and after. */
export interface ServerCounters {
  /** Requests received, session pings included. */
  readonly packetsReceived: number;
  readonly packetsSent: number;
  /** Requests answered from the server's own memory. */
  readonly reads: number;
  /** Requests that became a transaction. */
  readonly writes: number;
  readonly connections: number;
  readonly nodes: number;
  readonly ephemerals: number;
  /** Watches set, persistent and one-shot. */
  readonly watches: number;
  readonly outstandingRequests: number;
}

const METRICS: { readonly [key in keyof ServerCounters]: string } = {
  packetsReceived: 'zk_packets_received',
  packetsSent: 'zk_packets_sent',
  reads: 'zk_cnt_readlatency',
  writes: 'zk_cnt_updatelatency',
  connections: 'zk_num_alive_connections',
  nodes: 'zk_znode_count',
  ephemerals: 'zk_ephemerals_count',
  watches: 'zk_watch_count',
  outstandingRequests: 'zk_outstanding_requests',
};

const COUNTER_NAMES = Object.keys(METRICS) as (keyof ServerCounters)[];

/**
 * Sends one of ZooKeeper's four-letter words (`ruok`, `srvr`, `mntr`, `cons`, `wchs`) and resolves with the whole answer.
 * Rejects when the server cannot be reached or is silent for two seconds.
 */
export function fourLetter(port: number, word: string, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host });
    let answer = '';
    socket.setEncoding('utf8');
    socket.setTimeout(2_000, () => socket.destroy(new Error(`no answer to '${word}' from ${host}:${port} in 2 s`)));
    socket.on('connect', () => socket.end(word));
    socket.on('data', (text) => {
      answer += text;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

/** Reads the numbers out of the answer to `mntr`; a metric that the server does not report counts as 0. */
export function parseCounters(mntr: string): ServerCounters {
  const metrics = new Map(mntr.split('\n').map((line) => line.split('\t', 2) as [string, string | undefined]));
  return mapCounters((name) => Number(metrics.get(METRICS[name]) ?? 0));
}

/** Adds up what several servers count. */
export function sumCounters(all: readonly ServerCounters[]): ServerCounters {
  return mapCounters((name) => all.reduce((sum, counters) => sum + counters[name], 0));
}

function mapCounters(read: (name: keyof ServerCounters) => number): ServerCounters {
  return Object.fromEntries(COUNTER_NAMES.map((name) => [name, read(name)])) as unknown as ServerCounters;
}
