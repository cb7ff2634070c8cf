import { ElasticJobError, type ElasticJobErrorCode, RegistryError } from '../foundation/errors.js';

/** The error of a request that the server refused, in the words of ZooKeeper. */
export function refusal(code: ElasticJobErrorCode, path: string, reason: string): RegistryError {
  return new RegistryError(code, `${path}: ${reason}`, { path });
}

/** Whether the state of the nodes was the reason: an outcome, not a failure. */
export function isRefusal(error: unknown): error is RegistryError {
  return ElasticJobError.is(error) && ['NO_NODE', 'NODE_EXISTS', 'NOT_EMPTY', 'BAD_VERSION'].includes(error.code);
}

/** The answer, or `null` if the node does not exist. */
export async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (ElasticJobError.is(error, 'NO_NODE')) return null;
    throw error;
  }
}
