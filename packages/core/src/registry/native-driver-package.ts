import { createRequire } from 'node:module';
import { messageOf, RegistryError } from '../foundation/errors.js';

/** A stat as the package gives it. Zxids are exact up to 2^53, session ids are hexadecimal texts. */
export interface NativeStat {
  readonly czxid: number;
  readonly mzxid: number;
  readonly pzxid: number;
  readonly ctime: Date;
  readonly mtime: Date;
  readonly version: number;
  readonly cversion: number;
  readonly ephemeralOwner: string;
  readonly numChildren: number;
}

/** An entry of a node's access control list. */
export interface NativeAcl {
  readonly perms: number;
  readonly scheme: string;
  readonly auth: string;
}

/** Hears of watched nodes, and once per watch of every change of the session, with type -1. */
export type NativeWatcher = (type: number, state: number, path: string) => void;

type Done<R extends unknown[]> = (code: number, text: string, ...results: R) => void;

/**
 * What we use of a client of the package `zookeeper`. A request that returns another number than 0 was not accepted, and
 * its callback is never called.
 */
export interface NativeClient {
  /** 0 when the client is dead, 3 when it is connected, 999 when it gave the connection up while sending. */
  readonly state: number;
  readonly client_id: string;
  /** With the id, what a session can be gone on with. */
  readonly client_password: string;
  readonly timeout: number;
  on(event: 'connect' | 'connecting', listener: () => void): unknown;
  on(event: 'close', listener: (client: unknown, state: number) => void): unknown;
  removeAllListeners(): unknown;
  init(options: { readonly client_id?: string; readonly client_password?: string }): unknown;
  close(): unknown;
  add_auth(scheme: string, credentials: string, done: Done<[]>): number;
  a_create(path: string, value: string, flags: number, done: Done<[path: string]>): number;
  a_exists(path: string, watch: false, done: Done<[stat: NativeStat]>): number;
  aw_exists(path: string, watcher: NativeWatcher, done: Done<[stat: NativeStat]>): number;
  a_get(path: string, watch: false, done: Done<[stat: NativeStat, value: Buffer | null]>): number;
  aw_get(path: string, watcher: NativeWatcher, done: Done<[stat: NativeStat, value: Buffer | null]>): number;
  a_get_children2(path: string, watch: false, done: Done<[names: string[], stat: NativeStat]>): number;
  aw_get_children2(path: string, watcher: NativeWatcher, done: Done<[names: string[], stat: NativeStat]>): number;
  a_set(path: string, value: string, version: number, done: Done<[stat: NativeStat]>): number;
  a_delete_(path: string, version: number, done: Done<[]>): number;
  /** Only for nodes that are there and may be read: the package crashes the process when the answer is an error. */
  a_get_acl(path: string, done: Done<[acl: NativeAcl[], stat: NativeStat]>): number;
  a_set_acl(path: string, version: number, acl: readonly NativeAcl[], done: Done<[]>): number;
  a_sync(path: string, done: Done<[path: string]>): number;
}

/** The class that the package `zookeeper` exports. */
export type NativeClientClass = new (options: object) => NativeClient;

/**
 * Loads the package `zookeeper`, which compiles a C library when it is installed and is therefore optional.
 *
 * @throws RegistryError `DRIVER_UNAVAILABLE` when it is not there or was not compiled.
 */
export function loadNativePackage(load: () => unknown = requirePackage): NativeClientClass {
  try {
    return load() as NativeClientClass;
  } catch (error) {
    throw new RegistryError(
      'DRIVER_UNAVAILABLE',
      `The package 'zookeeper' cannot be loaded (${firstLine(messageOf(error))}). It is compiled when it is installed, ` +
        "which takes a C++ compiler, make and Python 3: install these, then run 'npm install zookeeper@7' or " +
        "'npm rebuild zookeeper'. For development on one machine the embedded registry needs none of this.",
      { cause: error },
    );
  }
}

function requirePackage(): unknown {
  return createRequire(import.meta.url)('zookeeper');
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text;
}
