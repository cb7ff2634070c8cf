import { Channel } from './channel.js';
import type { Notification } from './protocol.js';
import type { Actor, Timeline } from './timeline.js';

/** What arrives at the client's end of a connection. */
export interface LinkEnd {
  established(id: bigint, timeoutMs: number, zxid: bigint): void;
  /** The session is over. */
  expired(): void;
  notified(notification: Notification): void;
  /** The server closed the connection, or would not have it. */
  closed(): void;
}

/** A connection of a client to one server, with what the server keeps for it. */
export class Link {
  readonly up: Channel;
  readonly down: Channel;
  readonly data = new Set<string>();
  readonly children = new Set<string>();
  readonly trees = new Set<string>();
  /** The session, once admitted. */
  session = 0n;
  /** The server has given it up. */
  dropped = false;

  constructor(
    timeline: Timeline,
    actor: Actor,
    readonly client: LinkEnd,
    delay: () => number,
  ) {
    this.up = new Channel(timeline, null, delay);
    this.down = new Channel(timeline, actor, delay);
  }
}
