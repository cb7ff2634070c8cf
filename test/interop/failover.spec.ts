import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { Gate } from './gate.js';
import { type JavaNode, JOB, type MixedCluster, type TsMember, YEARLY } from './mixed-cluster.js';

const open = clusters();
const OPTIONS = { cron: YEARLY, failover: true } as const;

/** A cluster of one member of each language, each in the middle of running its items. */
async function inMidRun(gate: Gate): Promise<{ cluster: MixedCluster; ts: TsMember; java: JavaNode; items: number[] }> {
  const cluster = await open(OPTIONS, ({ signal }) => gate.pass(signal));
  const ts = await cluster.tsMember();
  const java = await cluster.javaMember();
  await cluster.shared(ts, java);
  gate.close();
  await java.behave(JOB, { hold: true });
  await ts.engine.job(JOB).trigger();
  await cluster.until(() => cluster.runs.length === 4);
  return { cluster, ts, java, items: [0, 1, 2, 3] };
}

/** Resolves when nothing of a crash is left in ZooKeeper. */
async function noDebris(cluster: MixedCluster): Promise<void> {
  await cluster.until(() => {
    const marks = [...(['running', 'failover', 'failovering'] as const)].map((name) => cluster.nodes.marks(name));
    return (
      marks.every((each) => Object.keys(each).length === 0) && cluster.nodes.names('leader/failover/items').length === 0
    );
  });
}

/** Who ran each item, in order. */
function runners(cluster: MixedCluster, items: readonly number[]): string[][] {
  return items.map((item) => cluster.runs.filter((run) => run.item === item).map(({ by }) => by));
}

describe('with failover, a run that was cut off by the death of', () => {
  it('a Java member is executed once more by a TypeScript member, and nothing is left behind', async () => {
    const gate = new Gate();
    const { cluster, ts, java } = await inMidRun(gate);
    const crashed = cluster.nodes.itemsOf(java.instanceId);
    await java.end();
    gate.open();
    await cluster.until(() =>
      crashed.every((item) => cluster.runs.some((run) => run.item === item && run.by === ts.instanceId)),
    );
    await noDebris(cluster);
    expect(runners(cluster, crashed)).toEqual(crashed.map(() => [java.instanceId, ts.instanceId]));
    await cluster.shared(ts);
  });

  it('a TypeScript member is executed once more by a Java member, and nothing is left behind', async () => {
    const gate = new Gate();
    const { cluster, ts, java } = await inMidRun(gate);
    const crashed = cluster.nodes.itemsOf(ts.instanceId);
    await java.release(JOB);
    // Nothing of it reaches ZooKeeper any more.
    await ts.proxy.cut();
    await cluster.until(() =>
      crashed.every((item) => cluster.runs.some((run) => run.item === item && run.by === java.instanceId)),
    );
    await noDebris(cluster);
    expect(runners(cluster, crashed)).toEqual(crashed.map(() => [ts.instanceId, java.instanceId]));
    gate.open();
  });

  it('all members is executed once more when one of each language starts anew, and nothing is left behind', async () => {
    const gate = new Gate();
    const { cluster, ts, java, items } = await inMidRun(gate);
    await Promise.all([java.end(), ts.proxy.cut()]);
    await cluster.until(() => cluster.nodes.instances.length === 0);
    gate.open();
    const [next, nextJava] = await Promise.all([cluster.tsMember(), cluster.javaMember()]);
    await cluster.until(() => items.every((item) => cluster.runs.filter((run) => run.item === item).length >= 2));
    await noDebris(cluster);
    await cluster.shared(next, nextJava);
    expect(runners(cluster, items).map((each) => each.length)).toEqual([2, 2, 2, 2]);
  });

  it('a TypeScript member is executed once more when it is started again under the same id', async () => {
    const gate = new Gate();
    const { cluster, ts, java } = await inMidRun(gate);
    const crashed = cluster.nodes.itemsOf(ts.instanceId);
    await java.end();
    await ts.proxy.cut();
    gate.open();
    const again = await cluster.tsMember({}, ts);
    await cluster.until(() =>
      [0, 1, 2, 3].every((item) => cluster.runs.filter((run) => run.item === item).length >= 2),
    );
    await noDebris(cluster);
    expect(again.status().state).toBe('active');
    expect(runners(cluster, crashed)).toEqual(crashed.map(() => [ts.instanceId, ts.instanceId]));
  });
});

describe('while the job fires every second, runs that were cut off by the death of', () => {
  const WORK_MS = 500;

  /** Resolves to the items in mid-run at a member, once these are all that it owns. */
  async function cutOf(cluster: MixedCluster, { instanceId }: { readonly instanceId: string }): Promise<number[]> {
    const open = (): number[] =>
      cluster.runs.filter(({ by, endedAt }) => by === instanceId && endedAt === null).map(({ item }) => item);
    await cluster.until(() => open().length === cluster.nodes.itemsOf(instanceId).length);
    return open().sort();
  }

  async function underLoad(): Promise<{ cluster: MixedCluster; ts: TsMember; java: JavaNode }> {
    const cluster = await open({ failover: true }, ({ signal }) => sleep(WORK_MS, undefined, { signal }));
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await java.behave(JOB, { sleepMs: WORK_MS });
    await cluster.shared(ts, java);
    await cluster.eachItemRun(Date.now(), 2);
    return { cluster, ts, java };
  }

  it('a Java member are executed once more by a TypeScript member, and the other items go on', async () => {
    const { cluster, ts, java } = await underLoad();
    const cut = await cutOf(cluster, java);
    await java.end();
    const again = (): number[] =>
      ts.traces.of('item-started').flatMap(({ item, source }) => (source === 'FAILOVER' ? [item] : []));
    await cluster.until(() => again().length >= cut.length);
    await cluster.shared(ts);
    await cluster.eachItemRun(Date.now(), 2);
    expect(again().sort()).toEqual(cut);
  });

  it('a TypeScript member are executed once more by a Java member, and the other items go on', async () => {
    const { cluster, ts, java } = await underLoad();
    const cut = await cutOf(cluster, ts);
    await ts.proxy.cut();
    const takenOver = new Set<number>();
    await cluster.until(() => {
      for (const [item, by] of Object.entries(cluster.nodes.marks('failovering')))
        if (by === java.instanceId) takenOver.add(Number(item));
      return takenOver.size === cut.length;
    });
    await cluster.shared(java);
    await cluster.eachItemRun(Date.now(), 2);
    expect([...takenOver].sort()).toEqual(cut);
    expect(cluster.nodes.names('leader/failover/items')).toEqual([]);
  });
});

describe('without failover, a run that was cut off by the death of a Java member', () => {
  it('is not executed again, and the item runs at its next fire', async () => {
    const cluster = await open();
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(ts, java);
    await java.behave(JOB, { hold: true });
    await cluster.until(() => Object.values(cluster.nodes.marks('running')).includes(java.instanceId));
    await java.end();
    await cluster.shared(ts);
    await cluster.eachItemRun(Date.now(), 2);
  });
});
