import { refusal } from '@elasticjob/core/driver';
import { Channel } from './channel.js';
import { type Change, DataTree, parentOf } from './data-tree.js';
import type { Leader } from './leader.js';
import type { Link } from './link.js';
import type { Admission, Entry, Notification, Outcome, Request, Transaction } from './protocol.js';
import type { Random } from './random.js';
import type { Timeline } from './timeline.js';

/** A step of the history, or only the answer to a request that changed nothing, on its way from the leader. */
interface Delivery {
  readonly transaction: Transaction | null;
  readonly entry: Entry | null;
  readonly outcome: Outcome | null;
}

const LOCAL = new Set<Request['kind']>(['get', 'exists', 'children', 'set-watches', 'watch-tree', 'unwatch-tree']);

/** What a server needs of the world. */
export interface ServerParts {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly leader: Leader;
  /** One way to the leader and back, milliseconds. */
  readonly delay: () => number;
}

/**
 * One server of the ensemble: has applied a prefix of the history, answers reads from it, hands writes to the leader,
 * and answers them when it has applied them. The requests of one connection are answered in the order they came, and
 * what a transaction notifies is sent before any answer that was computed after it.
 */
export class Server {
  readonly #tree = new DataTree();
  readonly #links = new Set<Link>();
  readonly #queues = new Map<Link, Entry[]>();
  #zxid = 0n;
  #toLeader: Channel;
  #fromLeader: Channel;
  #isolated = false;
  /** What a message of the leader takes more than usual, milliseconds. */
  lagMs = 0;

  constructor(
    readonly name: string,
    private readonly parts: ServerParts,
  ) {
    this.#toLeader = this.#channel();
    this.#fromLeader = this.#channel();
  }

  /** The transaction applied last. */
  get zxid(): bigint {
    return this.#zxid;
  }

  get isolated(): boolean {
    return this.#isolated;
  }

  /** Takes a new connection in, if the client has not seen more than this server. */
  accept(link: Link, session: bigint, seen: bigint, timeoutMs: number): void {
    if (this.#isolated || seen > this.#zxid) {
      this.drop(link);
      return;
    }
    this.#links.add(link);
    this.#queues.set(link, []);
    const request: Request = session === 0n ? { kind: 'open', timeoutMs } : { kind: 'resume', session };
    const answer = (outcome: Outcome): void => {
      const admission = 'result' in outcome ? (outcome.result as Admission) : null;
      if (admission === null) {
        link.down.send(() => link.client.expired());
        this.drop(link);
      } else {
        const zxid = this.#zxid;
        link.down.send(() => link.client.established(admission.id, admission.timeoutMs, zxid));
      }
    };
    this.handle({ link, request, answer, outcome: null });
  }

  /** A request has arrived. */
  handle(entry: Entry): void {
    const queue = this.#queues.get(entry.link);
    if (queue === undefined) return;
    if (!this.#isolated) this.parts.leader.touch(entry.link);
    queue.push(entry);
    if (!LOCAL.has(entry.request.kind)) this.#forward(entry);
    this.#pump(entry.link);
  }

  /** Something that needs no answer has arrived: the client lives. */
  ping(link: Link, answer: () => void): void {
    if (!this.#links.has(link)) return;
    if (!this.#isolated) this.parts.leader.touch(link);
    link.down.send(answer);
  }

  /** Closes a connection; what was sent over it before still arrives, unless the network is gone. */
  drop(link: Link): void {
    this.#links.delete(link);
    this.#queues.delete(link);
    if (link.dropped) return;
    link.dropped = true;
    link.down.send(() => link.client.closed());
    link.up.break();
  }

  /** A step of the history is on its way. */
  send(delivery: Delivery): void {
    this.#fromLeader.send(() => this.#deliver(delivery));
  }

  /** Cuts the server off the leader; it notices after a while and sends its clients away. Of what is on its way, some arrives. */
  isolate(): void {
    if (this.#isolated) return;
    this.#isolated = true;
    const { random, timeline } = this.parts;
    this.#toLeader.break(random.whole(0, this.#toLeader.inFlight));
    this.#fromLeader.break(random.whole(0, this.#fromLeader.inFlight));
    timeline.after(random.between(0, 1000), null, () => {
      if (this.#isolated) for (const link of [...this.#links]) this.drop(link);
    });
  }

  /** Brings the server back to the leader, and up to date. */
  rejoin(): void {
    if (!this.#isolated) return;
    this.#isolated = false;
    for (const link of [...this.#links]) this.drop(link);
    this.#toLeader.break();
    this.#fromLeader.break();
    this.#toLeader = this.#channel();
    this.#fromLeader = this.#channel();
    for (const transaction of this.parts.leader.log.slice(Number(this.#zxid))) {
      this.send({ transaction, entry: null, outcome: null });
    }
  }

  #channel(): Channel {
    return new Channel(this.parts.timeline, null, () => this.parts.delay() + this.lagMs);
  }

  #forward(entry: Entry): void {
    this.#toLeader.send(() => {
      const { leader } = this.parts;
      const before = leader.zxid;
      const outcome = leader.decide(entry);
      // What was committed is on its way already; the answer follows it.
      if (outcome !== null) this.send({ transaction: null, entry, outcome });
      else if (before !== leader.zxid) throw new Error('a request that is not answered changed something');
      // The session has gone elsewhere, perhaps to a connection that its client has given up: the server closes this one.
      else this.#fromLeader.send(() => this.drop(entry.link));
    });
  }

  #deliver({ transaction, entry, outcome }: Delivery): void {
    if (transaction !== null) this.#apply(transaction);
    if (entry === null) return;
    entry.outcome = outcome;
    this.#pump(entry.link);
  }

  #apply({ zxid, time, changes, closes, session }: Transaction): void {
    if (zxid !== this.#zxid + 1n) throw new Error(`server ${this.name} skips from ${this.#zxid} to ${zxid}`);
    this.#zxid = zxid;
    for (const change of changes) {
      this.#tree.apply(change, zxid, time);
      this.#announce(change);
    }
    if (!closes) return;
    // The answer to a close that the client asked for goes out first.
    this.parts.timeline.after(1, null, () => {
      for (const link of [...this.#links]) if (link.session === session) this.drop(link);
    });
  }

  #announce(change: Change): void {
    const { kind, path } = change;
    const parent = parentOf(path);
    for (const link of this.#links) {
      const watched = link.data.delete(path);
      const listed = kind === 'deleted' && link.children.delete(path);
      if (watched || listed || covers(link.trees, path)) this.#notify(link, { kind, path });
      if (kind !== 'changed' && link.children.delete(parent)) this.#notify(link, { kind: 'children', path: parent });
    }
  }

  #notify(link: Link, notification: Notification): void {
    link.down.send(() => link.client.notified(notification));
  }

  /** Answers what can be answered, in order. */
  #pump(link: Link): void {
    const queue = this.#queues.get(link);
    for (let entry = queue?.[0]; queue !== undefined && entry !== undefined; entry = queue[0]) {
      const outcome = LOCAL.has(entry.request.kind) ? this.#local(entry) : entry.outcome;
      if (outcome === null) return;
      queue.shift();
      entry.answer(outcome);
    }
  }

  #local({ request, link }: Entry): Outcome {
    try {
      return { result: this.#read(request, link) };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { error };
    }
  }

  #read(request: Request, link: Link): unknown {
    switch (request.kind) {
      case 'get': {
        const stat = this.#tree.demand(request.path);
        if (request.watch) link.data.add(request.path);
        return { value: this.#tree.value(request.path) ?? '', stat };
      }
      case 'exists':
        if (request.watch) link.data.add(request.path);
        return this.#tree.stat(request.path);
      case 'children': {
        const stat = this.#tree.demand(request.path);
        if (request.watch) link.children.add(request.path);
        return { names: this.#tree.names(request.path), stat };
      }
      case 'set-watches':
        return this.#setWatches(request, link);
      case 'watch-tree':
        link.trees.add(request.path);
        return undefined;
      case 'unwatch-tree':
        link.trees.delete(request.path);
        return undefined;
      default:
        throw refusal('REGISTRY_FAILURE', request.kind, 'is not read');
    }
  }

  /** Watches of an earlier connection: what shows a change since then is told, the others are kept. */
  #setWatches({ since, watches }: Request & { kind: 'set-watches' }, link: Link): void {
    for (const path of watches.data) {
      const stat = this.#tree.stat(path);
      if (stat === null) this.#notify(link, { kind: 'deleted', path });
      else if (stat.mzxid > since) this.#notify(link, { kind: 'changed', path });
      else link.data.add(path);
    }
    for (const path of watches.exists) {
      if (this.#tree.has(path)) this.#notify(link, { kind: 'created', path });
      else link.data.add(path);
    }
    for (const path of watches.children) {
      const stat = this.#tree.stat(path);
      if (stat === null) this.#notify(link, { kind: 'deleted', path });
      else if (stat.pzxid > since) this.#notify(link, { kind: 'children', path });
      else link.children.add(path);
    }
    for (const path of watches.trees) link.trees.add(path);
  }
}

function covers(roots: ReadonlySet<string>, path: string): boolean {
  for (const root of roots) if (root === '/' || path === root || path.startsWith(`${root}/`)) return true;
  return false;
}
