import { randomUUID } from 'node:crypto';
import { deferred } from '../foundation/deferred.js';
import { ElasticJobError } from '../foundation/errors.js';
import type { Registry, Session } from '../registry/registry.js';
import { nameOf } from '../registry/registry-path.js';
import { untilAbsent } from './node-absence.js';

/**
 * Mutual exclusion across processes, node for node as Curator's `LeaderLatch` does it, so that Java and TypeScript wait
 * for each other: an ephemeral sequential child per contender, the lowest sequence holds, each watches only the one
 * before it. Our child carries a uuid, so that one created by a request whose answer was lost is found again. Whatever
 * happens to the connection, no child of ours stays behind in a session that lives: everybody would wait for it.
 *
 * Runs `critical` while holding the latch. If the session is lost while waiting, rejects; while holding, `critical` has
 * to find out by its own requests, which the server refuses.
 *
 * @see Curator 5.9.0, recipe "leader latch"; ZooKeeper's recipe for locks.
 */
export async function withLatch<T>(
  registry: Registry,
  latchPath: string,
  critical: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const own = await enter(registry, latchPath);
  try {
    await waitForTurn(registry, latchPath, own, signal);
    return await critical();
  } finally {
    await leave(registry, `${latchPath}/${own}`);
  }
}

/** Contenders in the order in which they hold the latch: by what follows the last `latch-`, as text, as Curator does. */
export function latchOrder(names: readonly string[]): string[] {
  const sequence = (name: string): string => {
    const at = name.lastIndexOf('latch-');
    return at < 0 ? name : name.slice(at + 'latch-'.length);
  };
  return [...names].sort((one, other) => (sequence(one) < sequence(other) ? -1 : 1));
}

async function enter(registry: Registry, latchPath: string): Promise<string> {
  const prefix = `_c_${randomUUID()}-latch-`;
  try {
    const result = await registry.create(`${latchPath}/${prefix}`, '', 'ephemeral-sequential');
    if (result.created) return nameOf(result.path);
  } catch (error) {
    if (!ElasticJobError.is(error, 'RESULT_UNKNOWN')) throw error;
    const names = (await untilAnswered(registry, () => registry.children(latchPath)))?.names ?? [];
    const created = names.find((name) => name.startsWith(prefix));
    if (created !== undefined) return created;
  }
  return enter(registry, latchPath);
}

async function waitForTurn(registry: Registry, latchPath: string, own: string, signal?: AbortSignal): Promise<void> {
  for (;;) {
    signal?.throwIfAborted();
    const names = latchOrder((await registry.children(latchPath))?.names ?? []);
    const position = names.indexOf(own);
    if (position === 0) return;
    const predecessor = names[position - 1];
    if (predecessor === undefined)
      throw new ElasticJobError('SESSION_LOST', `the latch node ${own} is gone`, { retryable: true });
    await untilAbsent(registry, `${latchPath}/${predecessor}`, signal);
  }
}

async function leave(registry: Registry, path: string): Promise<void> {
  // What cannot be removed because the session ended goes with it; nothing that `critical` achieved is undone by it.
  await untilAnswered(registry, () => registry.remove(path)).catch((error: unknown) => {
    if (!ElasticJobError.is(error)) throw error;
  });
}

/** Repeats a request that may be repeated, over as many connections as it takes, until somebody answers. */
async function untilAnswered<T>(registry: Registry, request: () => Promise<T>): Promise<T> {
  for (;;) {
    const { connection } = registry.session;
    try {
      return await request();
    } catch (error) {
      if (!ElasticJobError.is(error, 'CONNECTION_LOSS') && !ElasticJobError.is(error, 'RESULT_UNKNOWN')) throw error;
      await laterConnection(registry, connection);
    }
  }
}

/** Resolves once there is, or was, a connection later than number `connection`, or there will be none. */
async function laterConnection(registry: Registry, connection: number): Promise<void> {
  const later = deferred();
  const look = (session: Session): void => {
    if (session.connection > connection || session.state === 'closed') later.resolve();
  };
  const undo = registry.onSession(look);
  look(registry.session);
  await later.promise;
  undo();
}
