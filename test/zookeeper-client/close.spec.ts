import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ZooKeeperError } from '@elasticjob/zookeeper-client';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { FakeServer } from './fake-server.js';
import { failure, failureCode, ownRoot, recorder, TestClients } from './test-clients.js';

const connectString = inject('zookeeper');
const clients = new TestClients();
afterEach(() => clients.closeAll());

describe('ZooKeeper client: close', () => {
  it('ends the session on the server, so that its ephemeral nodes vanish at once', async () => {
    const { client, states } = await clients.open(connectString);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'close');
    await client.create(`${root}/e`, '', { mode: 'ephemeral' });
    await client.close();
    expect((await other.exists(`${root}/e`)).stat).toBeNull();
    expect(states()).toEqual(['connected', 'closed']);
    expect(client).toMatchObject({ state: 'closed', server: null });
  });

  it('can be asked for many times, and then nothing is taken any more', async () => {
    const { client, events } = await clients.open(connectString);
    await Promise.all([client.close(), client.close()]);
    await client.close();
    expect(events).toHaveLength(2);
    expect(await failure(client.get('/'))).toMatchObject({ code: 'CLOSED', path: '/', retryable: false });
    expect(await failureCode(client.connect())).toBe('CLOSED');
    expect(await failureCode(client.addAuth('digest', 'a:b'))).toBe('CLOSED');
    expect(await failureCode(client.multi([{ kind: 'remove', path: '/a' }]))).toBe('CLOSED');
  });

  it('lets the server apply what was sent before, and tells its outcome', async () => {
    const { client } = await clients.open(connectString);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'sent');
    const works = Array.from({ length: 200 }, (_, index) => client.create(`${root}/n${index}`));
    const outcomes = Promise.allSettled(works);
    await client.close();
    expect((await outcomes).every(({ status }) => status === 'fulfilled')).toBe(true);
    expect((await other.children(root)).names).toHaveLength(200);
  });

  it('does not wait for a network that is silent, and fails what was under way', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const { client } = await clients.open(through);
    await proxy.blackhole();
    const codes = Promise.all([failureCode(client.get('/')), failureCode(client.children('/'))]);
    const started = performance.now();
    await client.close();
    expect(performance.now() - started).toBeLessThan(3_000);
    expect(await codes).toEqual(['CLOSED', 'CLOSED']);
    await proxy.restore();
  });

  it('can come while there is no connection', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const { client, next, states } = await clients.open(through);
    const gone = next('suspended');
    await proxy.cut();
    await gone;
    await client.close();
    expect(states()).toEqual(['connected', 'suspended', 'closed']);
    await proxy.restore();
    expect(await proxy.connections()).toBe(0);
  });

  it('can come while connecting, at any stage, and whoever waits is told', async () => {
    const silent = await FakeServer.start({ onConnect: () => 'silence' });
    for (const address of [silent.address, '127.0.0.1:1', connectString]) {
      for (let turns = 0; turns < 5; turns++) {
        const { client, states } = clients.make(address);
        const told = client.connect().then(
          () => 'connected',
          (error: unknown) => (ZooKeeperError.is(error) ? error.code : String(error)),
        );
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        // A real server may have answered by then: whoever waited was told so, and is not told otherwise.
        const expected = client.state === 'connected' ? 'connected' : 'CLOSED';
        await client.close();
        expect(await told).toBe(expected);
        expect(states().at(-1)).toBe('closed');
      }
    }
    await silent.stop();
  });

  it('can come before anybody asked for a connection', async () => {
    const { client, states } = clients.make(connectString);
    await client.close();
    expect(states()).toEqual(['closed']);
    expect(await failureCode(client.connect())).toBe('CLOSED');
  });

  it('can come while authentication is under way', async () => {
    const server = await FakeServer.start({ onConnect: () => 'greet' });
    const { client, states } = clients.make(server.address, {
      auth: [{ scheme: 'digest', credentials: 'a:b' }],
    });
    server.answerAfterMs = 60_000;
    const code = failureCode(client.connect());
    await expect.poll(() => server.received).toBe(1);
    await client.close();
    expect(await code).toBe('CLOSED');
    expect(states()).toEqual(['closed']);
    await server.stop();
  });

  it('can come from within a watcher, and from within a listener', async () => {
    const { client } = await clients.open(connectString);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'inside');
    const closing = new Promise<void>((resolve, reject) => {
      void client
        .get(root, { watcher: () => void client.close().then(resolve, reject) })
        .then(() => other.set(root, 'x'));
    });
    await closing;
    const { client: second } = clients.make(connectString);
    const closed = new Promise<void>((resolve, reject) => {
      second.onSession(({ state }) => {
        if (state === 'connected') second.close().then(resolve, reject);
      });
    });
    const connected = second.connect().catch(() => undefined);
    await Promise.all([closed, connected]);
    expect([client.state, second.state]).toEqual(['closed', 'closed']);
  });

  it('is the last thing that anybody hears', async () => {
    const { client, events } = await clients.open(connectString);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'last');
    const { watcher, heard } = recorder();
    await client.addWatch(root, 'recursive', watcher);
    const changes = Promise.all(Array.from({ length: 200 }, (_, index) => other.create(`${root}/n${index}`)));
    const closing = client.close();
    const heardAtClose = heard.length;
    await Promise.all([closing, changes]);
    expect(heard).toHaveLength(heardAtClose);
    expect(events.at(-1)?.state).toBe('closed');
  });

  it('leaves nothing that would keep the process alive', async () => {
    const script = fileURLToPath(new URL('leaver.mjs', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script, connectString]);
    expect(stdout).toBe('closed\n');
  });
});
