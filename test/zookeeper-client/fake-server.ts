import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** What a {@link FakeServer} does when a client wants to open or continue a session. */
export type Welcome =
  /** Opens or continues the session. */
  | 'greet'
  /** Says that the session is over. */
  | 'expired'
  /** Says nothing, ever. */
  | 'silence'
  /** Closes the connection. */
  | 'close'
  /** Opens the session and closes the connection. */
  | 'greet-and-close'
  /** Sends these bytes. */
  | Buffer;

/** One attempt of a client. */
export interface Attempt {
  /** Counted from 1. */
  readonly attempt: number;
  /** What the client says of its session: `0n` for a new one. */
  readonly sessionId: bigint;
  readonly lastZxid: bigint;
}

/** How a {@link FakeServer} behaves. */
export interface FakeServerOptions {
  readonly onConnect: (attempt: Attempt) => Welcome;
  /** The session timeout it grants, milliseconds. Default: what it is asked for. */
  readonly timeoutMs?: number;
  /** Whether pings are answered. Default `answer`. */
  readonly pings?: 'answer' | 'ignore';
}

const PING_XID = -2;
const SET_WATCHES_XID = -8;

/**
 * A server that speaks as much of ZooKeeper's protocol as it takes to misbehave: it opens sessions, and answers every
 * request with an empty success (which is right for pings, watches and a closed session) or, for `exists`, with "no node".
 */
export class FakeServer {
  /** When each attempt came, by the monotonic clock. */
  readonly attempts: number[] = [];
  /** How many requests came in all, pings not counted. */
  received = 0;
  /** From now on nothing is answered. */
  silent = false;
  /** How long answers to requests are held back. */
  answerAfterMs = 0;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(private readonly options: FakeServerOptions) {
    this.#server = createServer((socket) => this.#accept(socket));
  }

  static async start(options: FakeServerOptions): Promise<FakeServer> {
    const server = new FakeServer(options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Sends bytes on all connections. */
  send(bytes: Buffer): void {
    for (const socket of this.#sockets) socket.write(bytes);
  }

  async stop(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    let held = Buffer.alloc(0);
    let greeted = false;
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const frame = held.subarray(4, 4 + held.readInt32BE(0));
        held = held.subarray(4 + frame.length);
        if (greeted) this.#answer(socket, frame);
        else this.#welcome(socket, frame);
        greeted = true;
      }
    });
  }

  #welcome(socket: Socket, frame: Buffer): void {
    if (this.silent) return;
    this.attempts.push(performance.now());
    const attempt = this.attempts.length;
    const welcome = this.options.onConnect({
      attempt,
      lastZxid: frame.readBigInt64BE(4),
      sessionId: frame.readBigInt64BE(16),
    });
    if (Buffer.isBuffer(welcome)) socket.write(welcome);
    if (welcome === 'greet' || welcome === 'greet-and-close') {
      socket.write(greeting(this.options.timeoutMs ?? frame.readInt32BE(12), 0x1234n));
    }
    if (welcome === 'expired') socket.end(greeting(0, 0n));
    if (welcome === 'close' || welcome === 'greet-and-close') socket.end();
  }

  #answer(socket: Socket, frame: Buffer): void {
    const [xid, op] = [frame.readInt32BE(0), frame.readInt32BE(4)];
    if (xid !== PING_XID) this.received += 1;
    if (this.silent || (xid === PING_XID && this.options.pings === 'ignore')) return;
    const reply = (): void => {
      if (socket.writable) socket.write(answer(xid, op === EXISTS ? NO_NODE : 0));
    };
    if (this.answerAfterMs === 0 || xid === PING_XID || xid === SET_WATCHES_XID) reply();
    else setTimeout(reply, this.answerAfterMs);
  }
}

const EXISTS = 3;
const NO_NODE = -101;

/** The answer to a client that wants a session. */
export function greeting(timeoutMs: number, sessionId: bigint): Buffer {
  const body = Buffer.alloc(37);
  body.writeInt32BE(timeoutMs, 4);
  body.writeBigInt64BE(sessionId, 8);
  body.writeInt32BE(16, 16);
  return frameOf(body);
}

/** An answer without a body. */
export function answer(xid: number, code: number, zxid = 1n): Buffer {
  const body = Buffer.alloc(16);
  body.writeInt32BE(xid, 0);
  body.writeBigInt64BE(zxid, 4);
  body.writeInt32BE(code, 12);
  return frameOf(body);
}

/** The news that a node was created. */
export function creation(path: string): Buffer {
  const [name, body] = [Buffer.from(path), Buffer.alloc(28)];
  body.writeInt32BE(-1, 0);
  body.writeBigInt64BE(-1n, 4);
  body.writeInt32BE(1, 16);
  body.writeInt32BE(3, 20);
  body.writeInt32BE(name.length, 24);
  return frameOf(Buffer.concat([body, name]));
}

/** Bytes with their length before them. */
export function frameOf(body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
}
