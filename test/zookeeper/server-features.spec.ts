import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ConnectionOptions, connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import {
  type Certificate,
  createAuthority,
  startZooKeeper,
  type ZooKeeper,
  type ZooKeeperOptions,
} from '@elasticjob/test-support';
import { ZooKeeper as Client } from '@elasticjob/zookeeper-client';
import { afterEach, describe, expect, it, vi } from 'vitest';

let zookeeper: ZooKeeper | undefined;
afterEach(async () => {
  vi.unstubAllEnvs();
  await zookeeper?.stop();
  zookeeper = undefined;
});

async function start(options: ZooKeeperOptions): Promise<ZooKeeper> {
  zookeeper = await startZooKeeper(options);
  return zookeeper;
}

/** Sends a four-letter word over TLS: the answer proves that both sides accepted each other. */
function secureWord(port: number | undefined, word: string, options: ConnectionOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ ...options, host: '127.0.0.1', port: port ?? 0 }, () => socket.end(word));
    socket.setEncoding('utf8');
    socket.on('data', (text) => {
      answer += text;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

function secured(current: ZooKeeper): { ca: string; client: Certificate; ports: (number | undefined)[] } {
  if (current.secure === undefined) throw new Error('the servers speak no TLS');
  const { authority, client } = current.secure;
  return { ca: authority.cert, client, ports: current.servers.map(({ securePort }) => securePort) };
}

/** A certificate of an authority that has the name of the trusted one. */
async function foreignCertificate({ folder }: ZooKeeper): Promise<Certificate> {
  const authority = await createAuthority(join(folder ?? '', 'foreign'));
  return authority.issue('client');
}

describe('a server with TLS', () => {
  it('answers on its plain port and over TLS, and counts', async () => {
    const current = await start({ tls: { clientAuth: 'none' } });
    const [server] = current.servers;
    expect(current.secure?.connectString).toBe(`127.0.0.1:${server?.securePort}`);
    expect(await server?.fourLetter('ruok')).toBe('imok');
    expect((await current.counters()).nodes).toBeGreaterThan(0);
    const { ca } = secured(current);
    expect(await secureWord(server?.securePort, 'ruok', { ca })).toBe('imok');
  });

  it('that needs a certificate refuses clients without one, or with one of another authority', async () => {
    const current = await start({ tls: { clientAuth: 'need' } });
    const { ca, client, ports } = secured(current);
    const foreign = await foreignCertificate(current);
    const identity = ({ cert, key }: Certificate) => ({ ca, cert, key });
    expect(await secureWord(ports[0], 'ruok', identity(client))).toBe('imok');
    await expect(secureWord(ports[0], 'ruok', { ca })).rejects.toThrow('bad certificate');
    await expect(secureWord(ports[0], 'ruok', identity(foreign))).rejects.toThrow('certificate unknown');
  });

  it('speaks the version of TLS that it is told to', async () => {
    const current = await start({ tls: { clientAuth: 'none', protocol: 'TLSv1.3' } });
    const { ca, ports } = secured(current);
    expect(await secureWord(ports[0], 'ruok', { ca, minVersion: 'TLSv1.3' })).toBe('imok');
    await expect(secureWord(ports[0], 'ruok', { ca, maxVersion: 'TLSv1.2' })).rejects.toThrow('protocol version');
  });
});

describe('an ensemble with everything', () => {
  it('has TLS and SASL on each server, takes large requests, and its last server reads without the others', async () => {
    const current = await start({
      servers: 3,
      tls: { clientAuth: 'need' },
      sasl: { users: { jobs: 'secret' } },
      readOnly: true,
      extendedTypes: true,
      containerCheckMs: 500,
      maxRequestBytes: 4_000_000,
    });
    const { ca, client, ports } = secured(current);
    const identity = { ca, cert: client.cert, key: client.key };
    expect(new Set([...ports, ...current.servers.map(({ port }) => port)]).size).toBe(6);
    expect(await Promise.all(ports.map((port) => secureWord(port, 'ruok', identity)))).toEqual([
      'imok',
      'imok',
      'imok',
    ]);
    const { connectString = '' } = current.secure ?? {};
    const sasl = { username: 'jobs', password: 'secret' };
    const user = new Client({ connectString, sasl, tls: identity, maxRequestBytes: 3_000_000 });
    await user.connect();
    const { stat } = await user.create('/large', Buffer.alloc(2_000_000), { mode: 'persistent-ttl', ttlMs: 60_000 });
    expect(stat.dataLength).toBe(2_000_000);
    await user.close();
    const [first, second, third] = current.servers;
    await Promise.all([first?.kill(), second?.kill()]);
    await expect.poll(() => third?.fourLetter('srvr'), { timeout: 30_000 }).toContain('Mode: read-only');
  });
});

describe('features that cannot be had', () => {
  it('leave nothing behind: a name that Java cannot read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'elasticjob-features-'));
    vi.stubEnv('TMPDIR', folder);
    await expect(start({ sasl: { users: { 'a b': 'secret' } } })).rejects.toThrow("sasl.users has the name 'a b'");
    expect(readdirSync(folder)).toEqual([]);
    rmdirSync(folder);
  });
});

describe('a server named by ZOOKEEPER_CONNECT', () => {
  it('is used only if nothing special is wanted of it', async () => {
    vi.stubEnv('ZOOKEEPER_CONNECT', 'zk.example.com:2181');
    expect(await start({})).toMatchObject({ connectString: 'zk.example.com:2181', servers: [] });
    expect((await start({ containerCheckMs: 500 })).servers).toHaveLength(1);
  });
});

describe('the command line', () => {
  it('starts a server with TLS and SASL and tells where the certificates and the password are, not what it is', async () => {
    const cli = fileURLToPath(new URL('../support/dist/zookeeper-cli.js', import.meta.url));
    const { ZOOKEEPER_PASSWORD: _, ...env } = process.env;
    const child = spawn(process.execPath, [cli, '--tls', 'need', '--sasl', 'jobs'], { stdio: 'pipe', env });
    let told = '';
    for await (const line of createInterface({ input: child.stderr })) {
      told += `${line}\n`;
      if (line.startsWith('The password')) break;
    }
    const [, ca = '', cert = '', key = ''] = /Trust (\S+); as a client show (\S+) with (\S+)\./.exec(told) ?? [];
    const [, passwordFile = ''] = /The password of jobs is in (\S+)\./.exec(told) ?? [];
    const [, port] = /serves at 127\.0\.0\.1:(\d+)/.exec(told) ?? [];
    const read = (file: string): string => readFileSync(file, 'utf8');
    expect(await secureWord(Number(port), 'ruok', { ca: read(ca), cert: read(cert), key: read(key) })).toBe('imok');
    expect(statSync(passwordFile).mode & 0o077).toBe(0);
    expect(told).not.toContain(read(passwordFile));
    child.kill('SIGINT');
    await once(child, 'exit');
    expect({ code: child.exitCode, left: existsSync(join(passwordFile, '..')) }).toEqual({ code: 0, left: false });
  });

  it.each([
    [['--tls', 'maybe'], "--tls is 'maybe', expected none or need\n"],
    [['--sasl', 'a b'], "sasl.users has the name 'a b', expected letters, digits, '_' and '-'\n"],
  ])('says what is wrong with %j', async (args, text) => {
    const cli = fileURLToPath(new URL('../support/dist/zookeeper-cli.js', import.meta.url));
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    await once(child, 'close');
    expect({ code: child.exitCode, stderr }).toEqual({ code: 1, stderr: text });
  });
});
