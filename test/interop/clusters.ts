import { afterEach, inject } from 'vitest';
import { MixedCluster, type SharedOptions, type TsWork } from './mixed-cluster.js';

/**
 * Gives the tests of a file clusters of their own, which end with the test. Of a test that fails, what stands in
 * ZooKeeper and what Java logged is told on stderr.
 *
 * @example
 * const open = clusters();
 * it('…', async () => {
 *   const cluster = await open({ shardingTotalCount: 6 });
 * });
 */
export function clusters(): (options?: SharedOptions, work?: TsWork) => Promise<MixedCluster> {
  let opened: MixedCluster[] = [];
  afterEach(async ({ task }) => {
    const mine = opened;
    opened = [];
    if (task.result?.state === 'fail') {
      for (const cluster of mine) process.stderr.write(`${task.name}:\n${cluster.describe()}\n`);
    }
    await Promise.all(mine.map((cluster) => cluster.end()));
  });
  return async (options, work) => {
    const cluster = new MixedCluster(inject('zookeeper'), options, work);
    opened.push(cluster);
    return cluster.open();
  };
}
