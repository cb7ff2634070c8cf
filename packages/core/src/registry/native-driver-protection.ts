import { createHash } from 'node:crypto';
import { ElasticJobError, messageOf } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import type { NativeAcl } from './native-driver-package.js';
import type { CreateMode, NodeStat } from './registry.js';

const ALL_PERMISSIONS = 31;

/**
 * The access list that lets only the holder of `digest` (`user:password`) do anything. Its identity is what ZooKeeper
 * keeps of a digest: `user:` and the base64 text of the SHA-1 of `user:password`.
 */
export function digestOnly(digest: string): NativeAcl[] {
  const user = digest.slice(0, digest.indexOf(':'));
  const hash = createHash('sha1').update(digest).digest('base64');
  return [{ perms: ALL_PERMISSIONS, scheme: 'digest', auth: `${user}:${hash}` }];
}

/** What {@link protectLeftovers} needs of a session. */
export interface NodeProtection {
  /** Whether this session owns the ephemeral node of this stat. */
  owns(stat: NodeStat): boolean;
  exists(path: string): Promise<NodeStat | null>;
  /** Gives a node to the digest of the session, unless its access list was changed since it was created. */
  protect(path: string): Promise<void>;
}

/** Whether a create, or the protection after it, that failed so may have been applied halfway. */
export function mayBeLeftOpen(error: unknown): boolean {
  const codes = ['CONNECTION_LOSS', 'SESSION_LOST', 'REGISTRY_CLOSED'] as const;
  return codes.some((code) => ElasticJobError.is(error, code));
}

/**
 * Protects the nodes that lost connections have left open, as far as they are still there and ours, and forgets them.
 * Stops at the next lost connection; what is left then stays in `unprotected`.
 */
export async function protectLeftovers(
  unprotected: Map<string, CreateMode>,
  session: NodeProtection,
  logger: Logger,
): Promise<void> {
  for (const [path, mode] of unprotected) {
    try {
      const stat = await session.exists(path);
      const isOurs = stat !== null && (!mode.startsWith('ephemeral') || session.owns(stat));
      if (isOurs) await session.protect(path);
      unprotected.delete(path);
    } catch (error) {
      if (mayBeLeftOpen(error)) return;
      unprotected.delete(path);
      const isSettled = ElasticJobError.is(error, 'NO_NODE') || ElasticJobError.is(error, 'BAD_VERSION');
      if (!isSettled) logger.warn('cannot protect a node', { path, error: messageOf(error) });
    }
  }
}
