import { execFile } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startProxy, type TcpProxy } from '@elasticjob/test-support';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { ElasticJobError } from '../../packages/core/src/foundation/errors.js';
import { loadNativePackage } from '../../packages/core/src/registry/native-driver-package.js';
import { ownRoot, TestSessions, watching } from './driver-sessions.js';
import { expectNotificationFirst } from './notification-order.js';

const connectString = inject('zookeeper');
const sessions = new TestSessions('native');
const proxies: TcpProxy[] = [];

afterEach(async () => {
  await sessions.closeAll();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
});

async function proxied(): Promise<{ proxy: TcpProxy; through: string }> {
  const [host, port] = connectString.split(':');
  const proxy = await startProxy(Number(port), host);
  proxies.push(proxy);
  return { proxy, through: `127.0.0.1:${proxy.port}` };
}

async function failure(work: Promise<unknown>): Promise<ElasticJobError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!ElasticJobError.is(error)) throw new Error(`expected an ElasticJobError, saw ${String(error)}`);
  return error;
}

async function failureCode(work: Promise<unknown>): Promise<string> {
  return (await failure(work)).code;
}

describe('native driver: requests', () => {
  it('creates, reads, changes, lists and removes nodes, and tells their transactions', async () => {
    const { session } = await sessions.open(connectString);
    const root = await ownRoot(session, 'ops');
    const created = await session.create(`${root}/a`, 'eins ä', 'persistent');
    expect(created.path).toBe(`${root}/a`);
    const read = await session.get(`${root}/a`);
    expect(read.value).toBe('eins ä');
    expect(read.stat).toMatchObject({ czxid: created.czxid, mzxid: created.czxid, version: 0, ephemeralOwner: 0n });
    const written = await session.set(`${root}/a`, '', 0);
    expect(written).toMatchObject({ czxid: created.czxid, version: 1 });
    expect(written.mzxid).toBeGreaterThan(created.czxid);
    expect((await session.get(`${root}/a`)).value).toBe('');
    await session.create(`${root}/b`, '', 'persistent');
    const listed = await session.children(root);
    expect(listed.names.toSorted()).toEqual(['a', 'b']);
    expect(listed.stat).toMatchObject({ numChildren: 2, cversion: 2 });
    await session.sync(root);
    await session.remove(`${root}/a`, 1);
    expect(await session.exists(`${root}/a`)).toBeNull();
    expect(await session.exists(`${root}/b`)).toMatchObject({ version: 0 });
  });

  it('creates ephemeral nodes of its own session, and sequential ones with ascending names', async () => {
    const { session } = await sessions.open(connectString);
    const root = await ownRoot(session, 'modes');
    await session.create(`${root}/e`, '', 'ephemeral');
    expect((await session.exists(`${root}/e`))?.ephemeralOwner).toBe(session.id);
    const first = await session.create(`${root}/s-`, '', 'ephemeral-sequential');
    const second = await session.create(`${root}/s-`, '', 'persistent-sequential');
    expect([first.path, second.path]).toEqual([`${root}/s-0000000001`, `${root}/s-0000000002`]);
    expect((await session.exists(first.path))?.czxid).toBe(first.czxid);
    expect((await session.exists(second.path))?.czxid).toBe(second.czxid);
  });

  it('names the reason of each refusal by its code', async () => {
    const { session } = await sessions.open(connectString);
    const root = await ownRoot(session, 'refusals');
    await session.create(`${root}/a`, 'kept', 'persistent');
    await session.create(`${root}/e`, '', 'ephemeral');
    expect(await failureCode(session.create(`${root}/a`, 'lost', 'persistent'))).toBe('NODE_EXISTS');
    expect(await failureCode(session.create(`${root}/x/y`, '', 'persistent'))).toBe('NO_NODE');
    expect(await failureCode(session.create(`${root}/e/y`, '', 'persistent'))).toBe('REGISTRY_FAILURE');
    expect(await failureCode(session.get(`${root}/x`))).toBe('NO_NODE');
    expect(await failureCode(session.children(`${root}/x`))).toBe('NO_NODE');
    expect(await failureCode(session.set(`${root}/x`, '', -1))).toBe('NO_NODE');
    expect(await failureCode(session.set(`${root}/a`, '', 7))).toBe('BAD_VERSION');
    expect(await failureCode(session.remove(`${root}/a`, 7))).toBe('BAD_VERSION');
    expect(await failureCode(session.remove(`${root}/x`, -1))).toBe('NO_NODE');
    expect(await failureCode(session.remove(root, -1))).toBe('NOT_EMPTY');
    expect(await failureCode(session.get(`${root}//x`))).toBe('INVALID_PATH');
    expect((await session.get(`${root}/a`)).value).toBe('kept');
  });

  it('answers many pipelined requests, each with its own', async () => {
    const { session } = await sessions.open(connectString);
    const root = await ownRoot(session, 'pipeline');
    const numbers = Array.from({ length: 300 }, (_, index) => index);
    await Promise.all(numbers.map((index) => session.create(`${root}/n${index}`, String(index), 'persistent')));
    const values = await Promise.all(numbers.map(async (index) => (await session.get(`${root}/n${index}`)).value));
    expect(values).toEqual(numbers.map(String));
  });

  it('keeps its session when a large answer arrives in many pieces', async () => {
    const { proxy, through } = await proxied();
    const { session, events } = await sessions.open(through);
    const root = await ownRoot(session, 'large');
    const value = 'x'.repeat(400_000);
    await session.set(root, value, -1);
    await proxy.trickle(4_000);
    expect((await session.get(root)).value).toBe(value);
    await proxy.trickle(0);
    expect(events).toEqual(['connected']);
  });
});

describe('native driver: watches', () => {
  it('tells a watcher once: of a creation, a new value, a removal, a child', async () => {
    const { session } = await sessions.open(connectString);
    const { session: other } = await sessions.open(connectString);
    const root = await ownRoot(session, 'watches');
    const child = watching();
    await session.children(root, child.watcher);
    const creation = watching();
    expect(await session.exists(`${root}/a`, creation.watcher)).toBeNull();
    await other.create(`${root}/a`, '', 'persistent');
    await Promise.all([creation.called, child.called]);
    const change = watching();
    const sameChange = watching();
    await session.get(`${root}/a`, change.watcher);
    await session.exists(`${root}/a`, sameChange.watcher);
    await other.set(`${root}/a`, 'new', -1);
    await Promise.all([change.called, sameChange.called]);
    const removal = watching();
    const goneParent = watching();
    await session.exists(`${root}/a`, removal.watcher);
    await session.children(`${root}/a`, goneParent.watcher);
    await other.remove(`${root}/a`, -1);
    await Promise.all([removal.called, goneParent.called]);
    await other.create(`${root}/a`, '', 'persistent');
    await session.sync(root);
    expect([creation, child, change, sameChange, removal, goneParent].map((each) => each.calls())).toEqual(
      Array(6).fill(1),
    );
  });

  it('does not watch what could not be read', async () => {
    const { session } = await sessions.open(connectString);
    const root = await ownRoot(session, 'unread');
    const { watcher, calls } = watching();
    expect(await failureCode(session.get(`${root}/a`, watcher))).toBe('NO_NODE');
    await session.create(`${root}/a`, '', 'persistent');
    await session.set(`${root}/a`, 'x', -1);
    await session.sync(root);
    expect(calls()).toBe(0);
  });

  it('hears of a change before the answer to a later create, 500 times', async () => {
    const { session: reader } = await sessions.open(connectString);
    const { session: writer } = await sessions.open(connectString);
    await expectNotificationFirst(reader, writer, await ownRoot(reader, 'order'), 500);
  });

  it('keeps watching over a reconnect and hears afterwards of what changed meanwhile', async () => {
    const { proxy, through } = await proxied();
    const cut = await sessions.open(through);
    const { session: other } = await sessions.open(connectString);
    const root = await ownRoot(other, 'reconnect');
    const { watcher, called, calls } = watching();
    await cut.session.get(root, watcher);
    const [gone, back] = [cut.next('disconnected'), cut.next('connected')];
    await proxy.cut();
    await gone;
    await other.set(root, 'meanwhile', -1);
    expect(calls()).toBe(0);
    await proxy.restore();
    await Promise.all([back, called]);
    expect(cut.events).toEqual(['connected', 'disconnected', 'connected']);
    expect(calls()).toBe(1);
  });
});

describe('native driver: connection', () => {
  it('knows nothing before it is connected, and then its id and the granted timeout', async () => {
    const opening = await sessions.start(connectString);
    expect(opening.session).toMatchObject({ id: 0n, timeoutMs: 0 });
    expect(opening.events).toEqual([]);
    expect(await failureCode(opening.session.get('/'))).toBe('CONNECTION_LOSS');
    await opening.next('connected');
    expect(opening.session.id).toBeGreaterThan(0n);
    expect(opening.session.timeoutMs).toBe(4_000);
  });

  it('rejects requests in flight and later ones while the connection is cut, as retryable', async () => {
    const { proxy, through } = await proxied();
    const { session, next } = await sessions.open(through);
    const gone = next('disconnected');
    // Nothing gets through, so that the answer is not faster than the cut.
    await proxy.blackhole();
    const inFlight = failure(session.get('/'));
    await proxy.cut();
    expect(await inFlight).toMatchObject({ code: 'CONNECTION_LOSS', retryable: true, path: '/' });
    await gone;
    expect(await failureCode(session.get('/'))).toBe('CONNECTION_LOSS');
  });

  it('goes on with its session when the connection breaks while it sends, and hears of what changed meanwhile', async () => {
    const { proxy, through } = await proxied();
    const { session: elsewhere } = await sessions.open(connectString);
    const root = await ownRoot(elsewhere, 'sending');
    const busy = await Promise.all([1, 2, 3, 4].map(() => sessions.open(through)));
    const ids = busy.map(({ session }) => session.id);
    const over = new AbortController();
    const sending = busy.map(async ({ session, events, next }) => {
      while (!over.signal.aborted) {
        await session.exists(root).catch((error: unknown) => {
          if (!ElasticJobError.is(error, 'CONNECTION_LOSS')) throw error;
        });
        // In a turn of its own, not in the one in which the client has just looked at its socket.
        if (events.at(-1) === 'connected') await turn();
        else await next('connected');
      }
    });
    for (let round = 0; round < 5; round++) {
      const watches = busy.map(() => watching());
      await Promise.all(busy.map(({ session }, index) => session.get(root, watches[index]?.watcher)));
      const lost = busy.map(({ next }) => next('disconnected'));
      const back = busy.map(({ next }) => next('connected'));
      await proxy.cut();
      await Promise.all(lost);
      await elsewhere.set(root, String(round), -1);
      await proxy.restore();
      await Promise.all([...back, ...watches.map(({ called }) => called)]);
      for (const { session } of busy) expect((await session.get(root)).value).toBe(String(round));
    }
    over.abort();
    await Promise.all(sending);
    expect(busy.map(({ session }) => session.id)).toEqual(ids);
  });

  it('expires when it was cut off for longer than its timeout, and is of no more use', async () => {
    const { proxy, through } = await proxied();
    const { session, events, next } = await sessions.open(through);
    const { session: other } = await sessions.open(connectString);
    const root = await ownRoot(other, 'expiry');
    await session.create(`${root}/e`, '', 'ephemeral');
    const lost = watching();
    const unheard = watching();
    await session.exists(root, unheard.watcher);
    await other.exists(`${root}/e`, lost.watcher);
    const expired = next('expired');
    await proxy.cut();
    await lost.called;
    await proxy.restore();
    await expired;
    expect(events).toEqual(['connected', 'disconnected', 'expired']);
    expect(unheard.calls()).toBe(0);
    expect(await failureCode(session.get('/'))).toBe('SESSION_LOST');
    await session.close();
    expect(await failureCode(session.get('/'))).toBe('REGISTRY_CLOSED');
  });

  it('connects once the server can be reached, however late', async () => {
    const { proxy, through } = await proxied();
    await proxy.cut();
    const opening = await sessions.start(through);
    await expect.poll(() => failureCode(opening.session.get('/'))).toBe('CONNECTION_LOSS');
    await proxy.restore();
    await opening.next('connected');
    expect(opening.events).toEqual(['connected']);
  });

  it('says which connect string leads nowhere', async () => {
    const error = await failure(sessions.start('no-such-host.invalid:2181'));
    expect(error).toMatchObject({ code: 'CONNECTION_LOSS', retryable: true });
    expect(error.message).toContain('no-such-host.invalid:2181');
  });

  it('names the remedies when the package cannot be loaded', () => {
    const load = (): never => {
      throw new Error('No native build was found for platform=linux\n  loaded from: somewhere');
    };
    expect(() => loadNativePackage(load)).toThrow(
      /No native build.*compiler, make and Python 3.*npm rebuild zookeeper/,
    );
  });

  it('writes nothing to stdout and stderr, not even when connecting fails', async () => {
    const script = fileURLToPath(new URL('silent-client.mjs', import.meta.url));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, connectString]);
    expect(stderr).toBe('');
    expect(stdout).toBe('connected\n');
  });
});

describe('native driver: close', () => {
  it('ends the session on the server, so that its ephemeral nodes vanish at once', async () => {
    const { session } = await sessions.open(connectString);
    const { session: other } = await sessions.open(connectString);
    const root = await ownRoot(other, 'close');
    await session.create(`${root}/e`, '', 'ephemeral');
    await session.close();
    expect(await other.exists(`${root}/e`)).toBeNull();
  });

  it('rejects what was in flight and whatever comes later', async () => {
    const { session, events } = await sessions.open(connectString);
    const inFlight = Promise.all([failureCode(session.get('/')), failureCode(session.children('/'))]);
    await Promise.all([session.close(), session.close()]);
    expect(await inFlight).toEqual(['REGISTRY_CLOSED', 'REGISTRY_CLOSED']);
    expect(await failureCode(session.get('/'))).toBe('REGISTRY_CLOSED');
    expect(events).toEqual(['connected']);
  });

  it('still lets the server apply what was sent before', async () => {
    const { session } = await sessions.open(connectString);
    const { session: other } = await sessions.open(connectString);
    const root = await ownRoot(other, 'sent');
    const sent = Array.from({ length: 200 }, (_, index) => session.create(`${root}/n${index}`, '', 'persistent'));
    const outcomes = Promise.allSettled(sent);
    await session.close();
    await outcomes;
    expect((await other.children(root)).names).toHaveLength(200);
  });

  it('can be closed from within a watcher', async () => {
    const { session } = await sessions.open(connectString);
    const root = await ownRoot(session, 'inside');
    const { session: other } = await sessions.open(connectString);
    const closing = new Promise<void>((resolve, reject) => {
      void session.get(root, () => void session.close().then(resolve, reject)).then(() => other.set(root, 'x', -1));
    });
    await closing;
    expect(await failureCode(session.get('/'))).toBe('REGISTRY_CLOSED');
  });

  it('can be closed while the connection is cut, and before there ever was one', async () => {
    const { proxy, through } = await proxied();
    const { session, next } = await sessions.open(through);
    const gone = next('disconnected');
    await proxy.cut();
    await gone;
    await session.close();
    const { session: unconnected, events } = await sessions.start(through);
    await unconnected.close();
    expect(events).toEqual([]);
  });
});

describe('native driver: digest', () => {
  const MEMBER = { digest: 'member:s3cret:word' };

  it('gives every node it creates to the digest alone', async () => {
    const { session } = await sessions.open(connectString, MEMBER);
    const { session: colleague } = await sessions.open(connectString, MEMBER);
    const { session: stranger } = await sessions.open(connectString);
    const root = await ownRoot(session, 'digest');
    for (const mode of ['persistent', 'ephemeral', 'persistent-sequential', 'ephemeral-sequential'] as const) {
      const { path, czxid } = await session.create(`${root}/${mode}-`, 'v', mode);
      expect((await colleague.get(path)).stat.czxid).toBe(czxid);
      expect(await failureCode(stranger.get(path))).toBe('NO_AUTH');
      expect(await failureCode(stranger.set(path, '', -1))).toBe('NO_AUTH');
      expect(await failureCode(stranger.remove(path, -1))).toBe('NO_AUTH');
    }
    expect(await failureCode(stranger.children(root))).toBe('NO_AUTH');
    expect(await failureCode(stranger.create(`${root}/x`, '', 'persistent'))).toBe('NO_AUTH');
  });

  it('says that the digest is another one, naming the path and never the password', async () => {
    const { session } = await sessions.open(connectString, MEMBER);
    const { session: stranger } = await sessions.open(connectString, { digest: 'member:wrong' });
    const root = await ownRoot(session, 'wrong');
    const error = await failure(stranger.get(root));
    expect(error.code).toBe('NO_AUTH');
    expect(error.message).toContain(root);
    expect(error.message).toContain('the digest configured for this namespace');
    expect(error.message).not.toContain('wrong:');
  });

  it('leaves an existing node as it is', async () => {
    const { session: owner } = await sessions.open(connectString);
    const { session } = await sessions.open(connectString, MEMBER);
    const root = await ownRoot(owner, 'existing');
    await owner.create(`${root}/a`, 'open', 'persistent');
    expect(await failureCode(session.create(`${root}/a`, 'x', 'persistent'))).toBe('NODE_EXISTS');
    const { session: stranger } = await sessions.open(connectString);
    expect((await stranger.get(`${root}/a`)).value).toBe('open');
  });

  it('is authenticated after a reconnect as before', async () => {
    const { proxy, through } = await proxied();
    const { session, next } = await sessions.open(through, MEMBER);
    const root = await ownRoot(session, 'again');
    const [gone, back] = [next('disconnected'), next('connected')];
    await proxy.cut();
    await gone;
    await proxy.restore();
    await back;
    await session.set(root, 'after', -1);
    await session.create(`${root}/a`, '', 'ephemeral');
  });

  it('is authenticated also when the server was away at first', async () => {
    const { proxy, through } = await proxied();
    await proxy.cut();
    const { session, next } = await sessions.start(through, MEMBER);
    const back = next('connected');
    await expect.poll(() => failureCode(session.get('/'))).toBe('CONNECTION_LOSS');
    await proxy.restore();
    await back;
    const root = await ownRoot(session, 'late');
    const { session: stranger } = await sessions.open(connectString);
    expect(await failureCode(stranger.get(root))).toBe('NO_AUTH');
  });

  it('tells truthfully what became of a node that others touched before it was protected', async () => {
    const { proxy, through } = await proxied();
    const { session } = await sessions.open(through, MEMBER);
    const { session: colleague } = await sessions.open(connectString, MEMBER);
    const root = await ownRoot(colleague, 'touched');
    await proxy.delay(50);
    const removed = watching();
    await colleague.exists(`${root}/removed`, removed.watcher);
    const removing = failureCode(session.create(`${root}/removed`, '', 'ephemeral'));
    await removed.called;
    await colleague.remove(`${root}/removed`, -1);
    expect(await removing).toBe('NO_NODE');
    for (const mode of ['persistent', 'ephemeral'] as const) {
      const taken = watching();
      await colleague.exists(`${root}/${mode}`, taken.watcher);
      const creating = failureCode(session.create(`${root}/${mode}`, 'mine', mode));
      await taken.called;
      await colleague.remove(`${root}/${mode}`, -1);
      await colleague.create(`${root}/${mode}`, 'theirs', mode);
      expect(await creating).toBe('NODE_EXISTS');
      expect((await colleague.get(`${root}/${mode}`)).value).toBe('theirs');
    }
  });

  it('protects after a reconnect what was created just before the connection was lost', async () => {
    const { proxy, through } = await proxied();
    const { session, next } = await sessions.open(through, MEMBER);
    const { session: stranger } = await sessions.open(connectString);
    const root = await ownRoot(stranger, 'leftover');
    const created = watching();
    await stranger.exists(`${root}/a`, created.watcher);
    const back = next('connected');
    await proxy.delay(100);
    const creating = failureCode(session.create(`${root}/a`, '', 'persistent'));
    await created.called;
    await proxy.cut();
    expect(await creating).toBe('CONNECTION_LOSS');
    expect((await stranger.get(`${root}/a`)).value).toBe('');
    await proxy.delay(0);
    await proxy.restore();
    await back;
    await expect.poll(() => failureCode(stranger.get(`${root}/a`))).toBe('NO_AUTH');
  });
});
