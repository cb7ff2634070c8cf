import { messageOf, ZooKeeperError } from './errors.js';
import { checkPath } from './paths.js';

/** A server as it was named. */
export interface NamedServer {
  readonly host: string;
  readonly port: number;
}

/** What a connect string says. */
export interface ConnectString {
  readonly servers: readonly NamedServer[];
  /** `''` or an absolute path. */
  readonly chroot: string;
}

const DEFAULT_PORT = 2181;
const SERVER = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/;

/**
 * Reads `host:port,[::1]:port/a/chroot`; the port may be left out (2181). Throws a `ZooKeeperError` of code
 * `INVALID_OPTIONS` that says what is wrong.
 */
export function parseConnectString(text: string): ConnectString {
  const slash = text.indexOf('/');
  const names = (slash < 0 ? text : text.slice(0, slash)).split(',').filter((name) => name.trim() !== '');
  if (names.length === 0) throw invalid(text, 'no server');
  return {
    servers: names.map((name) => parseServer(text, name.trim())),
    chroot: slash < 0 ? '' : chrootOf(text, slash),
  };
}

function parseServer(text: string, name: string): NamedServer {
  const [, bracketed, plain, port] = SERVER.exec(name) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw invalid(text, `"${name}"`);
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  if (number < 1 || number > 65_535) throw invalid(text, `the port ${number}`);
  return { host, port: number };
}

function chrootOf(text: string, slash: number): string {
  const chroot = text.slice(slash);
  if (chroot === '/') return '';
  try {
    checkPath(chroot, 'connectString');
  } catch (error) {
    throw invalid(text, messageOf(error));
  }
  return chroot;
}

function invalid(text: string, seen: string): ZooKeeperError {
  const expected = 'expected host:port, comma-separated, perhaps followed by one /path, such as zk1:2181,zk2:2181/shop';
  return new ZooKeeperError('INVALID_OPTIONS', `connectString "${text}": seen ${seen}, ${expected}`);
}
