import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A TCP proxy in front of one port of this machine, with which a test breaks the network. */
export interface TcpProxy {
  /** The port to connect to, on 127.0.0.1. */
  readonly port: number;
  /** Connections open now. */
  readonly connections: number;
  /** Breaks all connections and refuses new ones, as a server that went away does. */
  cut(): void;
  /** Keeps connections open but loses every byte both ways, as a network without a route does. */
  blackhole(): void;
  /** Holds each chunk back by `ms` milliseconds, in each direction. 0 ends it. */
  delay(ms: number): void;
  /** Forwards at most `bytes` at a time, with a pause of 2 ms after each piece. 0 ends it. */
  trickle(bytes: number): void;
  /** Works again. Connections that lost bytes in a black hole are broken, since TCP would have given up or resent. */
  restore(): void;
  stop(): Promise<void>;
}

type Mode = 'open' | 'cut' | 'blackhole';

interface Pair {
  readonly sockets: readonly [Socket, Socket];
  lostBytes: boolean;
}

/**
 * Starts a {@link TcpProxy} to `targetPort` on 127.0.0.1.
 *
 * @example
 * const proxy = await startProxy(server.port);
 * const registry = connectTo(`127.0.0.1:${proxy.port}`);
 * proxy.cut();
 * proxy.restore();
 */
export async function startProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let mode: Mode = 'open';
  let delayMs = 0;
  let pieceBytes = 0;

  const breakPair = (pair: Pair): void => {
    for (const socket of pair.sockets) socket.destroy();
    pairs.delete(pair);
  };
  const forward = (from: Socket, to: Socket, pair: Pair): void => {
    let turn = Promise.resolve();
    // A chunk waits for its own delay and for the chunks before it, so that a change of the delay reorders nothing.
    const inTurn = (action: () => void): void => {
      const held = delayMs === 0 ? undefined : sleep(delayMs);
      turn = turn.then(() => held).then(action);
    };
    const unlessLost = (action: () => void): void => {
      if (mode === 'blackhole') pair.lostBytes = true;
      else action();
    };
    const write = (chunk: Buffer): void => inTurn(() => to.writable && to.write(chunk));
    const writePieces = (chunk: Buffer): void => {
      for (let start = 0; start < chunk.length; start += pieceBytes) {
        write(chunk.subarray(start, start + pieceBytes));
        turn = turn.then(() => sleep(2));
      }
    };
    from.on('data', (chunk) => unlessLost(() => (pieceBytes === 0 ? write(chunk) : writePieces(chunk))));
    from.on('end', () => unlessLost(() => inTurn(() => to.end())));
    from.on('error', () => unlessLost(() => breakPair(pair)));
    from.on('close', () => unlessLost(() => inTurn(() => breakPair(pair))));
  };

  const server = createServer((client) => {
    if (mode === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const target = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    const pair: Pair = { sockets: [client, target], lostBytes: false };
    pairs.add(pair);
    forward(client, target, pair);
    forward(target, client, pair);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return pairs.size;
    },
    cut() {
      mode = 'cut';
      for (const pair of pairs) breakPair(pair);
    },
    blackhole() {
      mode = 'blackhole';
    },
    delay(ms) {
      delayMs = ms;
    },
    trickle(bytes) {
      pieceBytes = bytes;
    },
    restore() {
      mode = 'open';
      for (const pair of pairs) if (pair.lostBytes) breakPair(pair);
    },
    async stop() {
      mode = 'cut';
      for (const pair of pairs) breakPair(pair);
      server.close();
      await once(server, 'close');
    },
  };
}
