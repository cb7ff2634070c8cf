import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ItemPool } from './item-pool.js';

describe('a pool of items, whatever ends first', () => {
  it('starts all work in order, never more at once than its size, and settles as the work does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.boolean(), { maxLength: 12 }),
        async (scheduler, size, outcomes) => {
          const started: number[] = [];
          let running = 0;
          let most = 0;
          const pool = new ItemPool(() => size);
          const work = (item: number, succeeds: boolean) => async () => {
            started.push(item);
            most = Math.max(most, ++running);
            await scheduler.schedule(Promise.resolve(), `item ${item}`);
            running--;
            if (!succeeds) throw new Error(`item ${item}`);
          };
          const settled = Promise.allSettled(outcomes.map((succeeds, item) => pool.run(work(item, succeeds))));
          const results = await scheduler.waitFor(settled);
          expect(started).toEqual(outcomes.map((_, item) => item));
          expect(most).toBeLessThanOrEqual(size);
          expect(results.map(({ status }) => status === 'fulfilled')).toEqual(outcomes);
        },
      ),
    );
  });
});
