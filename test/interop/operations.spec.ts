import { describe, expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { Gate } from './gate.js';
import { JOB, type TsMember } from './mixed-cluster.js';

const open = clusters();

const stateOf = (member: TsMember): string => member.status().state;

describe("Java's lifecycle API", () => {
  it('stops the job on one TypeScript instance, whose items go to the others', async () => {
    const cluster = await open();
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(ts, java);
    await java.lifecycle.shutdown(JOB, ts.ip);
    await cluster.until(() => stateOf(ts) === 'stopped' && cluster.nodes.leader === java.instanceId);
    await cluster.shared(java);
    expect(cluster.nodes.instances).toEqual([java.instanceId]);
    const from = Date.now();
    await cluster.eachItemRun(from, 2);
    expect(new Set(cluster.runsSince(from))).toEqual(new Set([java.instanceId]));
  });

  it('removes a job while TypeScript members run it: they end their runs, stop, and bring nothing back', async () => {
    const gate = new Gate();
    const cluster = await open({}, ({ signal }) => gate.pass(signal));
    const one = await cluster.tsMember();
    const other = await cluster.tsMember();
    const java = await cluster.java();
    await cluster.shared(one, other);
    gate.close();
    const from = Date.now();
    await cluster.until(() => new Set(cluster.runsSince(from)).size === 2);
    await java.lifecycle.removeJobConfiguration(JOB);
    await cluster.until(() => [one, other].every((member) => stateOf(member) === 'draining'));
    gate.open();
    await cluster.until(() => [one, other].every((member) => stateOf(member) === 'stopped'));
    expect(
      [...one.traces.of('item-finished'), ...other.traces.of('item-finished')].map(({ success }) => success),
    ).not.toContain(false);
    expect(await cluster.operator.read(JOB)).toBeNull();
  });

  it('takes a server out and back in, which the TypeScript members follow', async () => {
    const cluster = await open();
    const one = await cluster.tsMember();
    const other = await cluster.tsMember();
    const java = await cluster.java();
    await cluster.shared(one, other);
    await java.lifecycle.disable(JOB, one.ip);
    await cluster.shared(other);
    await cluster.until(() => cluster.nodes.leader === other.instanceId);
    expect(await java.lifecycle.getJobBriefInfo(JOB)).toMatchObject({
      status: 'OK',
      instanceCount: 2,
      shardingTotalCount: 4,
    });
    await java.lifecycle.enable(JOB, one.ip);
    await cluster.shared(one, other);
  });

  it('switches an item off and on', async () => {
    const cluster = await open();
    const ts = await cluster.tsMember();
    const java = await cluster.java();
    await cluster.shared(ts);
    await java.lifecycle.disableItem(JOB, 2);
    await cluster.until(() =>
      ts.traces.of('fire-skipped').some(({ reason, items }) => reason === 'disabled' && items.includes(2)),
    );
    expect((await java.lifecycle.getShardingInfo(JOB)).map(({ status }) => status)[2]).toBe('DISABLED');
    const off = Date.now();
    await java.lifecycle.enableItem(JOB, 2);
    await cluster.until(() => cluster.runsSince(off, 2).length > 0);
  });

  it('tells of TypeScript members as of its own', async () => {
    const gate = new Gate();
    const cluster = await open({}, ({ signal }) => gate.pass(signal));
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(ts, java);
    gate.close();
    const mine = cluster.nodes.itemsOf(ts.instanceId);
    await cluster.until(() => mine.every((item) => cluster.nodes.marks('running')[item] === ts.instanceId));
    const info = await java.lifecycle.getShardingInfo(JOB);
    expect(info.filter(({ instanceId }) => instanceId === ts.instanceId)).toEqual(
      mine.map((item) => ({ item, serverIp: ts.ip, instanceId: ts.instanceId, status: 'RUNNING', failover: false })),
    );
    const servers = await java.lifecycle.getAllServersBriefInfo();
    expect(servers.map(({ serverIp, instances, jobNames }) => ({ serverIp, instances, jobNames }))).toEqual([
      { serverIp: ts.ip, instances: [ts.instanceId], jobNames: [JOB] },
      { serverIp: java.instanceId.split('@')[0], instances: [java.instanceId], jobNames: [JOB] },
    ]);
    gate.open();
  });
});
