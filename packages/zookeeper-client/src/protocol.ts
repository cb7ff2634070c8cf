/** The requests, by the number that names them on the wire. @see ZooDefs.OpCode of ZooKeeper 3.8 */
export const OP = {
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getACL: 6,
  setACL: 7,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  check: 13,
  multi: 14,
  create: 1,
  create2: 15,
  removeWatches: 18,
  createContainer: 19,
  createTTL: 21,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  setWatches2: 105,
  addWatch: 106,
  closeSession: -11,
  error: -1,
} as const;

/** The numbers that stand in place of a request's own in answers that belong to no ordinary request. */
export const XID = { notification: -1, ping: -2, auth: -4, setWatches: -8 } as const;

/** How a node lives. `sequential` nodes get ten digits appended by the server. */
export type CreateMode =
  | 'persistent'
  | 'ephemeral'
  | 'persistent-sequential'
  | 'ephemeral-sequential'
  /** Removed by the server some time after its last child went. */
  | 'container'
  /** Removed by the server when it was not changed for `ttlMs` and has no children; off by default on servers. */
  | 'persistent-ttl'
  | 'persistent-sequential-ttl';

/** The flags of a create. */
export const CREATE_FLAGS: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: 1,
  'persistent-sequential': 2,
  'ephemeral-sequential': 3,
  container: 4,
  'persistent-ttl': 5,
  'persistent-sequential-ttl': 6,
};

/** Whether the server makes the name longer, by ten digits. */
export function isSequential(mode: CreateMode): boolean {
  return mode.includes('sequential');
}

/** What a server tells of a node, by the number of the event on the wire; others are of no interest. */
export const EVENT_KINDS: ReadonlyMap<number, 'created' | 'deleted' | 'changed' | 'children'> = new Map([
  [1, 'created'],
  [2, 'deleted'],
  [3, 'changed'],
  [4, 'children'],
]);

/** The modes of a watch that stands. */
export const WATCH_MODES = { persistent: 0, recursive: 1 } as const;

/** Removes a watch of any kind. */
export const ANY_WATCH = 3;
