import { type Acl, writeAcl } from './acl.js';
import { codeOfServer, type ZooKeeperErrorCode } from './errors.js';
import type { JuteReader, JuteWriter } from './jute.js';
import { protocolError } from './jute.js';
import { CREATE_FLAGS, type CreateMode, isSequential, OP } from './protocol.js';
import { readStat, type Stat } from './stat.js';

/** One step of a transaction. `version` -1, the default, is any. */
export type MultiOperation =
  | {
      readonly kind: 'create';
      readonly path: string;
      readonly data?: string | Buffer;
      readonly mode?: CreateMode;
      readonly acl?: readonly Acl[];
      /** Milliseconds, for the modes with a time to live. */
      readonly ttlMs?: number;
    }
  | { readonly kind: 'set'; readonly path: string; readonly data: string | Buffer; readonly version?: number }
  | { readonly kind: 'remove'; readonly path: string; readonly version?: number }
  | { readonly kind: 'check'; readonly path: string; readonly version: number };

/** What became of one step; a server tells the stat of a node created in a transaction only for containers and TTLs. */
export type MultiOutcome =
  | { readonly kind: 'create'; readonly path: string; readonly stat: Stat | null }
  | { readonly kind: 'set'; readonly stat: Stat }
  | { readonly kind: 'remove' }
  | { readonly kind: 'check' };

/** A transaction is applied whole, or not at all because of the operation at `index`. */
export type MultiResult =
  | { readonly committed: true; readonly zxid: bigint; readonly results: readonly MultiOutcome[] }
  | {
      readonly committed: false;
      readonly index: number;
      readonly code: ZooKeeperErrorCode;
      /** What the server says of each operation, `null` for those before the one that failed. */
      readonly codes: readonly (ZooKeeperErrorCode | null)[];
      readonly zxid: bigint;
    };

/** What the body of a create needs. */
export interface CreateBody {
  readonly path: string;
  readonly data: string | Buffer;
  readonly mode: CreateMode;
  readonly acl: readonly Acl[];
  readonly ttlMs: number | undefined;
}

/** Writes the body of any create. */
export function writeCreate(out: JuteWriter, { path, data, mode, acl, ttlMs }: CreateBody): void {
  out.string(path);
  out.data(data);
  writeAcl(out, acl);
  out.int(CREATE_FLAGS[mode]);
  if (mode.endsWith('-ttl')) out.long(BigInt(ttlMs ?? 0));
}

/** The request that makes a node of this mode; `plain` for the modes of old. */
export function createOp(mode: CreateMode, plain: number): number {
  if (mode === 'container') return OP.createContainer;
  return mode.endsWith('-ttl') ? OP.createTTL : plain;
}

/** Writes a transaction; `full` makes the server's paths, `defaultAcl` is for creates without an access list. */
export function writeMulti(
  out: JuteWriter,
  operations: readonly MultiOperation[],
  full: (path: string, sequential: boolean) => string,
  defaultAcl: readonly Acl[],
): void {
  for (const operation of operations) {
    writeOperation(out, operation, full(operation.path, createsSequential(operation)), defaultAcl);
  }
  writeHeader(out, -1, true);
}

/** Whether the server makes the path of the operation longer. */
export function createsSequential(operation: MultiOperation): boolean {
  return operation.kind === 'create' && isSequential(operation.mode ?? 'persistent');
}

function writeOperation(out: JuteWriter, operation: MultiOperation, path: string, defaultAcl: readonly Acl[]): void {
  switch (operation.kind) {
    case 'create': {
      const { data = '', mode = 'persistent', acl = defaultAcl, ttlMs } = operation;
      writeHeader(out, createOp(mode, OP.create), false);
      writeCreate(out, { path, data, mode, acl, ttlMs });
      break;
    }
    case 'set':
      writeHeader(out, OP.setData, false);
      out.string(path);
      out.data(operation.data);
      out.int(operation.version ?? -1);
      break;
    case 'remove':
    case 'check':
      writeHeader(out, operation.kind === 'remove' ? OP.delete : OP.check, false);
      out.string(path);
      out.int(operation.version ?? -1);
  }
}

function writeHeader(out: JuteWriter, type: number, done: boolean): void {
  out.int(type);
  out.boolean(done);
  out.int(-1);
}

/** Reads the answer to a transaction of `count` operations; `relative` makes the client's paths. */
export function readMulti(
  input: JuteReader,
  zxid: bigint,
  count: number,
  relative: (full: string) => string,
): MultiResult {
  const results: MultiOutcome[] = [];
  const failures: number[] = [];
  for (;;) {
    const type = input.int();
    const done = input.boolean();
    input.int();
    if (done) break;
    if (results.length + failures.length >= count) throw protocolError(`more than ${count} results of a transaction`);
    if (type === OP.error) failures.push(input.int());
    else results.push(readOutcome(input, type, relative));
  }
  if (Math.max(results.length, failures.length) !== count) {
    throw protocolError(`${results.length} results and ${failures.length} errors of a transaction of ${count}`);
  }
  if (failures.length === 0) return { committed: true, zxid, results };
  const index = failures.findIndex((code) => code !== 0 && codeOfServer(code) !== 'ROLLED_BACK');
  const at = Math.max(0, index);
  const codes = failures.map((code, position) => (position < at && code === 0 ? null : codeOfServer(code)));
  return { committed: false, index: at, code: codes[at] ?? 'SERVER', codes, zxid };
}

function readOutcome(input: JuteReader, type: number, relative: (full: string) => string): MultiOutcome {
  switch (type) {
    case OP.create:
      return { kind: 'create', path: relative(input.string()), stat: null };
    case OP.create2:
    case OP.createContainer:
    case OP.createTTL:
      return { kind: 'create', path: relative(input.string()), stat: readStat(input) };
    case OP.setData:
      return { kind: 'set', stat: readStat(input) };
    case OP.delete:
      return { kind: 'remove' };
    case OP.check:
      return { kind: 'check' };
    default:
      throw protocolError(`a result of type ${type} in a transaction`);
  }
}
