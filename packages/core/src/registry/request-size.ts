import { RegistryError } from '../foundation/errors.js';
import { MAX_REQUEST_BYTES } from './driver.js';
import type { Operation } from './registry.js';

/** What is added to a relative path and a value, generously: the namespace, the header, the ACL. */
const REQUEST_OVERHEAD_BYTES = 200;

/** Refuses a value that would cut the connection: `VALUE_TOO_LARGE`. */
export function assertRequestSize(path: string, value: string): void {
  assertBytes(path, path, requestBytes(path, value));
}

/** Refuses a commit of which an operation, or with one transaction the whole, would cut the connection. */
export function assertCommitSize(stages: readonly (readonly Operation[])[], atomic: boolean): void {
  let total = 0;
  for (const operation of stages.flat()) {
    const bytes = operationBytes(operation);
    assertBytes(operation.path, operation.path, bytes);
    total += bytes;
  }
  const first = stages.flat()[0];
  if (atomic && first !== undefined) assertBytes(first.path, `commit of ${stages.flat().length} operations`, total);
}

/** About what an operation weighs on the wire, bytes. */
export function operationBytes(operation: Operation): number {
  return requestBytes(operation.path, 'value' in operation ? operation.value : '');
}

function requestBytes(path: string, value: string): number {
  return Buffer.byteLength(path) + Buffer.byteLength(value) + REQUEST_OVERHEAD_BYTES;
}

function assertBytes(path: string, what: string, bytes: number): void {
  if (bytes <= MAX_REQUEST_BYTES) return;
  const limit = `the server takes ${MAX_REQUEST_BYTES} and would cut the connection`;
  const message = `${what}: a request of ${bytes} bytes is refused, because ${limit}; store less`;
  throw new RegistryError('VALUE_TOO_LARGE', message, { path });
}
