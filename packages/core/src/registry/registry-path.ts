import { RegistryError } from '../foundation/errors.js';

/** Characters that ZooKeeper refuses in a path. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/u;

/** Paths that need no closer look, as nearly all are. */
const PLAIN = /^[\w@:-][\w@:.-]*(\/[\w@:-][\w@:.-]*)*$/;

/**
 * The path, if ZooKeeper takes it below a namespace: segments joined by single slashes, none at the ends; `''` is the
 * namespace itself. Otherwise a `RegistryError` of code `INVALID_PATH`.
 */
export function validPath(path: string): string {
  if (path === '' || PLAIN.test(path)) return path;
  const fault = path
    .split('/')
    .map(faultOf)
    .find((found) => found !== undefined);
  if (fault === undefined) return path;
  throw new RegistryError('INVALID_PATH', `registry path ${JSON.stringify(path)} ${fault}`, { path });
}

/** Joins two relative paths, either of which may be empty. */
export function joinPath(parent: string, child: string): string {
  return parent === '' || child === '' ? parent + child : `${parent}/${child}`;
}

/** The name of a node within its parent. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The absolute path of a relative one below `root`, which is absolute itself. */
export function below(root: string, path: string): string {
  if (path === '') return root;
  return root === '/' ? `/${path}` : `${root}/${path}`;
}

/** The relative path of an absolute one below `root`. */
export function relativeTo(root: string, full: string): string {
  return full.slice(root === '/' ? 1 : root.length + 1);
}

/** The absolute paths above an absolute path, from the top, without the root. */
export function ancestorsOf(path: string): string[] {
  const segments = path.split('/').slice(1, -1);
  return segments.map((_, depth) => `/${segments.slice(0, depth + 1).join('/')}`);
}

function faultOf(segment: string): string | undefined {
  if (segment === '') return 'has an empty segment: write it without leading, trailing or double slashes';
  if (segment === '.' || segment === '..') return `has the segment "${segment}", which ZooKeeper refuses`;
  return FORBIDDEN.test(segment) ? 'contains a control, surrogate or private character' : undefined;
}
