import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { readAcl } from './acl.js';
import { codeOfServer, ZooKeeperError } from './errors.js';
import { FrameReader } from './frames.js';
import { readGrant } from './handshake.js';
import { JuteReader, JuteWriter } from './jute.js';
import { readMulti } from './multi.js';
import { OP, XID } from './protocol.js';
import { DigestMd5Error, respondToChallenge } from './sasl-digest-md5.js';
import { readStat } from './stat.js';
import { ZooKeeper } from './zookeeper.js';

/** They take seconds; this is for a machine that has other things to do. */
const PATIENCE_MS = 120_000;

/** Set `FUZZ_SEED` to repeat a run; the names of the tests show it. */
const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));

// ---- chance ----------------------------------------------------------------------------------------------------------

/** A small generator of numbers that a seed determines. @see mulberry32 by Tommy Ettinger */
class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  oneOf<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('nothing to choose from');
    return value;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }
}

const HOSTILE = [-1, -2, 0, 1, 2, 0x7fff_ffff, -0x8000_0000, 0x00ff_ffff, 1_000_000];

/** The same bytes with one thing or a few changed: cut, grown, flipped, or a number replaced by a hostile one. */
function mutated(chance: Chance, bytes: Buffer): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let times = 1 + chance.below(3); times > 0; times--) result = mutatedOnce(chance, result);
  return result;
}

function mutatedOnce(chance: Chance, bytes: Buffer): Buffer {
  const at = chance.below(bytes.length + 1);
  switch (chance.below(6)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes, chance.bytes(chance.below(20))]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), chance.bytes(chance.below(8)), bytes.subarray(at)]);
    case 3:
      return chance.bytes(chance.below(120));
    case 4:
      if (at < bytes.length) bytes[at] = chance.below(256);
      return bytes;
    default:
      if (at + 4 <= bytes.length) bytes.writeInt32BE(chance.oneOf(HOSTILE), at);
      return bytes;
  }
}

// ---- good answers ----------------------------------------------------------------------------------------------------

function written(write: (out: JuteWriter) => void): Buffer {
  const out = new JuteWriter();
  write(out);
  return Buffer.from(out.take());
}

function writeStat(out: JuteWriter): void {
  for (const long of [7n, 8n, 1_795_623_055_320n, 1_795_623_055_321n]) out.long(long);
  for (const int of [1, 2, 3]) out.int(int);
  out.long(0x1000_0000_0001n);
  for (const int of [5, 0]) out.int(int);
  out.long(9n);
}

function writeMultiAnswer(out: JuteWriter): void {
  const header = (type: number, done: boolean): void => {
    out.int(type);
    out.boolean(done);
    out.int(done ? -1 : 0);
  };
  header(OP.create, false);
  out.string('/a/b');
  header(OP.setData, false);
  writeStat(out);
  header(OP.delete, false);
  header(OP.check, false);
  header(-1, true);
}

function writeFailedMulti(out: JuteWriter): void {
  for (const code of [0, -101, -2, -2]) {
    out.int(-1);
    out.boolean(false);
    out.int(code);
    out.int(code);
  }
  out.int(-1);
  out.boolean(true);
  out.int(-1);
}

function writeAclAnswer(out: JuteWriter): void {
  out.int(2);
  for (const id of ['anyone', 'user:hash']) {
    out.int(31);
    out.string('digest');
    out.string(id);
  }
}

function writeGreeting(out: JuteWriter): void {
  out.int(0);
  out.int(4_000);
  out.long(0x1234n);
  out.buffer(Buffer.alloc(16, 1));
  out.boolean(false);
}

/** The body of a good answer to a request. */
function bodyOf(op: number): Buffer {
  return written((out) => {
    if (op === OP.create2 || op === OP.createContainer) out.string('/made');
    if (op === OP.getData) out.data('some data');
    if (op === OP.getChildren2) out.strings(['a', 'b', 'c']);
    if (op === OP.getACL) writeAclAnswer(out);
    if (op === OP.multi) writeMultiAnswer(out);
    const hasStat = [OP.create2, OP.createContainer, OP.getData, OP.getChildren2, OP.getACL, OP.exists, OP.setData];
    if ((hasStat as readonly number[]).includes(op)) writeStat(out);
  });
}

function answer(xid: number, code: number, body: Buffer): Buffer {
  return written((out) => {
    out.int(xid);
    out.long(77n);
    out.int(code);
    for (const byte of body) out.boolean(byte !== 0);
  }).fill(body, 16);
}

function notification(chance: Chance): Buffer {
  const body = written((out) => {
    out.int(chance.below(6));
    out.int(3);
    out.string(chance.oneOf(['/a', '/a/b', '/', '', 'x', '/made']));
  });
  return answer(XID.notification, 0, body);
}

function framed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

// ---- readers ---------------------------------------------------------------------------------------------------------

const DECODERS: readonly { readonly read: (input: JuteReader) => unknown; readonly good: Buffer }[] = [
  { read: readStat, good: written(writeStat) },
  { read: readAcl, good: written(writeAclAnswer) },
  { read: (input) => readMulti(input, 1n, 4, (path) => path), good: written(writeMultiAnswer) },
  { read: (input) => readMulti(input, 1n, 4, (path) => path), good: written(writeFailedMulti) },
  { read: readGrant, good: written(writeGreeting) },
  { read: (input) => [input.strings(), readStat(input)], good: bodyOf(OP.getChildren2) },
  { read: (input) => [input.data(), readStat(input)], good: bodyOf(OP.getData) },
  { read: (input) => [input.string(), readStat(input)], good: bodyOf(OP.create2) },
];

/** What a decoder makes of bytes that lie amid others: its result, or the code of its error. */
function decoded(read: (input: JuteReader) => unknown, bytes: Buffer, around: number): unknown {
  const all = Buffer.concat([Buffer.alloc(9, around), bytes, Buffer.alloc(200, around)]);
  try {
    return read(new JuteReader(all, 9, 9 + bytes.length));
  } catch (error) {
    if (ZooKeeperError.is(error)) return error.code;
    throw error;
  }
}

describe('bytes that no server would send', () => {
  it(
    `are read within their frame, or are refused as PROTOCOL, in 60000 cases (FUZZ_SEED=${SEED})`,
    () => {
      const chance = new Chance(SEED);
      let refused = 0;
      for (let round = 0; round < 60_000; round++) {
        const { read, good } = chance.oneOf(DECODERS);
        const bytes = mutated(chance, good);
        const seen = decoded(read, bytes, 0x00);
        const amidOthers = decoded(read, bytes, 0xff);
        // Compared by hand, because a hundred thousand calls of `expect` take longer than all the rest.
        if (!isDeepStrictEqual(seen, amidOthers)) expect(seen, bytes.toString('hex')).toEqual(amidOthers);
        if (typeof seen !== 'string') continue;
        if (seen !== 'PROTOCOL') expect(seen, bytes.toString('hex')).toBe('PROTOCOL');
        refused += 1;
      }
      expect(refused).toBeGreaterThan(10_000);
      expect(refused).toBeLessThan(59_000);
    },
    PATIENCE_MS,
  );

  it('are read right as long as nothing is changed', () => {
    for (const { read, good } of DECODERS) expect(typeof decoded(read, good, 0xff)).toBe('object');
  });

  it(
    `are cut into frames wherever the chunks end, or refused, in 30000 cases (FUZZ_SEED=${SEED})`,
    () => {
      const chance = new Chance(SEED + 1);
      for (let round = 0; round < 30_000; round++) {
        const frames = Array.from({ length: 1 + chance.below(5) }, () => chance.bytes(chance.below(30)));
        const whole = Buffer.concat(frames.map(framed));
        const stream = round % 2 === 0 ? whole : mutated(chance, whole);
        const [pieces, once] = [cut(chance, stream), [stream]].map((chunks) => readFrames(chunks));
        const right = round % 2 === 0 ? { frames: frames.map((frame) => frame.toString('hex')), error: null } : once;
        if (isDeepStrictEqual(pieces, right) && isDeepStrictEqual(once, right)) continue;
        expect([pieces, once], stream.toString('hex')).toEqual([right, right]);
      }
    },
    PATIENCE_MS,
  );

  it(
    `are no challenge that could not be answered or refused, in 20000 cases (FUZZ_SEED=${SEED})`,
    () => {
      const chance = new Chance(SEED + 2);
      const good = Buffer.from('realm="zk",nonce="abc\\"d",qop="auth,auth-int",charset=utf-8,algorithm=md5-sess,x=y');
      const credentials = { username: 'u', password: 'p', service: 's', host: 'h' };
      for (let round = 0; round < 20_000; round++) {
        const bytes = mutated(chance, good);
        try {
          respondToChallenge(bytes, credentials, 'c');
        } catch (error) {
          if (!(error instanceof DigestMd5Error)) expect(error, bytes.toString('hex')).toBeInstanceOf(DigestMd5Error);
        }
      }
    },
    PATIENCE_MS,
  );
});

const MOST_BYTES = 200;

function readFrames(chunks: readonly Buffer[]): { frames: string[]; error: string | null } {
  const reader = new FrameReader(MOST_BYTES);
  const frames: string[] = [];
  try {
    for (const chunk of chunks) {
      reader.push(chunk, (buffer, start, end) => void frames.push(buffer.toString('hex', start, end)));
    }
    return { frames, error: null };
  } catch (error) {
    if (ZooKeeperError.is(error)) return { frames, error: error.code };
    throw error;
  }
}

function cut(chance: Chance, bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + chance.below(chance.oneOf([1, 4, 12, 60]));
    chunks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return chunks;
}

// ---- a whole client --------------------------------------------------------------------------------------------------

/** The client's side of a connection to a {@link HostileServer}. */
class FakeSocket extends EventEmitter {
  destroyed = false;
  readonly errored = null;
  #held: Buffer = Buffer.alloc(0);

  constructor(private readonly onFrame: (frame: Buffer, socket: FakeSocket) => void) {
    super();
  }

  write(chunk: Buffer): boolean {
    this.#held = Buffer.concat([this.#held, chunk]);
    while (!this.destroyed && this.#held.length >= 4 && this.#held.length >= 4 + this.#held.readInt32BE(0)) {
      const frame = this.#held.subarray(4, 4 + this.#held.readInt32BE(0));
      this.#held = this.#held.subarray(4 + frame.length);
      this.onFrame(frame, this);
    }
    return true;
  }

  destroy(): void {
    this.destroyed = true;
  }

  destroySoon(): void {
    this.destroyed = true;
  }

  /** The network's news, unless the client has turned away. */
  say(event: 'data' | 'end' | 'close', bytes?: Buffer): void {
    if (!this.destroyed) this.emit(event, bytes);
  }
}

/** Answers each request on each connection, some of them with bytes that are wrong. */
class HostileServer {
  readonly #sockets: FakeSocket[] = [];
  /** How many greetings were good. */
  greeted = 0;

  constructor(
    private readonly chance: Chance,
    private readonly hostility: number,
  ) {}

  connect(): FakeSocket {
    const greeted = new WeakSet<FakeSocket>();
    const socket = new FakeSocket((frame, from) => {
      if (greeted.has(from)) this.#answer(frame, from);
      else this.#greet(from);
      greeted.add(from);
    });
    this.#sockets.push(socket);
    return socket;
  }

  cut(): void {
    for (const socket of this.#sockets.splice(0)) socket.say('close');
  }

  #greet(socket: FakeSocket): void {
    this.greeted += 1;
    this.#send(socket, written(writeGreeting));
  }

  #answer(frame: Buffer, socket: FakeSocket): void {
    const [xid, op] = [frame.readInt32BE(0), frame.readInt32BE(4)];
    if (this.chance.next() < this.hostility) this.#send(socket, notification(this.chance));
    const code = this.chance.next() < this.hostility ? this.chance.oneOf([-101, -110, -112, -4, -118, 5]) : 0;
    this.#send(socket, answer(xid, code, code === 0 ? bodyOf(op) : Buffer.alloc(0)));
    if (this.chance.next() < this.hostility / 4) socket.say(this.chance.oneOf(['end', 'close']));
  }

  #send(socket: FakeSocket, bytes: Buffer): void {
    const bad = this.chance.next() < this.hostility;
    const inside = bad && this.chance.next() < 0.5;
    const frame = inside ? framed(mutated(this.chance, bytes)) : framed(bytes);
    const stream = bad && !inside ? mutated(this.chance, frame) : frame;
    for (const chunk of cut(this.chance, stream)) socket.say('data', chunk);
  }
}

const present = vi.hoisted(() => ({ server: null as { connect(): unknown } | null }));

vi.mock('./socket.js', () => ({
  openSocket: () => Promise.resolve(present.server?.connect() as Socket),
  discard: (socket: Socket) => void socket.removeAllListeners().destroy(),
  discardSoon: (socket: Socket) => void socket.removeAllListeners().destroy(),
}));

/** Time stands still: only pauses of no length come to an end. */
const STILL = {
  monotonic: () => 0,
  setTimer(ms: number, callback: () => void) {
    const handle = ms === 0 ? setImmediate(callback) : undefined;
    return { cancel: () => clearImmediate(handle) };
  },
};

const REQUESTS: readonly ((client: ZooKeeper) => Promise<unknown>)[] = [
  (client) => client.create('/a', 'data'),
  (client) => client.create('/c', '', { mode: 'container' }),
  (client) => client.get('/a', { watcher: () => undefined }),
  (client) => client.exists('/b', { watcher: () => undefined }),
  (client) => client.children('/', { watcher: () => undefined }),
  (client) => client.set('/a', 'x'),
  (client) => client.remove('/a'),
  (client) => client.remove('/a').catch(() => client.remove('/a').catch(() => client.remove('/a'))),
  (client) => client.getAcl('/a'),
  (client) => client.sync('/'),
  (client) => client.addWatch('/a', 'recursive', () => undefined).then((handle) => handle.remove()),
  (client) => client.addAuth('digest', 'a:b'),
  (client) =>
    client.multi([
      { kind: 'create', path: '/a/b' },
      { kind: 'set', path: '/a', data: '' },
      { kind: 'remove', path: '/a' },
      { kind: 'check', path: '/a', version: 1 },
    ]),
];

describe('a whole client', () => {
  it(
    `answers or fails each of 10000 requests to a hostile server, and lives on (FUZZ_SEED=${SEED})`,
    async () => {
      const chance = new Chance(SEED + 3);
      const codes = new Map<string, number>();
      let answered = 0;
      for (let round = 0; round < 1_000; round++) {
        const server = new HostileServer(chance, chance.oneOf([0, 0.02, 0.1, 0.3]));
        present.server = server;
        const client = new ZooKeeper({
          connectString: '127.0.0.1/chroot',
          clock: STILL,
          random: () => 0,
          maxAnswerBytes: 10_000,
          auth: chance.next() < 0.2 ? [{ scheme: 'digest', credentials: 'a:b' }] : [],
        });
        const connecting = client.connect().catch(() => undefined);
        await turn();
        const requests = Array.from({ length: 10 }, () => tracked(chance.oneOf(REQUESTS)(client)));
        await turn();
        server.cut();
        await turn();
        const closing = tracked(client.close());
        // No time passes, so that the end of the session is not waited for: it is answered, or the connection breaks.
        await turn();
        server.cut();
        await turn();
        for (const { outcome } of [...requests, closing]) {
          if (outcome() === 'pending') expect(outcome(), `round ${round}: a request hangs`).not.toBe('pending');
          if (outcome() === 'answered') answered += 1;
          else codes.set(outcome(), (codes.get(outcome()) ?? 0) + 1);
        }
        await connecting;
        expect(client.state).toBe('closed');
      }
      expect(answered).toBeGreaterThan(5_000);
      for (const code of ['PROTOCOL', 'CONNECTION_LOSS', 'NO_NODE']) expect(codes.has(code), code).toBe(true);
      expect([...codes.keys()].filter((code) => !KNOWN.includes(code))).toEqual([]);
    },
    PATIENCE_MS,
  );
});

/** The errors that may come of it: what the client says itself, and what the server may say by chance. */
const KNOWN: readonly string[] = [
  ...(['PROTOCOL', 'ANSWER_TOO_LARGE', 'CLOSED'] as const),
  ...Array.from({ length: 128 }, (_, number) => codeOfServer(-number)),
];

/** A promise that can be asked how it stands. */
function tracked(work: Promise<unknown>): { outcome: () => string } {
  let state = 'pending';
  work.then(
    () => {
      state = 'answered';
    },
    (error: unknown) => {
      state = ZooKeeperError.is(error) ? error.code : String(error);
    },
  );
  return { outcome: () => state };
}

async function turn(): Promise<void> {
  for (let times = 0; times < 3; times++) await new Promise<void>((resolve) => setImmediate(resolve));
}
