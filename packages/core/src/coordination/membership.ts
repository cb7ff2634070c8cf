import { type Clock, within } from '../foundation/clock.js';
import { RegistryError } from '../foundation/errors.js';
import type { InstanceIdentity } from '../job/identity.js';
import type { Registry, RegistryNode } from '../registry/registry.js';
import { type Withdrawal, writeLabels } from './instance-labels.js';
import { encodeInstance } from './instance-yaml.js';
import { jobPath, layout, type ServerStatus } from './job-layout.js';
import { untilAbsent } from './node-absence.js';

/**
 * This instance's place among the members of one job: registered → draining → left. Membership is the ephemeral node
 * `instances/{id}`; `servers/{ip}` only says whether an operator lets the machine take part.
 */
export class Membership {
  /** Sessions of this process in which the instance was registered; nodes they left behind are ours to remove. */
  #sessions: readonly bigint[] = [];
  /** Why it takes on nothing, in whichever session it is registered, and what its node is known to say of that. */
  #withdrawal: Withdrawal | null = null;
  #said: Withdrawal | null = null;
  /** What the server's node says, as far as it is known: what it is to say should somebody remove it. */
  #status = 'ENABLED';
  #since: bigint | null = null;
  /** The transaction of the witness, and the session that it stands for. */
  #witness: { readonly czxid: bigint; readonly session: bigint } | null = null;
  readonly #path: string;
  readonly #serverPath: string;
  readonly #witnessPath: string;

  constructor(
    private readonly registry: Registry,
    private readonly clock: Clock,
    jobName: string,
    private readonly identity: InstanceIdentity,
  ) {
    this.#path = jobPath(jobName, layout.instance(identity.instanceId));
    this.#serverPath = jobPath(jobName, layout.server(identity.serverIp));
    this.#witnessPath = jobPath(jobName, layout.witness(identity.instanceId));
  }

  /**
   * The transaction in which it first registered, in whichever session; `null` before that. What others wrote of its id
   * before then was about a former process.
   */
  get since(): bigint | null {
    return this.#since;
  }

  /** The transaction of this session's witness, `null` if it has none: then nothing may be made that outlives the session. */
  get witness(): bigint | null {
    return this.#witness?.session === this.registry.session.id ? this.#witness.czxid : null;
  }

  /** Announces the server. One that is known already keeps the status that it has: that is the operators'. */
  async announceServer(status: ServerStatus): Promise<void> {
    this.#status = status;
    await this.registry.ensure(this.#serverPath, status);
  }

  /**
   * Joins in the present session. A node left by a former session of this process is replaced; one of another session is
   * waited for as long as that session can live without its process, then it is an `INSTANCE_CONFLICT`.
   */
  async register(signal?: AbortSignal): Promise<void> {
    const session = this.registry.session.id;
    const registered = await this.#enter(session, signal);
    this.#since ??= registered;
    this.#sessions = [...this.#sessions, session];
    this.#said = this.#withdrawal;
    await this.reassertServer();
  }

  /** Makes the node, or finds that it is made. Resolves to the transaction that did. */
  async #enter(session: bigint, signal?: AbortSignal): Promise<bigint> {
    for (;;) {
      const made = await this.registry.create(this.#path, this.#record, 'ephemeral');
      if (made.created) return made.czxid;
      const holder = await this.registry.read(this.#path);
      if (holder?.stat.ephemeralOwner === session) return holder.stat.czxid;
      if (holder !== null) await this.#clear(holder, signal);
    }
  }

  /** The server's node was seen to say this. */
  noteStatus(status: string | undefined): void {
    if (status !== undefined) this.#status = status;
  }

  /**
   * Makes sure that the server's node is there: a Java member that starts up at this moment may collect it as one without
   * instances, and so may a leader that forgets servers.
   */
  async reassertServer(): Promise<void> {
    await this.registry.ensure(this.#serverPath, this.#status);
  }

  /**
   * Makes the witness of this session: an ephemeral node that tells others that what this instance signs from now on is
   * to be respected, also when an operator has removed its node and it is still about to leave. Resolves to whether it
   * stands; it does not while a process that had this id is still leaving.
   */
  async attest(): Promise<boolean> {
    const session = this.registry.session.id;
    if (this.#witness?.session === session) return true;
    const made = await this.registry.create(this.#witnessPath, '', 'ephemeral');
    if (made.created) {
      this.#witness = { session, czxid: made.czxid };
      return true;
    }
    const holder = await this.registry.read(this.#witnessPath);
    const owner = holder?.stat.ephemeralOwner;
    if (holder !== null && owner === session) this.#witness = { session, czxid: holder.stat.czxid };
    else if (owner !== undefined && this.#sessions.includes(owner)) await this.registry.remove(this.#witnessPath);
    return this.#witness?.session === session;
  }

  /** Says beside its labels why a leader should give it no items, or nothing. Java sees the text and ignores it. */
  async say(withdrawal: Withdrawal | null): Promise<void> {
    this.#withdrawal = withdrawal;
    if (withdrawal === this.#said) return;
    const node = await this.registry.read(this.#path);
    if (node?.stat.ephemeralOwner !== this.registry.session.id) return;
    const result = await this.registry.write(this.#path, this.#record, node.stat.version);
    if (result.written) this.#said = withdrawal;
  }

  /** Leaves, if this session is the registered one. */
  async leave(): Promise<void> {
    const node = await this.registry.read(this.#path);
    if (node !== null && node.stat.ephemeralOwner === this.registry.session.id) await this.registry.remove(this.#path);
    if (this.witness === null) return;
    this.#witness = null;
    await this.registry.remove(this.#witnessPath);
  }

  /** Whether the instance's node is really absent, as a fresh read says. */
  async isAbsent(): Promise<boolean> {
    return (await this.registry.read(this.#path)) === null;
  }

  get #record(): string {
    const { instanceId, serverIp, labels } = this.identity;
    return encodeInstance({ instanceId, serverIp, labels: writeLabels(labels, this.#withdrawal) });
  }

  async #clear(holder: RegistryNode, signal?: AbortSignal): Promise<void> {
    if (this.#sessions.includes(holder.stat.ephemeralOwner)) {
      await this.registry.remove(this.#path);
      return;
    }
    const patience = this.registry.session.timeoutMs * 1.5;
    const absent = (over: AbortSignal): Promise<void> => untilAbsent(this.registry, this.#path, over);
    if (await within(this.clock, patience, absent, signal)) return;
    // The watch tells nothing while the connection is gone: only a look says that the node is still that session's.
    const present = await this.registry.read(this.#path);
    if (present?.stat.czxid !== holder.stat.czxid) return;
    throw new RegistryError(
      'INSTANCE_CONFLICT',
      `instance id '${this.identity.instanceId}' is held by the live session 0x${holder.stat.ephemeralOwner.toString(16)}, ` +
        `not by this one, 0x${this.registry.session.id.toString(16)}: two running processes have the same id. ` +
        'Give each its own instanceId, or leave the option out.',
      { path: this.#path },
    );
  }
}
