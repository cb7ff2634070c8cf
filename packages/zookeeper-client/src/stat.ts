import type { JuteReader } from './jute.js';

/** What ZooKeeper keeps about a node. Zxids number transactions; versions restart at 0 when a node is re-created. */
export interface Stat {
  /** Transaction that created the node: its identity. */
  readonly czxid: bigint;
  /** Transaction that last changed the data. */
  readonly mzxid: bigint;
  /** Transaction that last added or removed a child. */
  readonly pzxid: bigint;
  /** Creation, the server's clock, epoch milliseconds. */
  readonly ctime: number;
  /** Last change of the data, the server's clock, epoch milliseconds. */
  readonly mtime: number;
  /** Number of changes of the data. */
  readonly version: number;
  /** Number of children added plus children removed. */
  readonly cversion: number;
  /** Number of changes of the access list. */
  readonly aversion: number;
  /** The session that owns an ephemeral node, `0n` for others. */
  readonly ephemeralOwner: bigint;
  readonly dataLength: number;
  readonly numChildren: number;
}

/** Reads a stat: 68 bytes. */
export function readStat(input: JuteReader): Stat {
  const czxid = input.long();
  const mzxid = oneOf(input.long(), czxid);
  const ctime = input.milliseconds();
  const mtime = input.milliseconds();
  const version = input.int();
  const cversion = input.int();
  const aversion = input.int();
  const ephemeralOwner = oneOf(input.long(), 0n);
  const dataLength = input.int();
  const numChildren = input.int();
  const pzxid = oneOf(input.long(), mzxid);
  return {
    czxid,
    mzxid,
    pzxid,
    ctime,
    mtime,
    version,
    cversion,
    aversion,
    ephemeralOwner,
    dataLength,
    numChildren,
  };
}

/** Each number that is read is an object; most of a stat are the same, and stats are kept. */
function oneOf(read: bigint, same: bigint): bigint {
  return read === same ? same : read;
}
