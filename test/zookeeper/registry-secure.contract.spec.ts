import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ZooKeeper as Servers, startZooKeeper } from '@elasticjob/test-support';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { deferred } from '../../packages/core/src/foundation/deferred.js';
import { type Logger, silentLogger } from '../../packages/core/src/foundation/logger.js';
import { registryContract } from '../../packages/core/src/registry/registry.contract.js';
import { inState } from '../../packages/core/src/registry/registry-harness.contract.js';
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

describe('a registry whose password is changed while it runs', () => {
  it('says that it is refused, and goes on once the password is right again', async () => {
    const { connectString, access } = secure();
    const refused = deferred();
    const logger: Logger = {
      ...silentLogger,
      error: (message) => message === 'the registry refused the credentials' && refused.resolve(),
    };
    const registry = new SessionRegistry({
      ...{ driver: driverOf('wire', { connectString, ...access }), describe: connectString, namespace: 'changed' },
      ...{ logger, maxSleepTimeMilliseconds: 1_000 },
    });
    try {
      await registry.start();
      const { epoch } = registry.session;
      await restartWithPassword('changed');
      await refused.promise;
      await inState(registry, 'lost');
      await restartWithPassword(SASL.password);
      await inState(registry, 'connected');
      expect(registry.session.epoch).toBeGreaterThan(epoch);
      await registry.put('node', 'value');
    } finally {
      await registry.stop();
    }
  });

  async function restartWithPassword(password: string): Promise<void> {
    const file = join(servers.folder ?? '', 'server-1', 'jaas.conf');
    const logins = readFileSync(file, 'utf8').replace(/user_member="[^"]*"/, `user_member="${password}"`);
    const [server] = servers.servers;
    await server?.stop();
    writeFileSync(file, logins);
    await server?.start();
  }
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
