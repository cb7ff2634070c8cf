/** A client of ZooKeeper for Node.js, without dependencies. Begin at {@link ZooKeeper}. */

export { type Acl, CREATOR_ALL_ACL, digestAcl, OPEN_ACL, Permission, READ_ACL } from './acl.js';
export { type Clock, systemClock, type Timer } from './clock.js';
export { ZooKeeperError, type ZooKeeperErrorCode, type ZooKeeperErrorDetails } from './errors.js';
export type { MultiOperation, MultiOutcome, MultiResult } from './multi.js';
export type { AuthInfo, SaslOptions, TlsOptions, ZooKeeperOptions } from './options.js';
export type { CreateMode } from './protocol.js';
export type { SessionEvent } from './session.js';
export type { SessionState } from './session-state.js';
export type { WatchHandle } from './standing-watches.js';
export type { Stat } from './stat.js';
export type { WatchEvent, Watcher, WatchMode } from './watch-table.js';
export {
  type CreateOptions,
  type ReadOptions,
  type RequestOptions,
  type VersionOptions,
  ZooKeeper,
} from './zookeeper.js';
