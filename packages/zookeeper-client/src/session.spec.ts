import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Clock } from './clock.js';
import { ZooKeeperError } from './errors.js';
import { JuteWriter } from './jute.js';
import type { ZooKeeperOptions } from './options.js';
import type { SessionEvent } from './session.js';
import { ZooKeeper } from './zookeeper.js';

/** A clock that moves only when told; what falls due runs in order, and so does what follows from it. */
class ManualClock implements Clock {
  #now = 1_000;
  readonly #timers = new Set<{ readonly at: number; readonly callback: () => void }>();

  monotonic(): number {
    return this.#now;
  }

  setTimer(ms: number, callback: () => void): { cancel(): void } {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= target).toSorted((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
      await settle();
    }
    this.#now = target;
    await settle();
  }

  /** Time passes, but nothing can run: the process was stopped. */
  sleep(ms: number): void {
    this.#now += ms;
  }

  get pending(): number {
    return this.#timers.size;
  }
}

async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A server at the other end of sockets that are none; a test decides what it answers. */
class Network {
  readonly attempts: number[] = [];
  /** What came in, in order: `connect`, `ping`, or the number of the request. */
  readonly heard: (string | number)[] = [];
  accepts = true;
  /** Answers at once; otherwise what comes in is only noted. */
  answers = true;
  timeoutMs = 6_000;
  sessionId = 7n;
  #socket: EventEmitter | null = null;

  constructor(private readonly clock: Clock) {}

  open(): Socket {
    this.attempts.push(this.clock.monotonic());
    if (!this.accepts) throw new ZooKeeperError('CONNECTION_LOSS', 'refused');
    const socket = new EventEmitter();
    this.#socket = socket;
    let greeted = false;
    const write = (chunk: Buffer): void => {
      for (let at = 0; at < chunk.length; at += 4 + chunk.readInt32BE(at)) {
        const frame = chunk.subarray(at + 4, at + 4 + chunk.readInt32BE(at));
        if (greeted) this.#take(frame);
        else this.#greet();
        greeted = true;
      }
    };
    return Object.assign(socket, { write, destroyed: false, errored: null }) as unknown as Socket;
  }

  cut(): void {
    this.#socket?.emit('close');
  }

  /** Answers the request of this number, however late. */
  answer(xid: number): void {
    this.#say((out) => {
      out.int(xid);
      out.long(9n);
      out.int(0);
    });
  }

  #greet(): void {
    this.heard.push('connect');
    if (!this.answers) return;
    this.#say((out) => {
      out.int(0);
      out.int(this.timeoutMs);
      out.long(this.sessionId);
      out.buffer(Buffer.alloc(16));
      out.boolean(false);
    });
  }

  #take(frame: Buffer): void {
    const xid = frame.readInt32BE(0);
    this.heard.push(xid === -2 ? 'ping' : xid);
    if (this.answers) this.answer(xid);
  }

  #say(write: (out: JuteWriter) => void): void {
    const out = new JuteWriter();
    out.beginFrame();
    write(out);
    out.endFrame();
    this.#socket?.emit('data', Buffer.from(out.take()));
  }
}

const present = vi.hoisted(() => ({ network: null as { open(): unknown } | null }));

vi.mock('./socket.js', () => ({
  openSocket: async () => present.network?.open(),
  discard: (socket: Socket) => void socket.removeAllListeners(),
  discardSoon: (socket: Socket) => void socket.removeAllListeners(),
}));

/** A resolver that never answers: names are as good as lost, addresses need none. */
vi.mock('node:dns/promises', () => ({ lookup: () => new Promise(() => undefined) }));

let clock: ManualClock;
let network: Network;
beforeEach(() => {
  clock = new ManualClock();
  network = new Network(clock);
  present.network = network;
});

async function connected(
  options: Partial<ZooKeeperOptions> = {},
): Promise<{ client: ZooKeeper; events: SessionEvent[]; lostAt: () => number | undefined }> {
  const client = new ZooKeeper({ connectString: '127.0.0.1', clock, random: () => 1, ...options });
  const events: SessionEvent[] = [];
  let lostAt: number | undefined;
  client.onSession((event) => {
    events.push(event);
    if (event.state === 'lost') lostAt = clock.monotonic();
  });
  const connecting = client.connect();
  connecting.catch(() => undefined);
  await settle();
  return { client, events, lostAt: () => lostAt };
}

describe('requests under way', () => {
  const requests = (): number => network.heard.filter((what) => typeof what === 'number').length;

  it('are so many at most that a server does not stop reading, and the others follow as answers come', async () => {
    const { client } = await connected();
    network.answers = false;
    const work = Array.from({ length: 600 }, () => client.sync('/'));
    await settle();
    expect(requests()).toBe(512);
    for (let xid = 1; xid <= 255; xid++) network.answer(xid);
    await settle();
    expect(requests()).toBe(512);
    network.answer(256);
    await settle();
    expect(requests()).toBe(600);
    for (let xid = 257; xid <= 512; xid++) network.answer(xid);
    await settle();
    for (let xid = 513; xid <= 600; xid++) network.answer(xid);
    await Promise.all(work);
    expect(network.heard.slice(1)).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
  });

  it('do not hold up the pings of the session', async () => {
    const { client } = await connected();
    network.answers = false;
    const work = Array.from({ length: 600 }, () => client.sync('/'));
    const outcomes = Promise.allSettled(work);
    await clock.advance(2_000);
    expect(network.heard).toContain('ping');
    network.cut();
    expect(new Set((await outcomes).map(({ status }) => status))).toEqual(new Set(['rejected']));
  });
});

describe('the time of a session', () => {
  it('is kept by a ping whenever a third of the timeout went by without a request', async () => {
    const { client } = await connected();
    await clock.advance(60_000);
    expect(network.heard).toEqual(['connect', ...Array.from({ length: 30 }, () => 'ping')]);
    expect(client.state).toBe('connected');
  });

  it('needs no ping while there are requests', async () => {
    const { client } = await connected();
    for (let second = 0; second < 30; second++) {
      await client.sync('/');
      await clock.advance(1_000);
    }
    expect(network.heard.filter((what) => what === 'ping')).toEqual([]);
  });

  it('has the connection given up after two thirds of the timeout in silence', async () => {
    const { client, events } = await connected();
    network.answers = false;
    await clock.advance(3_999);
    expect(client.state).toBe('connected');
    await clock.advance(1);
    expect(events.map(({ state }) => state)).toEqual(['connected', 'suspended']);
    expect(events[1]?.reason?.message).toMatch(/nothing was heard from the server for 4000 ms/);
  });

  it('is over when the timeout has passed since the sending of the latest request that was answered', async () => {
    const { client, lostAt } = await connected();
    const startedAt = clock.monotonic();
    network.answers = false;
    await clock.advance(1_000);
    const work = client.sync('/');
    await clock.advance(500);
    const later = client.sync('/').catch((error: unknown) => ZooKeeperError.is(error) && error.code);
    await clock.advance(1_000);
    network.answer(1);
    await work;
    await clock.advance(60_000);
    expect(lostAt()).toBe(startedAt + 1_000 + 6_000);
    expect(await later).toBe('CONNECTION_LOSS');
  });

  it('counts from the writing of a request that had to wait for its turn, not from when it was asked for', async () => {
    const { client, lostAt } = await connected();
    const startedAt = clock.monotonic();
    network.answers = false;
    const work = Array.from({ length: 600 }, () => client.sync('/'));
    await clock.advance(3_000);
    for (let xid = 1; xid <= 512; xid++) network.answer(xid);
    await clock.advance(500);
    for (let xid = 513; xid <= 600; xid++) network.answer(xid);
    await Promise.all(work);
    await clock.advance(60_000);
    expect(lostAt()).toBe(startedAt + 3_000 + 6_000);
  });

  it('is not made longer by an attempt to connect that was not answered', async () => {
    const { lostAt } = await connected({ connectTimeoutMs: 1_000 });
    const startedAt = clock.monotonic();
    network.answers = false;
    network.cut();
    await clock.advance(60_000);
    expect(lostAt()).toBe(startedAt + 6_000);
    expect(network.attempts.length).toBeGreaterThan(2);
  });

  it('begins anew on each connection that the server grants it', async () => {
    const { client, lostAt } = await connected();
    await clock.advance(5_000);
    network.cut();
    await clock.advance(400);
    expect(client.state).toBe('connected');
    const again = clock.monotonic();
    network.answers = false;
    await clock.advance(60_000);
    expect(lostAt()).toBeGreaterThan(again + 5_500);
    expect(lostAt()).toBeLessThanOrEqual(again + 6_000);
  });

  it('is found to be over by whoever looks first after the process has slept', async () => {
    const { client, events } = await connected();
    clock.sleep(6_000);
    expect(client.state).toBe('lost');
    expect(events.at(-1)).toMatchObject({ state: 'lost', reason: { code: 'SESSION_EXPIRED' } });
  });

  it('is not believed in by a request after the process has slept: nothing but the end is sent', async () => {
    const { client } = await connected();
    const heardBefore = network.heard.length;
    clock.sleep(6_000);
    await expect(client.create('/a')).rejects.toMatchObject({ code: 'SESSION_EXPIRED', path: '/a' });
    await settle();
    expect(network.heard.slice(heardBefore)).toEqual([1]);
  });

  it('does not end by an answer that was under way while the process slept', async () => {
    const { client } = await connected();
    network.answers = false;
    const work = client.sync('/').catch((error: unknown) => ZooKeeperError.is(error) && error.code);
    await settle();
    clock.sleep(6_000);
    network.answer(1);
    expect(client.state).toBe('lost');
    expect(await work).toBe('SESSION_EXPIRED');
  });

  it('goes on when the process slept for less', async () => {
    const { client } = await connected();
    clock.sleep(5_900);
    await client.sync('/');
    expect(client.state).toBe('connected');
    await clock.advance(5_900);
    expect(client.state).toBe('connected');
  });
});

describe('attempts to connect', () => {
  it('come after pauses that double up to the longest, and are random below that', async () => {
    network.accepts = false;
    const { client } = await connected({ backoff: { baseMs: 100, maxMs: 1_000 } });
    await clock.advance(8_000);
    expect(gaps(network.attempts)).toEqual([200, 400, 800, ...Array.from({ length: 6 }, () => 1_000)]);
    await client.close();
  });

  it.each([
    [0.5, [100, 200, 400, 500, 500]],
    [0.1, [20, 40, 80, 100, 100]],
  ])('are spread by chance: %s', async (random, pauses) => {
    network.accepts = false;
    const { client } = await connected({ backoff: { baseMs: 100, maxMs: 1_000 }, random: () => random });
    await clock.advance(2_000);
    expect(gaps(network.attempts).slice(0, 5)).toEqual(pauses);
    await client.close();
  });

  it('go round all servers before there is a pause', async () => {
    network.accepts = false;
    const { client } = await connected({ connectString: '127.0.0.1,127.0.0.2,127.0.0.3' });
    expect(network.attempts).toHaveLength(3);
    await clock.advance(3_000);
    expect(gaps(network.attempts).slice(0, 5)).toEqual([0, 0, 800, 0, 0]);
    await client.close();
  });

  it('begin at once after a connection that has lasted', async () => {
    const { client } = await connected({ backoff: { baseMs: 100, maxMs: 1_000 } });
    await clock.advance(1_000);
    network.cut();
    await settle();
    expect(client.state).toBe('connected');
    network.cut();
    await settle();
    expect(client.state).toBe('suspended');
    await clock.advance(200);
    expect(client.state).toBe('connected');
  });

  it('are given up after their time, also when the server only accepts', async () => {
    network.answers = false;
    const { client, events } = await connected({ connectTimeoutMs: 700 });
    await clock.advance(700);
    expect(events[0]?.reason?.message).toMatch(/127\.0\.0\.1:2181 did not answer in time/);
    await client.close();
  });
});

describe('close', () => {
  it('leaves no timer, whatever the state', async () => {
    const { client } = await connected();
    await client.close();
    expect(clock.pending).toBe(0);
    network.accepts = false;
    const { client: connecting } = await connected();
    await connecting.close();
    expect(clock.pending).toBe(0);
  });

  it('does not wait for a name that nobody resolves', async () => {
    const { client, events } = await connected({ connectString: 'a-name' });
    await client.close();
    expect(events.map(({ state }) => state)).toEqual(['closed']);
    expect(clock.pending).toBe(0);
  });

  it('waits for a second when nobody answers', async () => {
    const { client } = await connected();
    network.answers = false;
    let done = false;
    const closing = client.close().then(() => {
      done = true;
    });
    await clock.advance(999);
    expect(done).toBe(false);
    await clock.advance(1);
    await closing;
    expect(clock.pending).toBe(0);
  });
});

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((at, index) => at - (times[index] ?? 0));
}
