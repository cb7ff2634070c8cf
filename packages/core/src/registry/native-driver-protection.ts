import { createHash } from 'node:crypto';
import type { NativeAcl } from './native-driver-package.js';

const ALL_PERMISSIONS = 31;

/** The access list that makes the server put in the credentials of the session, with all permissions. */
export const CREATOR_ONLY: readonly NativeAcl[] = [{ perms: ALL_PERMISSIONS, scheme: 'auth', auth: '' }];

/** Whether only the holder of `digest` (`user:password`) may do anything with a node of this access list. */
export function isProtected(acl: readonly NativeAcl[], digest: string): boolean {
  const [entry, ...others] = acl;
  if (entry === undefined || others.length > 0) return false;
  return entry.perms === ALL_PERMISSIONS && entry.scheme === 'digest' && entry.auth === digestIdentity(digest);
}

/** Whether anybody may do anything with a node of this access list: it was created, and not yet protected. */
export function isOpen(acl: readonly NativeAcl[]): boolean {
  return acl.some((entry) => entry.scheme === 'world' && entry.perms === ALL_PERMISSIONS);
}

/** The name ZooKeeper keeps of a digest: `user:` and the base64 text of the SHA-1 of `user:password`. */
function digestIdentity(digest: string): string {
  const user = digest.slice(0, digest.indexOf(':'));
  return `${user}:${createHash('sha1').update(digest).digest('base64')}`;
}
