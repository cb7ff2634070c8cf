import { z } from 'zod';
import { LABEL_TEXT, parseWeight, WEIGHT } from '../coordination/instance-labels.js';
import type { Secrets } from '../execution/secrets.js';
import type { Clock } from '../foundation/clock.js';
import { ConfigurationError, messageOf } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import type { IdentityOptions } from '../job/identity.js';
import { show, suggestion } from '../job/option-problems.js';
import type { Registry } from '../registry/registry.js';
import type { RegistryOptions } from '../registry/registry-options.js';
import { validPath } from '../registry/registry-path.js';
import type { SaslCredentials, TlsOptions } from '../registry/wire-driver.js';
import type { TraceSink } from '../tracing/trace-sink.js';

/** How to reach a ZooKeeper. */
export interface ZooKeeperOptions extends Omit<RegistryOptions, 'clock' | 'logger'> {
  /** Servers, `host:port,[::1]:port`, and perhaps one path below which the namespace lies, `/apps`. */
  readonly connectString: string;
  /**
   * The client library: `'wire'`, our own; or `'native'`, the npm package `zookeeper`, which has no transactions, no TLS
   * and no SASL (docs/guarantees.md says what that costs). Default `'wire'`.
   */
  readonly client?: 'wire' | 'native';
  /**
   * Encrypts the connections: `true` trusts the authorities that Node.js trusts; an object says whom to trust (`ca`) and
   * what to show of oneself (`cert`, `key`), as texts in PEM or Buffers. Default: not encrypted.
   */
  readonly tls?: TlsOptions;
  /** The user that connections log in as, by SASL DIGEST-MD5. Default: none. */
  readonly sasl?: SaslCredentials;
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
  /**
   * What jobs may refer to in their props as `{secret:NAME}`, by name: passwords and addresses with tokens. They are
   * stored nowhere; each member needs those of its jobs. Default: none.
   */
  readonly secrets?: Secrets;
  /**
   * How many notifications of failures (`EMAIL`, `WEBHOOK`, `DINGTALK`, `WECHAT`) each job of this process sends in an hour
   * at most, after the first five, evenly spread: a job that fails each second would send 3600. Each says how many
   * failures before it were left out. At least 1; `Infinity` for no limit. Default 20.
   */
  readonly notificationsPerHour?: number;
  /**
   * A TCP port on which ElasticJob's tools can ask for dumps of jobs, by the line `dump@{job}`: 0 to 65535, 0 for any that
   * is free. There is no authentication; secrets and addresses are hidden. Default: none.
   */
  readonly dumpPort?: number;
  /** The address of that port. Default `'127.0.0.1'`: only from this machine. `'0.0.0.0'`: from everywhere. */
  readonly dumpHost?: string;
  /** Default: warnings and errors to standard error. */
  readonly logger?: Logger;
  /** Where trace events go. The log is told only of changes and of skipped fires. Default: nowhere else. */
  readonly traceSinks?: readonly TraceSink[];
  /** Default: the machine's clock. */
  readonly clock?: Clock;
}

/** What a job sends in an hour unless the application says otherwise. */
export const NOTIFICATIONS_PER_HOUR = 20;

const milliseconds = z
  .number('expected a number of milliseconds')
  .int('expected whole milliseconds')
  .min(0, 'expected 0 or more');
const timerMs = milliseconds.max(2 ** 31 - 1, 'expected less than 25 days');
const patience = timerMs.optional();
const timeout = timerMs.min(1, 'expected 1 or more; leave it out for the default').optional();

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

const PORT_NUMBER = '(?:[1-9]\\d{0,3}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])';
const SERVER = `(?:[^,/:\\s\\[\\]]+|\\[[0-9a-fA-F:.]+\\]):${PORT_NUMBER}`;
const SERVERS = new RegExp(`^${SERVER}(?:,${SERVER})*(?:/[^/\\s,]+)*$`);

const pem = z.custom(isPem, 'expected a text in PEM, a Buffer, or a list of these').optional();

const tls = z.union(
  [
    z.boolean(),
    z.strictObject({
      ca: pem,
      cert: pem,
      key: pem,
      pfx: pem,
      passphrase: z.string().optional(),
      servername: z.string().optional(),
      minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).optional(),
      ciphers: z.string().optional(),
      rejectUnauthorized: z.boolean().optional(),
    }),
  ],
  'expected true, or { ca, cert, key } with texts in PEM',
);

const sasl = z.strictObject(
  { username: z.string('expected a text').min(1, 'expected a name'), password: z.string('expected a text') },
  'expected { username, password }',
);

const zooKeeper = z.strictObject({
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
  sessionTimeoutMilliseconds: timeout,
  connectionTimeoutMilliseconds: timeout,
  waitForRegistry: z.boolean('expected true or false').optional(),
  client: z.enum(['wire', 'native'], "expected 'wire' or 'native'").optional(),
  tls: tls.optional(),
  sasl: sasl.optional(),
});

const LABEL = 'expected 1 to 63 letters, digits, ".", "_" or "-", a letter or digit at both ends';
const labels = z
  .record(z.string(), z.string("expected a text, such as '3'").regex(LABEL_TEXT, LABEL), 'expected texts by name')
  .superRefine((values, check) => {
    for (const name of Object.keys(values)) {
      if (!LABEL_TEXT.test(name)) check.addIssue({ code: 'custom', path: [name], message: `${LABEL}, as the name` });
    }
    if (values[WEIGHT] === undefined || parseWeight(values[WEIGHT]) !== null) return;
    check.addIssue({ code: 'custom', path: [WEIGHT], message: 'expected a whole number from 0 to 1000000, as a text' });
  });

const SECRET = 'expected texts by name; is a variable of the environment not set?';
const secrets = z.record(
  z.string().regex(/^[\w.-]+$/, 'expected a name of letters, digits, ".", "_" and "-"'),
  z.string(SECRET).min(1, SECRET),
  'expected texts by name',
);

const PORT = 'expected a port, 0 to 65535';

const engine = z.strictObject({
  registry: z.unknown().optional(),
  drainTimeoutMs: patience,
  abortGraceMs: patience,
  handoverTimeoutMs: patience,
  instanceId: z.string('expected a text').optional(),
  serverIp: z.string('expected a text').optional(),
  preferredNetworkInterface: z.string('expected a text').optional(),
  preferredNetworkIp: z.string('expected a text').optional(),
  labels: labels.optional(),
  secrets: secrets.optional(),
  notificationsPerHour: z
    .custom<number>((value) => typeof value === 'number' && value >= 1, 'expected 1 or more, or Infinity for no limit')
    .optional(),
  dumpPort: z.int(PORT).min(0, PORT).max(65_535, PORT).optional(),
  dumpHost: z.string('expected an address').min(1, "expected an address, such as '127.0.0.1'").optional(),
  traceSinks: z.array(z.unknown(), 'expected a list').optional(),
  logger: z.unknown().optional(),
  clock: z.unknown().optional(),
});

/** What people who come from Java or from older texts may write. */
const RENAMED: Readonly<Record<string, string>> = { serverLists: 'connectString', drainTimeout: 'drainTimeoutMs' };

/** Whether the registry is one that the application made. */
export function isRegistry(registry: ZooKeeperOptions | Registry): registry is Registry {
  return 'watchTree' in registry;
}

/**
 * Checks what an engine is given, all of it at once. Throws a `ConfigurationError` of code `INVALID_CONFIGURATION` whose
 * lines each name the path of an option; a digest or another secret is never repeated in it.
 */
export function checkEngineOptions(options: EngineOptions): void {
  const { registry } = options;
  const issues = [...problems(engine, options, [])];
  if (typeof registry !== 'object' || registry === null) {
    if (registry !== 'embedded') {
      issues.push(
        `registry: seen ${show(registry)}, expected 'embedded', { connectString, namespace }, or a registry of your own`,
      );
    }
  } else if (!isRegistry(registry)) {
    issues.push(...problems(zooKeeper, registry, ['registry']), ...inabilities(registry));
  }
  if (issues.length === 0) return;
  throw new ConfigurationError(
    'INVALID_CONFIGURATION',
    `the engine cannot be made of these options:\n${issues.map((issue) => `- ${issue}`).join('\n')}`,
  );
}

/** What the native client is asked for and cannot do. */
function inabilities({ client, tls, sasl }: ZooKeeperOptions): string[] {
  if (client !== 'native') return [];
  const asked = [tls !== undefined && tls !== false ? 'tls' : [], sasl !== undefined ? 'sasl' : []].flat();
  return asked.map((option) => `registry.${option}: the client 'native' cannot do this; use the client 'wire'`);
}

function isPem(value: unknown): boolean {
  if (Array.isArray(value)) return value.every((entry) => typeof entry === 'string' || Buffer.isBuffer(entry));
  return typeof value === 'string' || Buffer.isBuffer(value);
}

function problems(schema: z.ZodObject, value: unknown, path: readonly string[]): string[] {
  const result = schema.safeParse(value);
  if (result.success) return [];
  const known = Object.keys(schema.shape);
  return result.error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [`${[...path, ...issue.path].join('.')}: ${issue.message}`];
    const place = [...path, ...issue.path];
    return issue.keys.map((key) => `${[...place, key].join('.')}: there is no such option${hint(key, known)}`);
  });
}

function hint(key: string, known: readonly string[]): string {
  const renamed = RENAMED[key];
  return renamed === undefined ? suggestion(key, known) : `; did you mean ${renamed}?`;
}
