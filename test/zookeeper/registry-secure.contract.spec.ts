import { type ZooKeeper as Servers, startZooKeeper } from '@elasticjob/test-support';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { registryContract } from '../../packages/core/src/registry/registry.contract.js';
import { SessionRegistry } from '../../packages/core/src/registry/session-registry.js';
import { TestSessions } from './driver-sessions.js';
import { type Access, driverOf } from './drivers.js';
import { zookeeperHarness } from './registry-harness.js';

const SASL = { username: 'member', password: 'secret' };

let servers: Servers;
beforeAll(async () => {
  const users = { [SASL.username]: SASL.password, stranger: 'other' };
  servers = await startZooKeeper({ tls: { clientAuth: 'need' }, sasl: { users, required: true } });
});
afterAll(() => servers.stop());

/** Where the server is reached over TLS, and how. */
function secure(): { connectString: string; access: Access & { tls: { ca: string; cert: string; key: string } } } {
  if (servers.secure === undefined) throw new Error('the server has no port for TLS');
  const { connectString, authority, client } = servers.secure;
  return { connectString, access: { sasl: SASL, tls: { ca: authority.cert, cert: client.cert, key: client.key } } };
}

registryContract('wire driver over mutual TLS and SASL', () => {
  const { connectString, access } = secure();
  return zookeeperHarness('wire', connectString, access);
});

describe('a registry that is refused says why, and no secret:', () => {
  const start = async (access: Access): Promise<unknown> => {
    const { connectString } = secure();
    const driver = driverOf('wire', { connectString, ...access });
    const patience = { connectionTimeoutMilliseconds: 5_000 };
    const registry = new SessionRegistry({ driver, describe: connectString, namespace: 'refused', ...patience });
    return registry.start().catch((error: unknown) => error);
  };

  it('a wrong password', async () => {
    const error = await start({ ...secure().access, sasl: { ...SASL, password: 'guessed' } });
    expect(error).toMatchObject({ code: 'AUTH_FAILED', message: expect.stringContaining('SASL user "member"') });
    expect(error).toMatchObject({ message: expect.not.stringContaining('guessed') });
  });

  it('no certificate', async () => {
    const { ca } = secure().access.tls;
    const error = await start({ sasl: SASL, tls: { ca } });
    expect(error).toMatchObject({
      code: 'CONNECTION_TIMEOUT',
      message: expect.stringContaining('the server refused the certificate of this client, or demands one'),
    });
  });
});

describe('a node created by a SASL user who also shows a certificate', () => {
  const sessions = new TestSessions();
  afterEach(() => sessions.closeAll());

  it('belongs to the user alone: neither to another user nor to whoever has the certificate', async () => {
    const { connectString, access } = secure();
    const { session: owner } = await sessions.open(connectString, access);
    await owner.create('/own', 'value', 'persistent');
    const other = { ...access, sasl: { username: 'stranger', password: 'other' } };
    const { session: stranger } = await sessions.open(connectString, other);
    await expect(stranger.get('/own')).rejects.toMatchObject({ code: 'NO_AUTH' });
    const { tls: _, ...noCertificate } = access;
    const { session: same } = await sessions.open(servers.connectString, noCertificate);
    expect((await same.get('/own')).value).toBe('value');
  });
});
