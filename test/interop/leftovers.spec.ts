import { describe, expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { Gate } from './gate.js';
import { JOB } from './mixed-cluster.js';

const open = clusters();

describe('a TypeScript member that comes to lead', () => {
  it('assigns what a Java leader that was killed had only announced', async () => {
    const gate = new Gate();
    const cluster = await open({}, ({ signal }) => gate.pass(signal));
    const { java, ts } = await cluster.javaThenTs();
    gate.close();
    await cluster.until(() => Object.values(cluster.nodes.marks('running')).includes(ts.instanceId));
    const other = await cluster.tsMember();
    // A Java leader waits for running items before it assigns any.
    await java.inMethod(JOB, 'waitingOtherShardingItemCompleted');
    await java.end();
    await cluster.shared(ts, other);
    gate.open();
    await cluster.eachItemRun(Date.now(), 2);
    expect(cluster.overlaps()).toEqual([]);
  });

  it('is not kept from assigning by a former Java leader that goes on where it stood still', async () => {
    const gate = new Gate();
    const cluster = await open({}, ({ signal }) => gate.pass(signal));
    const { java, ts } = await cluster.javaThenTs();
    gate.close();
    await cluster.until(() => Object.values(cluster.nodes.marks('running')).includes(ts.instanceId));
    const other = await cluster.tsMember();
    // It has seen that it leads, and waits for the item to end before it assigns.
    await java.inMethod(JOB, 'waitingOtherShardingItemCompleted');
    java.signal('SIGSTOP');
    await cluster.shared(ts, other);
    gate.open();
    await cluster.eachItemRun(Date.now(), 2);
    java.signal('SIGCONT');
    await cluster.shared(ts, other, java);
    await cluster.eachItemRun(Date.now(), 2);
    expect([ts.instanceId, other.instanceId]).toContain(cluster.nodes.leader);
  });

  it('does not wait for ever for the mark of a resharding that somebody left who does not lead', async () => {
    const cluster = await open();
    const java = await cluster.java();
    const ts = await cluster.tsMember();
    await cluster.shared(ts);
    await cluster.operator.create(`${JOB}/leader/sharding/processing`, '', 'ephemeral');
    await java.lifecycle.updateJobConfiguration(JOB, { shardingTotalCount: 6 });
    await cluster.until(() => cluster.nodes.itemsOf(ts.instanceId).length === 6);
    await cluster.shared(ts);
    await cluster.eachItemRun(Date.now(), 1);
  });
});
