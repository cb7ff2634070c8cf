import { z } from 'zod';
import type { Clock } from '../foundation/clock.js';
import { ConfigurationError, messageOf } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import type { IdentityOptions } from '../job/identity.js';
import type { Registry } from '../registry/registry.js';
import type { RegistryOptions } from '../registry/registry-options.js';
import { validPath } from '../registry/registry-path.js';
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

const milliseconds = z
  .number('expected a number of milliseconds')
  .int('expected whole milliseconds')
  .min(0, 'expected 0 or more');
const patience = milliseconds.max(2 ** 31 - 1, 'expected less than 25 days').optional();

const NAMESPACE = 'expected a path such as shop, or teams/shop';
const namespace = z
  .string(NAMESPACE)
  .min(1, NAMESPACE)
  .superRefine((value, check) => {
    try {
      validPath(value);
    } catch (error) {
      check.addIssue({ code: 'custom', message: messageOf(error) });
    }
  });

const SERVERS = /^[^,/:\s]+:\d{1,5}(,[^,/:\s]+:\d{1,5})*$|^(\[[0-9a-fA-F:]+\]:\d{1,5},?)+$/;

const zooKeeper = z.object({
  connectString: z
    .string('expected the servers, such as 127.0.0.1:2181')
    .regex(SERVERS, 'expected host:port, comma-separated, such as zk1:2181,zk2:2181'),
  namespace,
  digest: z
    .string('expected user:password')
    .regex(/^[^:]+:.+$/, 'expected user:password')
    .optional(),
  baseSleepTimeMilliseconds: patience,
  maxSleepTimeMilliseconds: patience,
  maxRetries: z
    .number('expected a count')
    .int('expected a whole number')
    .min(0, 'expected 0 or more')
    .max(29, 'expected at most 29')
    .optional(),
  sessionTimeoutMilliseconds: patience,
  connectionTimeoutMilliseconds: patience,
  waitForRegistry: z.boolean('expected true or false').optional(),
});

/** Whether the registry is one that the application made. */
export function isRegistry(registry: ZooKeeperOptions | Registry): registry is Registry {
  return 'watchTree' in registry;
}

/**
 * Checks what an engine is given, all of it at once. Throws a `ConfigurationError` of code `INVALID_CONFIGURATION` whose
 * lines each name the path of an option; a digest is never repeated in it.
 */
export function checkEngineOptions(options: EngineOptions): void {
  const schema = z.object({ drainTimeoutMs: patience, abortGraceMs: patience, handoverTimeoutMs: patience });
  const { registry } = options;
  const issues = [...problems(schema, options, [])];
  if (registry === undefined || registry === null || (typeof registry === 'string' && registry !== 'embedded')) {
    issues.push(`registry: expected 'embedded', { connectString, namespace }, or a registry of your own`);
  } else if (registry !== 'embedded' && !isRegistry(registry)) {
    issues.push(...problems(zooKeeper, registry, ['registry']));
  }
  if (issues.length === 0) return;
  throw new ConfigurationError(
    'INVALID_CONFIGURATION',
    `the engine cannot be made of these options:\n${issues.map((issue) => `- ${issue}`).join('\n')}`,
  );
}

function problems(schema: z.ZodType, value: unknown, path: readonly string[]): string[] {
  const result = schema.safeParse(value);
  return result.success
    ? []
    : result.error.issues.map((issue) => `${[...path, ...issue.path].join('.')}: ${issue.message}`);
}
