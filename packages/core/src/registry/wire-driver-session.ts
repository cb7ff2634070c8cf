import {
  type MultiOperation,
  type SessionEvent,
  type MultiResult as WireMultiResult,
  ZooKeeper,
  type ZooKeeperErrorCode,
} from '@elasticjob/zookeeper-client';
import { messageOf } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import type { ConnectionEvent, DriverSession, MultiResult, TreeWatcher, Watcher } from './driver.js';
import type { CreateMode, NodeStat, Operation } from './registry.js';
import { type Credentials, codeOf, toRegistryError } from './wire-driver-errors.js';

/** What a {@link WireSession} works with besides its client. */
export interface WireSessionParts extends Credentials {
  readonly logger: Logger;
}

/** A session of our own client. Requests are refused while there is no connection, not queued. */
export class WireSession implements DriverSession {
  #problem: string | null = null;
  readonly #fail = (error: unknown): never => {
    throw toRegistryError(error, this.parts);
  };

  constructor(
    private readonly client: ZooKeeper,
    private readonly parts: WireSessionParts,
    private readonly onEvent: (event: ConnectionEvent) => void,
  ) {}

  get id(): bigint {
    return this.client.sessionId;
  }

  get timeoutMs(): number {
    return this.client.timeoutMs;
  }

  get problem(): string | null {
    return this.#problem;
  }

  /** Starts connecting, and goes on until `close` or until the session is over. */
  connect(): void {
    this.client.onSession((event) => this.#hear(event));
    // What becomes of it is told by the events.
    this.client.connect().catch((error: unknown) => this.#note('cannot connect to ZooKeeper', error));
  }

  create(path: string, value: string, mode: CreateMode): Promise<{ path: string; czxid: bigint }> {
    return this.client.create(path, value, { mode }).then(toCreated, this.#fail);
  }

  get(path: string, watcher?: Watcher): Promise<{ value: string; stat: NodeStat }> {
    return this.client.get(path, withWatcher(watcher)).then(toNode, this.#fail);
  }

  exists(path: string, watcher?: Watcher): Promise<NodeStat | null> {
    return this.client.exists(path, withWatcher(watcher)).then(toStat, this.#fail);
  }

  children(path: string, watcher?: Watcher): Promise<{ names: string[]; stat: NodeStat }> {
    return this.client.children(path, withWatcher(watcher)).catch(this.#fail);
  }

  set(path: string, value: string, version: number): Promise<NodeStat> {
    return this.client.set(path, value, { version }).then(toStat, this.#fail);
  }

  remove(path: string, version: number): Promise<void> {
    return this.client.remove(path, { version }).then(toNothing, this.#fail);
  }

  sync(path: string): Promise<void> {
    return this.client.sync(path).then(toNothing, this.#fail);
  }

  async multi(operations: readonly Operation[]): Promise<MultiResult> {
    return this.client.multi(operations.map(toWire)).then(toMultiResult, this.#fail);
  }

  async watchTree(path: string, watcher: TreeWatcher): Promise<() => void> {
    const handle = await this.client
      .addWatch(path, 'recursive', ({ kind, path: changed }) => {
        if (kind !== 'children') watcher({ kind, path: changed });
      })
      .catch(this.#fail);
    return () => {
      handle.remove().catch((error: unknown) => this.#note('a watch was not taken back', error));
    };
  }

  close(): Promise<void> {
    return this.client.close();
  }

  #hear({ state, reason }: SessionEvent): void {
    if (reason !== undefined) this.#problem = reason.message;
    switch (state) {
      case 'connected':
        this.#problem = null;
        this.onEvent('connected');
        break;
      case 'suspended':
        this.onEvent('disconnected');
        break;
      case 'lost':
        this.onEvent(reason?.code === 'AUTH_FAILED' ? 'auth-failed' : 'expired');
        break;
    }
  }

  #note(what: string, error: unknown): void {
    this.parts.logger.debug(what, { error: messageOf(error) });
  }
}

const NO_OPTIONS = {};

function withWatcher(watcher: Watcher | undefined): { watcher?: Watcher } {
  return watcher === undefined ? NO_OPTIONS : { watcher };
}

function toCreated({ path, stat }: { path: string; stat: NodeStat }): { path: string; czxid: bigint } {
  return { path, czxid: stat.czxid };
}

function toNode({ data, stat }: { data: Buffer; stat: NodeStat }): { value: string; stat: NodeStat } {
  return { value: data.toString('utf8'), stat };
}

function toStat<T>({ stat }: { stat: T }): T {
  return stat;
}

function toNothing(): void {}

function toWire(operation: Operation): MultiOperation {
  if (operation.kind !== 'write')
    return operation.kind === 'create' ? { ...operation, data: operation.value } : operation;
  const { path, value, version = -1 } = operation;
  return { kind: 'set', path, data: value, version };
}

function toMultiResult(result: WireMultiResult): MultiResult {
  if (result.committed) return { committed: true, zxid: result.zxid };
  const code: ZooKeeperErrorCode = result.code;
  return { committed: false, index: result.index, reason: codeOf(code) };
}
