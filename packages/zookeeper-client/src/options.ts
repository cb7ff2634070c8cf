import type { ConnectionOptions } from 'node:tls';
import { type Acl, OPEN_ACL } from './acl.js';
import { type Clock, systemClock } from './clock.js';
import { parseConnectString } from './connect-string.js';
import { ZooKeeperError } from './errors.js';

/** Credentials that a connection shows before its first request. */
export interface AuthInfo {
  /** `digest`, with credentials `user:password`, or another scheme that the server has a provider for. */
  readonly scheme: string;
  readonly credentials: string | Buffer;
}

/** The user that connections log in as, by SASL's mechanism DIGEST-MD5. */
export interface SaslOptions {
  readonly username: string;
  readonly password: string;
  /** The name of the service. Default `zookeeper`. */
  readonly service?: string;
  /** The host in the service's name. Default `zk-sasl-md5`, which ZooKeeper's servers use whatever they are called. */
  readonly host?: string;
}

/** The part of `tls.connect`'s options that says whom to trust and what to show of oneself. */
export type TlsOptions = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'pfx' | 'servername' | 'minVersion' | 'rejectUnauthorized' | 'ciphers'
>;

/** How a client behaves. Only the connect string is needed. */
export interface ZooKeeperOptions {
  /** `host:port,[::1]:2181/a/chroot`: servers, comma-separated, and the path below which everything lives. */
  readonly connectString: string;
  /** How long the server keeps the session of a silent client; it grants 2 to 20 of its ticks. Default 30000. */
  readonly sessionTimeoutMs?: number;
  /**
   * How long one server has for the connection, the handshake and the authentication. Default: the session timeout
   * divided by the number of servers and one more, from 1000 to 10000.
   */
  readonly connectTimeoutMs?: number;
  /** Shown on each connection. Default: nothing. */
  readonly auth?: readonly AuthInfo[];
  /** Logs in on each connection. Default: not. */
  readonly sasl?: SaslOptions;
  /** Encrypts the connections; `true` trusts the authorities that Node.js trusts. Default: not encrypted. */
  readonly tls?: boolean | TlsOptions;
  /**
   * Takes a server that only reads, because it has lost the others, rather than none. Default `false`. A session that
   * begins there continues, under another id, on the first server that writes. Servers of 3.8 need
   * `readonlymode.enabled` for it, and `localSessionsEnabled`, without which they answer to nobody; a session that is
   * older than the loss they leave alone.
   */
  readonly readOnly?: boolean;
  /** The access list of nodes created without one. Default: {@link OPEN_ACL}. */
  readonly defaultAcl?: readonly Acl[];
  /** A larger request fails before it is sent: a server would cut the connection. Default 1000000. */
  readonly maxRequestBytes?: number;
  /** A larger answer ends the connection, and its request fails. Default 16 MiB. */
  readonly maxAnswerBytes?: number;
  /**
   * The pause before a new round over the servers: random, up to `baseMs` (100) doubled each time, up to `maxMs` (3000),
   * and up to a tenth of the session timeout while a session waits for it.
   */
  readonly backoff?: { readonly baseMs?: number; readonly maxMs?: number };
  /** Whether each round is in a random order. Default `true`. */
  readonly shuffle?: boolean;
  /** From 0 to 1. Default: `Math.random`. */
  readonly random?: () => number;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Hears what is worth a line for somebody who looks for a fault. Never holds credentials. Default: nobody. */
  readonly log?: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** The options with their defaults. */
export type Settings = Required<Omit<ZooKeeperOptions, 'connectString' | 'sasl' | 'tls' | 'backoff'>> & {
  readonly sasl: SaslOptions | null;
  readonly tls: TlsOptions | null;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  readonly servers: ReturnType<typeof parseConnectString>['servers'];
  readonly chroot: string;
};

/** Checks the options and completes them. Throws a `ZooKeeperError` of code `INVALID_OPTIONS` naming the option. */
export function settingsOf(options: ZooKeeperOptions): Settings {
  const { servers, chroot } = parseConnectString(options.connectString);
  const sessionTimeoutMs = milliseconds('sessionTimeoutMs', options.sessionTimeoutMs ?? 30_000);
  const share = sessionTimeoutMs / (servers.length + 1);
  return {
    servers,
    chroot,
    sessionTimeoutMs,
    connectTimeoutMs: milliseconds(
      'connectTimeoutMs',
      options.connectTimeoutMs ?? Math.min(10_000, Math.max(1_000, share)),
    ),
    auth: options.auth ?? [],
    sasl: options.sasl ?? null,
    tls: tlsOf(options.tls),
    readOnly: options.readOnly ?? false,
    defaultAcl: options.defaultAcl ?? OPEN_ACL,
    maxRequestBytes: milliseconds('maxRequestBytes', options.maxRequestBytes ?? 1_000_000),
    maxAnswerBytes: milliseconds('maxAnswerBytes', options.maxAnswerBytes ?? 16 * 1024 * 1024),
    backoff: {
      baseMs: milliseconds('backoff.baseMs', options.backoff?.baseMs ?? 100),
      maxMs: milliseconds('backoff.maxMs', options.backoff?.maxMs ?? 3_000),
    },
    shuffle: options.shuffle ?? true,
    random: options.random ?? Math.random,
    clock: options.clock ?? systemClock,
    log: options.log ?? (() => undefined),
  };
}

function tlsOf(tls: ZooKeeperOptions['tls']): TlsOptions | null {
  if (tls === undefined || tls === false) return null;
  return tls === true ? {} : tls;
}

function milliseconds(name: string, value: number): number {
  if (Number.isFinite(value) && value >= 1 && value < 2 ** 31) return value;
  const message = `${name}: seen ${value}, expected a number from 1 to ${2 ** 31 - 1}`;
  throw new ZooKeeperError('INVALID_OPTIONS', message);
}
