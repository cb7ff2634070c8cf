import { ZooKeeperError, type ZooKeeperErrorCode } from '@elasticjob/zookeeper-client';
import { type ElasticJobErrorCode, messageOf, RegistryError, withoutStack } from '../foundation/errors.js';

/** What a session is authenticated with, as far as messages tell of it. */
export interface Credentials {
  readonly digest?: string | undefined;
  readonly sasl?: { readonly username: string } | undefined;
}

/** The codes that mean something to a registry; everything else is a failure that nobody can do anything about. */
const CODES: Partial<Record<ZooKeeperErrorCode, ElasticJobErrorCode>> = {
  CONNECTION_LOSS: 'CONNECTION_LOSS',
  // The request was not applied, but the same session goes on elsewhere: the next connection tells what is there.
  SESSION_MOVED: 'CONNECTION_LOSS',
  ANSWER_TOO_LARGE: 'REGISTRY_FAILURE',
  SESSION_EXPIRED: 'SESSION_LOST',
  AUTH_FAILED: 'AUTH_FAILED',
  NO_AUTH: 'NO_AUTH',
  NO_NODE: 'NO_NODE',
  NODE_EXISTS: 'NODE_EXISTS',
  NOT_EMPTY: 'NOT_EMPTY',
  BAD_VERSION: 'BAD_VERSION',
  INVALID_PATH: 'INVALID_PATH',
  BAD_ARGUMENTS: 'INVALID_PATH',
  REQUEST_TOO_LARGE: 'VALUE_TOO_LARGE',
  CLOSED: 'REGISTRY_CLOSED',
};

/** The registry's word for an outcome of the client. */
export function codeOf(code: ZooKeeperErrorCode): ElasticJobErrorCode {
  return CODES[code] ?? 'REGISTRY_FAILURE';
}

/** The error of a request, in the registry's terms, with the client's own underneath. */
export function toRegistryError(error: unknown, credentials: Credentials): RegistryError {
  if (!ZooKeeperError.is(error)) {
    return new RegistryError('REGISTRY_FAILURE', `the ZooKeeper client failed: ${messageOf(error)}`, { cause: error });
  }
  const code = codeOf(error.code);
  const message = code === 'NO_AUTH' ? `${error.message}; ${accessHint(credentials)}` : error.message;
  const retryable = code === 'CONNECTION_LOSS';
  return withoutStack(() => new RegistryError(code, message, { path: error.path, cause: error, retryable }));
}

function accessHint({ digest, sasl }: Credentials): string {
  if (digest === undefined && sasl === undefined) return 'it is protected, and no credentials are configured here';
  const means = digest === undefined ? 'SASL user' : 'digest';
  return `it is protected by others than the ${means} configured here; all members of a namespace need the same`;
}
