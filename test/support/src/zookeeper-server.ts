import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Certificate, type CertificateAuthority, createAuthority } from './certificates.js';
import { type ServerCounters, sumCounters } from './four-letter.js';
import { type Credentials, isPlain, type ServerFeatures, sayFeatures } from './server-features.js';
import { createServerProcess, type ServerProcess } from './server-process.js';
import { findServerClassPath } from './zookeeper-jars.js';

/** What to start. With any of the {@link ServerFeatures} own servers are started even if `ZOOKEEPER_CONNECT` names others. */
export interface ZooKeeperOptions extends ServerFeatures {
  /** A single server (default) or an ensemble of three. */
  readonly servers?: 1 | 3;
  /** Milliseconds; sessions may last 2 to 20 ticks. Default 500, so that a session of 1 to 10 s is granted. */
  readonly tickTime?: number;
  /** Whether a transaction is on the disk before it is acknowledged. Default `false`: tests need no disk. */
  readonly durable?: boolean;
  /** Starts an own server even when `ZOOKEEPER_CONNECT` names one, because the caller stops it or counts on it. */
  readonly own?: boolean;
}

/** What a client needs in order to connect over TLS. */
export interface SecureAccess {
  /** `host:port` of the TLS ports, comma-separated. */
  readonly connectString: string;
  /** Signed the servers' certificate, and is whom they trust; issues more certificates. */
  readonly authority: CertificateAuthority;
  /** A certificate that the servers accept from a client, with the subject `CN=client`. */
  readonly client: Certificate;
}

/** Running servers. */
export interface ZooKeeper {
  /** `host:port`, comma-separated. */
  readonly connectString: string;
  /** There with `tls` only. The plain ports are open all the same, for four-letter words and for tests to look around. */
  readonly secure: SecureAccess | undefined;
  /** Empty when the server is an external one. */
  readonly servers: readonly ServerProcess[];
  /** The folder that holds everything the servers write, `undefined` when the server is an external one. */
  readonly folder: string | undefined;
  /** The counters of all running servers added up. */
  counters(): Promise<ServerCounters>;
  /** Stops what was started and removes its data; may be called twice. An external server is left alone. */
  stop(): Promise<void>;
}

/**
 * Starts ZooKeeper on free ports of 127.0.0.1 and resolves when it serves. With `ZOOKEEPER_CONNECT` set (and `own` not)
 * nothing is started and that one is used. When this process ends, however it ends, the servers end and their data is
 * removed.
 *
 * @throws Error when Java, ZooKeeper or (for certificates) openssl is not to be had (it says what to do), or a server does
 * not start (it shows the end of its log).
 * @example
 * const zookeeper = await startZooKeeper({ servers: 3 });
 * await zookeeper.servers[0].kill();
 * await zookeeper.stop();
 *
 * @example
 * // Clients must show a certificate, and say who they are.
 * const { secure } = await startZooKeeper({ tls: { clientAuth: 'need' }, sasl: { users: { jobs: 'secret' }, required: true } });
 */
export async function startZooKeeper(options: ZooKeeperOptions = {}): Promise<ZooKeeper> {
  const external = process.env.ZOOKEEPER_CONNECT;
  const ownIsNeeded = options.own === true || !isPlain(options);
  if (external !== undefined && external !== '' && !ownIsNeeded) return externalZooKeeper(external);
  const classPath = await findServerClassPath();
  const folder = mkdtempSync(join(tmpdir(), 'elasticjob-zookeeper-'));
  const guard = startGuard(folder);
  const servers: ServerProcess[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
    await endGuard(guard);
  };
  let ended: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    ended ??= end();
    return ended;
  };
  try {
    const certificates = options.tls === undefined ? undefined : await makeCertificates(join(folder, 'certificates'));
    servers.push(...(await createServers(folder, classPath, options, certificates)));
    await Promise.all(servers.map((server) => server.start()));
    return {
      connectString: addresses(servers.map(({ port }) => port)),
      secure: certificates && secureAccess(certificates, servers),
      servers,
      folder,
      counters: async () => {
        const running = servers.filter((server) => server.pid !== undefined);
        return sumCounters(await Promise.all(running.map((server) => server.counters())));
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function externalZooKeeper(connectString: string): ZooKeeper {
  return {
    connectString,
    secure: undefined,
    servers: [],
    folder: undefined,
    counters: () => Promise.reject(new Error('the counters of an external ZooKeeper (ZOOKEEPER_CONNECT) are not read')),
    stop: () => Promise.resolve(),
  };
}

interface Certificates extends Credentials {
  readonly client: Certificate;
}

async function makeCertificates(folder: string): Promise<Certificates> {
  const authority = await createAuthority(folder);
  return { authority, server: await authority.issue('server'), client: await authority.issue('client') };
}

function secureAccess({ authority, client }: Certificates, servers: readonly ServerProcess[]): SecureAccess {
  return { connectString: addresses(servers.map(({ securePort }) => securePort)), authority, client };
}

function addresses(ports: readonly (number | undefined)[]): string {
  return ports.map((port) => `127.0.0.1:${port}`).join(',');
}

async function createServers(
  folder: string,
  classPath: string,
  options: ZooKeeperOptions,
  credentials: Credentials | undefined,
): Promise<ServerProcess[]> {
  const count = options.servers ?? 1;
  const ports = await freePorts(count * 4);
  const [clients, peers, elections] = [ports.slice(0, count), ports.slice(count, 2 * count), ports.slice(2 * count)];
  const members = clients.map((_, index) => `server.${index + 1}=127.0.0.1:${peers[index]}:${elections[index]}`);
  return clients.map((port, index) => {
    const own = join(folder, `server-${index + 1}`);
    const securePort = credentials === undefined ? undefined : ports[3 * count + index];
    return createServerProcess({
      folder: own,
      port,
      securePort,
      classPath,
      tickTimeMs: options.tickTime ?? 500,
      durable: options.durable ?? false,
      features: sayFeatures(options, own, securePort, credentials),
      ...(count === 1 ? {} : { ensemble: { id: index + 1, members } }),
    });
  });
}

/** Ports nobody listens on, below the range that the kernel gives to outgoing connections, so that they stay free. */
async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = 12_000 + Math.floor(Math.random() * 20_000);
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}

/**
 * A shell that waits until its input closes, which the kernel does when this process ends for whatever reason, and then
 * ends the servers that still run and removes the folder. It has its own process group, out of reach of Ctrl-C.
 */
function startGuard(folder: string): ChildProcess {
  const script = 'read -r _; for f in "$1"/*/pid; do [ -f "$f" ] && kill -9 "$(cat "$f")"; done; rm -rf "$1"';
  const guard = spawn('sh', ['-c', script, 'guard', folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  guard.unref();
  const input = guard.stdin as (typeof guard)['stdin'] & { unref?: () => void };
  input.unref?.();
  return guard;
}

async function endGuard(guard: ChildProcess): Promise<void> {
  guard.ref();
  const ended = once(guard, 'exit');
  guard.stdin?.end();
  await ended;
}
