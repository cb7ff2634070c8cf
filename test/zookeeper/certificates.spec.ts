import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { type Certificate, type CertificateAuthority, createAuthority, selfSigned } from '@elasticjob/test-support';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'elasticjob-certificates-'));
let authority: CertificateAuthority;

beforeAll(async () => {
  authority = await createAuthority(folder);
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

/** What a client that trusts the authority says of a server on `localhost` with this certificate. */
async function verdictOn(server: Certificate): Promise<string> {
  const listener = createServer({ cert: server.cert, key: server.key }, (socket) => socket.end());
  listener.on('tlsClientError', () => undefined);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const client = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.cert });
  const verdict = await new Promise<string>((resolve) => {
    client.once('secureConnect', () => resolve('trusted'));
    client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  client.destroy();
  listener.close();
  await once(listener, 'close');
  return verdict;
}

describe('a certificate made for a test', () => {
  it('is trusted if the authority issued it for the host', async () => {
    expect(await verdictOn(await authority.issue('good'))).toBe('trusted');
  });

  it('is refused as expired, as of another host, as signed by itself or by another authority', async () => {
    const other = await createAuthority(join(folder, 'other'));
    expect({
      expired: await verdictOn(await authority.issue('expired', { expired: true })),
      elsewhere: await verdictOn(await authority.issue('elsewhere', { hosts: ['zk.example.com', '10.0.0.1'] })),
      selfSigned: await verdictOn(await selfSigned(folder, 'self-signed')),
      foreign: await verdictOn(await other.issue('foreign')),
    }).toEqual({
      expired: 'CERT_HAS_EXPIRED',
      elsewhere: 'ERR_TLS_CERT_ALTNAME_INVALID',
      selfSigned: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      foreign: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
  });

  it('has a key that only its owner may read', async () => {
    const { keyFile } = await authority.issue('private');
    expect(statSync(keyFile).mode & 0o077).toBe(0);
  });

  it('does not replace another one of the same name', async () => {
    await authority.issue('once');
    await expect(authority.issue('once')).rejects.toThrow(`there is a certificate 'once' in ${folder} already`);
  });

  it('cannot have a name that is none for a file or a subject', async () => {
    await expect(authority.issue('../a/CN=b')).rejects.toThrow("a certificate is called '../a/CN=b', expected letters");
  });

  it('says what is missing where openssl is not installed', async () => {
    vi.stubEnv('PATH', folder);
    await expect(authority.issue('unmade')).rejects.toThrow('The command openssl (3.0 or later) was not found');
  });

  it('shows what openssl said when it refuses', async () => {
    await expect(authority.issue('refused', { hosts: ['a,b'] })).rejects.toThrow(
      /^openssl req failed: .*subjectAltName/s,
    );
  });
});
