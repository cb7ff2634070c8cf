import {
  type Acl,
  digestAcl,
  OPEN_ACL,
  Permission,
  ZooKeeper,
  type ZooKeeperOptions,
} from '@elasticjob/zookeeper-client';
import type { Clock } from '../foundation/clock.js';
import type { Logger } from '../foundation/logger.js';
import type { ConnectionEvent, Driver, DriverSession } from './driver.js';
import type { Capabilities } from './registry.js';
import { WireSession } from './wire-driver-session.js';

/** Credentials of SASL's mechanism DIGEST-MD5, as the server's login module knows them. */
export interface SaslCredentials {
  readonly username: string;
  readonly password: string;
}

/** How the connection is encrypted and who proves what to whom; `true` = with the certificates that Node.js trusts. */
export type TlsOptions = NonNullable<ZooKeeperOptions['tls']>;

/** What a {@link wireDriver} is told. */
export interface WireDriverOptions {
  /** `host:port`, comma-separated, optionally followed by one `/path` below which everything lives. */
  readonly connectString: string;
  /** What is asked of the server, which grants between 2 and 20 of its ticks. */
  readonly sessionTimeoutMilliseconds: number;
  /** Credentials as `user:password`: every node created is then theirs alone. */
  readonly digest?: string | undefined;
  /** Without a digest every node created belongs to this user alone. */
  readonly sasl?: SaslCredentials | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

const CAPABILITIES: Capabilities = { atomicCommit: true, aclAtCreation: true, recursiveWatch: true, tls: true };

/**
 * A driver on our own client, `@elasticjob/zookeeper-client`: transactions, nodes that are born protected, one watch for
 * a tree, TLS and SASL.
 *
 * @example
 * const driver = wireDriver({
 *   connectString: '127.0.0.1:2181', sessionTimeoutMilliseconds: 40_000, logger: silentLogger, clock: systemClock,
 * });
 * const session = await driver.open((event) => console.log(event));
 */
export function wireDriver(options: WireDriverOptions): Driver {
  return {
    capabilities: CAPABILITIES,
    async open(onEvent: (event: ConnectionEvent) => void): Promise<DriverSession> {
      const session = new WireSession(new ZooKeeper(clientOptions(options)), options, onEvent);
      session.connect();
      return session;
    },
  };
}

function clientOptions(options: WireDriverOptions): ZooKeeperOptions {
  const { connectString, sessionTimeoutMilliseconds, digest, sasl, tls, logger, clock } = options;
  return {
    connectString,
    sessionTimeoutMs: sessionTimeoutMilliseconds,
    defaultAcl: accessList(options),
    ...(digest === undefined ? {} : { auth: [{ scheme: 'digest', credentials: digest }] }),
    ...(sasl === undefined ? {} : { sasl }),
    ...(tls === undefined ? {} : { tls }),
    clock,
    log: (message, fields) => logger.debug(message, fields),
  };
}

/**
 * Named, so that it is the same whatever else a connection is authenticated by: the creator's access list would let in
 * whoever has the certificate that the creator happened to show.
 */
function accessList({ digest, sasl }: WireDriverOptions): readonly Acl[] {
  if (digest === undefined) {
    return sasl === undefined ? OPEN_ACL : [{ permissions: Permission.ALL, scheme: 'sasl', id: sasl.username }];
  }
  const separator = digest.indexOf(':');
  return digestAcl(digest.slice(0, separator), digest.slice(separator + 1));
}
