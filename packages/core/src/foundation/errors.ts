import { inspect } from 'node:util';

/**
 * Every code that an error of this project can carry. The code says what kind of thing went wrong; the class says who
 * has to act: the person who configures ({@link ConfigurationError}), whoever runs the registry
 * ({@link RegistryError}), the author of the job ({@link ExecutionError}), or the operator ({@link OperationError}).
 */
export type ElasticJobErrorCode =
  // configuration
  | 'INVALID_CONFIGURATION'
  | 'INVALID_CRON'
  | 'UNSUPPORTED_OPTION'
  | 'DUPLICATE_JOB'
  | 'UNKNOWN_EXTENSION'
  | 'MISSING_PACKAGE'
  | 'JOB_CLASS_CONFLICT'
  | 'UNKNOWN_JOB'
  // registry
  | 'CONNECTION_LOSS'
  | 'CONNECTION_TIMEOUT'
  | 'SESSION_LOST'
  | 'RESULT_UNKNOWN'
  | 'NO_NODE'
  | 'NODE_EXISTS'
  | 'NOT_EMPTY'
  | 'BAD_VERSION'
  | 'NO_AUTH'
  | 'AUTH_FAILED'
  | 'VALUE_TOO_LARGE'
  | 'INVALID_PATH'
  | 'DRIVER_UNAVAILABLE'
  | 'REGISTRY_CLOSED'
  | 'REGISTRY_FAILURE'
  | 'INSTANCE_CONFLICT'
  // execution
  | 'JOB_FAILED'
  | 'SCRIPT_FAILED'
  | 'HTTP_FAILED'
  | 'ONCE_TIMEOUT'
  | 'CLOCK_DIFFERENCE'
  // operations
  | 'INVALID_ARGUMENT'
  | 'UNKNOWN_SERVER'
  | 'UNKNOWN_ITEM'
  | 'UNKNOWN_INSTANCE'
  | 'UNKNOWN_TRIGGER'
  | 'UNSUPPORTED_BY_JAVA'
  | 'CONFIGURATION_CONFLICT'
  | 'STILL_RUNNING'
  // stop reasons
  | 'STOPPED'
  | 'DEADLINE'
  | 'INVALID_STATE';

/** What an {@link ElasticJobError} carries besides its message. */
export interface ElasticJobErrorDetails {
  /** The error underneath, kept for the log. */
  cause?: unknown;
  /** Whether the same call may succeed later without a change by a person. Default `false`. */
  retryable?: boolean;
  /** The job the error is about. */
  jobName?: string;
  /** The item the error is about. */
  item?: number;
  /** The registry path, or the path of the option, the error is about. */
  path?: string;
}

const BRAND: unique symbol = Symbol.for('elasticjob.error');

/**
 * The base of every error that this project throws on purpose.
 *
 * @example
 * try { await engine.start(); } catch (error) {
 *   if (ElasticJobError.is(error, 'CONNECTION_TIMEOUT')) console.error('start ZooKeeper first');
 * }
 */
export class ElasticJobError extends Error {
  /** Whether the same call may succeed later without a change by a person. */
  readonly retryable: boolean;
  // Declared only, so that an error which is printed shows what it has and nothing else.
  declare readonly jobName?: string;
  declare readonly item?: number;
  declare readonly path?: string;

  constructor(
    readonly code: ElasticJobErrorCode,
    message: string,
    details: ElasticJobErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.retryable = details.retryable ?? false;
    if (details.jobName !== undefined) this.jobName = details.jobName;
    if (details.item !== undefined) this.item = details.item;
    if (details.path !== undefined) this.path = details.path;
  }

  override get name(): string {
    return this.constructor.name;
  }

  /** On the prototype, where printing does not show it. */
  get [BRAND](): true {
    return true;
  }

  /**
   * Whether `value` is one of our errors (of the given code), even if it comes from a second installed copy of this
   * package, where `instanceof` would say no.
   */
  static is(value: unknown, code?: ElasticJobErrorCode): value is ElasticJobError {
    if (typeof value !== 'object' || value === null || !(BRAND in value)) return false;
    return code === undefined || (value as ElasticJobError).code === code;
  }
}

/** A definition, an option or a stored configuration is wrong; a person has to change it. */
export class ConfigurationError extends ElasticJobError {}

/** The registry refused, lost or could not finish a request. `retryable` tells whether trying again makes sense. */
export class RegistryError extends ElasticJobError {}

/** A job, a handler or a script failed, or was asked for something it cannot do now. */
export class ExecutionError extends ElasticJobError {}

/** An operator asked for what is not there, or not possible now. The message says what is there. */
export class OperationError extends ElasticJobError {}

/**
 * Makes an error without a stack trace, where the trace would only lead to a socket's callback: an answer that is often
 * an outcome (`NO_NODE`) should not cost more than its request.
 */
export function withoutStack<E extends Error>(make: () => E): E {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The text of anything that was thrown, for a log line or another error's message. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : textOf(error);
}

/** Stack trace (or text) of anything that was thrown, with its causes, as traces record it. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return textOf(error);
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause === undefined ? own : `${own}\nCaused by: ${describeFailure(error.cause)}`;
}

/** An object need not have a text of its own, or one that can be had without an error. */
function textOf(value: unknown): string {
  return typeof value === 'object' || typeof value === 'function'
    ? inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY })
    : String(value);
}
