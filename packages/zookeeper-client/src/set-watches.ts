import type { Channel } from './channel.js';
import { protocolError } from './jute.js';
import { OP } from './protocol.js';
import type { WatchPaths } from './watch-table.js';

/** One request that sets watches again: which changes the client has seen, and the paths of each kind. */
export interface SetWatches {
  readonly op: number;
  readonly zxid: bigint;
  readonly lists: readonly (readonly string[])[];
}

/** How much one such request may hold, as Java's client does it: a server takes about a megabyte. */
const MAX_BYTES = 128 * 1024;

/** The kinds, in the order of the wire; servers before 3.6 know only the first three. */
const KINDS = ['data', 'exists', 'children', 'persistent', 'recursive'] as const;
const OLD_KINDS = 3;

/**
 * The requests that set the watches of a session again on a new connection: a server fires at once what has changed since
 * transaction `zxid`, and keeps the rest. None if there is nothing to watch.
 *
 * @see SetWatches2 of ZooKeeper 3.6
 */
export function setWatchesRequests(paths: WatchPaths, zxid: bigint): SetWatches[] {
  const requests: SetWatches[] = [];
  let lists: string[][] = KINDS.map(() => []);
  let bytes = 0;
  const close = (): void => {
    if (bytes > 0) requests.push(request(lists, zxid));
    lists = KINDS.map(() => []);
    bytes = 0;
  };
  for (const [index, kind] of KINDS.entries()) {
    for (const path of paths[kind]) {
      const size = Buffer.byteLength(path) + 4;
      if (bytes + size > MAX_BYTES) close();
      lists[index]?.push(path);
      bytes += size;
    }
  }
  close();
  return requests;
}

function request(lists: readonly (readonly string[])[], zxid: bigint): SetWatches {
  const isOld = lists.slice(OLD_KINDS).every((list) => list.length === 0);
  return isOld ? { op: OP.setWatches, zxid, lists: lists.slice(0, OLD_KINDS) } : { op: OP.setWatches2, zxid, lists };
}

/** Sends them, one after the other. Rejects when a server does not take one. */
export async function restoreWatches(channel: Channel, requests: readonly SetWatches[]): Promise<void> {
  for (const { op, lists, zxid } of requests) {
    const code = await channel.unnumbered('setWatches', op, (out) => {
      out.long(zxid);
      for (const list of lists) out.strings(list);
    });
    if (code !== 0) throw protocolError(`the code ${code} in answer to the watches of the session`);
  }
}
