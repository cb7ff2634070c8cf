import {
  type SessionEvent,
  type SessionState,
  ZooKeeper,
  type ZooKeeperError,
  type ZooKeeperOptions,
} from '@elasticjob/zookeeper-client';

const open = new Set<ZooKeeper>();

/** A client that {@link closeClients} closes. It is not connected yet. */
export function newClient(options: ZooKeeperOptions): ZooKeeper {
  const client = new ZooKeeper({ sessionTimeoutMs: 4_000, backoff: { baseMs: 10, maxMs: 50 }, ...options });
  open.add(client);
  return client;
}

/** A connected client that {@link closeClients} closes. */
export async function connectClient(options: ZooKeeperOptions): Promise<ZooKeeper> {
  const client = newClient(options);
  await client.connect();
  return client;
}

/** Closes all clients of the test. */
export async function closeClients(): Promise<void> {
  const all = [...open];
  open.clear();
  await Promise.all(all.map((client) => client.close()));
}

/** The next event of the session of which `isIt` says yes. */
export function nextEvent(client: ZooKeeper, isIt: (event: SessionEvent) => boolean): Promise<SessionEvent> {
  return new Promise((resolve) => {
    const forget = client.onSession((event) => {
      if (!isIt(event)) return;
      forget();
      resolve(event);
    });
  });
}

/** Resolves when the session comes to be in this state. */
export async function nextState(client: ZooKeeper, state: SessionState): Promise<void> {
  await nextEvent(client, (event) => event.state === state);
}

/** Why the client's first attempt to connect failed, whether it goes on trying or not. */
export async function refusal(options: ZooKeeperOptions): Promise<ZooKeeperError | undefined> {
  const client = newClient(options);
  const told = nextEvent(client, ({ reason }) => reason !== undefined);
  // The attempt is judged by the event; that there is no connection in the end is no news then.
  client.connect().catch(() => undefined);
  return (await told).reason;
}
