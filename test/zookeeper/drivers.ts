import { systemClock } from '../../packages/core/src/foundation/clock.js';
import { silentLogger } from '../../packages/core/src/foundation/logger.js';
import type { Driver } from '../../packages/core/src/registry/driver.js';
import { nativeDriver } from '../../packages/core/src/registry/native-driver.js';
import { wireDriver } from '../../packages/core/src/registry/wire-driver.js';

/** The client libraries that a registry can stand on. */
export type Client = 'wire' | 'native';

/** A driver with sessions of four seconds. */
export function driverOf(
  client: Client,
  options: { readonly connectString: string; readonly sessionTimeoutMilliseconds?: number; readonly digest?: string },
): Driver {
  const open = client === 'wire' ? wireDriver : nativeDriver;
  return open({ sessionTimeoutMilliseconds: 4_000, ...options, logger: silentLogger, clock: systemClock });
}
