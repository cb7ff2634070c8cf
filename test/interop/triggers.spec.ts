import { describe, expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { Gate } from './gate.js';
import { JOB, YEARLY } from './mixed-cluster.js';

const open = clusters();

/** How often each of four items was run by anybody. */
function counts(runs: readonly { readonly item: number }[]): number[] {
  return [0, 1, 2, 3].map((item) => runs.filter((run) => run.item === item).length);
}

describe('the trigger of the lifecycle API', () => {
  it('runs every item once, on the members of both languages that own them', async () => {
    const cluster = await open({ cron: YEARLY });
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(java, ts);
    await java.lifecycle.trigger(JOB);
    await cluster.until(() => cluster.runs.length >= 4 && cluster.nodes.names('trigger').length === 0);
    expect(counts(cluster.runs)).toEqual([1, 1, 1, 1]);
    expect(cluster.runs.map(({ by, item }) => cluster.nodes.value(`sharding/${item}/instance`) === by)).not.toContain(
      false,
    );
    expect(ts.contexts).toHaveLength(2);
  });

  it('called during a run of a TypeScript member is kept until that has ended, and then runs', async () => {
    const gate = new Gate();
    const cluster = await open({ cron: YEARLY }, ({ signal }) => gate.pass(signal));
    const ts = await cluster.tsMember();
    const java = await cluster.java();
    await cluster.shared(ts);
    gate.close();
    await java.lifecycle.trigger(JOB);
    await cluster.until(() => cluster.runs.length === 4);
    await java.lifecycle.trigger(JOB);
    await cluster.until(() => cluster.nodes.names('trigger').length === 1);
    expect(cluster.runs).toHaveLength(4);
    gate.open();
    await cluster.until(() => cluster.runs.length === 8 && cluster.nodes.names('trigger').length === 0);
    expect(counts(cluster.runs)).toEqual([2, 2, 2, 2]);
    expect(cluster.overlaps()).toEqual([]);
  });

  it('called twice in a row runs every item once or twice, and leaves nothing behind', async () => {
    const cluster = await open({ cron: YEARLY });
    const one = await cluster.tsMember();
    const other = await cluster.tsMember();
    const java = await cluster.java();
    await cluster.shared(one, other);
    await Promise.all([java.lifecycle.trigger(JOB), java.lifecycle.trigger(JOB)]);
    await cluster.until(() => cluster.runs.length >= 4 && cluster.nodes.names('trigger').length === 0);
    await cluster.until(() => cluster.runs.every(({ endedAt }) => endedAt !== null));
    for (const times of counts(cluster.runs)) expect([1, 2]).toContain(times);
    expect(cluster.overlaps()).toEqual([]);
  });

  it('runs nothing on a member whose server is disabled, and everything on the others', async () => {
    const cluster = await open({ cron: YEARLY });
    const one = await cluster.tsMember();
    const other = await cluster.tsMember();
    const java = await cluster.java();
    await cluster.shared(one, other);
    await java.lifecycle.disable(JOB, one.ip);
    await cluster.shared(other);
    await java.lifecycle.trigger(JOB);
    await cluster.until(() => cluster.runs.length >= 4 && cluster.nodes.names('trigger').length === 0);
    expect(cluster.runs.map(({ by }) => by)).toEqual(Array.from({ length: 4 }, () => other.instanceId));
  });
});

describe('the trigger of a TypeScript member', () => {
  it('runs the items of a Java member too', async () => {
    const cluster = await open({ cron: YEARLY });
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(java, ts);
    await ts.engine.job(JOB).trigger();
    await cluster.until(() => cluster.runs.length >= 4 && cluster.nodes.names('trigger').length === 0);
    expect(counts(cluster.runs)).toEqual([1, 1, 1, 1]);
    expect(java.runs(JOB)).toHaveLength(2);
  });
});
