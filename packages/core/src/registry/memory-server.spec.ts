import { describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../foundation/clock.js';
import type { ConnectionEvent, DriverSession } from './driver.js';
import { type MemoryDriverOptions, MemoryServer, memoryRegistry } from './memory-server.js';

describe('memory server', () => {
  it('counts creations and removals of children, and numbers sequential nodes by the creations', async () => {
    const { session } = await connect();
    await session.create('/p', '', 'persistent');
    await session.create('/p/a', '', 'persistent');
    await session.remove('/p/a', -1);
    const made = await session.create('/p/n-', '', 'persistent-sequential');
    expect(made.path).toBe('/p/n-0000000001');
    const { stat } = await session.get('/p');
    expect(stat).toMatchObject({ version: 0, cversion: 3, numChildren: 1, pzxid: made.czxid });
  });

  it('stamps nodes with its clock and its transactions', async () => {
    const { session, clock } = await connect();
    const made = await session.create('/a', 'x', 'persistent');
    const born = clock.now();
    await clock.advance(1_000);
    const stat = await session.set('/a', 'y', 0);
    expect(stat).toMatchObject({ czxid: made.czxid, mzxid: made.czxid + 1n, pzxid: made.czxid, version: 1 });
    expect(stat).toMatchObject({ ctime: born, mtime: born + 1_000 });
  });

  it('refuses what ZooKeeper refuses, with its reasons', async () => {
    const { session } = await connect();
    await session.create('/a', '', 'persistent');
    await session.create('/e', '', 'ephemeral');
    await expect(session.get('/none')).rejects.toMatchObject({ code: 'NO_NODE', path: '/none' });
    await expect(session.children('/none')).rejects.toMatchObject({ code: 'NO_NODE' });
    await expect(session.create('/none/b', '', 'persistent')).rejects.toMatchObject({ code: 'NO_NODE' });
    await expect(session.create('/a', '', 'ephemeral')).rejects.toMatchObject({ code: 'NODE_EXISTS' });
    await expect(session.create('/e/b', '', 'persistent')).rejects.toMatchObject({ code: 'REGISTRY_FAILURE' });
    await expect(session.set('/a', '', 4)).rejects.toMatchObject({ code: 'BAD_VERSION' });
    await expect(session.remove('/a', 4)).rejects.toMatchObject({ code: 'BAD_VERSION' });
    await session.create('/a/b', '', 'persistent');
    await expect(session.remove('/a', -1)).rejects.toMatchObject({ code: 'NOT_EMPTY' });
    expect(await session.exists('/none')).toBeNull();
  });

  it('takes a failed transaction back to the last detail', async () => {
    const { session, server } = await connect();
    await session.create('/a', 'x', 'persistent');
    await session.create('/a/b', '', 'persistent');
    const before = [await session.get('/a'), await session.children('/a'), server.tree.zxid];
    const result = await session.multi?.([
      { kind: 'create', path: '/a/c', value: '', mode: 'persistent' },
      { kind: 'write', path: '/a', value: 'y' },
      { kind: 'remove', path: '/a/b' },
      { kind: 'check', path: '/a', version: 7 },
    ]);
    expect(result).toEqual({ committed: false, index: 3, reason: 'BAD_VERSION' });
    expect([await session.get('/a'), await session.children('/a'), server.tree.zxid]).toEqual(before);
  });

  it('lets later operations of a transaction build on earlier ones, all with one zxid', async () => {
    const { session } = await connect();
    const result = await session.multi?.([
      { kind: 'create', path: '/a', value: '', mode: 'persistent' },
      { kind: 'create', path: '/a/b', value: '', mode: 'persistent' },
      { kind: 'write', path: '/a', value: 'x', version: 0 },
    ]);
    expect(result).toEqual({ committed: true, zxid: expect.any(BigInt) });
    const [parent, child] = [await session.get('/a'), await session.get('/a/b')];
    expect(parent.stat.mzxid).toBe(child.stat.czxid);
  });

  it('fires each watch once, for what it watches and nothing else', async () => {
    const { session } = await connect();
    const fired: string[] = [];
    const note = (name: string) => () => void fired.push(name);
    await session.create('/a', '', 'persistent');
    await session.get('/a', note('data'));
    await session.children('/a', note('children'));
    await session.exists('/b', note('exists'));
    await session.create('/a/x', '', 'persistent');
    await session.set('/a/x', 'y', -1);
    expect(fired).toEqual(['children']);
    await session.set('/a', 'y', -1);
    await session.set('/a', 'z', -1);
    expect(fired).toEqual(['children', 'data']);
    await session.create('/b', '', 'persistent');
    await session.remove('/b', -1);
    expect(fired).toEqual(['children', 'data', 'exists']);
  });

  it('tells of a removal through data and child watches', async () => {
    const { session } = await connect();
    const fired: string[] = [];
    await session.create('/a', '', 'persistent');
    await session.get('/a', () => void fired.push('data'));
    await session.children('/a', () => void fired.push('children'));
    await session.children('/', () => void fired.push('parent'));
    await session.remove('/a', -1);
    expect(fired).toEqual(['data', 'children', 'parent']);
  });

  it('leaves no watch behind a read that failed', async () => {
    const { session } = await connect();
    const fired: string[] = [];
    await expect(session.get('/a', () => void fired.push('data'))).rejects.toThrow();
    await session.create('/a', '', 'persistent');
    await session.set('/a', 'x', -1);
    expect(fired).toEqual([]);
  });

  describe('after a cut', () => {
    it('fires a data watch if the value changed or the node went, and keeps it otherwise', async () => {
      const { session, other, fired, cut, restore } = await watched(['/changed', '/gone', '/same'], 'data');
      await cut();
      await other.set('/changed', 'y', -1);
      await other.remove('/gone', -1);
      await restore();
      expect(fired).toEqual(['/changed', '/gone']);
      await other.set('/same', 'y', -1);
      await session.sync('/');
      expect(fired).toEqual(['/changed', '/gone', '/same']);
    });

    it('fires an exists watch only if the node is there now', async () => {
      const { session, other, fired, cut, restore } = await watched(['/flash', '/made', '/later'], 'exists');
      await cut();
      await other.create('/flash', '', 'persistent');
      await other.remove('/flash', -1);
      await other.create('/made', '', 'persistent');
      await restore();
      expect(fired).toEqual(['/made']);
      await other.create('/later', '', 'persistent');
      await session.sync('/');
      expect(fired).toEqual(['/made', '/later']);
    });

    it('fires a child watch also when a child came and went', async () => {
      const { other, fired, cut, restore } = await watched(['/flash', '/same'], 'children');
      await cut();
      await other.create('/flash/x', '', 'persistent');
      await other.remove('/flash/x', -1);
      await other.set('/same', 'y', -1);
      await restore();
      expect(fired).toEqual(['/flash']);
    });
  });

  it('applies the chosen share of the requests in flight at a cut, and answers none', async () => {
    const { session, server } = await connect();
    const requests = Array.from({ length: 4 }, (_, index) => session.create(`/${index}`, '', 'persistent'));
    const outcomes = Promise.allSettled(requests);
    server.cut(session.id, 0.5);
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'CONNECTION_LOSS' } });
    expect(server.tree.children('/').names).toEqual(['0', '1']);
  });

  it('expires a session that stays away for its timeout, and not before', async () => {
    const { session, server, clock, events } = await connect({ sessionTimeoutMilliseconds: 4_000 });
    await session.create('/e', '', 'ephemeral');
    server.cut(session.id);
    await clock.advance(3_999);
    expect(server.tree.stat('/e')).not.toBeNull();
    await clock.advance(1);
    expect(server.tree.stat('/e')).toBeNull();
    expect(events).toEqual(['connected', 'disconnected']);
    server.restore(session.id);
    await settle();
    expect(events).toEqual(['connected', 'disconnected', 'expired']);
    await expect(session.get('/e')).rejects.toMatchObject({ code: 'SESSION_LOST' });
  });

  it('removes all that an expired session owned in one transaction', async () => {
    const { session, server } = await connect();
    for (const name of ['/a', '/b', '/c']) await session.create(name, '', 'ephemeral');
    const { zxid } = server.tree;
    server.expire(session.id);
    expect(server.tree.zxid).toBe(zxid + 1n);
    expect(server.tree.children('/').names).toEqual([]);
  });

  it('keeps data and sessions over a restart, and time does not count meanwhile', async () => {
    const { session, server, clock, events } = await connect({ sessionTimeoutMilliseconds: 4_000 });
    await session.create('/e', '', 'ephemeral');
    server.stop();
    await clock.advance(60_000);
    server.restart();
    await clock.advance(3_000);
    expect(events).toEqual(['connected', 'disconnected', 'connected']);
    expect((await session.get('/e')).stat.ephemeralOwner).toBe(session.id);
  });

  it('cuts the connection of a client that sends too much, which comes back in the same session', async () => {
    const { session, events } = await connect();
    const { id } = session;
    await expect(session.create('/a', 'x'.repeat(1_100_000), 'persistent')).rejects.toMatchObject({
      code: 'CONNECTION_LOSS',
    });
    await settle();
    expect(events).toEqual(['connected', 'disconnected', 'connected']);
    expect(session.id).toBe(id);
    expect(await session.exists('/a')).toBeNull();
  });

  it('grants no longer timeout than it is allowed to', async () => {
    const server = new MemoryServer({ clock: new ManualClock(), maxSessionTimeoutMs: 40_000 });
    const session = await server.driver().open(() => undefined);
    await settle();
    expect(session.timeoutMs).toBe(40_000);
  });

  it('lets nothing through to the next session of a host whose network is cut', async () => {
    const clock = new ManualClock();
    const server = new MemoryServer({ clock });
    const driver = server.driver();
    const first = await driver.open(() => undefined);
    await settle();
    server.cut(first.id);
    const second = await driver.open(() => undefined);
    await settle();
    expect(second.id).toBe(0n);
    server.restore(first.id);
    await settle();
    expect(second.id).not.toBe(0n);
  });

  it('leaves no timer behind when all sessions are closed', async () => {
    const { session, server, clock } = await connect();
    await session.close();
    await expect(session.get('/')).rejects.toMatchObject({ code: 'SESSION_LOST' });
    expect(server.sessionIds).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("works by the machine's clock without being told anything", async () => {
    const registry = memoryRegistry();
    await registry.start();
    await registry.put('job', 'x');
    expect((await registry.read('job'))?.value).toBe('x');
    expect(Math.abs((await registry.time()) - Date.now())).toBeLessThan(5_000);
    await registry.stop();
  });
});

interface Connected {
  readonly session: DriverSession;
  readonly server: MemoryServer;
  readonly clock: ManualClock;
  readonly events: ConnectionEvent[];
}

async function connect(options: MemoryDriverOptions = {}): Promise<Connected> {
  const clock = new ManualClock('2027-01-01T00:00:00Z');
  const server = new MemoryServer({ clock });
  const events: ConnectionEvent[] = [];
  const session = await server.driver(options).open((event) => events.push(event));
  await settle();
  return { session, server, clock, events };
}

/** A session with a watch of one kind on each path, and another session to change things with. */
async function watched(paths: readonly string[], kind: 'data' | 'exists' | 'children') {
  const { session, server } = await connect();
  const other = await server.driver().open(() => undefined);
  await settle();
  const fired: string[] = [];
  for (const path of paths) {
    if (kind !== 'exists') await other.create(path, '', 'persistent');
    const watcher = (): void => void fired.push(path);
    await (kind === 'data' ? session.get(path, watcher) : session[kind](path, watcher));
  }
  const cut = async (): Promise<void> => {
    server.cut(session.id);
    await settle();
  };
  const restore = async (): Promise<void> => {
    server.restore(session.id);
    await settle();
  };
  return { session, other, fired, cut, restore };
}
