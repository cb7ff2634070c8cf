import { digestAcl, OPEN_ACL, Permission, READ_ACL } from '@elasticjob/zookeeper-client';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { failure, failureCode, ownRoot, SESSION_MS, TestClients } from './test-clients.js';

const connectString = inject('zookeeper');
const clients = new TestClients();
afterEach(() => clients.closeAll());

describe('ZooKeeper client: requests', () => {
  it('creates, reads, changes, lists and removes nodes, and tells their transactions', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'ops');
    const created = await client.create(`${root}/a`, 'eins ä €');
    expect(created).toMatchObject({ path: `${root}/a`, stat: { version: 0, ephemeralOwner: 0n, dataLength: 11 } });
    expect(created.stat.czxid).toBe(created.zxid);
    const read = await client.get(`${root}/a`);
    expect(read.data.toString()).toBe('eins ä €');
    expect(read.stat).toEqual(created.stat);
    const written = await client.set(`${root}/a`, Buffer.from([0, 255]), { version: 0 });
    expect(written.stat).toMatchObject({ czxid: created.zxid, mzxid: written.zxid, version: 1, dataLength: 2 });
    expect((await client.get(`${root}/a`)).data).toEqual(Buffer.from([0, 255]));
    await client.create(`${root}/b`);
    expect((await client.get(`${root}/b`)).data).toEqual(Buffer.alloc(0));
    const listed = await client.children(root);
    expect(listed.names.toSorted()).toEqual(['a', 'b']);
    expect(listed.stat).toMatchObject({ numChildren: 2, cversion: 2 });
    const removed = await client.remove(`${root}/a`, { version: 1 });
    expect(removed.zxid).toBeGreaterThan(written.zxid);
    expect((await client.exists(`${root}/a`)).stat).toBeNull();
    expect((await client.exists(`${root}/b`)).stat).toMatchObject({ version: 0 });
    expect((await client.sync(root)).zxid).toBeGreaterThanOrEqual(removed.zxid);
    expect(client.lastZxid).toBeGreaterThanOrEqual(removed.zxid);
  });

  it('tells when nodes were made and changed, by the clock of the server', async () => {
    const before = Date.now();
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'times');
    const { stat } = await client.set(root, 'later');
    expect(stat.ctime).toBeGreaterThanOrEqual(before);
    expect(stat.mtime).toBeGreaterThanOrEqual(stat.ctime);
    expect(stat.mtime).toBeLessThanOrEqual(Date.now());
  });

  it('creates ephemeral nodes of its own session, and sequential ones with ascending names', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'modes');
    const own = await client.create(`${root}/e`, '', { mode: 'ephemeral' });
    expect(own.stat.ephemeralOwner).toBe(client.sessionId);
    const first = await client.create(`${root}/s-`, '', { mode: 'ephemeral-sequential' });
    const second = await client.create(`${root}/s-`, '', { mode: 'persistent-sequential' });
    const bare = await client.create(`${root}/`, '', { mode: 'persistent-sequential' });
    expect([first.path, second.path, bare.path]).toEqual([
      `${root}/s-0000000001`,
      `${root}/s-0000000002`,
      `${root}/0000000003`,
    ]);
    expect([first.stat.ephemeralOwner, second.stat.ephemeralOwner]).toEqual([client.sessionId, 0n]);
  });

  it('names the reason of each refusal by its code, and says which node it was', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'refusals');
    await client.create(`${root}/a`, 'kept');
    await client.create(`${root}/e`, '', { mode: 'ephemeral' });
    expect(await failureCode(client.create(`${root}/a`, 'lost'))).toBe('NODE_EXISTS');
    expect(await failureCode(client.create(`${root}/x/y`))).toBe('NO_NODE');
    expect(await failureCode(client.create(`${root}/e/y`))).toBe('NO_CHILDREN_FOR_EPHEMERALS');
    expect(await failureCode(client.get(`${root}/x`))).toBe('NO_NODE');
    expect(await failureCode(client.children(`${root}/x`))).toBe('NO_NODE');
    expect(await failureCode(client.set(`${root}/x`, ''))).toBe('NO_NODE');
    expect(await failureCode(client.set(`${root}/a`, '', { version: 7 }))).toBe('BAD_VERSION');
    expect(await failureCode(client.remove(`${root}/a`, { version: 7 }))).toBe('BAD_VERSION');
    expect(await failureCode(client.remove(`${root}/x`))).toBe('NO_NODE');
    expect(await failureCode(client.remove(root))).toBe('NOT_EMPTY');
    expect(await failureCode(client.setAcl(`${root}/a`, []))).toBe('INVALID_ACL');
    expect(await failureCode(client.setAcl(`${root}/a`, OPEN_ACL, { version: 7 }))).toBe('BAD_VERSION');
    expect(await failureCode(client.getAcl(`${root}/x`))).toBe('NO_NODE');
    const error = await failure(client.get(`${root}/x`));
    expect(error).toMatchObject({ path: `${root}/x`, request: 'getData', serverCode: -101, retryable: false });
    expect(error.message).toContain(`${root}/x`);
    expect((await client.get(`${root}/a`)).data.toString()).toBe('kept');
  });

  it.each(['', 'a', '/a/', '//', '/a//b', '/a/./b', '/a/../b', '/a\0b', '/a\ud800b', '/a\ue000', '/😀'])(
    'refuses the path %j by itself',
    async (path) => {
      const { client } = await clients.open(connectString);
      const requests: (() => Promise<unknown>)[] = [
        () => client.create(path),
        () => client.create(path, '', { mode: 'ephemeral' }),
        () => client.create(path, '', { mode: 'container' }),
        () => client.get(path),
        () => client.exists(path),
        () => client.children(path),
        () => client.set(path, ''),
        () => client.remove(path),
        () => client.getAcl(path),
        () => client.setAcl(path, OPEN_ACL),
        () => client.sync(path),
        () => client.multi([{ kind: 'check', path, version: 0 }]),
        () => client.addWatch(path, 'recursive', () => undefined),
      ];
      for (const request of requests) {
        expect(await failure(request())).toMatchObject({ code: 'INVALID_PATH', path, retryable: false });
      }
    },
  );

  it('takes any path that the server takes', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'paths');
    for (const name of ['a b', '.hidden', '...', 'ä€', '日本', 'a:b@c', '%2F', 'quote\'"', '-']) {
      const { path } = await client.create(`${root}/${name}`, name);
      expect((await client.get(path)).data.toString()).toBe(name);
    }
    expect((await client.children(root)).names).toHaveLength(9);
  });

  it('answers many pipelined requests, each with its own, in the order they were made', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'pipeline');
    const numbers = Array.from({ length: 3_000 }, (_, index) => index);
    const order: number[] = [];
    const creates = numbers.map(async (index) => {
      const { zxid } = await client.create(`${root}/n${index}`, String(index));
      order.push(index);
      return zxid;
    });
    const reads = numbers.map(async (index) => {
      const { data } = await client.get(`${root}/n${index}`);
      order.push(index);
      return data.toString();
    });
    const zxids = await Promise.all(creates);
    expect(await Promise.all(reads)).toEqual(numbers.map(String));
    expect(order).toEqual([...numbers, ...numbers]);
    expect(zxids).toEqual(zxids.toSorted((a, b) => (a < b ? -1 : 1)));
  });

  it('reads what it wrote before without waiting for the answer', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'own-writes');
    const answers = await Promise.all([
      client.set(root, 'one'),
      client.get(root),
      client.set(root, 'two'),
      client.get(root),
      client.remove(root),
      client.exists(root),
    ]);
    expect(answers[1].data.toString()).toBe('one');
    expect(answers[3].data.toString()).toBe('two');
    expect(answers[5].stat).toBeNull();
  });

  it('fails one request of many, and the others go on', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'some-fail');
    const works = Array.from({ length: 200 }, (_, index) =>
      client.create(index % 2 ? `${root}/x/y` : `${root}/n${index}`),
    );
    const outcomes = await Promise.allSettled(works);
    expect(outcomes.map(({ status }) => status)).toEqual(
      works.map((_, index) => (index % 2 ? 'rejected' : 'fulfilled')),
    );
  });

  it('keeps its session when answers arrive in small pieces', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const { client, states } = await clients.open(through);
    const root = await ownRoot(client, 'pieces');
    const data = Buffer.alloc(20_000, 'x');
    await client.set(root, data);
    await proxy.trickle(37);
    const answers = await Promise.all([client.get(root), client.children(root), client.get(root)]);
    expect(answers[0].data).toEqual(data);
    expect(answers[2].data).toEqual(data);
    expect(states()).toEqual(['connected']);
  });

  it('is connected for as long as nobody asks for anything', async () => {
    const { client, states, events } = await clients.open(connectString, { sessionTimeoutMs: 1_000 });
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'idle');
    await client.create(`${root}/e`, '', { mode: 'ephemeral' });
    await new Promise((resolve) => setTimeout(resolve, 3 * client.timeoutMs));
    expect((await other.exists(`${root}/e`)).stat).not.toBeNull();
    expect(states()).toEqual(['connected']);
    expect(events).toHaveLength(1);
  });

  it('refuses a request that the server would answer with the end of the connection', async () => {
    const { client, states } = await clients.open(connectString);
    const root = await ownRoot(client, 'large');
    const error = await failure(client.set(root, Buffer.alloc(1_000_001)));
    expect(error).toMatchObject({ code: 'REQUEST_TOO_LARGE', path: root, request: 'setData', retryable: false });
    expect(error.message).toMatch(/1000\d{3} bytes.*maxRequestBytes is 1000000/);
    const many = Array.from({ length: 11 }, (_, index) => ({
      kind: 'create' as const,
      path: `${root}/n${index}`,
      data: Buffer.alloc(100_000),
    }));
    expect(await failureCode(client.multi(many))).toBe('REQUEST_TOO_LARGE');
    expect(await failureCode(client.create(`${root}/x`, 'ä'.repeat(500_001)))).toBe('REQUEST_TOO_LARGE');
    await client.set(root, Buffer.alloc(999_000));
    expect((await client.get(root)).data).toHaveLength(999_000);
    expect((await client.children(root)).names).toEqual([]);
    expect(states()).toEqual(['connected']);
  });

  it('refuses an answer that is too large, and goes on in the same session', async () => {
    const { client: writer } = await clients.open(connectString);
    const root = await ownRoot(writer, 'large-answer');
    await writer.set(root, Buffer.alloc(50_000));
    const { client, states, next } = await clients.open(connectString, { maxAnswerBytes: 10_000 });
    const { sessionId } = client;
    const back = next('connected');
    const [large, after] = await Promise.all([failure(client.get(root)), failure(client.exists(root))]);
    expect(large).toMatchObject({ code: 'ANSWER_TOO_LARGE', path: root, request: 'getData' });
    expect(after).toMatchObject({ code: 'CONNECTION_LOSS', retryable: true });
    await back;
    expect(client.sessionId).toBe(sessionId);
    expect((await client.exists(root)).stat?.dataLength).toBe(50_000);
    expect(states()).toEqual(['connected', 'suspended', 'connected']);
  });

  it('reads and replaces access lists', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'acl');
    expect((await client.getAcl(root)).acl).toEqual(OPEN_ACL);
    const list = [...digestAcl('user', 'secret', Permission.ALL), ...READ_ACL];
    const { stat } = await client.setAcl(root, list, { version: 0 });
    expect(stat.aversion).toBe(1);
    const [masked] = (await client.getAcl(root)).acl;
    expect(masked).toEqual({ permissions: Permission.ALL, scheme: 'digest', id: 'user:x' });
    await client.addAuth('digest', 'user:secret');
    expect((await client.getAcl(root)).acl).toEqual(list);
  });

  it('has granted itself no more than the server allows', async () => {
    const { client } = await clients.open(connectString, { sessionTimeoutMs: 3_600_000 });
    expect(client.timeoutMs).toBeLessThan(3_600_000);
    const { client: usual } = await clients.open(connectString);
    expect(usual.timeoutMs).toBe(SESSION_MS);
  });
});

describe('ZooKeeper client: giving up a request', () => {
  it('does not send what was given up before', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'before');
    const reason = new Error('not needed any more');
    const work = client.create(`${root}/a`, '', { signal: AbortSignal.abort(reason) });
    await expect(work).rejects.toBe(reason);
    expect((await client.exists(`${root}/a`)).stat).toBeNull();
  });

  it('rejects at once with the reason, though the request may be applied', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const { client } = await clients.open(through);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(client, 'under-way');
    await proxy.delay(300);
    const giveUp = new AbortController();
    const reason = new Error('not needed any more');
    const later = client.create(`${root}/a`, '', { signal: giveUp.signal });
    const after = client.create(`${root}/b`);
    const started = performance.now();
    giveUp.abort(reason);
    await expect(later).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(300);
    expect((await after).path).toBe(`${root}/b`);
    expect((await other.exists(`${root}/a`)).stat).not.toBeNull();
  });

  it('means nothing once the answer is there', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'after');
    const giveUp = new AbortController();
    const { stat } = await client.exists(root, { signal: giveUp.signal });
    giveUp.abort();
    expect(stat).not.toBeNull();
  });
});
