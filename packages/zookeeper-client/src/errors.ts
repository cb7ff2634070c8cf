/**
 * What went wrong. The first group are the server's words about a request, the second what the client says by itself.
 *
 * - `CONNECTION_LOSS`: the answer did not come. The request may or may not have been applied.
 * - `SESSION_EXPIRED`: the session is over, and with it its ephemeral nodes and watches. Make a new client.
 * - `ROLLED_BACK`: in a transaction, an operation that was fine, or not looked at, because another one failed.
 * - `SERVER`: any other answer; `serverCode` has it.
 */
export type ZooKeeperErrorCode =
  | 'NO_NODE'
  | 'NODE_EXISTS'
  | 'NOT_EMPTY'
  | 'BAD_VERSION'
  | 'NO_CHILDREN_FOR_EPHEMERALS'
  | 'NO_AUTH'
  | 'INVALID_ACL'
  | 'AUTH_FAILED'
  | 'SESSION_EXPIRED'
  | 'SESSION_MOVED'
  | 'READ_ONLY'
  | 'BAD_ARGUMENTS'
  | 'MARSHALLING'
  | 'UNIMPLEMENTED'
  | 'NO_WATCHER'
  | 'ROLLED_BACK'
  | 'SERVER'
  | 'CONNECTION_LOSS'
  | 'CONNECTION_TIMEOUT'
  | 'REQUEST_TOO_LARGE'
  | 'ANSWER_TOO_LARGE'
  | 'INVALID_PATH'
  | 'INVALID_OPTIONS'
  | 'PROTOCOL'
  | 'CLOSED';

/** What a {@link ZooKeeperError} carries besides its message. */
export interface ZooKeeperErrorDetails {
  /** The path of the request, as it was given. */
  readonly path?: string | undefined;
  /** The request: `create`, `getData`, … */
  readonly request?: string | undefined;
  /** The number that the server answered with. */
  readonly serverCode?: number | undefined;
  readonly cause?: unknown;
}

const BRAND: unique symbol = Symbol.for('elasticjob.zookeeper-error');

/**
 * Every error of this client.
 *
 * @example
 * try { await client.create('/a/b'); } catch (error) {
 *   if (ZooKeeperError.is(error, 'NO_NODE')) await client.create('/a');
 * }
 */
export class ZooKeeperError extends Error {
  // Declared only, so that an error which is printed shows what it has and nothing else.
  declare readonly path?: string;
  declare readonly request?: string;
  declare readonly serverCode?: number;

  constructor(
    readonly code: ZooKeeperErrorCode,
    message: string,
    details: ZooKeeperErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    if (details.path !== undefined) this.path = details.path;
    if (details.request !== undefined) this.request = details.request;
    if (details.serverCode !== undefined) this.serverCode = details.serverCode;
  }

  override get name(): string {
    return 'ZooKeeperError';
  }

  /** Whether the same request may succeed on the next connection. */
  get retryable(): boolean {
    return this.code === 'CONNECTION_LOSS' || this.code === 'SESSION_MOVED';
  }

  get [BRAND](): true {
    return true;
  }

  /** Whether `value` is an error of this client (of the given code), even from a second installed copy of it. */
  static is(value: unknown, code?: ZooKeeperErrorCode): value is ZooKeeperError {
    if (typeof value !== 'object' || value === null || !(BRAND in value)) return false;
    return code === undefined || (value as ZooKeeperError).code === code;
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The server's numbers, with what they mean for a node. @see KeeperException.Code of ZooKeeper 3.8 */
const SERVER_CODES: ReadonlyMap<number, readonly [ZooKeeperErrorCode, string]> = new Map([
  [-2, ['ROLLED_BACK', 'was not applied, because another operation of the transaction failed']],
  [-4, ['CONNECTION_LOSS', 'the server lost its connection; the request may or may not have been applied']],
  [-5, ['MARSHALLING', 'the server could not read the request']],
  [-6, ['UNIMPLEMENTED', 'the server does not know this request, or has it switched off']],
  [-7, ['CONNECTION_LOSS', 'the server gave up waiting; the request may or may not have been applied']],
  [-8, ['BAD_ARGUMENTS', 'the server does not accept the path or an argument']],
  [-101, ['NO_NODE', 'the node does not exist, or its parent does not']],
  [-102, ['NO_AUTH', 'the node is protected against this client']],
  [-103, ['BAD_VERSION', 'the node was changed: it does not have the expected version']],
  [-108, ['NO_CHILDREN_FOR_EPHEMERALS', 'the parent is ephemeral and cannot have children']],
  [-110, ['NODE_EXISTS', 'the node exists already']],
  [-111, ['NOT_EMPTY', 'the node has children']],
  [-112, ['SESSION_EXPIRED', 'the session is over']],
  [-113, ['SERVER', 'the callback is invalid']],
  [-114, ['INVALID_ACL', 'the access list is empty or names what the connection is not authenticated for']],
  [-115, ['AUTH_FAILED', 'the server refused the credentials']],
  [-118, ['SESSION_MOVED', 'the session has moved to another connection']],
  [-119, ['READ_ONLY', 'the server is read-only at the moment']],
  [-121, ['NO_WATCHER', 'the server holds no such watch']],
  [-124, ['AUTH_FAILED', 'the server demands SASL authentication before anything else']],
]);

/** The code of a number that the server answered with. */
export function codeOfServer(serverCode: number): ZooKeeperErrorCode {
  return SERVER_CODES.get(serverCode)?.[0] ?? 'SERVER';
}

/** The error of a request that the server answered with a number other than 0. */
export function serverError(serverCode: number, request: string, path: string | undefined): ZooKeeperError {
  const [code, meaning] = SERVER_CODES.get(serverCode) ?? ['SERVER', `the server answered with its code ${serverCode}`];
  const message = `${request} ${path ?? ''}: ${meaning}`;
  return withoutStack(() => new ZooKeeperError(code, message, { path, request, serverCode }));
}

/**
 * Makes an error without a stack trace. What a server answers arrives in a callback of the socket, whose trace tells
 * nothing about the request, and taking it costs more than the whole request.
 */
function withoutStack(make: () => ZooKeeperError): ZooKeeperError {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
