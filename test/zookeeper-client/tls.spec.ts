import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import {
  type Certificate,
  createAuthority,
  type SecureAccess,
  type ZooKeeper as Servers,
  selfSigned,
  startZooKeeper,
} from '@elasticjob/test-support';
import { CREATOR_ALL_ACL, digestAcl, Permission, type TlsOptions } from '@elasticjob/zookeeper-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nextState, TestClients } from './test-clients.js';

const clients = new TestClients();

let servers: Servers;
let secure: SecureAccess;
let identity: { ca: string; cert: string; key: string };

beforeAll(async () => {
  servers = await startZooKeeper({ tls: { clientAuth: 'need' } });
  secure = accessOf(servers);
  identity = { ca: secure.authority.cert, cert: secure.client.cert, key: secure.client.key };
});
afterEach(() => clients.closeAll());
afterAll(() => servers.stop());

function accessOf({ secure: access }: Servers): SecureAccess {
  if (access === undefined) throw new Error('the server has no port for TLS');
  return access;
}

describe('a client over TLS', () => {
  it('trusts a server by its authority, and needs no certificate of its own where none is asked for', async () => {
    const open = await startZooKeeper({ tls: { clientAuth: 'none' } });
    try {
      const { connectString, authority } = accessOf(open);
      const client = await clients.connect({ connectString, tls: { ca: authority.cert } });
      await client.create('/secret', 'over TLS');
      expect((await client.get('/secret')).data.toString()).toBe('over TLS');
      await clients.closeAll();
    } finally {
      await open.stop();
    }
  });

  it('shows its certificate, and is known by its subject', async () => {
    const { connectString } = secure;
    const client = await clients.connect({ connectString, tls: identity });
    await client.create('/mine', 'of CN=client', { acl: CREATOR_ALL_ACL });
    expect((await client.getAcl('/mine')).acl).toEqual([
      { permissions: Permission.ALL, scheme: 'x509', id: 'CN=client' },
    ]);
    const { cert, key } = await secure.authority.issue('somebody-else');
    const other = await clients.connect({ connectString, tls: { ...identity, cert, key } });
    await expect(other.get('/mine')).rejects.toMatchObject({ code: 'NO_AUTH' });
    const plain = await clients.connect({ connectString: servers.connectString });
    await expect(plain.get('/mine')).rejects.toMatchObject({ code: 'NO_AUTH' });
  });

  it('reads a private key that is protected by a passphrase, and never says it', async () => {
    const { connectString } = secure;
    const passphrase = 'quite-secret';
    const key = createPrivateKey(identity.key)
      .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
      .toString();
    const client = await clients.connect({ connectString, tls: { ...identity, key, passphrase } });
    expect(client.state).toBe('connected');
    const reason = await clients.refusal({ connectString, tls: { ...identity, key, passphrase: 'not-the-one' } });
    expect(reason).toMatchObject({ code: 'CONNECTION_LOSS' });
    expect(reason?.message).not.toContain('not-the-one');
  });

  it('asks for the server by the name of the connect string, or by the one that it is told', async () => {
    const port = servers.servers[0]?.securePort;
    expect((await clients.connect({ connectString: `localhost:${port}`, tls: identity })).state).toBe('connected');
    const { message } = await refused(await secure.authority.issue('elsewhere', { hosts: ['zk.example.com'] }), {});
    expect(message).toContain("does not match certificate's altnames");
    const named = await connectsTo(await secure.authority.issue('named', { hosts: ['zk1.example.com'] }), {
      servername: 'zk1.example.com',
    });
    expect(named).toBe(true);
  });

  it('protects its nodes by a digest as over a plain connection', async () => {
    const { connectString } = secure;
    const auth = [{ scheme: 'digest', credentials: 'jobs:secret' }];
    const client = await clients.connect({ connectString, tls: identity, auth });
    await client.create('/digest', 'protected', { acl: digestAcl('jobs', 'secret') });
    const stranger = await clients.connect({ connectString, tls: identity });
    await expect(stranger.get('/digest')).rejects.toMatchObject({ code: 'NO_AUTH' });
    expect((await client.get('/digest')).data.toString()).toBe('protected');
  });

  it('goes on in the same session on a new connection, which is encrypted and authenticated as well', async () => {
    const { proxy, through } = await clients.proxied(secure.connectString);
    const client = await clients.connect({ connectString: through, tls: identity });
    const { sessionId } = client;
    await client.create('/again', '', { acl: CREATOR_ALL_ACL });
    const suspended = nextState(client, 'suspended');
    await proxy.cut();
    await suspended;
    const connected = nextState(client, 'connected');
    await proxy.restore();
    await connected;
    expect(client.sessionId).toBe(sessionId);
    expect((await client.get('/again')).stat.version).toBe(0);
  });

  it('carries values of many TLS records both ways', async () => {
    const client = await clients.connect({ connectString: secure.connectString, tls: identity });
    const value = Buffer.alloc(900_000, 'z');
    await client.create('/large', value);
    expect((await client.get('/large')).data.equals(value)).toBe(true);
  });
});

describe('a server that cannot be trusted is refused, and the reason says so:', () => {
  it('its certificate has expired', async () => {
    const { code, message } = await refused(await secure.authority.issue('expired', { expired: true }));
    expect({ code, message }).toEqual({
      code: 'CONNECTION_LOSS',
      message: expect.stringContaining('CERT_HAS_EXPIRED'),
    });
  });

  it('its certificate was signed by nobody but itself', async () => {
    const { message } = await refused(await selfSigned(join(servers.folder ?? '', 'self'), 'self-signed'));
    expect(message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('its certificate was signed by an authority that is not trusted', async () => {
    const other = await createAuthority(join(servers.folder ?? '', 'other'));
    const { message } = await refused(await other.issue('server'));
    expect(message).toContain('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  it('its certificate is of another host', async () => {
    const { message } = await refused(await secure.authority.issue('another-host', { hosts: ['10.0.0.1'] }));
    expect(message).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  it('it is known to nobody, because no authority was given', async () => {
    const { message } = await refused(await secure.authority.issue('well-known'), { ca: undefined });
    expect(message).toContain('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  it('it does not speak TLS', async () => {
    const reason = await clients.refusal({
      connectString: servers.connectString,
      tls: identity,
      connectTimeoutMs: 500,
    });
    expect(reason).toMatchObject({ code: 'CONNECTION_LOSS' });
  });
});

describe('a client that cannot be trusted is refused, and the reason says so:', () => {
  it('it shows no certificate', async () => {
    const { ca } = identity;
    const reason = await clients.refusal({ connectString: secure.connectString, tls: { ca } });
    expect(reason?.message).toContain(
      'bad certificate: the server refused the certificate of this client, or demands one',
    );
    expect(reason?.message).not.toContain('\n');
  });

  it('its certificate is of another authority, or has expired', async () => {
    const other = await createAuthority(join(servers.folder ?? '', 'foreign'));
    for (const { cert, key } of [await other.issue('client'), await secure.authority.issue('old', { expired: true })]) {
      const reason = await clients.refusal({ connectString: secure.connectString, tls: { ...identity, cert, key } });
      expect(reason?.message).toContain('certificate unknown');
    }
  });

  it('it does not speak TLS', async () => {
    const reason = await clients.refusal({ connectString: secure.connectString });
    expect(reason).toMatchObject({ code: 'CONNECTION_LOSS', message: expect.stringMatching(/closed|ended/) });
  });

  it('also by TLS 1.3, where it hears of that only after its own side is done', async () => {
    const modern = await startZooKeeper({ tls: { clientAuth: 'need', protocol: 'TLSv1.3' } });
    try {
      const { connectString, authority, client } = accessOf(modern);
      const tls = { ca: authority.cert, minVersion: 'TLSv1.3' as const };
      const accepted = await clients.connect({ connectString, tls: { ...tls, cert: client.cert, key: client.key } });
      expect(accepted.state).toBe('connected');
      expect((await clients.refusal({ connectString, tls }))?.message).toContain(
        'bad certificate: the server refused the certificate of this client, or demands one',
      );
      await clients.closeAll();
    } finally {
      await modern.stop();
    }
  });
});

/** Why a client that trusts the authority does not connect to a server at 127.0.0.1 with this certificate. */
async function refused(server: Certificate, tls: TlsOptions = {}): Promise<{ code: string; message: string }> {
  return withTlsServer(server, async (port) => {
    const reason = await clients.refusal({ connectString: `127.0.0.1:${port}`, tls: { ...identity, ...tls } });
    return { code: reason?.code ?? '', message: reason?.message ?? '' };
  });
}

/** Whether a client that trusts the authority sends something to a server at 127.0.0.1 with this certificate. */
async function connectsTo(server: Certificate, tls: TlsOptions): Promise<boolean> {
  let sent = (): void => undefined;
  const heard = new Promise<void>((resolve) => {
    sent = resolve;
  });
  return withTlsServer(
    server,
    async (port) => {
      const gone = clients.refusal({ connectString: `127.0.0.1:${port}`, tls: { ...identity, ...tls } });
      const won = await Promise.race([heard.then(() => true), gone.then(() => false)]);
      await clients.closeAll();
      return won;
    },
    () => sent(),
  );
}

/** A server that speaks TLS with any certificate, and ends a connection when something was sent on it. */
async function withTlsServer<T>(
  { cert, key }: Certificate,
  use: (port: number) => Promise<T>,
  onData: () => void = () => undefined,
): Promise<T> {
  const listener = createServer({ cert, key }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      onData();
      socket.destroy();
    });
  });
  // A client that refuses the certificate is an error on this side.
  listener.on('tlsClientError', () => undefined);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  try {
    return await use((listener.address() as AddressInfo).port);
  } finally {
    await clients.closeAll();
    listener.close();
    await once(listener, 'close');
  }
}
