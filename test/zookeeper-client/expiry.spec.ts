import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { FakeServer } from './fake-server.js';
import {
  failure,
  failureCode,
  ownRoot,
  type Recorder,
  recorder,
  type TestClient,
  TestClients,
} from './test-clients.js';

const connectString = inject('zookeeper');
const clients = new TestClients();
afterEach(() => clients.closeAll());

/** Has `owner` create an ephemeral node, and lets another session watch it: the recorder hears when it is gone. */
async function ephemeralOf({ client: owner }: TestClient): Promise<Recorder> {
  const { client: witness } = await clients.open(connectString);
  const root = await ownRoot(witness, 'expiry');
  await owner.create(`${root}/e`, '', { mode: 'ephemeral' });
  const heard = recorder();
  await witness.exists(`${root}/e`, { watcher: heard.watcher });
  return heard;
}

describe('ZooKeeper client: the end of a session', () => {
  it('is believed when the server says so, and the client is of no more use', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through, { sessionTimeoutMs: 1_000 });
    const { sessionId } = cut.client;
    const unheard = recorder();
    await cut.client.addWatch('/', 'recursive', unheard.watcher);
    const gone = await ephemeralOf(cut);
    const heardBefore = unheard.heard.length;
    const lost = cut.next('lost');
    await proxy.cut();
    await gone.count(1);
    await proxy.restore();
    const event = await lost;
    expect(event).toMatchObject({ sessionId, server: null, reason: { code: 'SESSION_EXPIRED', retryable: false } });
    expect(cut.states()).toEqual(['connected', 'suspended', 'lost']);
    expect(await failure(cut.client.get('/'))).toMatchObject({
      code: 'SESSION_EXPIRED',
      path: '/',
      request: 'getData',
    });
    expect(await failureCode(cut.client.connect())).toBe('SESSION_EXPIRED');
    expect(await failureCode(cut.client.addWatch('/', 'recursive', unheard.watcher))).toBe('SESSION_EXPIRED');
    expect(unheard.heard).toHaveLength(heardBefore);
    await cut.client.close();
    expect(cut.client.state).toBe('closed');
    expect(await failureCode(cut.client.get('/'))).toBe('CLOSED');
  });

  it('is told by the server to a client whose clock has not noticed, because another has closed the session', async () => {
    const server = await FakeServer.start({ onConnect: ({ attempt }) => (attempt === 1 ? 'greet' : 'expired') });
    const { client, next, states } = await clients.open(server.address, { sessionTimeoutMs: 30_000 });
    const lost = next('lost');
    server.cut();
    expect((await lost).reason).toMatchObject({
      code: 'SESSION_EXPIRED',
      message: expect.stringMatching(/the server says/),
    });
    expect(states()).toEqual(['connected', 'suspended', 'lost']);
    expect(client.state).toBe('lost');
    await server.stop();
  });

  it('is assumed while the network is silent, no later than the server can do it', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through, { sessionTimeoutMs: 2_000 });
    const gone = await ephemeralOf(cut);
    const lost = cut.next('lost');
    const confirmedAt = performance.now();
    await cut.client.exists('/');
    await proxy.blackhole();
    const { reason } = await lost;
    const lostAt = performance.now();
    expect(gone.heard).toEqual([]);
    expect(reason).toMatchObject({ code: 'SESSION_EXPIRED', message: expect.stringMatching(/2000 ms/) });
    // Pings may have been answered between the request and the black hole; none after it.
    expect(lostAt - confirmedAt).toBeLessThan(2_000 + 1_000);
    expect(cut.states()).toEqual(['connected', 'suspended', 'lost']);
    await gone.count(1);
    await proxy.restore();
  });

  it('comes with the end of requests under way', async () => {
    const server = await FakeServer.start({ onConnect: () => 'greet', timeoutMs: 600 });
    const { client, next } = await clients.open(server.address);
    const lost = next('lost');
    server.silent = true;
    const code = failureCode(client.get('/'));
    await lost;
    expect(await code).toBe('CONNECTION_LOSS');
    await server.stop();
  });

  it('counts from the sending of a request that was answered late, not from the answer', async () => {
    const server = await FakeServer.start({ onConnect: () => 'greet', timeoutMs: 3_000, pings: 'ignore' });
    const { client, next } = await clients.open(server.address, { sessionTimeoutMs: 3_000 });
    const lost = next('lost');
    const sentAt = performance.now();
    server.answerAfterMs = 1_500;
    await client.exists('/');
    server.silent = true;
    await lost;
    const passed = performance.now() - sentAt;
    expect(passed).toBeGreaterThan(2_900);
    expect(passed).toBeLessThan(4_400);
    await server.stop();
  });

  it('is learnt by a process that was stopped for longer than its session, at the first turn of its loop', async () => {
    const script = fileURLToPath(new URL('sleeper.mjs', import.meta.url));
    const child = spawn(process.execPath, [script, connectString], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async (): Promise<string> => (await lines.next()).value ?? 'ended';
    try {
      const path = await line();
      const { client: witness } = await clients.open(connectString);
      const gone = recorder();
      expect((await witness.exists(path, { watcher: gone.watcher })).stat).not.toBeNull();
      child.kill('SIGSTOP');
      await gone.count(1);
      child.kill('SIGCONT');
      expect(await line()).toBe('lost SESSION_EXPIRED');
      // What it did in each turn of its loop after it was stopped, up to then.
      expect(await line()).toBe('turns that believed in the session: 0');
    } finally {
      const ended = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await ended;
    }
  });
});
