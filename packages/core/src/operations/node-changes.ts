import type { Registry } from '../registry/registry.js';

/** A node that a command changed. */
export interface NodeChange {
  /** Below the namespace. */
  readonly path: string;
  /** Its value before; `null` = it was not there. */
  readonly before: string | null;
  /** Its value now; `null` = it was removed, with all below it. */
  readonly after: string | null;
}

/** Gives a node that exists another value. Nothing is changed where it is so already, or where the node is gone. */
export async function changeValue(registry: Registry, path: string, value: string): Promise<NodeChange[]> {
  const node = await registry.read(path);
  if (node === null || node.value === value) return [];
  const result = await registry.write(path, value, -1);
  return result.written ? [{ path, before: node.value, after: value }] : [];
}

/** Gives a node a value, making it if it is not there. */
export async function putValue(registry: Registry, path: string, value: string): Promise<NodeChange[]> {
  const node = await registry.read(path);
  if (node?.value === value) return [];
  await registry.put(path, value);
  return [{ path, before: node?.value ?? null, after: value }];
}

/** Makes sure that a node exists. */
export async function makeNode(registry: Registry, path: string): Promise<NodeChange[]> {
  const node = await registry.read(path);
  if (node !== null) return [];
  await registry.ensure(path);
  return [{ path, before: null, after: '' }];
}

/** Makes sure that a node does not exist. */
export async function removeNode(registry: Registry, path: string): Promise<NodeChange[]> {
  const node = await registry.read(path);
  if (node === null || !(await registry.remove(path, { recursive: true }))) return [];
  return [{ path, before: node.value, after: null }];
}
