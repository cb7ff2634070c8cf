import { createHash } from 'node:crypto';
import type { JuteReader, JuteWriter } from './jute.js';

/** What an entry of an access list allows; add them up. */
export const Permission = { READ: 1, WRITE: 2, CREATE: 4, DELETE: 8, ADMIN: 16, ALL: 31 } as const;

/** One entry of a node's access list: who may do what. */
export interface Acl {
  /** The sum of {@link Permission}s. */
  readonly permissions: number;
  /** `world`, `auth`, `digest`, `sasl`, `x509`, `ip`. */
  readonly scheme: string;
  readonly id: string;
}

/** Everybody may do everything. */
export const OPEN_ACL: readonly Acl[] = [{ permissions: Permission.ALL, scheme: 'world', id: 'anyone' }];

/** Everybody may read. */
export const READ_ACL: readonly Acl[] = [{ permissions: Permission.READ, scheme: 'world', id: 'anyone' }];

/** Whoever the connection is authenticated as when it creates the node may do everything; nobody else anything. */
export const CREATOR_ALL_ACL: readonly Acl[] = [{ permissions: Permission.ALL, scheme: 'auth', id: '' }];

/**
 * Allows the holder of digest credentials, named by what ZooKeeper keeps of them: the user and the base64 text of the
 * SHA-1 of `user:password`.
 */
export function digestAcl(user: string, password: string, permissions: number = Permission.ALL): readonly Acl[] {
  const hash = createHash('sha1').update(`${user}:${password}`).digest('base64');
  return [{ permissions, scheme: 'digest', id: `${user}:${hash}` }];
}

/** Writes an access list. */
export function writeAcl(out: JuteWriter, acl: readonly Acl[]): void {
  out.int(acl.length);
  for (const { permissions, scheme, id } of acl) {
    out.int(permissions);
    out.string(scheme);
    out.string(id);
  }
}

/** Reads an access list. */
export function readAcl(input: JuteReader): Acl[] {
  return input.list(() => ({ permissions: input.int(), scheme: input.string(), id: input.string() }));
}
