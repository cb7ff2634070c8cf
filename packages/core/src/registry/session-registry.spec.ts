import { describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { RegistryError } from '../foundation/errors.js';
import { writeLogger } from '../foundation/logger.js';
import type { ConnectionEvent, Driver, DriverSession, Watcher } from './driver.js';
import { MemoryServer } from './memory-server.js';
import { refusal } from './refusal.js';
import type { CreateResult, NodeStat, Registry, SessionState } from './registry.js';
import type { RegistryOptions } from './registry-options.js';
import { SessionRegistry } from './session-registry.js';

describe('starting', () => {
  it('fails after the connection timeout, naming the servers and what to do', async () => {
    const { clock, server, registry } = single();
    server.stop();
    const failed = expect(registry.start()).rejects.toMatchObject({
      code: 'CONNECTION_TIMEOUT',
      message: expect.stringMatching(/memory within 15000 ms.*waitForRegistry/),
    });
    await clock.advance(15_000);
    await failed;
    expect(registry.session.state).toBe('closed');
    expect(clock.pendingTimers).toBe(0);
  });

  it('goes on waiting when told to, and says so once per connection timeout', async () => {
    const lines: string[] = [];
    const logger = writeLogger((line) => lines.push(line), 'warn');
    const { clock, server, registry } = single({ waitForRegistry: true, connectionTimeoutMilliseconds: 5_000, logger });
    server.stop();
    const started = registry.start();
    await clock.advance(12_000);
    expect(lines).toHaveLength(2);
    server.restart();
    await started;
    expect(registry.session.state).toBe('connected');
  });

  it('leaves the process to others while it waits without a pause', async () => {
    const { driver } = scripted([]);
    const options = { driver, describe: 'zk', namespace: 'n', waitForRegistry: true, connectionTimeoutMilliseconds: 0 };
    const registry = new SessionRegistry(options);
    const refused = expect(registry.start()).rejects.toMatchObject({ code: 'STOPPED' });
    await new Promise((resolve) => setImmediate(resolve));
    await registry.stop();
    await refused;
  });

  it('can be stopped while it waits', async () => {
    const { clock, server, registry } = single({ waitForRegistry: true });
    server.stop();
    const refused = expect(registry.start()).rejects.toMatchObject({ code: 'STOPPED' });
    await settle();
    await registry.stop();
    await refused;
    expect(clock.pendingTimers).toBe(0);
  });

  it('names the user whose credentials were refused, and never the password', async () => {
    const { driver } = scripted(['auth-failed']);
    const registry = new SessionRegistry({ driver, describe: 'zk:2181', namespace: 'n', digest: 'ann:secret' });
    const error = await registry.start().catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'AUTH_FAILED', message: expect.stringContaining('"ann"') });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
  });

  it('hears events that come before open has resolved', async () => {
    const registry = new SessionRegistry({ driver: scripted(['connected']).driver, describe: 'zk', namespace: 'n' });
    await registry.start();
    expect(registry.session).toMatchObject({ state: 'connected', connection: 1 });
    await registry.stop();
  });

  it('does not wait for a driver that never opens when stopped', async () => {
    const driver: Driver = { ...scripted([]).driver, open: () => deferred<DriverSession>().promise };
    const registry = new SessionRegistry({ driver, describe: 'zk', namespace: 'n', waitForRegistry: true });
    const refused = expect(registry.start()).rejects.toMatchObject({ code: 'STOPPED' });
    await registry.stop();
    await refused;
  });

  it('tries again, ever more patiently, while sessions cannot be opened', async () => {
    const clock = new ManualClock();
    const times: number[] = [];
    const open = (): Promise<DriverSession> => {
      times.push(clock.monotonic());
      return Promise.reject(new Error('no route'));
    };
    const driver: Driver = { ...scripted([]).driver, open };
    const registry = new SessionRegistry({ driver, describe: 'zk', namespace: 'n', waitForRegistry: true, clock });
    const refused = expect(registry.start()).rejects.toMatchObject({ code: 'STOPPED' });
    await clock.advance(60_000);
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(pauses.length).toBeGreaterThan(18);
    for (const [index, pause] of pauses.entries()) {
      const ceiling = Math.min(3_000, 1_000 * 2 ** index);
      expect(pause).toBeGreaterThanOrEqual(ceiling / 2);
      expect(pause).toBeLessThanOrEqual(ceiling);
    }
    await registry.stop();
    await refused;
  });
});

describe('a registry that wants the first node of a path to be there', () => {
  const open = async (): Promise<Registry> => {
    const driver = new MemoryServer({ clock: new ManualClock(0) }).driver({});
    const registry = new SessionRegistry({ driver, describe: 'memory', namespace: 'n', wantsFirstNode: true });
    await registry.start();
    return registry;
  };

  it.each<[string, (registry: Registry) => Promise<unknown>]>([
    ['an exclusive create', (registry) => registry.create('job/leader/instance', 'me', 'ephemeral')],
    ['a create of the next in a sequence', (registry) => registry.create('job/latch/n-', '', 'ephemeral-sequential')],
    ['an assertion', (registry) => registry.ensure('job/servers/10.0.0.1')],
    ['a value', (registry) => registry.put('job/leader/sharding/necessary', '')],
  ])('does not bring a job back that was removed, by %s below it', async (_, make) => {
    const registry = await open();
    await expect(make(registry)).rejects.toMatchObject({ code: 'NO_NODE' });
    expect(await registry.read('job')).toBeNull();
    await registry.create('job', 'class', 'persistent');
    await make(registry);
    expect((await registry.children('job'))?.names).toHaveLength(1);
    await registry.stop();
  });
});

describe('the local deadline', () => {
  it('gives a session up although the server still has it, and uses it no more', async () => {
    const { clock, server, registry } = single({ sessionTimeoutMilliseconds: 4_000 });
    await registry.start();
    await registry.create('mark', '', 'ephemeral');
    const { id } = registry.session;
    const states = recordStates(registry);
    server.stop();
    await clock.advance(4_000);
    expect(states).toEqual(['suspended', 'lost']);
    server.restart();
    await settle();
    expect(registry.session).toMatchObject({ state: 'connected', epoch: 2 });
    expect((await registry.read('mark'))?.stat.ephemeralOwner).toBe(id);
    await clock.advance(4_000);
    expect(await registry.read('mark')).toBeNull();
    expect(server.sessionIds).toEqual([registry.session.id]);
  });

  it('counts from the disconnection, by the clock that never jumps', async () => {
    const { clock, server, registry } = single({ sessionTimeoutMilliseconds: 4_000 });
    await registry.start();
    server.stop();
    await clock.advance(3_999);
    clock.setWallTime('2031-01-01T00:00:00Z');
    await settle();
    expect(registry.session.state).toBe('suspended');
    await clock.advance(1);
    expect(registry.session.state).toBe('lost');
  });

  it('is not undone by what a session that was given up has still to say', async () => {
    const clock = new ManualClock();
    const server = new MemoryServer({ clock });
    const memory = server.driver({ sessionTimeoutMilliseconds: 4_000 });
    // The write that settles what was under way is not answered before the session is closed.
    const open: Driver['open'] = async (onEvent) => {
      const session = await memory.open(onEvent);
      const removal = deferred<void>();
      removal.promise.catch(() => undefined);
      const close = (): Promise<void> => {
        removal.reject(new RegistryError('REGISTRY_CLOSED', 'the session was closed'));
        return session.close();
      };
      return Object.assign(Object.create(recording(session, [])), { close, remove: () => removal.promise });
    };
    const registry = new SessionRegistry({
      driver: { ...memory, open },
      describe: 'memory',
      namespace: 'n',
      clock,
      sessionTimeoutMilliseconds: 4_000,
    });
    await registry.start();
    const states = recordStates(registry);
    server.stop();
    await clock.advance(3_999);
    server.restart();
    await settle();
    expect(states).toEqual(['suspended']);
    await clock.advance(1);
    await settle();
    expect(states).toEqual(['suspended', 'lost', 'connected']);
    expect(server.sessionIds).toEqual([registry.session.id]);
    await registry.stop();
  });

  it('is called off by the reconnect', async () => {
    const { clock, server, registry } = single({ sessionTimeoutMilliseconds: 4_000 });
    await registry.start();
    for (let turn = 0; turn < 3; turn++) {
      server.stop();
      await clock.advance(3_000);
      server.restart();
      await clock.advance(3_000);
    }
    expect(registry.session).toMatchObject({ state: 'connected', epoch: 1, connection: 4 });
    await registry.stop();
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a lost answer', () => {
  it('to an exclusive create that was applied: the node is recognised as ours', async () => {
    const parts = await started();
    const made = await lose(parts, 1, () => parts.registry.create('mark', 'me', 'ephemeral'));
    expect(made).toEqual({ created: true, path: 'mark', czxid: parts.server.tree.stat('/n/mark')?.czxid });
  });

  it('to an exclusive create that was not applied: it is created once more', async () => {
    const parts = await started();
    expect(await lose(parts, 0, () => parts.registry.create('mark', 'me', 'ephemeral'))).toMatchObject({
      created: true,
    });
  });

  it('to an exclusive create of what we made before: it is not made twice', async () => {
    const parts = await started();
    await parts.registry.create('mark', 'first', 'ephemeral');
    const second = await lose(parts, 1, () => parts.registry.create('mark', 'second', 'ephemeral'));
    expect(second).toEqual({ created: false });
  });

  it('to an exclusive create that somebody else won', async () => {
    const parts = await started();
    const win = () => parts.rival.create('mark', 'rival', 'ephemeral');
    expect(await lose(parts, 0, () => parts.registry.create('mark', 'me', 'ephemeral'), win)).toEqual({
      created: false,
    });
  });

  it.each([0, 1])(
    'to a persistent create: unknown if the node is there, otherwise made (applied: %d)',
    async (share) => {
      const parts = await started();
      const outcome = await lose(parts, share, () => parts.registry.create('mark', 'me', 'persistent'));
      expect(outcome).toMatchObject(share === 1 ? { code: 'RESULT_UNKNOWN' } : { created: true });
    },
  );

  describe('to a request that hangs among the servers and is decided only behind the next write', () => {
    it('an exclusive create: the node is recognised as ours', async () => {
      const { server, registry } = await hanging();
      const made = registry.create('mark', 'me', 'ephemeral');
      await settle();
      server.restore(registry.session.id);
      expect(await made).toEqual({ created: true, path: 'mark', czxid: server.tree.stat('/n/mark')?.czxid });
    });

    it('a sequential create: unknown, and whoever looks then sees the node', async () => {
      const { server, registry } = await hanging();
      const made = registry.create('latch-', '', 'ephemeral-sequential').catch((error: unknown) => error);
      await settle();
      server.restore(registry.session.id);
      expect(await made).toMatchObject({ code: 'RESULT_UNKNOWN' });
      expect((await registry.children(''))?.names).toEqual(['latch-0000000000']);
    });
  });

  it.each([0, 1])('to a sequential create: unknown (applied: %d)', async (share) => {
    const parts = await started();
    const outcome = await lose(parts, share, () => parts.registry.create('n-', '', 'ephemeral-sequential'));
    expect(outcome).toMatchObject({ code: 'RESULT_UNKNOWN', path: 'n-' });
    expect((await parts.registry.children(''))?.names).toHaveLength(share);
  });

  it.each([0, 1])(
    'to a write: done if the version proves that it was not applied, otherwise unknown (applied: %d)',
    async (share) => {
      const parts = await started();
      await parts.registry.put('job', 'old');
      const outcome = await lose(parts, share, () => parts.registry.write('job', 'new', 0));
      expect(outcome).toMatchObject(share === 1 ? { code: 'RESULT_UNKNOWN' } : { written: true, version: 1 });
    },
  );

  it.each([0, 1])('to a removal of a node that was known: it is gone in the end (applied: %d)', async (share) => {
    const parts = await started();
    await parts.registry.create('mark', '', 'persistent');
    expect(await lose(parts, share, () => parts.registry.remove('mark'))).toBe(true);
    expect(await parts.registry.read('mark')).toBeNull();
  });

  it('to a removal, and another node is there now: unknown, and that node stays', async () => {
    const parts = await started();
    await parts.registry.create('mark', 'ours', 'persistent');
    const makeAgain = () => parts.rival.create('mark', 'theirs', 'persistent');
    const outcome = await lose(parts, 1, () => parts.registry.remove('mark'), makeAgain);
    expect(outcome).toMatchObject({ code: 'RESULT_UNKNOWN' });
    expect((await parts.rival.read('mark'))?.value).toBe('theirs');
  });

  it.each([0, 1])('to a recursive removal: it is done again (applied: %d)', async (share) => {
    const parts = await started();
    await parts.registry.ensure('job/a/b');
    expect(await lose(parts, share, () => parts.registry.remove('job', { recursive: true }))).toBe(true);
    expect(await parts.registry.read('job')).toBeNull();
  });

  it.each([0, 1])('to what can be repeated: it is repeated (applied: %d)', async (share) => {
    const parts = await started();
    await parts.registry.put('job', 'x');
    expect(await lose(parts, share, () => parts.registry.put('job', 'y'))).toBeUndefined();
    expect(await lose(parts, share, () => parts.registry.read('job'))).toMatchObject({ value: 'y' });
    expect(await lose(parts, share, () => parts.registry.ensure('other'))).toBeUndefined();
    expect(await lose(parts, share, () => parts.registry.children(''))).toMatchObject({ names: ['job', 'other'] });
  });

  it.each([0, 1])('to a commit: unknown (applied: %d)', async (share) => {
    const parts = await started();
    const create = { kind: 'create', path: 'a', value: '', mode: 'persistent' } as const;
    const outcome = await lose(parts, share, () => parts.registry.commit([[create]]));
    expect(outcome).toMatchObject({ code: 'RESULT_UNKNOWN' });
    expect((await parts.registry.read('a')) !== null).toBe(share === 1);
  });

  it('to two exclusive creates of one path: one of them made it', async () => {
    const parts = await started();
    const both = () => Promise.all(['1', '2'].map((value) => parts.registry.create('mark', value, 'ephemeral')));
    const results = (await lose(parts, 1, both)) as CreateResult[];
    expect(results.map((result) => result.created)).toEqual([true, false]);
  });

  it('that comes when the session has been lost is not given out', async () => {
    const answer = deferred<{ path: string; czxid: bigint }>();
    const { driver, tell } = scripted(['connected'], { create: () => answer.promise });
    const registry = new SessionRegistry({ driver, describe: 'zk', namespace: 'n' });
    await registry.start();
    const refused = expect(registry.create('mark', '', 'ephemeral')).rejects.toMatchObject({ code: 'SESSION_LOST' });
    await settle();
    tell('expired');
    answer.resolve({ path: '/n/mark', czxid: 9n });
    await refused;
    await registry.stop();
  });

  it('in a session that then ended: the session is lost, and nothing is known', async () => {
    const parts = await started();
    const expire = async () => parts.server.expire(parts.registry.session.id);
    const outcome = await lose(parts, 1, () => parts.registry.create('mark', 'me', 'ephemeral'), expire);
    expect(outcome).toMatchObject({ code: 'SESSION_LOST' });
    expect(await parts.registry.read('mark')).toBeNull();
  });
});

describe('a notification', () => {
  it('makes its place stale before the watcher returns', async () => {
    const watchers: Watcher[] = [];
    const stat = { ...NO_STAT, czxid: 3n, mzxid: 3n, pzxid: 3n };
    const { driver } = scripted(['connected'], {
      get: () => Promise.resolve({ value: '', stat }),
      children(_path, watcher) {
        if (watcher !== undefined) watchers.push(watcher);
        return Promise.resolve({ names: [], stat });
      },
    });
    const registry = new SessionRegistry({ driver, describe: 'zk', namespace: 'n' });
    await registry.start();
    const watch = await registry.watchTree('flags', [{ path: '', children: 'names' }], () => undefined);
    expect(watch.isFresh('')).toBe(true);
    watchers[0]?.();
    expect(watch.isFresh('')).toBe(false);
    await registry.stop();
  });
});

describe.each([false, true])('the cost of watching, with recursive watches: %s', (recursiveWatch) => {
  it('is nothing while nothing changes', async () => {
    const { clock, registry, calls } = await counted(recursiveWatch);
    for (let item = 0; item < 5; item++) await registry.put(`job/${item}`, 'x');
    await registry.watchTree(
      'job',
      [
        { path: '', children: 'nodes' },
        { path: 'absent', children: 'names' },
      ],
      () => 0,
    );
    calls.length = 0;
    await clock.advance(3_600_000);
    expect(calls).toEqual([]);
  });

  it('is one read for each place at first, and one more for the tree or for a place that does not exist', async () => {
    const { registry, calls } = await counted(recursiveWatch);
    for (let item = 0; item < 5; item++) await registry.put(`job/${item}`, 'x');
    calls.length = 0;
    await registry.watchTree('job', [{ path: '', children: 'nodes' }, { path: 'absent' }], () => 0);
    expect(calls.filter((call) => call.startsWith('get'))).toHaveLength(7);
    const others = calls.filter((call) => !call.startsWith('get'));
    expect(others).toEqual(
      recursiveWatch ? ['watchTree /n/job', 'children /n/job'] : ['children /n/job', 'exists /n/job/absent'],
    );
  });

  it('is one read for the changed value of one child', async () => {
    const { registry, rival, calls } = await counted(recursiveWatch);
    for (let item = 0; item < 5; item++) await registry.put(`job/${item}`, 'x');
    await registry.watchTree('job', [{ path: '', children: 'nodes' }], () => 0);
    calls.length = 0;
    await rival.put('job/3', 'y');
    await settle();
    expect(calls).toEqual(['get /n/job/3']);
  });

  it('is the list for a child that went, and the list and the child for one that came', async () => {
    const { registry, rival, calls } = await counted(recursiveWatch);
    for (let item = 0; item < 5; item++) await registry.put(`job/${item}`, 'x');
    await registry.watchTree('job', [{ path: '', children: 'nodes' }], () => 0);
    calls.length = 0;
    await rival.remove('job/3');
    await settle();
    expect(calls).toEqual(['children /n/job']);
    await rival.put('job/7', 'x');
    await settle();
    expect(calls).toEqual(['children /n/job', 'children /n/job', 'get /n/job/7']);
  });

  it('is not multiplied by selecting to and fro', async () => {
    const { registry, rival, calls } = await counted(recursiveWatch);
    await registry.put('job/1', 'x');
    const watch = await registry.watchTree('job', [{ path: '1' }], () => 0);
    for (let turn = 0; turn < 10; turn++) {
      await watch.select([]);
      await watch.select([{ path: '1' }]);
    }
    calls.length = 0;
    await rival.put('job/1', 'y');
    await settle();
    expect(calls).toEqual(['get /n/job/1']);
  });

  it('is nothing for changes of what nobody looks at', async () => {
    const { registry, rival, calls } = await counted(recursiveWatch);
    await registry.watchTree('job', [{ path: 'config' }, { path: 'instances', children: 'names' }], () => 0);
    calls.length = 0;
    await rival.create('job/sharding/0/running', 'b', 'ephemeral');
    await rival.remove('job/sharding/0/running');
    await settle();
    expect(calls).toEqual([]);
  });
});

describe('a watch on a whole tree', () => {
  it('is set once in a session, however often the connection is lost, and once more in the next', async () => {
    const { clock, server, registry, calls } = await counted(true);
    await registry.put('job/1', 'x');
    const selection = [{ path: '', children: 'nodes' as const }, { path: 'absent' }];
    const watch = await registry.watchTree('job', selection, () => 0);
    const sets = (): number => calls.filter((call) => call.startsWith('watchTree')).length;
    server.cut(registry.session.id);
    await settle();
    server.restore(registry.session.id);
    await settle();
    expect([sets(), watch.isFresh('')]).toEqual([1, true]);
    server.expire(registry.session.id);
    await clock.advance(10_000);
    expect([sets(), watch.isFresh('')]).toEqual([2, true]);
  });

  it('is taken back when the last who looks closes, and when he closes before it stands', async () => {
    const { server, registry } = await counted(true);
    const held = (): number => server.heldTrees;
    const selection = [{ path: 'a' }, { path: 'b' }];
    const [one, two] = [
      await registry.watchTree('job', selection, () => 0),
      await registry.watchTree('job', selection, () => 0),
    ];
    one.close();
    await settle();
    expect(held()).toBe(1);
    two.close();
    await settle();
    expect(held()).toBe(0);
    const opening = registry.watchTree('job', selection, () => 0).catch(() => undefined);
    await registry.stop();
    await opening;
    expect(held()).toBe(0);
  });
});

describe.each([true, false])('a followed list, with recursive watches: %s', (recursiveWatch) => {
  it('is read for each change only where nobody tells which child it was', async () => {
    const { registry, rival, calls } = await counted(recursiveWatch);
    await rival.put('job/open/0', '');
    const watch = await registry.watchTree(
      'job',
      [{ path: 'open', children: 'followed' }, { path: 'x' }],
      () => undefined,
    );
    calls.length = 0;
    for (let child = 1; child <= 5; child++) {
      await rival.put(`job/open/${child}`, '');
      await settle();
    }
    await rival.remove('job/open/0');
    await settle();
    expect(watch.snapshot.children('open')?.names).toEqual(['1', '2', '3', '4', '5']);
    expect(calls.filter((call) => call === 'children /n/job/open')).toHaveLength(recursiveWatch ? 0 : 6);
    await watch.refresh();
    expect(calls).toContain('children /n/job/open');
  });

  it('is read anew on the next connection, and holds what came and went in between', async () => {
    const { server, registry, rival } = await counted(recursiveWatch);
    await rival.put('job/open/0', '');
    const watch = await registry.watchTree(
      'job',
      [{ path: 'open', children: 'followed' }, { path: 'x' }],
      () => undefined,
    );
    server.cut(registry.session.id);
    await rival.remove('job/open/0');
    await rival.put('job/open/1', '');
    await settle();
    expect([watch.snapshot.children('open')?.names, watch.isFresh('open')]).toEqual([['0'], false]);
    server.restore(registry.session.id);
    await settle();
    await rival.put('job/open/2', '');
    await settle();
    expect([watch.snapshot.children('open')?.names, watch.isFresh('open')]).toEqual([['1', '2'], true]);
  });
});

function single(options: Partial<RegistryOptions> = {}) {
  const clock = new ManualClock('2027-01-01T00:00:00Z');
  const server = new MemoryServer({ clock });
  return { clock, server, registry: server.registry({ namespace: 'n', ...options }) };
}

/** Two connected registries, on a network that can hold messages back. */
async function started() {
  const gate = heldNetwork();
  const server = new MemoryServer({ clock: new ManualClock(), delivery: gate.delivery });
  const [registry, rival] = [server.registry({ namespace: 'n' }), server.registry({ namespace: 'n' })];
  await Promise.all([registry.start(), rival.start()]);
  await registry.ensure('');
  return { gate, server, registry, rival };
}

function heldNetwork() {
  let held: (() => void)[] | null = null;
  return {
    delivery: (deliver: () => void): void => void (held === null ? queueMicrotask(deliver) : held.push(deliver)),
    hold(): void {
      held = [];
    },
    release(): void {
      const messages = held ?? [];
      held = null;
      for (const deliver of messages) deliver();
    },
  };
}

/**
 * A registry whose first create breaks its connection and is decided only when the next write of its session comes, as
 * one that a server has passed on and that waits there.
 */
async function hanging() {
  const server = new MemoryServer({ clock: new ManualClock() });
  const memory = server.driver();
  let late: (() => void) | null = null;
  const open: Driver['open'] = async (onEvent) => {
    const session = await memory.open(onEvent);
    const decide = (): void => {
      late?.();
      late = null;
    };
    let isFirst = true;
    const create: DriverSession['create'] = async (path, value, mode) => {
      if (!isFirst) {
        decide();
        return session.create(path, value, mode);
      }
      isFirst = false;
      late = () => void server.transact((edit) => edit.create(path, value, mode, session.id));
      server.cut(session.id);
      throw refusal('CONNECTION_LOSS', path, 'hangs');
    };
    const remove: DriverSession['remove'] = (path, version) => {
      decide();
      return session.remove(path, version);
    };
    return Object.assign(Object.create(recording(session, [])), { create, remove });
  };
  const registry = new SessionRegistry({
    driver: { ...memory, open },
    describe: 'memory',
    namespace: 'n',
    clock: new ManualClock(),
  });
  server.transact((edit) => edit.create('/n', '', 'persistent', 0n));
  await registry.start();
  return { server, registry };
}

/** Cuts the connection while the request of `send` is under way, and mends it. Resolves to its result or error. */
async function lose(
  { gate, server, registry }: Awaited<ReturnType<typeof started>>,
  applied: number,
  send: () => Promise<unknown>,
  meanwhile: () => Promise<unknown> = settle,
): Promise<unknown> {
  const { id } = registry.session;
  gate.hold();
  const outcome = send().catch((error: unknown) => error);
  await settle();
  server.cut(id, applied);
  gate.release();
  await settle();
  await meanwhile();
  server.restore(id);
  return outcome;
}

function recordStates(registry: Registry): SessionState[] {
  const states: SessionState[] = [];
  registry.onSession(({ state }) => states.push(state));
  return states;
}

/** A registry whose reads are recorded, and another one on the same server. */
async function counted(recursiveWatch: boolean) {
  const clock = new ManualClock();
  const server = new MemoryServer({ clock });
  const calls: string[] = [];
  const memory = server.driver({ recursiveWatch });
  const open: Driver['open'] = async (onEvent) => recording(await memory.open(onEvent), calls);
  const registry = new SessionRegistry({ driver: { ...memory, open }, describe: 'memory', namespace: 'n', clock });
  const rival = server.registry({ namespace: 'n' });
  await Promise.all([registry.start(), rival.start()]);
  return { clock, server, registry, rival, calls };
}

function recording(session: DriverSession, calls: string[]): DriverSession {
  const note = (verb: string, path: string): void => void calls.push(`${verb} ${path}`);
  return {
    get id() {
      return session.id;
    },
    get timeoutMs() {
      return session.timeoutMs;
    },
    get(path, watcher) {
      note('get', path);
      return session.get(path, watcher);
    },
    exists(path, watcher) {
      note('exists', path);
      return session.exists(path, watcher);
    },
    children(path, watcher) {
      note('children', path);
      return session.children(path, watcher);
    },
    watchTree: async (path, watcher) => {
      note('watchTree', path);
      return (await session.watchTree?.(path, watcher)) ?? (() => undefined);
    },
    create: (path, value, mode) => session.create(path, value, mode),
    set: (path, value, version) => session.set(path, value, version),
    remove: (path, version) => session.remove(path, version),
    sync: (path) => session.sync(path),
    close: () => session.close(),
  };
}

const NO_STAT: NodeStat = {
  czxid: 0n,
  mzxid: 0n,
  pzxid: 0n,
  ctime: 0,
  mtime: 0,
  version: 0,
  cversion: 0,
  ephemeralOwner: 0n,
  numChildren: 0,
};

/** A driver that says these events before `open` has resolved, and answers nothing but what `answers` does. */
function scripted(events: readonly ConnectionEvent[], answers: Partial<DriverSession> = {}) {
  const silent = (): Promise<never> => deferred<never>().promise;
  const requests = { create: silent, get: silent, exists: silent, children: silent, set: silent, remove: silent };
  const close = (): Promise<void> => Promise.resolve();
  const session: DriverSession = { id: 7n, timeoutMs: 4_000, ...requests, sync: silent, close, ...answers };
  let tell: (event: ConnectionEvent) => void = () => undefined;
  const driver: Driver = {
    capabilities: { atomicCommit: false, aclAtCreation: true, recursiveWatch: false, tls: false },
    open(onEvent) {
      tell = onEvent;
      for (const event of events) onEvent(event);
      return Promise.resolve(session);
    },
  };
  return { driver, tell: (event: ConnectionEvent) => tell(event) };
}
