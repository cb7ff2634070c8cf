import type { Socket } from 'node:net';
import type { Clock, Timer } from './clock.js';
import { messageOf, ZooKeeperError, type ZooKeeperErrorCode } from './errors.js';
import { FrameReader } from './frames.js';
import { JuteReader, JuteWriter, protocolError } from './jute.js';
import { type PendingRequest, PendingRequests } from './pending-requests.js';
import { EVENT_KINDS, OP, XID } from './protocol.js';
import { SendWindow } from './send-window.js';
import { discard, discardSoon, socketProblem } from './socket.js';
import type { WatchEvent } from './watch-table.js';

/** What a {@link Channel} works with. */
export interface ChannelParts {
  readonly socket: Socket;
  readonly clock: Clock;
  readonly maxRequestBytes: number;
  readonly maxAnswerBytes: number;
  /** An event of a watched node, with the server's path. */
  readonly onEvent: (kind: WatchEvent['kind'], path: string) => void;
  /** Transactions that an answer shows. */
  readonly onZxid: (zxid: bigint) => void;
  /** Whether the session can still be alive; asked before anything that has arrived is believed. */
  readonly isAlive: () => boolean;
}

/** What ends a connection because of one answer: what became of the other requests is not known. */
const SPOILED: readonly ZooKeeperErrorCode[] = ['PROTOCOL', 'ANSWER_TOO_LARGE'];

/** A request without an answer for so long gets another one sent after it, milliseconds. */
const NUDGE_MS = 200;

/**
 * Requests and answers on one connection. Requests are written together, one write for all that come in one turn of the
 * event loop, as far as the window allows, and answered in the order asked. When the connection ends, all that wait fail as
 * `CONNECTION_LOSS`, in order; nothing is sent again.
 */
export class Channel {
  readonly #out = new JuteWriter();
  readonly #frames: FrameReader;
  readonly #input = new JuteReader(Buffer.alloc(0));
  readonly #pending = new PendingRequests();
  /** Answers to what has no number of its own: when it was sent, and who takes it. */
  readonly #pings: number[] = [];
  readonly #unnumbered: Record<'auth' | 'setWatches', ((serverCode: number) => void)[]> = { auth: [], setWatches: [] };
  #greeting: ((input: JuteReader) => void) | null = null;
  #xid = 0;
  #writing = false;
  /** Frames that will have an answer, pings apart. */
  readonly #window = new SendWindow();
  #nudge: Timer | null = null;
  #nudged: PendingRequest | null = null;
  #heartbeat: Timer | null = null;
  #sentAt: number;
  #heardAt: number;
  #confirmedAt: number;
  #reason: ZooKeeperError | null = null;
  readonly #ended: { resolve: (reason: ZooKeeperError) => void; readonly promise: Promise<ZooKeeperError> };

  constructor(private readonly parts: ChannelParts) {
    const now = parts.clock.monotonic();
    this.#sentAt = this.#heardAt = this.#confirmedAt = now;
    this.#frames = new FrameReader(parts.maxAnswerBytes);
    this.#ended = deferredReason();
    const { socket } = parts;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.end(connectionLoss(socketProblem(error), error)));
    socket.on('close', () => this.end(connectionLoss('the server closed the connection')));
    socket.on('end', () => this.end(connectionLoss('the server ended the connection')));
    if (socket.destroyed) this.end(connectionLoss(socket.errored?.message ?? 'the server closed the connection'));
  }

  /** Resolves with the reason when the connection is gone. */
  get ended(): Promise<ZooKeeperError> {
    return this.#ended.promise;
  }

  /** Why it ended, `null` while it works. */
  get reason(): ZooKeeperError | null {
    return this.#reason;
  }

  /** When the latest request that has been answered was sent: until then the server had surely heard of us. */
  get confirmedAt(): number {
    return this.#confirmedAt;
  }

  /** Sends the first frame, which has no header; `onGreeting` takes the answer. */
  greet(write: (out: JuteWriter) => void, onGreeting: (input: JuteReader) => void): void {
    this.#greeting = onGreeting;
    this.#out.beginFrame();
    write(this.#out);
    this.#out.endFrame();
    this.#written();
  }

  /** Begins a request; {@link commit} sends it. What `write` throws leaves nothing behind. */
  begin(op: number, write: (out: JuteWriter) => void): void {
    this.#xid = this.#xid === 0x7fff_ffff ? 1 : this.#xid + 1;
    const out = this.#beginNumbered(this.#xid, op);
    try {
      write(out);
    } catch (error) {
      out.dropFrame();
      throw error;
    }
  }

  /** The number of the request that was begun. */
  get xid(): number {
    return this.#xid;
  }

  /** Sends what was begun. Throws `REQUEST_TOO_LARGE`, and then nothing is sent; on a connection that is gone it fails. */
  commit(request: PendingRequest): void {
    const bytes = this.#out.endFrame();
    const { maxRequestBytes } = this.parts;
    if (bytes > maxRequestBytes) {
      this.#out.dropFrame();
      const { name, path } = request;
      const message = `${name} ${path ?? ''}: a request of ${bytes} bytes is refused: maxRequestBytes is ${maxRequestBytes}`;
      throw new ZooKeeperError('REQUEST_TOO_LARGE', message, { path, request: name });
    }
    if (this.#reason !== null) {
      // Asked for by whoever has just been told of the end, before the session has taken note of it.
      this.#out.dropFrame();
      request.fail(lossOf(this.#reason));
      return;
    }
    this.#pending.push(request);
    this.#nudge ??= this.parts.clock.setTimer(NUDGE_MS, () => this.#nudgeOldest());
    this.#written();
  }

  /** Sends a request that is not numbered; resolves to the server's code. */
  unnumbered(kind: 'auth' | 'setWatches', op: number, write: (out: JuteWriter) => void): Promise<number> {
    if (this.#reason !== null) return Promise.reject(this.#reason);
    write(this.#beginNumbered(XID[kind], op));
    this.#out.endFrame();
    this.#written();
    return new Promise((resolve, reject) => {
      this.#unnumbered[kind].push(resolve);
      void this.ended.then(reject);
    });
  }

  /** Pings so often that a session of this timeout is kept, and ends the connection when nothing is heard for long. */
  keepAlive(timeoutMs: number): void {
    const [pingAfter, silence] = [timeoutMs / 3, (timeoutMs * 2) / 3];
    const beat = (): void => {
      const now = this.parts.clock.monotonic();
      if (now - this.#heardAt >= silence) {
        this.end(connectionLoss(`nothing was heard from the server for ${Math.round(now - this.#heardAt)} ms`));
        return;
      }
      if (now - this.#sentAt >= pingAfter) this.#ping();
      const due = Math.min(this.#sentAt + pingAfter, this.#heardAt + silence) - this.parts.clock.monotonic();
      this.#heartbeat = this.parts.clock.setTimer(Math.max(1, due), beat);
    };
    beat();
  }

  /** Ends the connection; whoever waits for an answer is told. */
  end(reason: ZooKeeperError): void {
    if (this.#reason !== null) return;
    discard(this.parts.socket);
    this.#conclude(reason);
  }

  /** The same, once what was begun has been written. */
  endSoon(reason: ZooKeeperError): void {
    if (this.#reason !== null) return;
    this.#write(Number.POSITIVE_INFINITY);
    discardSoon(this.parts.socket);
    this.#conclude(reason);
  }

  #conclude(reason: ZooKeeperError): void {
    this.#reason = reason;
    this.#heartbeat?.cancel();
    this.#nudge?.cancel();
    const [first, ...others] = this.#pending.drain();
    first?.fail(reason.code === 'PROTOCOL' ? connectionLoss(reason.message, reason) : reason);
    for (const request of others) request.fail(lossOf(reason));
    this.#ended.resolve(reason);
  }

  #beginNumbered(xid: number, op: number): JuteWriter {
    const out = this.#out;
    out.beginFrame();
    out.int(xid);
    out.int(op);
    return out;
  }

  #written(): void {
    if (this.#writing) return;
    this.#writing = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#writing = false;
    const { room } = this.#window;
    if (this.#reason === null && room > 0) this.#write(room);
  }

  #write(most: number): void {
    const { bytes, frames } = this.#out.takeFrames(most);
    if (frames === 0) return;
    this.#sentAt = this.parts.clock.monotonic();
    this.#window.sent(frames, this.#sentAt);
    this.parts.socket.write(bytes);
  }

  /** Goes past whatever waits: the session depends on it. */
  #ping(): void {
    this.#sentAt = this.parts.clock.monotonic();
    this.#pings.push(this.#sentAt);
    this.parts.socket.write(PING);
  }

  /** A follower of ZooKeeper 3.8 can leave a lone request lying until the next one comes (ZOOKEEPER-4537). */
  #nudgeOldest(): void {
    this.#nudge = null;
    const { oldest } = this.#pending;
    if (oldest === undefined) return;
    const now = this.parts.clock.monotonic();
    const age = now - (this.#window.oldestSentAt ?? now);
    if (age >= NUDGE_MS && this.#nudged !== oldest) {
      this.#nudged = oldest;
      this.#readRoot();
    }
    const wait = this.#nudged === oldest ? NUDGE_MS : NUDGE_MS - age;
    this.#nudge ??= this.parts.clock.setTimer(Math.max(1, wait), () => this.#nudgeOldest());
  }

  #readRoot(): void {
    this.begin(OP.exists, (out) => {
      out.string('/');
      out.boolean(false);
    });
    const ignore = (): void => undefined;
    this.commit({ xid: this.#xid, name: 'exists', path: '/', answer: ignore, refuse: ignore, fail: ignore });
  }

  #receive(chunk: Buffer): void {
    if (!this.parts.isAlive()) return;
    this.#heardAt = this.parts.clock.monotonic();
    try {
      this.#frames.push(chunk, (buffer, start, end) => this.#take(this.#input.reset(buffer, start, end)));
    } catch (error) {
      this.end(ZooKeeperError.is(error) ? error : protocolError(messageOf(error)));
    }
    if (!this.#out.isEmpty) this.#written();
  }

  #take(input: JuteReader): void {
    if (this.#reason !== null) return;
    if (this.#greeting !== null) {
      const greeting = this.#greeting;
      this.#greeting = null;
      this.#window.answered();
      greeting(input);
      return;
    }
    const xid = input.int();
    const zxid = input.long();
    const code = input.int();
    switch (xid) {
      case XID.notification:
        this.#notify(input, zxid);
        break;
      case XID.ping:
        this.#confirm(this.#pings.shift());
        break;
      case XID.auth:
        this.#answerUnnumbered('auth', code);
        break;
      case XID.setWatches:
        this.#answerUnnumbered('setWatches', code);
        break;
      default:
        this.#answer(input, xid, zxid, code);
    }
  }

  #answer(input: JuteReader, xid: number, zxid: bigint, code: number): void {
    const request = this.#pending.shift();
    if (request?.xid !== xid) {
      if (request !== undefined) request.fail(connectionLoss('the answers are out of order'));
      throw protocolError(`an answer to request ${xid} where one to ${request?.xid ?? 'none'} was due`);
    }
    this.#confirm(this.#window.answered());
    this.parts.onZxid(zxid);
    if (code !== 0) {
      request.refuse(code, zxid);
      return;
    }
    try {
      request.answer(input, zxid);
    } catch (error) {
      request.fail(error);
      throw error;
    }
  }

  #answerUnnumbered(kind: 'auth' | 'setWatches', code: number): void {
    this.#window.answered();
    this.#unnumbered[kind].shift()?.(code);
  }

  #notify(input: JuteReader, zxid: bigint): void {
    const kind = EVENT_KINDS.get(input.int());
    input.int();
    // Since 3.9 the number of the transaction, -1 before. What comes after it has not been seen by then.
    if (zxid > 0n) this.parts.onZxid(zxid);
    if (kind === undefined) return;
    const path = input.string();
    if (!path.startsWith('/')) throw protocolError(`an event of the path ${JSON.stringify(path)}`);
    this.parts.onEvent(kind, path);
  }

  #confirm(sentAt: number | undefined): void {
    if (sentAt !== undefined && sentAt > this.#confirmedAt) this.#confirmedAt = sentAt;
  }
}

const PING = pingFrame();

function pingFrame(): Buffer {
  const out = new JuteWriter();
  out.beginFrame();
  out.int(XID.ping);
  out.int(OP.ping);
  out.endFrame();
  return out.take();
}

/** What the end of a connection means for the requests that it was not about. */
function lossOf(reason: ZooKeeperError): ZooKeeperError {
  return SPOILED.includes(reason.code) ? connectionLoss(reason.message, reason) : reason;
}

/** The error of requests whose connection is gone. */
export function connectionLoss(reason: string, cause?: unknown): ZooKeeperError {
  const message = `the connection is lost (${reason}); requests under way may or may not have been applied`;
  return new ZooKeeperError('CONNECTION_LOSS', message, { cause });
}

function deferredReason(): { resolve: (reason: ZooKeeperError) => void; promise: Promise<ZooKeeperError> } {
  let resolve: (reason: ZooKeeperError) => void = () => undefined;
  const promise = new Promise<ZooKeeperError>((settle) => {
    resolve = settle;
  });
  return { resolve, promise };
}
