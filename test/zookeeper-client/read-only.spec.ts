import { type ServerProcess, type ZooKeeper as Servers, startZooKeeper } from '@elasticjob/test-support';
import type { SessionState, WatchEvent, ZooKeeper } from '@elasticjob/zookeeper-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nextEvent, nextState, TestClients } from './test-clients.js';

const clients = new TestClients();

/** Resolves when the watch is set; `heard` when the node has changed. */
async function nextChange(client: ZooKeeper, path: string): Promise<{ readonly heard: Promise<WatchEvent> }> {
  let set: Promise<unknown> = Promise.resolve();
  const heard = new Promise<WatchEvent>((resolve) => {
    set = client.get(path, { watcher: resolve });
  });
  await set;
  return { heard };
}

describe('the last server of an ensemble that serves reads', () => {
  let servers: Servers;
  let last: ServerProcess;
  let others: readonly ServerProcess[];
  beforeAll(async () => {
    servers = await startZooKeeper({ servers: 3, readOnly: true, tickTime: 1_000 });
    const [first, second, third] = servers.servers;
    if (first === undefined || second === undefined || third === undefined) throw new Error('three servers expected');
    [last, others] = [third, [first, second]];
  });
  afterEach(() => clients.closeAll());
  afterAll(() => servers.stop());

  const options = (): { connectString: string; sessionTimeoutMs: number } => {
    return { connectString: servers.connectString, sessionTimeoutMs: 20_000 };
  };

  /** Resolves when the last server has noticed that it is alone. */
  async function loseQuorum(): Promise<void> {
    await Promise.all(others.map((server) => server.kill()));
    await expect.poll(() => last.fourLetter('isro').catch(String), { timeout: 30_000 }).toBe('ro');
  }

  async function regainQuorum(): Promise<void> {
    await Promise.all(others.map((server) => server.start()));
  }

  it('serves a new client that takes it, refuses its writes, and passes it on once there are others', async () => {
    // Through the last server itself, which has what it has acknowledged.
    const writer = await clients.connect({ ...options(), connectString: `127.0.0.1:${last.port}` });
    await writer.create('/report', 'still here');
    await writer.close();
    await loseQuorum();
    const client = await clients.connect({ ...options(), readOnly: true });
    expect(client.state).toBe('readonly');
    expect((await client.get('/report')).data.toString()).toBe('still here');
    await expect(client.set('/report', 'changed')).rejects.toMatchObject({ code: 'READ_ONLY' });
    const changed = await nextChange(client, '/report');
    const reading = client.sessionId;
    const connected = nextState(client, 'connected');
    await regainQuorum();
    await connected;
    // Only the last server knew the former session; there was nothing in it but reads and watches.
    expect(client.sessionId).not.toBe(reading);
    await client.set('/report', 'changed');
    expect(await changed.heard).toEqual({ kind: 'changed', path: '/report' });
  });

  it('does not end the session of a client that it had before, which goes on with the others', async () => {
    const client = await clients.connect({ ...options(), readOnly: true });
    await client.create('/owned', 'one', { mode: 'ephemeral' });
    const changed = await nextChange(client, '/owned');
    const { sessionId } = client;
    const suspended = nextState(client, 'suspended');
    await loseQuorum();
    await suspended;
    const connected = nextState(client, 'connected');
    await regainQuorum();
    await connected;
    expect(client.sessionId).toBe(sessionId);
    await client.set('/owned', 'two');
    expect(await changed.heard).toEqual({ kind: 'changed', path: '/owned' });
  });

  it('is passed over by a client that has not asked for it, until it writes again', async () => {
    await loseQuorum();
    const client = clients.make(servers.connectString, options()).client;
    const states = new Set<SessionState>();
    client.onSession(({ state }) => states.add(state));
    const refused = nextEvent(client, ({ reason }) => reason?.message.includes('connection is lost') === true);
    const connected = client.connect();
    await refused;
    await regainQuorum();
    await connected;
    expect([...states]).toEqual(['connecting', 'connected']);
  });
});
