import type { JuteReader, JuteWriter } from './jute.js';

/** What a client knows of its session when it connects; all of it zero at first. */
export interface SessionTicket {
  readonly id: bigint;
  readonly password: Buffer;
  /** The last transaction that the client has seen: a server that is behind it will not do. */
  readonly lastZxid: bigint;
  readonly timeoutMs: number;
}

/** What a server grants; `null` means that the session asked for is over. */
export interface SessionGrant {
  readonly id: bigint;
  readonly password: Buffer;
  readonly timeoutMs: number;
  readonly readOnly: boolean;
}

/** The password of a session that does not exist yet. */
export const NO_PASSWORD: Buffer = Buffer.alloc(16);

/** Writes the request that opens or continues a session. @see ConnectRequest of ZooKeeper 3.8 */
export function writeConnect(out: JuteWriter, ticket: SessionTicket, readOnly: boolean): void {
  out.int(0);
  out.long(ticket.lastZxid);
  out.int(ticket.timeoutMs);
  out.long(ticket.id);
  out.buffer(ticket.password);
  out.boolean(readOnly);
}

/** Reads the answer to it. A server says that a session is over by granting no time. */
export function readGrant(input: JuteReader): SessionGrant | null {
  input.int();
  const timeoutMs = input.int();
  const id = input.long();
  const password = input.data();
  // Servers before 3.4 do not say it.
  const readOnly = input.rest > 0 && input.boolean();
  return timeoutMs <= 0 || id === 0n ? null : { id, password, timeoutMs, readOnly };
}
