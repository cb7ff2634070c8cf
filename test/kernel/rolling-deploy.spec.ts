import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, JOB, SECOND } from './cluster.js';

const INSTANCES = 10;
const ITEMS = 50;

let cluster = new Cluster();
afterEach(() => cluster.end());

/** How often items were given to another owner since the first assignment, as the nodes of the registry count it. */
async function movesUntilNow(): Promise<number> {
  const [node] = cluster.nodes.values();
  const read = async (item: number): Promise<number> =>
    (await node?.registry.read(`${JOB}/sharding/${item}/instance`))?.stat.version ?? 0;
  const versions = await Promise.all(Array.from({ length: ITEMS }, (_, item) => read(item)));
  return versions.reduce((sum, version) => sum + version, 0);
}

/** Replaces every instance by one with a new id, one after the other; gives the number of moves for each. */
async function deploy(order: 'leave first' | 'join first'): Promise<number[]> {
  const moved: number[] = [];
  for (let number = 0; number < INSTANCES; number++) {
    const before = await movesUntilNow();
    if (order === 'join first') await cluster.start(`new-${number}`);
    await cluster.stop(`old-${number}`);
    if (order === 'leave first') await cluster.start(`new-${number}`);
    moved.push((await movesUntilNow()) - before);
  }
  return moved;
}

async function deployWith(jobShardingStrategyType: string, order: 'leave first' | 'join first'): Promise<number[]> {
  cluster = new Cluster({ job: { shardingTotalCount: ITEMS, jobShardingStrategyType, monitorExecution: false } });
  for (let number = 0; number < INSTANCES; number++) await cluster.start(`old-${number}`);
  const from = await cluster.nextFire();
  const moved = await deploy(order);
  const to = await cluster.nextFire();
  for (let fire = from; fire <= to; fire += SECOND) {
    const items = cluster.calls.filter(({ scheduledAt }) => scheduledAt === fire).map(({ item }) => item);
    expect(items.sort((a, b) => a - b)).toEqual(Array.from({ length: ITEMS }, (_, item) => item));
  }
  const total = moved.reduce((sum, each) => sum + each, 0);
  console.log(`${jobShardingStrategyType}, ${order}: ${total} moves of ${ITEMS} items: ${moved.join(' ')}`);
  return moved;
}

describe('a rolling deploy of ten instances with fifty items', () => {
  it('moves with STICKY only the items of each that leaves and the share of each that comes', async () => {
    for (const moved of await deployWith('STICKY', 'leave first')) expect(moved).toBe(10);
  });

  it('moves fewer with STICKY if the new instance comes before the old one leaves', async () => {
    for (const moved of await deployWith('STICKY', 'join first')) expect(moved).toBeLessThanOrEqual(9);
  });

  it('moves several times as many with AVG_ALLOCATION', async () => {
    const moved = await deployWith('AVG_ALLOCATION', 'leave first');
    expect(moved.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(3 * 100);
  });
});

describe('shares by weight', () => {
  it('follow the labels that the instances gave themselves, and go on doing so when one of them goes', async () => {
    const weights: Record<string, string> = { a: '3', b: '2', c: '1' };
    cluster = new Cluster({ job: { shardingTotalCount: 12, jobShardingStrategyType: 'WEIGHTED' } });
    for (const [name, weight] of Object.entries(weights)) await cluster.start(name, { labels: { weight, zone: name } });
    const shares = async (): Promise<Record<string, number>> => {
      const owners = await cluster.owners(12);
      const count = (name: string): number => owners.filter((owner) => owner === name).length;
      return Object.fromEntries([...cluster.nodes.keys()].map((name) => [name, count(name)]));
    };
    expect(await shares()).toEqual({ a: 6, b: 4, c: 2 });
    await cluster.stop('b');
    expect(await shares()).toEqual({ a: 9, c: 3 });
  });

  it('change when an instance says another weight, although nobody came or went', async () => {
    cluster = new Cluster({ job: { shardingTotalCount: 6, jobShardingStrategyType: 'WEIGHTED' } });
    const a = await cluster.start('a');
    const b = await cluster.start('b', { labels: { weight: '1' } });
    const path = `${JOB}/instances/${b.instanceId}`;
    const said = (await a.registry.read(path))?.value ?? '';
    await a.registry.put(path, said.replace('weight=1', 'weight=2'));
    await cluster.nextFire();
    const owners = await cluster.owners(6);
    expect(owners.filter((owner) => owner === 'b')).toHaveLength(4);
  });
});
