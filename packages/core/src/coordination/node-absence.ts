import { abortable } from '../foundation/abort.js';
import { deferred } from '../foundation/deferred.js';
import type { Registry, RegistryNode } from '../registry/registry.js';

/** Resolves when the node does not exist (any more). A connection that is gone says nothing about it. */
export function untilAbsent(registry: Registry, path: string, signal?: AbortSignal): Promise<void> {
  return untilNode(registry, path, (node) => node === null, signal);
}

/** Resolves when the node, `null` if there is none, is as it is waited for. A connection that is gone says nothing about it. */
export async function untilNode(
  registry: Registry,
  path: string,
  isReached: (node: RegistryNode | null) => boolean,
  signal?: AbortSignal,
): Promise<void> {
  const reached = deferred();
  const watch = await registry.watchTree(path, [{ path: '' }], (_before, after) => {
    if (isReached(after.node(''))) reached.resolve();
  });
  try {
    if (!isReached(watch.snapshot.node(''))) await abortable(reached.promise, signal);
  } finally {
    watch.close();
  }
}
