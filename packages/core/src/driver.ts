/** For those who bring a client library of their own, or a server to test against: the port below the registry. */
export {
  type ConnectionEvent,
  type Driver,
  type DriverSession,
  MAX_REQUEST_BYTES,
  type MultiResult,
  type TreeChange,
  type TreeWatcher,
  type Watcher,
} from './registry/driver.js';
export { refusal } from './registry/refusal.js';
export type { Capabilities, CreateMode, NodeStat, Operation } from './registry/registry.js';
export { SessionRegistry, type SessionRegistryOptions } from './registry/session-registry.js';
