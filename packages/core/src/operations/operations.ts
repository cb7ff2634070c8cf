import { type Clock, systemClock } from '../foundation/clock.js';
import { type Logger, silentLogger } from '../foundation/logger.js';
import type { Registry } from '../registry/registry.js';
import { BoundedReader } from './bounded-reader.js';
import { Catalogue } from './catalogue.js';
import { JobCommands } from './job-commands.js';
import { JobQueries } from './job-queries.js';
import { RegistryDump } from './registry-dump.js';

/** What people can do to the jobs of a namespace, and ask about them. */
export interface Operations {
  /** Everything that changes something. */
  readonly commands: JobCommands;
  /** Everything that only looks. */
  readonly queries: JobQueries;
  /** What stands in the registry, fit to be given to others. */
  readonly dump: RegistryDump;
}

/** What {@link createOperations} takes besides a registry. */
export interface OperationsOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Is told what went wrong after a command had done what it was for. Default: nobody. */
  readonly logger?: Logger;
  /** How many nodes are read at the same time, at most. Default 64. */
  readonly readsAtOnce?: number;
}

/**
 * Operations over a registry that has been started, in a process that need not run any job. `docs/operations.md` tells
 * what each does to whom.
 *
 * @example
 * const { commands, queries } = createOperations(engine.registry);
 * await commands.pause('invoice', { reason: 'migration of the database', by: 'ann' });
 * const { verdict, reasons } = await queries.why('invoice', 0);
 */
export function createOperations(registry: Registry, options: OperationsOptions = {}): Operations {
  const { clock = systemClock, logger = silentLogger, readsAtOnce } = options;
  const catalogue = new Catalogue(new BoundedReader(registry, readsAtOnce));
  return {
    commands: new JobCommands(registry, catalogue, clock, logger),
    queries: new JobQueries(registry, catalogue, clock),
    dump: new RegistryDump(catalogue),
  };
}
