import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../foundation/clock.js';
import { silentLogger } from '../foundation/logger.js';
import type { ConnectionEvent } from './driver.js';
import type { NativeAcl, NativeClient, NativeStat } from './native-driver-package.js';
import { NativeSession } from './native-driver-session.js';
import type { CreateMode } from './registry.js';

const SELF = 'a1';

function stat(ephemeralOwner: string): NativeStat {
  const time = new Date(0);
  const numbers = { version: 0, cversion: 0, numChildren: 0 };
  return { czxid: 7, mzxid: 7, pzxid: 7, ctime: time, mtime: time, ephemeralOwner, ...numbers };
}

/** A client that answers as it is told, for what a real server does only in a race. */
class ScriptedClient extends EventEmitter implements NativeClient {
  state = 3;
  readonly client_id = SELF;
  readonly client_password = 'secret';
  readonly timeout = 4_000;
  readonly removed: string[] = [];
  /** What reading a node finds; `null` when it is gone. */
  found: NativeStat | null = stat(SELF);
  acl: readonly NativeAcl[] = [];
  createCode = 0;
  setAclCode = 0;

  override on(event: string, listener: (...args: never[]) => void): this {
    return super.on(event, listener as (...args: unknown[]) => void);
  }
  readonly sessions: object[] = [];
  isClosed = false;
  init = (session: object) => this.sessions.push(session);
  close = () => {
    this.isClosed = true;
  };
  add_auth: NativeClient['add_auth'] = () => 0;
  a_create: NativeClient['a_create'] = (path, _value, _flags, done) => later(() => done(this.createCode, '', path));
  a_exists: NativeClient['a_exists'] = (_path, _watch, done) =>
    later(() => (this.found === null ? done(-101, '', stat('0')) : done(0, '', this.found)));
  a_delete_: NativeClient['a_delete_'] = (path, _version, done) => {
    this.removed.push(path);
    return later(() => done(0, ''));
  };
  a_get_acl: NativeClient['a_get_acl'] = () => -5;
  a_set_acl: NativeClient['a_set_acl'] = (_path, _version, acl, done) => {
    this.acl = acl;
    return later(() => done(this.setAclCode, ''));
  };
  aw_exists: NativeClient['aw_exists'] = () => -5;
  a_get: NativeClient['a_get'] = () => -5;
  aw_get: NativeClient['aw_get'] = () => -5;
  a_get_children2: NativeClient['a_get_children2'] = () => -5;
  aw_get_children2: NativeClient['aw_get_children2'] = () => -5;
  a_set: NativeClient['a_set'] = () => -5;
  a_sync: NativeClient['a_sync'] = () => -9;
}

function later(answer: () => void): number {
  queueMicrotask(answer);
  return 0;
}

async function connected(digest?: string) {
  const client = new ScriptedClient();
  const clients = [client];
  const events: ConnectionEvent[] = [];
  const unprotected = new Map<string, CreateMode>();
  const clock = new ManualClock();
  const onEvent = (event: ConnectionEvent): void => void events.push(event);
  const parts = { digest, logger: silentLogger, clock, unprotected, onEvent };
  const session = new NativeSession(() => clients.shift() ?? new ScriptedClient(), parts);
  session.connect();
  client.emit('connect');
  await settle();
  return { client, clients, session, events, unprotected, clock };
}

describe('NativeSession.create', () => {
  it('says that the node is gone again when somebody removed it before its transaction was read', async () => {
    const { client, session } = await connected();
    client.found = null;
    await expect(session.create('/a', '', 'ephemeral')).rejects.toMatchObject({ code: 'NO_NODE', path: '/a' });
  });

  it('says that the node is somebody else’s when it was removed and made by another session', async () => {
    const { client, session } = await connected();
    client.found = stat('b2');
    await expect(session.create('/a', '', 'ephemeral')).rejects.toMatchObject({ code: 'NODE_EXISTS' });
  });

  it('fails alone when the connection is lost while the node is sent, and leaves no failure that nobody waits for', async () => {
    const { client, session } = await connected();
    client.a_create = () => {
      client.state = 0;
      return 0;
    };
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    try {
      await expect(session.create('/a', '', 'ephemeral')).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
      await settle();
    } finally {
      process.off('unhandledRejection', onUnhandled);
    }
    expect(unhandled).toEqual([]);
  });

  it('does not keep a node that it could not give to the digest', async () => {
    const { client, session } = await connected('user:password');
    client.setAclCode = -114;
    await expect(session.create('/a', '', 'persistent')).rejects.toMatchObject({ code: 'NO_AUTH' });
    expect(client.removed).toEqual(['/a']);
  });

  it('does not take for its own a node that another member made and protected meanwhile', async () => {
    const { client, session } = await connected('user:password');
    client.setAclCode = -103;
    await expect(session.create('/a', '', 'persistent')).rejects.toMatchObject({ code: 'NODE_EXISTS' });
    expect(client.removed).toEqual([]);
  });

  it('gives a new node to the digest and nobody else', async () => {
    const { client, session } = await connected('user:password');
    expect(await session.create('/a', '', 'ephemeral')).toEqual({ path: '/a', czxid: 7n });
    expect(client.acl).toEqual([{ perms: 31, scheme: 'digest', auth: 'user:tpUq/4Pn5A64fVZyQ0gOJ8ZWqkY=' }]);
  });

  it('remembers a node that a lost connection may have left open, and protects it on the next one', async () => {
    const { client, session, unprotected } = await connected('user:password');
    client.setAclCode = -4;
    await expect(session.create('/a', '', 'ephemeral')).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
    expect([...unprotected.keys()]).toEqual(['/a']);
    const given = new Promise((resolve) => {
      client.a_set_acl = (path, _version, _acl, done) => {
        resolve(path);
        return later(() => done(0, ''));
      };
    });
    client.emit('connecting');
    client.emit('connect');
    expect(await given).toBe('/a');
    await settle();
    expect(unprotected.size).toBe(0);
  });
});

describe('NativeSession', () => {
  it('sends another request after one that is not answered, until it is', async () => {
    const { client, session, clock } = await connected();
    let nudges = 0;
    let answer = (): void => undefined;
    client.a_delete_ = (_path, _version, done) => {
      answer = () => done(0, '');
      return 0;
    };
    client.a_exists = () => {
      nudges += 1;
      return 0;
    };
    const removal = session.remove('/a', -1);
    await clock.advance(450);
    expect(nudges).toBe(2);
    answer();
    await removal;
    await clock.advance(1_000);
    expect(nudges).toBe(2);
    expect(clock.pendingTimers).toBe(0);
  });

  it('reports a request that the client does not accept', async () => {
    const { session } = await connected();
    await expect(session.get('/a')).rejects.toMatchObject({ code: 'REGISTRY_FAILURE', path: '/a' });
    await expect(session.sync('/a')).rejects.toMatchObject({ code: 'SESSION_LOST' });
  });

  it('notices that the client has given up the connection while it was sending', async () => {
    const { client, session, events } = await connected();
    client.a_delete_ = () => 0;
    const earlier = session.remove('/a', -1);
    client.a_delete_ = () => {
      client.state = 0;
      return 0;
    };
    await expect(session.remove('/b', -1)).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
    await expect(earlier).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
    expect(events).toEqual(['connected', 'disconnected']);
    client.state = 3;
    client.emit('connect');
    client.emit('connect');
    await settle();
    expect(events).toEqual(['connected', 'disconnected', 'connected', 'disconnected', 'connected']);
  });

  it('tells refused credentials from an expiry, and nothing after its end', async () => {
    const refused = await connected('user:password');
    refused.client.emit('close', refused.client, -113);
    refused.client.emit('connect');
    await settle();
    expect(refused.events).toEqual(['connected', 'auth-failed']);
    const expired = await connected();
    expired.client.emit('connecting');
    expired.client.emit('connecting');
    expired.client.emit('close', expired.client, -112);
    expired.client.emit('close', expired.client, -112);
    await settle();
    expect(expired.events).toEqual(['connected', 'disconnected', 'expired']);
  });

  it('goes on with another client when one lost its socket while it was sending, up to date and with no watch unheard', async () => {
    const { client, clients, session, events } = await connected();
    let heard = 0;
    client.aw_exists = (_path, _watcher, done) => later(() => done(0, '', stat(SELF)));
    await session.exists('/a', () => void heard++);
    const next = new ScriptedClient();
    let sync = (_code: number): void => undefined;
    next.a_sync = (_path, done) => {
      sync = (code) => done(code, '', '/');
      return 0;
    };
    clients.push(next);
    client.a_delete_ = () => {
      client.state = 999;
      return 0;
    };
    const removal = session.remove('/a', -1);
    // Before the event loop looks for the socket.
    expect([client.isClosed, next.sessions]).toEqual([true, [{ client_id: SELF, client_password: 'secret' }]]);
    await expect(removal).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
    next.emit('connect');
    client.emit('connect');
    await settle();
    expect(events).toEqual(['connected', 'disconnected']);
    await expect(session.remove('/a', -1)).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
    // The connection is lost once more before the server has caught up.
    sync(-4);
    next.emit('connecting');
    next.emit('connect');
    await settle();
    expect([events.length, heard]).toEqual([2, 0]);
    sync(0);
    await settle();
    expect([events, heard]).toEqual([['connected', 'disconnected', 'connected'], 1]);
    await session.remove('/a', -1);
    expect(next.removed).toEqual(['/a']);
  });

  it('tries again to go on where no server can be reached at all', async () => {
    const { client, clients, session, clock } = await connected();
    const [dead, next] = [new ScriptedClient(), new ScriptedClient()];
    dead.state = 0;
    clients.push(dead, next);
    client.a_delete_ = () => {
      client.state = 999;
      return 0;
    };
    await expect(session.remove('/a', -1)).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
    expect(next.sessions).toEqual([]);
    await clock.advance(200);
    expect([dead.isClosed, next.sessions]).toEqual([true, [{ client_id: SELF, client_password: 'secret' }]]);
    await session.close();
    expect([next.isClosed, clock.pendingTimers]).toEqual([true, 0]);
  });
});
