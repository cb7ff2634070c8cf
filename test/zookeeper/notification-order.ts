import { expect } from 'vitest';
import type { DriverSession } from '../../packages/core/src/registry/driver.js';

/**
 * Lets `writer` raise a flag while `reader`, which watches for it, creates a mark of its own, until the flag came first
 * `trials` times. Each such time the reader must have heard of the flag before the answer to its create.
 */
export async function expectNotificationFirst(
  reader: DriverSession,
  writer: DriverSession,
  root: string,
  trials: number,
): Promise<void> {
  let relevant = 0;
  for (let trial = 0; relevant < trials; trial++) {
    const [flag, mark] = [`${root}/flag-${trial}`, `${root}/mark-${trial}`];
    let heard = false;
    await reader.exists(flag, () => {
      heard = true;
    });
    const raising = writer.create(flag, '', 'persistent');
    const marking = reader.create(mark, '', 'ephemeral').then(({ czxid }) => ({ czxid, heardBefore: heard }));
    const [raised, marked] = await Promise.all([raising, marking]);
    if (raised.czxid < marked.czxid) {
      relevant += 1;
      expect(marked.heardBefore, `trial ${trial}`).toBe(true);
    }
    await Promise.all([writer.remove(flag, -1), reader.remove(mark, -1)]);
  }
}
