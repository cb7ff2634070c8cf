import { startProxy, type TcpProxy } from '@elasticjob/test-support';
import {
  type SessionEvent,
  type SessionState,
  type WatchEvent,
  type Watcher,
  ZooKeeper,
  ZooKeeperError,
  type ZooKeeperErrorCode,
  type ZooKeeperOptions,
} from '@elasticjob/zookeeper-client';

/** The session timeout that tests ask for unless they say otherwise, milliseconds. */
export const SESSION_MS = 4_000;

/** A client of a test, with what it said about its session. */
export interface TestClient {
  readonly client: ZooKeeper;
  /** Every event so far, in order. */
  readonly events: readonly SessionEvent[];
  /** The states it went through, in order, without repetitions. */
  states(): SessionState[];
  /** Resolves with the next event of this state that comes after the call. */
  next(state: SessionState): Promise<SessionEvent>;
}

/** Makes clients and proxies, and ends all of them after a test. */
export class TestClients {
  readonly #clients: ZooKeeper[] = [];
  readonly #proxies: TcpProxy[] = [];

  /** A client that has connected. */
  async open(connectString: string, options: Partial<ZooKeeperOptions> = {}): Promise<TestClient> {
    const made = this.make(connectString, options);
    await made.client.connect();
    return made;
  }

  /** The same, for tests that look at the client only. */
  async connect({ connectString, ...options }: ZooKeeperOptions): Promise<ZooKeeper> {
    return (await this.open(connectString, options)).client;
  }

  /** Why a client's first attempt to connect failed, whether it goes on trying or not. */
  async refusal({ connectString, ...options }: ZooKeeperOptions): Promise<ZooKeeperError | undefined> {
    const { client } = this.make(connectString, options);
    const told = nextEvent(client, ({ reason }) => reason !== undefined);
    // The attempt is judged by the event; that there is no connection in the end is no news then.
    client.connect().catch(() => undefined);
    return (await told).reason;
  }

  /** A client that was not told to connect. */
  make(connectString: string, options: Partial<ZooKeeperOptions> = {}): TestClient {
    const client = new ZooKeeper({ connectString, sessionTimeoutMs: SESSION_MS, ...options });
    const events: SessionEvent[] = [];
    client.onSession((event) => events.push(event));
    this.#clients.push(client);
    return { client, events, states: () => statesOf(events), next: (state) => nextState(client, state) };
  }

  /** A proxy in front of a server, and the address to reach the server through it. */
  async proxied(connectString: string): Promise<{ readonly proxy: TcpProxy; readonly through: string }> {
    const [host, port] = connectString.split(',')[0]?.split(':') ?? [];
    const proxy = await startProxy(Number(port), host);
    this.#proxies.push(proxy);
    return { proxy, through: `127.0.0.1:${proxy.port}` };
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map((client) => client.close()));
    await Promise.all(this.#proxies.splice(0).map((proxy) => proxy.stop()));
  }
}

function statesOf(events: readonly SessionEvent[]): SessionState[] {
  return events.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]);
}

/** Resolves with the next event of the session of which `isIt` says yes. */
export function nextEvent(client: ZooKeeper, isIt: (event: SessionEvent) => boolean): Promise<SessionEvent> {
  return new Promise((resolve) => {
    const forget = client.onSession((event) => {
      if (!isIt(event)) return;
      forget();
      resolve(event);
    });
  });
}

/** Resolves with the next event of this state. */
export function nextState(client: ZooKeeper, state: SessionState): Promise<SessionEvent> {
  return nextEvent(client, (event) => event.state === state);
}

let counter = 0;

/** A node of this test alone, created by `client`. */
export async function ownRoot(client: ZooKeeper, name: string): Promise<string> {
  const path = `/${name}-${process.pid}-${Date.now()}-${counter++}`;
  await client.create(path);
  return path;
}

/** The error with which `work` fails; it has to be one of the client's. */
export async function failure(work: Promise<unknown>): Promise<ZooKeeperError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (ZooKeeperError.is(error)) return error;
  throw new Error(`expected a ZooKeeperError, saw ${error === undefined ? 'success' : String(error)}`);
}

/** Its code. */
export async function failureCode(work: Promise<unknown>): Promise<ZooKeeperErrorCode> {
  return (await failure(work)).code;
}

/** A watcher and what it has heard. */
export interface Recorder {
  readonly watcher: Watcher;
  readonly heard: readonly WatchEvent[];
  /** What it has heard, as `kind path`. */
  texts(): string[];
  /** Resolves when it has heard so many events in all. */
  count(events: number): Promise<void>;
}

/** A watcher that remembers what it is told. */
export function recorder(): Recorder {
  const heard: WatchEvent[] = [];
  const waiting: { readonly events: number; readonly resolve: () => void }[] = [];
  return {
    heard,
    watcher: (event) => {
      heard.push(event);
      for (const { events, resolve } of waiting) if (heard.length >= events) resolve();
    },
    texts: () => heard.map(({ kind, path }) => `${kind} ${path}`),
    count: (events) =>
      new Promise((resolve) => {
        if (heard.length >= events) resolve();
        else waiting.push({ events, resolve });
      }),
  };
}
