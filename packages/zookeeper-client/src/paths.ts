import { ZooKeeperError } from './errors.js';

/** Characters that ZooKeeper refuses in a path, by units of UTF-16: none beyond the basic plane are left. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/;

/** Paths that need no closer look, as nearly all are. */
const PLAIN = /^(\/[\w@:=,-][\w@:=,.-]*)+$/;

/**
 * Throws a `ZooKeeperError` of code `INVALID_PATH` unless the server would take the path. One that the server makes
 * longer, by the number of a `sequential` node, may end with a slash.
 */
export function checkPath(path: string, request: string, sequential = false): void {
  if (PLAIN.test(path) || path === '/') return;
  const fault = faultOf(sequential ? `${path}0` : path);
  if (fault === null) return;
  throw new ZooKeeperError('INVALID_PATH', `${request}: the path ${JSON.stringify(path)} ${fault}`, { path, request });
}

function faultOf(path: string): string | null {
  if (!path.startsWith('/')) return 'does not begin with a slash';
  if (path.endsWith('/')) return 'ends with a slash';
  if (FORBIDDEN.test(path)) return 'holds a character that ZooKeeper refuses';
  const segments = path.slice(1).split('/');
  if (segments.includes('')) return 'has an empty segment';
  if (segments.includes('.') || segments.includes('..')) return 'has a segment "." or ".."';
  return null;
}

/** A part of the tree that a client sees as the whole of it. */
export class Chroot {
  /** @param root an absolute path, `''` for the tree itself. */
  constructor(private readonly root: string) {}

  /** The path on the server; below the root, not beside it, also where the name is only a number to come. */
  full(path: string, sequential = false): string {
    if (this.root === '') return path;
    return path === '/' && !sequential ? this.root : this.root + path;
  }

  /** The client's path of one on the server. */
  relative(full: string): string {
    if (this.root === '') return full;
    return full.length === this.root.length ? '/' : full.slice(this.root.length);
  }
}
