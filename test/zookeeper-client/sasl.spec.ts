import { type SecureAccess, type ZooKeeper as Servers, startZooKeeper } from '@elasticjob/test-support';
import { CREATOR_ALL_ACL, OPEN_ACL, Permission, type ZooKeeperOptions } from '@elasticjob/zookeeper-client';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { nextState, TestClients } from './test-clients.js';

const clients = new TestClients();

const JOBS = { username: 'jobs', password: 'a "quoted" \\ secret' };
const AUDIT = { username: 'audit', password: 'geheim-äöü' };
const USERS = { [JOBS.username]: JOBS.password, [AUDIT.username]: AUDIT.password };

afterEach(() => clients.closeAll());

/** A path that no other test of this file has. */
let paths = 0;
const newPath = (): string => `/sasl-${paths++}`;

describe('a server with SASL', () => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await startZooKeeper({ sasl: { users: USERS } });
  });
  afterAll(() => servers.stop());

  const as = (sasl: ZooKeeperOptions['sasl'] | null): ZooKeeperOptions => ({
    connectString: servers.connectString,
    ...(sasl ? { sasl } : {}),
  });

  it('knows a user by name and password, and protects by that what the user creates', async () => {
    const path = newPath();
    const client = await clients.connect(as(JOBS));
    await client.create(path, 'for jobs only', { acl: CREATOR_ALL_ACL });
    expect((await client.getAcl(path)).acl).toEqual([{ permissions: Permission.ALL, scheme: 'sasl', id: 'jobs' }]);
    expect((await client.get(path)).data.toString()).toBe('for jobs only');
    for (const stranger of [await clients.connect(as(null)), await clients.connect(as(AUDIT))]) {
      await expect(stranger.get(path)).rejects.toMatchObject({ code: 'NO_AUTH', path });
      await expect(stranger.set(path, 'mine')).rejects.toMatchObject({ code: 'NO_AUTH' });
      await expect(stranger.setAcl(path, OPEN_ACL)).rejects.toMatchObject({ code: 'NO_AUTH' });
    }
  });

  it('lets another user do what an access list allows by name', async () => {
    const path = newPath();
    const client = await clients.connect(as(JOBS));
    await client.create(path, 'look', {
      acl: [...CREATOR_ALL_ACL, { permissions: Permission.READ, scheme: 'sasl', id: 'audit' }],
    });
    const audit = await clients.connect(as(AUDIT));
    expect((await audit.get(path)).data.toString()).toBe('look');
    await expect(audit.set(path, 'touched')).rejects.toMatchObject({ code: 'NO_AUTH' });
  });

  it.each([
    ['a wrong password', { ...JOBS, password: 'guessed' }],
    ['an unknown user', { username: 'nobody', password: 'guessed' }],
  ])('refuses %s: the session is over at once, and no secret is told', async (_, sasl) => {
    const client = clients.make(servers.connectString, { sasl }).client;
    const error: unknown = await client.connect().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'AUTH_FAILED', message: expect.stringContaining(`"${sasl.username}"`) });
    expect(client.state).toBe('lost');
    expect(JSON.stringify(flat(error))).not.toContain('guessed');
  });

  it('logs the user in again on each connection of the session', async () => {
    const path = newPath();
    const { proxy, through } = await clients.proxied(servers.connectString);
    const client = await clients.connect({ ...as(JOBS), connectString: through });
    const { sessionId } = client;
    await client.create(path, 'before', { acl: CREATOR_ALL_ACL });
    const suspended = nextState(client, 'suspended');
    await proxy.cut();
    await suspended;
    const connected = nextState(client, 'connected');
    await proxy.restore();
    await connected;
    expect(client.sessionId).toBe(sessionId);
    await client.set(path, 'after');
  });

  it('logs the user in before anything else is sent, also what is asked for in the very turn of the connection', async () => {
    const path = newPath();
    const client = clients.make(servers.connectString, { sasl: JOBS }).client;
    const created = nextState(client, 'connected').then(() => client.create(path, '', { acl: CREATOR_ALL_ACL }));
    await client.connect();
    expect((await created).path).toBe(path);
  });

  it('knows a user and a digest at the same time', async () => {
    const path = newPath();
    const client = await clients.connect({ ...as(JOBS), auth: [{ scheme: 'digest', credentials: 'two:secrets' }] });
    await client.create(path, '', { acl: CREATOR_ALL_ACL });
    const schemes = (await client.getAcl(path)).acl.map(({ scheme }) => scheme);
    expect(schemes.sort()).toEqual(['digest', 'sasl']);
  });

  it('is told by a server without SASL that there is none', async () => {
    const reason = await clients.refusal({ connectString: inject('zookeeper'), sasl: JOBS });
    expect(reason).toMatchObject({ code: 'AUTH_FAILED' });
  });
});

describe('a server that requires SASL, and a certificate', () => {
  let servers: Servers;
  let secure: SecureAccess | undefined;
  beforeAll(async () => {
    servers = await startZooKeeper({ tls: { clientAuth: 'need' }, sasl: { users: USERS, required: true } });
    secure = servers.secure;
  });
  afterAll(() => servers.stop());

  it('serves a user with both', async () => {
    const path = newPath();
    const { connectString = '', authority, client: certificate } = secure ?? {};
    const client = await clients.connect({
      connectString,
      sasl: JOBS,
      tls: { ca: authority?.cert, cert: certificate?.cert, key: certificate?.key },
    });
    await client.create(path, '', { acl: CREATOR_ALL_ACL });
    const { acl } = await client.getAcl(path);
    expect(acl.map(({ scheme, id }) => `${scheme}:${id}`).sort()).toEqual(['sasl:jobs', 'x509:CN=client']);
  });

  it('does nothing for a session that is anonymous', async () => {
    const client = await clients.connect({ connectString: servers.connectString });
    await expect(client.create(newPath())).rejects.toMatchObject({ code: 'AUTH_FAILED', serverCode: -124 });
  });

  it('refuses a wrong password', async () => {
    const client = clients.make(servers.connectString, { sasl: { ...JOBS, password: 'guessed' } }).client;
    await expect(client.connect()).rejects.toMatchObject({ code: 'AUTH_FAILED' });
  });
});

/** An error and its causes, as text that holds all that somebody could log of them. */
function flat(error: unknown): unknown[] {
  if (!(error instanceof Error)) return [error];
  return [
    { ...error, message: error.message, stack: error.stack },
    ...(error.cause === undefined ? [] : flat(error.cause)),
  ];
}
