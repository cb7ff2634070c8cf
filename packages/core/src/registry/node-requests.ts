import { ElasticJobError } from '../foundation/errors.js';
import type { DriverSession } from './driver.js';
import { orNull } from './refusal.js';
import { ancestorsOf } from './registry-path.js';

/** Makes sure of a persistent node and its parents below `top`. Resolves to whether it had to be created. */
export async function ensure(driver: DriverSession, full: string, value: string, top?: string): Promise<boolean> {
  try {
    await withParents(driver, full, () => driver.create(full, value, 'persistent'), top);
    return true;
  } catch (error) {
    if (ElasticJobError.is(error, 'NODE_EXISTS')) return false;
    throw error;
  }
}

/**
 * Sends a create; if its parents are missing, makes them, the nearest first, and sends it again. But `top` is not made as
 * a parent: where it is missing, this fails as `NO_NODE`.
 */
export async function withParents<T>(
  driver: DriverSession,
  full: string,
  create: () => Promise<T>,
  top?: string,
): Promise<T> {
  for (;;) {
    try {
      return await create();
    } catch (error) {
      const parent = ancestorsOf(full).at(-1);
      if (!ElasticJobError.is(error, 'NO_NODE') || parent === undefined || parent === top) throw error;
      await ensure(driver, parent, '', top);
    }
  }
}

/** Removes a node and all below it, however often somebody adds to it meanwhile. `found` is the answer if there is nothing now. */
export async function removeAll(driver: DriverSession, path: string, found: boolean): Promise<boolean> {
  for (;;) {
    try {
      await driver.remove(path, -1);
      return true;
    } catch (error) {
      if (ElasticJobError.is(error, 'NO_NODE')) return found;
      if (!ElasticJobError.is(error, 'NOT_EMPTY')) throw error;
    }
    const list = await orNull(driver.children(path));
    await Promise.all((list?.names ?? []).map((name) => removeAll(driver, `${path}/${name}`, false)));
    found = true;
  }
}
