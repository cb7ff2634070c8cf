import { CREATOR_ALL_ACL, digestAcl, Permission } from '@elasticjob/zookeeper-client';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { failure, failureCode, ownRoot, TestClients } from './test-clients.js';

const connectString = inject('zookeeper');
const clients = new TestClients();
afterEach(() => clients.closeAll());

const AUTH = [{ scheme: 'digest', credentials: 'member:s3cret:word' }];

describe('ZooKeeper client: digest authentication', () => {
  it('protects what it creates from whoever does not know the password', async () => {
    const { client } = await clients.open(connectString, { auth: AUTH, defaultAcl: CREATOR_ALL_ACL });
    const { client: colleague } = await clients.open(connectString, { auth: AUTH });
    const { client: stranger } = await clients.open(connectString);
    const root = await ownRoot(client, 'protected');
    expect((await client.getAcl(root)).acl).toEqual(digestAcl('member', 's3cret:word'));
    for (const mode of ['persistent', 'ephemeral', 'persistent-sequential', 'ephemeral-sequential'] as const) {
      const { path } = await client.create(`${root}/${mode}-`, 'v', { mode });
      expect((await colleague.get(path)).data.toString()).toBe('v');
      expect(await failureCode(stranger.get(path))).toBe('NO_AUTH');
      expect(await failureCode(stranger.set(path, ''))).toBe('NO_AUTH');
      expect(await failureCode(stranger.getAcl(path))).toBe('NO_AUTH');
    }
    expect(await failureCode(stranger.children(root))).toBe('NO_AUTH');
    expect(await failureCode(stranger.create(`${root}/x`))).toBe('NO_AUTH');
    expect(await failureCode(stranger.remove(`${root}/persistent-`))).toBe('NO_AUTH');
  });

  it('allows what a list allows and nothing else', async () => {
    const { client: owner } = await clients.open(connectString, { auth: AUTH });
    const { client: reader } = await clients.open(connectString, {
      auth: [{ scheme: 'digest', credentials: Buffer.from('reader:word') }],
    });
    const root = await ownRoot(owner, 'list');
    const acl = [...CREATOR_ALL_ACL, ...digestAcl('reader', 'word', Permission.READ | Permission.CREATE)];
    await owner.create(`${root}/a`, 'v', { acl });
    expect((await reader.get(`${root}/a`)).data.toString()).toBe('v');
    await reader.create(`${root}/a/b`);
    expect(await failureCode(reader.set(`${root}/a`, 'x'))).toBe('NO_AUTH');
    expect(await failureCode(reader.remove(`${root}/a/b`))).toBe('NO_AUTH');
    expect(await failureCode(reader.setAcl(`${root}/a`, acl))).toBe('NO_AUTH');
  });

  it('is shown again on each connection of the session, before any request', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const { client, next } = await clients.open(through, { auth: AUTH, defaultAcl: CREATOR_ALL_ACL });
    const root = await ownRoot(client, 'again');
    await client.addAuth('digest', 'second:word');
    const { client: owner } = await clients.open(connectString, {
      auth: [{ scheme: 'digest', credentials: 'second:word' }],
    });
    await owner.create(`${root}-second`, 'v', { acl: CREATOR_ALL_ACL });
    const [gone, back] = [next('suspended'), next('connected')];
    await proxy.cut();
    await gone;
    const early = new Promise<unknown>((resolve, reject) => {
      client.onSession(({ state }) => {
        if (state === 'connected') client.set(root, 'first request').then(resolve, reject);
      });
    });
    await proxy.restore();
    await back;
    await early;
    expect((await client.get(`${root}-second`)).data.toString()).toBe('v');
  });

  it('added while there is no connection is shown on the next one', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const { client, next } = await clients.open(through);
    const { client: owner } = await clients.open(connectString, { auth: AUTH, defaultAcl: CREATOR_ALL_ACL });
    const root = await ownRoot(owner, 'later');
    expect(await failureCode(client.get(root))).toBe('NO_AUTH');
    const [gone, back] = [next('suspended'), next('connected')];
    await proxy.cut();
    await gone;
    await client.addAuth('digest', 'member:s3cret:word');
    await proxy.restore();
    await back;
    await client.get(root);
  });

  it('by a scheme that the server does not know ends the session, and connect says why', async () => {
    const auth = [{ scheme: 'magic', credentials: 'open:sesame' }];
    const { client, states } = clients.make(connectString, { auth });
    const error = await failure(client.connect());
    expect(error).toMatchObject({ code: 'AUTH_FAILED', retryable: false });
    expect(error.message).toContain('magic');
    expect(JSON.stringify([error.message, error])).not.toContain('sesame');
    expect(states()).toEqual(['lost']);
    expect(await failureCode(client.get('/'))).toBe('AUTH_FAILED');
  });

  it('added in vain is forgotten, and the session goes on', async () => {
    const { client, next, states } = await clients.open(connectString);
    const { sessionId } = client;
    const [gone, back] = [next('suspended'), next('connected')];
    expect(await failure(client.addAuth('magic', 'open:sesame'))).toMatchObject({ code: 'AUTH_FAILED' });
    await Promise.all([gone, back]);
    await client.exists('/');
    expect(client.sessionId).toBe(sessionId);
    expect(states()).toEqual(['connected', 'suspended', 'connected']);
  });

  it('never appears in what the client logs', async () => {
    const log: string[] = [];
    const { proxy, through } = await clients.proxied(connectString);
    const { client, next } = await clients.open(through, {
      auth: [...AUTH, { scheme: 'digest', credentials: 'other:pässword' }],
      log: (message, fields) => log.push(message, JSON.stringify(fields)),
    });
    const [gone, refused, back] = [next('suspended'), next('suspended'), next('connected')];
    await proxy.cut();
    await Promise.all([gone, refused]);
    await proxy.restore();
    await back;
    await failureCode(client.get('/no-such-node'));
    expect(log.join('\n')).not.toMatch(/s3cret|pässword/);
  });
});
