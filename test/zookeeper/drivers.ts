import { systemClock } from '../../packages/core/src/foundation/clock.js';
import { silentLogger } from '../../packages/core/src/foundation/logger.js';
import type { Driver } from '../../packages/core/src/registry/driver.js';
import { nativeDriver } from '../../packages/core/src/registry/native-driver.js';
import { type WireDriverOptions, wireDriver } from '../../packages/core/src/registry/wire-driver.js';

/** The client libraries that a registry can stand on. */
export type Client = 'wire' | 'native';

/** How a client proves who it is, and what it makes sure of. The native client knows the digest only. */
export type Access = Pick<WireDriverOptions, 'digest' | 'tls' | 'sasl'>;

/** A driver with sessions of four seconds. */
export function driverOf(
  client: Client,
  options: Access & { readonly connectString: string; readonly sessionTimeoutMilliseconds?: number },
): Driver {
  const open = client === 'wire' ? wireDriver : nativeDriver;
  return open({ sessionTimeoutMilliseconds: 4_000, ...options, logger: silentLogger, clock: systemClock });
}
