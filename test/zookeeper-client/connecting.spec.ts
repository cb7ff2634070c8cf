import { ZooKeeper, ZooKeeperError } from '@elasticjob/zookeeper-client';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { answer, creation, FakeServer, type FakeServerOptions, frameOf, greeting } from './fake-server.js';
import { failure, failureCode, ownRoot, TestClients } from './test-clients.js';

const connectString = inject('zookeeper');
const clients = new TestClients();
const fakes: FakeServer[] = [];
afterEach(async () => {
  await clients.closeAll();
  await Promise.all(fakes.splice(0).map((server) => server.stop()));
});

async function fake(options: FakeServerOptions): Promise<FakeServer> {
  const server = await FakeServer.start(options);
  fakes.push(server);
  return server;
}

describe('ZooKeeper client: before it is connected', () => {
  it('knows nothing, takes nothing and opens nothing', async () => {
    const server = await fake({ onConnect: () => 'greet' });
    const { client, events } = clients.make(server.address);
    expect(client).toMatchObject({ state: 'connecting', sessionId: 0n, timeoutMs: 0, server: null, lastZxid: 0n });
    expect(await failure(client.get('/a'))).toMatchObject({ code: 'CONNECTION_LOSS', path: '/a', retryable: true });
    expect(events).toEqual([]);
    expect(server.attempts).toEqual([]);
    await client.connect();
    expect(client).toMatchObject({ state: 'connected', sessionId: 0x1234n, server: server.address });
  });

  it('connects once however often it is asked', async () => {
    const server = await fake({ onConnect: () => 'greet' });
    const { client, states } = clients.make(server.address);
    await Promise.all([client.connect(), client.connect(), client.connect()]);
    await client.connect();
    expect(server.attempts).toHaveLength(1);
    expect(states()).toEqual(['connected']);
  });

  it('connects once the server can be reached, however late', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    await proxy.cut();
    const { client, next, states } = clients.make(through);
    const refused = next('connecting');
    const connected = client.connect();
    expect((await refused).reason).toMatchObject({ code: 'CONNECTION_LOSS', retryable: true });
    await proxy.restore();
    await connected;
    expect(states()).toEqual(['connecting', 'connected']);
  });

  it('gives up waiting after a time, saying what stood in the way, and connects later all the same', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    await proxy.cut();
    const { client, next } = clients.make(through);
    const error = await failure(client.connect({ timeoutMs: 300 }));
    expect(error).toMatchObject({ code: 'CONNECTION_TIMEOUT', request: 'connect' });
    expect(error.message).toMatch(/within 300 ms.*127\.0\.0\.1:\d+/);
    expect(client.state).toBe('connecting');
    const back = next('connected');
    await proxy.restore();
    await back;
    await client.connect();
  });

  it('gives up waiting when told to', async () => {
    const server = await fake({ onConnect: () => 'silence' });
    const { client } = clients.make(server.address);
    const giveUp = new AbortController();
    const reason = new Error('nobody waits any more');
    const waiting = client.connect({ signal: giveUp.signal });
    giveUp.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(client.connect({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(client.state).toBe('connecting');
  });

  it.each<[string, ConstructorParameters<typeof ZooKeeper>[0], RegExp]>([
    ['no server', { connectString: '' }, /connectString/],
    ['no server but a path', { connectString: '/a' }, /connectString/],
    ['a port that is none', { connectString: 'a:99999' }, /connectString.*99999/],
    ['a port that is no number', { connectString: 'a:b' }, /connectString/],
    ['a path that is none', { connectString: 'a:1/b//c' }, /connectString/],
    ['a session of no length', { connectString: 'a:1', sessionTimeoutMs: 0 }, /sessionTimeoutMs.*0/],
    ['a limit that is no number', { connectString: 'a:1', maxRequestBytes: Number.NaN }, /maxRequestBytes.*NaN/],
    ['a pause of no length', { connectString: 'a:1', backoff: { baseMs: 0 } }, /backoff\.baseMs.*0/],
    ['a negative time', { connectString: 'a:1', connectTimeoutMs: -1 }, /connectTimeoutMs.*-1/],
  ])('refuses %s, naming the option', (_, options, message) => {
    expect(() => new ZooKeeper(options)).toThrow(message);
    try {
      new ZooKeeper(options);
    } catch (error) {
      expect(ZooKeeperError.is(error, 'INVALID_OPTIONS')).toBe(true);
    }
  });
});

describe('ZooKeeper client: servers that are none', () => {
  it.each<[string, FakeServerOptions, number]>([
    ['accepts and says nothing', { onConnect: () => 'silence' }, 200],
    ['closes at once', { onConnect: () => 'close' }, 1_000],
    ['sends what is no answer', { onConnect: () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') }, 1_000],
    ['announces a frame of no length', { onConnect: () => Buffer.from('ffffffff', 'hex') }, 1_000],
    ['sends an empty greeting', { onConnect: () => frameOf(Buffer.alloc(0)) }, 1_000],
    ['sends half a greeting', { onConnect: () => frameOf(greeting(4_000, 1n).subarray(4, 20)) }, 1_000],
  ])('goes on to the next server when one %s', async (_, options, connectTimeoutMs) => {
    const bad = await fake(options);
    const { client, events } = clients.make(`${bad.address},${connectString}`, { shuffle: false, connectTimeoutMs });
    await client.connect({ timeoutMs: 10_000 });
    expect(client.server).toBe(connectString);
    expect(bad.attempts).toHaveLength(1);
    expect(events[0]).toMatchObject({ state: 'connecting' });
    // What a web server sends reads like the length of a very long answer.
    expect(['CONNECTION_LOSS', 'PROTOCOL', 'ANSWER_TOO_LARGE']).toContain(events[0]?.reason?.code);
  });

  it('names the server that did not answer', async () => {
    const bad = await fake({ onConnect: () => 'silence' });
    const { client, next } = clients.make(bad.address, { connectTimeoutMs: 100 });
    const refused = next('connecting');
    const error = await failure(client.connect({ timeoutMs: 1_000 }));
    expect((await refused).reason?.message).toContain(bad.address);
    expect(error.message).toContain(bad.address);
  });

  it('waits longer and longer between rounds over servers that refuse', async () => {
    const bad = await fake({ onConnect: () => 'close' });
    const { client } = clients.make(bad.address, { random: () => 1, backoff: { baseMs: 40, maxMs: 160 } });
    expect(await failureCode(client.connect({ timeoutMs: 900 }))).toBe('CONNECTION_TIMEOUT');
    const gaps = bad.attempts.slice(1).map((at, index) => at - (bad.attempts[index] ?? 0));
    expect(bad.attempts.length).toBeLessThan(9);
    expect(gaps[0]).toBeGreaterThan(39);
    expect(gaps[1]).toBeGreaterThan(79);
    for (const gap of gaps.slice(2)) expect(gap).toBeGreaterThan(159);
  });

  it('does not hurry back to a server that opens each session and drops it', async () => {
    const bad = await fake({ onConnect: () => 'greet-and-close' });
    const { client } = clients.make(bad.address, { random: () => 1, backoff: { baseMs: 50, maxMs: 200 } });
    await client.connect();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(bad.attempts.length).toBeGreaterThan(1);
    expect(bad.attempts.length).toBeLessThan(10);
  });

  it('leaves a server that answers something else than was asked, and the session goes on', async () => {
    const bad = await fake({ onConnect: () => 'greet' });
    const { client, next, states } = await clients.open(bad.address);
    const [gone, back] = [next('suspended'), next('connected')];
    bad.silent = true;
    const works = [failure(client.get('/')), failure(client.exists('/'))];
    await expect.poll(() => bad.received).toBe(2);
    bad.silent = false;
    bad.send(answer(77, 0));
    const errors = await Promise.all(works);
    expect(errors.map(({ code }) => code)).toEqual(['CONNECTION_LOSS', 'CONNECTION_LOSS']);
    expect((await gone).reason).toMatchObject({ code: 'PROTOCOL' });
    await back;
    expect(states()).toEqual(['connected', 'suspended', 'connected']);
    expect((await client.exists('/a')).stat).toBeNull();
  });

  it('leaves a server that tells of a path that is none, whatever is watched', async () => {
    const bad = await fake({ onConnect: () => 'greet' });
    const { client, next } = await clients.open(bad.address);
    await client.addWatch('/', 'recursive', () => undefined);
    const [gone, back] = [next('suspended'), next('connected')];
    bad.send(creation('x'));
    expect((await gone).reason).toMatchObject({ code: 'PROTOCOL', message: expect.stringContaining('"x"') });
    await back;
  });

  it('says that the session has moved when a server says so', async () => {
    const old = await fake({ onConnect: () => 'greet' });
    const { client } = await clients.open(old.address);
    old.silent = true;
    const work = failure(client.get('/a'));
    await expect.poll(() => old.received).toBe(1);
    old.send(answer(1, -118));
    expect(await work).toMatchObject({ code: 'SESSION_MOVED', retryable: true, path: '/a', serverCode: -118 });
  });
});

describe('ZooKeeper client: names of servers', () => {
  it('uses those that can be resolved', async () => {
    const { client } = await clients.open(`no-such-host.invalid:2181,${connectString}`);
    expect(client.server).toBe(connectString);
  });

  it('says which cannot be resolved, and goes on trying', async () => {
    const { client, next } = clients.make('no-such-host.invalid:2181');
    const [first, second] = [next('connecting'), next('connecting')];
    const code = failureCode(client.connect({ timeoutMs: 5_000 }));
    expect((await first).reason).toMatchObject({ code: 'CONNECTION_LOSS', retryable: true });
    expect((await second).reason?.message).toContain('no-such-host.invalid');
    await client.close();
    expect(await code).toBe('CLOSED');
  });

  it('resolves names, and tries every address of one', async () => {
    const { client } = await clients.open(connectString.replace('127.0.0.1', 'localhost'));
    expect(client.server).toMatch(/^localhost:\d+ \(127\.0\.0\.1\)$/);
  });

  it('understands IPv6', async () => {
    const { proxy } = await clients.proxied(connectString);
    const { client, next } = clients.make(`[::1]:${proxy.port}`);
    const refused = next('connecting');
    client.connect().catch(() => undefined);
    expect((await refused).reason?.message).toMatch(/\[?::1\]?:\d+/);
  });

  it('spreads clients over the servers', async () => {
    const servers = await Promise.all(Array.from({ length: 3 }, () => fake({ onConnect: () => 'greet' })));
    const together = servers.map(({ address }) => address).join();
    for (let count = 0; count < 60; count++) await clients.open(together);
    for (const { attempts } of servers) expect(attempts.length).toBeGreaterThan(5);
  });

  it('keeps to the order given when told to, and goes round', async () => {
    const servers = await Promise.all(Array.from({ length: 3 }, () => fake({ onConnect: () => 'greet' })));
    const { client, next } = await clients.open(servers.map(({ address }) => address).join(), { shuffle: false });
    const visited = [client.server];
    for (let count = 0; count < 3; count++) {
      const back = next('connected');
      for (const server of servers) server.cut();
      visited.push((await back).server);
    }
    expect(visited).toEqual([0, 1, 2, 0].map((index) => servers[index]?.address));
  });
});

describe('ZooKeeper client: chroot', () => {
  it('sees a part of the tree as the whole of it: in answers, events, errors and transactions', async () => {
    const { client: outside } = await clients.open(connectString);
    const root = await ownRoot(outside, 'chroot');
    await outside.create(`${root}/a`);
    await outside.create(`${root}/a/b`);
    const { client } = await clients.open(`${connectString}${root}/a/b`);
    const heard: string[] = [];
    const tell = ({ kind, path }: { kind: string; path: string }): void => void heard.push(`${kind} ${path}`);
    await client.addWatch('/', 'recursive', tell);
    await client.children('/', { watcher: tell });
    await client.exists('/x', { watcher: tell });
    expect((await client.create('/x', 'v')).path).toBe('/x');
    expect((await client.create('/', '', { mode: 'persistent-sequential' })).path).toBe('/0000000001');
    expect(heard.toSorted()).toEqual(['children /', 'created /0000000001', 'created /x', 'created /x']);
    expect((await client.children('/')).names.toSorted()).toEqual(['0000000001', 'x']);
    expect((await outside.get(`${root}/a/b/x`)).data.toString()).toBe('v');
    expect((await outside.children(`${root}/a`)).names).toEqual(['b']);
    expect(await failure(client.get('/y/z'))).toMatchObject({ code: 'NO_NODE', path: '/y/z' });
    const error = await failure(client.get('/y/z'));
    expect(error.message).not.toContain(root);
    const result = await client.multi([
      { kind: 'check', path: '/', version: 0 },
      { kind: 'create', path: '/m' },
      { kind: 'create', path: '/', mode: 'persistent-sequential' },
    ]);
    expect(result).toMatchObject({ committed: true, results: [{}, { path: '/m' }, { path: '/0000000003' }] });
    await client.set('/', 'data of the root');
    expect((await outside.get(`${root}/a/b`)).data.toString()).toBe('data of the root');
  });

  it('need not exist yet to be watched, and its absence is an error like any other', async () => {
    const { client: outside } = await clients.open(connectString);
    const root = await ownRoot(outside, 'absent');
    const { client } = await clients.open(`${connectString}${root}/app`);
    expect(await failureCode(client.create('/x'))).toBe('NO_NODE');
    const heard: string[] = [];
    await client.addWatch('/', 'recursive', ({ kind, path }) => heard.push(`${kind} ${path}`));
    await client.create('/');
    await client.create('/x');
    expect(heard).toEqual(['created /', 'created /x']);
    expect((await outside.children(`${root}/app`)).names).toEqual(['x']);
  });

  it('keeps watches on their paths over a reconnect', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const { client: outside } = await clients.open(connectString);
    const root = await ownRoot(outside, 'again');
    const { client, next } = await clients.open(`${through}${root}`);
    const heard: string[] = [];
    await client.exists('/x', { watcher: ({ kind, path }) => heard.push(`${kind} ${path}`) });
    const [gone, back] = [next('suspended'), next('connected')];
    await proxy.cut();
    await gone;
    await outside.create(`${root}/x`);
    await proxy.restore();
    await back;
    await client.sync('/');
    expect(heard).toEqual(['created /x']);
  });
});
