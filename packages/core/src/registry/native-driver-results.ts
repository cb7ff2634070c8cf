import { type ElasticJobErrorCode, RegistryError } from '../foundation/errors.js';
import type { NativeStat } from './native-driver-package.js';
import type { NodeStat } from './registry.js';

/** The result codes of ZooKeeper that are told apart. */
export const RESULT = {
  OK: 0,
  BAD_ARGUMENTS: -8,
  NO_NODE: -101,
  NO_AUTH: -102,
  BAD_VERSION: -103,
  NO_CHILDREN_FOR_EPHEMERALS: -108,
  NODE_EXISTS: -110,
  NOT_EMPTY: -111,
  INVALID_ACL: -114,
  AUTH_FAILED: -115,
} as const;

/** System error, inconsistent answer, connection loss, timeout, session moved: the client connects anew by itself. */
const CONNECTION_CODES: readonly number[] = [-1, -2, -4, -7, -118];

/** Invalid state, session expired, closing. */
const SESSION_CODES: readonly number[] = [-9, -112, -116];

const NODE_FAILURES: { readonly [code: number]: readonly [ElasticJobErrorCode, string] } = {
  [RESULT.BAD_ARGUMENTS]: ['INVALID_PATH', 'is not a path that ZooKeeper accepts'],
  [RESULT.NO_NODE]: ['NO_NODE', 'does not exist, or its parent does not'],
  [RESULT.BAD_VERSION]: ['BAD_VERSION', 'was changed meanwhile: it no longer has the expected version'],
  [RESULT.NO_CHILDREN_FOR_EPHEMERALS]: ['REGISTRY_FAILURE', 'cannot be created: its parent is ephemeral'],
  [RESULT.NODE_EXISTS]: ['NODE_EXISTS', 'exists already'],
  [RESULT.NOT_EMPTY]: ['NOT_EMPTY', 'has children, so it cannot be removed alone'],
  [RESULT.INVALID_ACL]: ['REGISTRY_FAILURE', 'cannot be protected: the session is not authenticated'],
};

/**
 * The error for a result code of ZooKeeper other than `OK`. Pure.
 *
 * @param hasDigest whether credentials are configured; the message about a refused access says which case it is.
 */
export function resultError(code: number, path: string, hasDigest: boolean): RegistryError {
  if (CONNECTION_CODES.includes(code)) return connectionLoss(path);
  if (SESSION_CODES.includes(code)) return sessionLost(path);
  if (code === RESULT.NO_AUTH) return new RegistryError('NO_AUTH', noAuthMessage(path, hasDigest), { path });
  if (code === RESULT.AUTH_FAILED) {
    return new RegistryError('AUTH_FAILED', `${path}: ZooKeeper refused the digest configured for this namespace`, {
      path,
    });
  }
  const failure = NODE_FAILURES[code];
  if (failure !== undefined) return new RegistryError(failure[0], `${path} ${failure[1]}`, { path });
  return new RegistryError('REGISTRY_FAILURE', `${path}: ZooKeeper answered with its error code ${code}`, { path });
}

/** The answer to a request did not come, or the request could not be sent. */
export function connectionLoss(path: string): RegistryError {
  return new RegistryError(
    'CONNECTION_LOSS',
    `${path}: there is no connection to ZooKeeper; a request under way may or may not have been applied`,
    { path, retryable: true },
  );
}

/** The session is over, and nothing more will come of it. */
export function sessionLost(path: string): RegistryError {
  return new RegistryError('SESSION_LOST', `${path}: the ZooKeeper session has ended; a new one is needed`, { path });
}

function noAuthMessage(path: string, hasDigest: boolean): string {
  const seen = hasDigest
    ? 'it is protected by other credentials than the digest configured for this namespace'
    : 'it is protected, and no digest is configured for this namespace';
  return `${path}: ZooKeeper refused access, because ${seen}; all members of a namespace need the same digest`;
}

/** A stat in our terms. */
export function toNodeStat(stat: NativeStat): NodeStat {
  return {
    czxid: BigInt(stat.czxid),
    mzxid: BigInt(stat.mzxid),
    pzxid: BigInt(stat.pzxid),
    ctime: stat.ctime.getTime(),
    mtime: stat.mtime.getTime(),
    version: stat.version,
    cversion: stat.cversion,
    ephemeralOwner: toSessionId(stat.ephemeralOwner),
    numChildren: stat.numChildren,
  };
}

/** A session id, which the package writes as an unsigned hexadecimal number without a prefix. */
export function toSessionId(hexadecimal: string): bigint {
  return BigInt(`0x${hexadecimal}`);
}
