import type { Clock } from '../foundation/clock.js';
import type { Logger } from '../foundation/logger.js';
import type { RetryPolicy } from '../foundation/retry.js';

/** How a registry behaves, whatever is underneath. Names and defaults are ElasticJob's where it has them. */
export interface RegistryOptions extends Partial<RetryPolicy> {
  /** The node below which everything lives; may have several levels (`shops/eu`). Created on first use. */
  readonly namespace: string;
  /** First pause before a request is tried again. Default 1000. */
  readonly baseSleepTimeMilliseconds?: number;
  /** Longest such pause. Default 3000. */
  readonly maxSleepTimeMilliseconds?: number;
  /** How often a request is tried again after its connection was lost. Default 3; 0 never tries again. */
  readonly maxRetries?: number;
  /** How long the server keeps the session of a silent client; it may grant less. Default 60000. */
  readonly sessionTimeoutMilliseconds?: number;
  /** How long `start` waits for the first connection. Default 15000. */
  readonly connectionTimeoutMilliseconds?: number;
  /** Credentials as `user:password`; nodes created are then readable and writable for these only. Default: none. */
  readonly digest?: string;
  /** `start` waits as long as it takes and warns once per connection timeout. Default `false`: it fails. */
  readonly waitForRegistry?: boolean;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Default: silence. */
  readonly logger?: Logger;
}

/** The options that have a default value. */
export type RegistryDefaults = RetryPolicy &
  Required<Pick<RegistryOptions, 'sessionTimeoutMilliseconds' | 'connectionTimeoutMilliseconds' | 'waitForRegistry'>>;

/** The defaults of {@link RegistryOptions}. */
export const REGISTRY_DEFAULTS: RegistryDefaults = {
  baseSleepTimeMilliseconds: 1_000,
  maxSleepTimeMilliseconds: 3_000,
  maxRetries: 3,
  sessionTimeoutMilliseconds: 60_000,
  connectionTimeoutMilliseconds: 15_000,
  waitForRegistry: false,
};
