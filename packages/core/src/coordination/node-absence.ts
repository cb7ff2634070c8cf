import { abortable } from '../foundation/abort.js';
import { deferred } from '../foundation/deferred.js';
import type { Registry } from '../registry/registry.js';

/** Resolves when the node does not exist (any more). A connection that is gone says nothing about it. */
export async function untilAbsent(registry: Registry, path: string, signal?: AbortSignal): Promise<void> {
  const vanished = deferred();
  const watch = await registry.watchTree(path, [{ path: '' }], (_before, after) => {
    if (after.node('') === null) vanished.resolve();
  });
  try {
    if (watch.snapshot.node('') !== null) await abortable(vanished.promise, signal);
  } finally {
    watch.close();
  }
}
