import type { Clock } from '../foundation/clock.js';
import { RegistryError } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import type { ConnectionEvent, Driver, DriverSession } from './driver.js';
import { loadNativePackage, type NativeClient } from './native-driver-package.js';
import { NativeSession } from './native-driver-session.js';
import type { Capabilities, CreateMode } from './registry.js';

/** What a {@link nativeDriver} is told. */
export interface NativeDriverOptions {
  /** `host:port`, comma-separated, optionally followed by one `/path` below which everything lives. */
  readonly connectString: string;
  /** What is asked of the server, which grants between 2 and 20 of its ticks. */
  readonly sessionTimeoutMilliseconds: number;
  /** Credentials as `user:password`: every node created is then theirs alone. */
  readonly digest?: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

const CAPABILITIES: Capabilities = { atomicCommit: false, aclAtCreation: false, recursiveWatch: false, tls: false };

/** Nothing on stdout or stderr: the C library cannot write to our logger, and its lines would be in no format. */
const SILENT = 0;

/**
 * The package counts network reads that complete no answer, and after this many in a row it declares the session
 * expired: with its default of 10, one large answer that arrives in pieces ends a healthy session.
 */
const UNLIMITED = 2_147_483_647;

/**
 * A driver on the npm package `zookeeper`, the C client of Apache ZooKeeper, which is loaded when the first session is
 * opened. It has no transactions, no recursive watches, no TLS, and protects a node only after it was created
 * ({@link Capabilities}).
 *
 * `open` fails with a `RegistryError`: `DRIVER_UNAVAILABLE` when the package is not there or not compiled,
 * `CONNECTION_LOSS` (retryable) when no address of the connect string can be resolved.
 *
 * @example
 * const driver = nativeDriver({
 *   connectString: '127.0.0.1:2181', sessionTimeoutMilliseconds: 40_000, logger: silentLogger, clock: systemClock,
 * });
 * const session = await driver.open((event) => console.log(event));
 */
export function nativeDriver(options: NativeDriverOptions): Driver {
  const unprotected = new Map<string, CreateMode>();
  return {
    capabilities: CAPABILITIES,
    async open(onEvent: (event: ConnectionEvent) => void): Promise<DriverSession> {
      const { connectString, sessionTimeoutMilliseconds, digest, logger, clock } = options;
      const Client = loadNativePackage();
      const makeClient = (): NativeClient =>
        new Client({
          connect: connectString,
          timeout: sessionTimeoutMilliseconds,
          debug_level: SILENT,
          host_order_deterministic: false,
          response_counter_limit: UNLIMITED,
        });
      const session = new NativeSession(makeClient, { digest, logger, clock, unprotected, onEvent });
      session.connect();
      if (session.isDead) {
        await session.close();
        throw neverConnects(connectString);
      }
      return session;
    },
  };
}

/** An address that cannot be resolved or reached at all leaves a client that never tries again. */
function neverConnects(connectString: string): RegistryError {
  return new RegistryError(
    'CONNECTION_LOSS',
    `No server of '${connectString}' can be reached: the name cannot be resolved or there is no route to it. ` +
      'Expected host:port, comma-separated, with names that this machine can resolve.',
    { retryable: true },
  );
}
