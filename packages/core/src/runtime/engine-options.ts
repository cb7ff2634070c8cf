import type { Clock } from '../foundation/clock.js';
import type { Logger } from '../foundation/logger.js';
import type { IdentityOptions } from '../job/identity.js';
import type { Registry } from '../registry/registry.js';
import type { RegistryOptions } from '../registry/registry-options.js';
import type { TraceSink } from '../tracing/trace-sink.js';

/** How to reach a ZooKeeper. */
export interface ZooKeeperOptions extends Omit<RegistryOptions, 'clock' | 'logger'> {
  /** Servers, `host:port,host:port`. */
  readonly connectString: string;
}

/** What an engine is made of. Everything but the registry has a default. */
export interface EngineOptions extends IdentityOptions {
  /**
   * A ZooKeeper; or `'embedded'`, a registry within this process for a first try and for tests, which shares nothing
   * with other processes and forgets everything at the end; or one that you made (the engine starts and stops it).
   */
  readonly registry: ZooKeeperOptions | 'embedded' | Registry;
  /** How long running items may go on when a job stops, milliseconds; then their signals abort. Default 20000. */
  readonly drainTimeoutMs?: number;
  /** How long aborted items may take to settle, milliseconds; then they are left behind. Default 2000. */
  readonly abortGraceMs?: number;
  /** How long to keep firing, when stopping, until other instances have the items, milliseconds. Default 3000. */
  readonly handoverTimeoutMs?: number;
  /** Default: warnings and errors to standard error. */
  readonly logger?: Logger;
  /** Where trace events go, besides the log. Default: nowhere. */
  readonly traceSinks?: readonly TraceSink[];
  /** Default: the machine's clock. */
  readonly clock?: Clock;
}
