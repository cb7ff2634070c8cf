import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate, CertificateAuthority } from './certificates.js';

/** A port for TLS beside the plain one. */
export interface TlsOptions {
  /** Whether clients must show a certificate of the authority that the server trusts (`need`). */
  readonly clientAuth: 'none' | 'need';
  /** The only version of TLS that is spoken. Default `TLSv1.2`, ZooKeeper's own default. */
  readonly protocol?: 'TLSv1.2' | 'TLSv1.3';
}

/** Authentication with a name and a password by SASL DIGEST-MD5. */
export interface SaslOptions {
  /** Name → password. A name has letters, digits, `_` and `-`. */
  readonly users: Readonly<Record<string, string>>;
  /** Whether a session without it is refused. Default `false`: it may stay anonymous, and use what is open to the world. */
  readonly required?: boolean;
}

/** What a server can do beyond its defaults. Each is off, or ZooKeeper's default, unless it is given. */
export interface ServerFeatures {
  readonly tls?: TlsOptions;
  readonly sasl?: SaslOptions;
  /**
   * Whether a member of an ensemble without a quorum serves reads to sessions that ask for that. It switches on local
   * sessions too: without them 3.8 answers to nobody in this mode.
   */
  readonly readOnly?: boolean;
  /** Whether nodes may have a time to live. */
  readonly extendedTypes?: boolean;
  /** How often the server removes empty containers and nodes that lived long enough. ZooKeeper's default is a minute. */
  readonly containerCheckMs?: number;
  /** `jute.maxbuffer`: what a longer request costs its sender is the connection. ZooKeeper's default is 1,048,575. */
  readonly maxRequestBytes?: number;
}

/** Features in the server's own words. */
export interface ServerWords {
  /** Lines of `zoo.cfg`. */
  readonly config: readonly string[];
  /** Options of the Java machine. */
  readonly java: readonly string[];
}

/** What the server shows and whom it trusts. */
export interface Credentials {
  readonly authority: CertificateAuthority;
  readonly server: Certificate;
}

/** Whether nothing is asked for, so that any server will do. */
export function isPlain({
  tls,
  sasl,
  readOnly,
  extendedTypes,
  containerCheckMs,
  maxRequestBytes,
}: ServerFeatures): boolean {
  return [tls, sasl, readOnly, extendedTypes, containerCheckMs, maxRequestBytes].every((each) => each === undefined);
}

/**
 * Says the features as lines of configuration and Java options, and writes the files that these name to the server's
 * `folder`.
 *
 * @throws Error when a user's name cannot be written in Java's login configuration.
 */
export function sayFeatures(
  features: ServerFeatures,
  folder: string,
  securePort: number | undefined,
  credentials: Credentials | undefined,
): ServerWords {
  mkdirSync(folder, { recursive: true });
  const { tls, sasl } = features;
  return {
    config: [
      ...(tls === undefined || credentials === undefined ? [] : tlsLines(tls, folder, securePort, credentials)),
      ...(sasl === undefined ? [] : saslLines(sasl)),
      ...(features.readOnly === true ? ['localSessionsEnabled=true', 'localSessionsUpgradingEnabled=true'] : []),
      ...(features.extendedTypes === true ? ['extendedTypesEnabled=true'] : []),
    ],
    java: [
      ...(sasl === undefined ? [] : [`-Djava.security.auth.login.config=${writeLogins(sasl, folder)}`]),
      ...(features.readOnly === true ? ['-Dreadonlymode.enabled=true'] : []),
      ...property('znode.container.checkIntervalMs', features.containerCheckMs),
      ...property('jute.maxbuffer', features.maxRequestBytes),
    ],
  };
}

function property(name: string, value: number | undefined): string[] {
  return value === undefined ? [] : [`-D${name}=${value}`];
}

function tlsLines(
  { clientAuth, protocol }: TlsOptions,
  folder: string,
  securePort: number | undefined,
  { authority, server }: Credentials,
): string[] {
  const keyStore = join(folder, 'key-store.pem');
  writeFileSync(keyStore, `${server.key}${server.cert}${authority.cert}`, { mode: 0o600 });
  return [
    `secureClientPort=${securePort}`,
    'secureClientPortAddress=127.0.0.1',
    // The default factory cannot speak TLS.
    'serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory',
    `ssl.keyStore.location=${keyStore}`,
    'ssl.keyStore.type=PEM',
    `ssl.trustStore.location=${authority.certFile}`,
    'ssl.trustStore.type=PEM',
    `ssl.clientAuth=${clientAuth}`,
    ...(protocol === undefined ? [] : protocolLines(protocol)),
  ];
}

function protocolLines(protocol: 'TLSv1.2' | 'TLSv1.3'): string[] {
  const lines = [`ssl.protocol=${protocol}`, `ssl.enabledProtocols=${protocol}`];
  // ZooKeeper's own list of cipher suites has none that TLS 1.3 knows.
  return protocol === 'TLSv1.3' ? [...lines, 'ssl.ciphersuites=TLS_AES_128_GCM_SHA256,TLS_AES_256_GCM_SHA384'] : lines;
}

function saslLines({ required = false }: SaslOptions): string[] {
  return [
    'authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
    ...(required ? ['sessionRequireClientSASLAuth=true'] : []),
  ];
}

function writeLogins({ users }: SaslOptions, folder: string): string {
  const lines = Object.entries(users).map(([name, password]) => `  user_${loginName(name)}=${quoted(password)}`);
  const file = join(folder, 'jaas.conf');
  const module = 'org.apache.zookeeper.server.auth.DigestLoginModule';
  writeFileSync(file, `Server {\n  ${module} required\n${lines.join('\n')};\n};\n`, { mode: 0o600 });
  return file;
}

function loginName(name: string): string {
  if (/^[\w-]+$/.test(name)) return name;
  throw new Error(`sasl.users has the name '${name}', expected letters, digits, '_' and '-'`);
}

function quoted(password: string): string {
  return `"${password.replace(/["\\]/g, '\\$&')}"`;
}
