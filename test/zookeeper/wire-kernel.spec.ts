import { type ZooKeeper as Servers, startZooKeeper } from '@elasticjob/test-support';
import { ZooKeeper } from '@elasticjob/zookeeper-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { JOB, KernelCluster, SECOND, SESSION_MS, YEARLY } from './kernel-harness.js';

/** A server of its own: what it counts is what these cases do. */
let servers: Servers;
let client: ZooKeeper;
let cluster: KernelCluster;

beforeAll(async () => {
  servers = await startZooKeeper({ own: true });
  client = new ZooKeeper({ connectString: servers.connectString });
  await client.connect();
});
afterAll(async () => {
  await client.close();
  await servers.stop();
});
afterEach(() => cluster.end());

const begin = (options: ConstructorParameters<typeof KernelCluster>[1] = {}): void => {
  cluster = new KernelCluster(servers.connectString, { client: 'wire', ...options });
};
const at = (path: string): string => `/${cluster.namespace}/${JOB}/${path}`;

describe('the kernel on our own client', () => {
  it('has one watch for a job, however many items and members it has', async () => {
    begin({ job: { ...YEARLY, shardingTotalCount: 20 } });
    const before = (await servers.counters()).watches;
    await cluster.share('a', 'b', 'c');
    // A server counts a recursive watch twice, because it tells of data and of children.
    expect((await servers.counters()).watches - before).toBe(2 * 3);
  });

  it('commits owners, plan and the lowering of the flags in one transaction', async () => {
    begin({ job: YEARLY });
    await cluster.share('a', 'b');
    const nodes = [at('extension/plan'), at('sharding/0/instance'), at('sharding/5/instance')];
    const [plan, ...owners] = await Promise.all(nodes.map((path) => client.get(path)));
    const flags = await client.children(at('leader/sharding'));
    const moved = owners.filter(({ stat }) => stat.mzxid === plan?.stat.mzxid);
    expect(moved.length).toBeGreaterThan(0);
    expect([flags.names, flags.stat.pzxid]).toEqual([[], plan?.stat.mzxid]);
  });

  it('fences a run with the transaction that made its mark', async () => {
    const marks: bigint[] = [];
    begin({
      job: { ...YEARLY, shardingTotalCount: 1 },
      work: async ({ fencingToken }) => {
        const { stat } = await client.get(at('sharding/0/running'));
        if (stat.czxid === fencingToken) marks.push(stat.czxid);
      },
    });
    const [a] = await cluster.share('a');
    await a?.engine.job(JOB).trigger();
    await cluster.until(() => a?.traces.of('item-finished').length === 1);
    expect(marks).toHaveLength(1);
  });

  it(
    'costs two writes and no read for a fire, whatever the number of items that start and end together, and nothing without marks',
    async () => {
      for (const [monitorExecution, items, writesPerFire] of [
        [true, 1, 2],
        [true, 2, 2],
        [false, 2, 0],
      ] as const) {
        begin({ job: { monitorExecution, shardingTotalCount: items } });
        const [a] = await cluster.share('a');
        const runs = (): number => a?.traces.of('item-finished').length ?? 0;
        await cluster.until(() => runs() >= items && runs() % items === 0);
        const [before, ran, from] = [await servers.counters(), runs(), performance.now()];
        await cluster.until(() => runs() >= ran + 3 * items && runs() % items === 0);
        const after = await servers.counters();
        const fires = (runs() - ran) / items;
        expect(after.writes - before.writes).toBe(fires * writesPerFire);
        // Pings count as reads, one in a third of the session timeout for each of two sessions.
        const pings = ((performance.now() - from) / SESSION_MS) * 3 * 2 + 2;
        expect(after.reads - before.reads).toBeLessThanOrEqual(pings);
        await cluster.end();
      }
    },
    20 * SECOND,
  );

  it('creates every node of a namespace with its access list', async () => {
    begin({ job: { ...YEARLY, shardingTotalCount: 2 }, digest: 'jobs:secret' });
    await cluster.share('a');
    await client.addAuth('digest', 'jobs:secret');
    const everyPath = async (path: string): Promise<string[]> => {
      const { names } = await client.children(path);
      return [path, ...(await Promise.all(names.map((name) => everyPath(`${path}/${name}`)))).flat()];
    };
    const lists = await Promise.all((await everyPath(`/${cluster.namespace}`)).map((path) => client.getAcl(path)));
    expect(lists.length).toBeGreaterThan(15);
    // Version 0 of a list is the one that the node was born with.
    expect(lists.filter(({ stat }) => stat.aversion !== 0)).toEqual([]);
    expect(
      new Set(lists.map(({ acl }) => acl.map(({ scheme, permissions }) => `${scheme}:${permissions}`).join())),
    ).toEqual(new Set(['digest:31']));
  });
});
