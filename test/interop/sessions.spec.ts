import { describe, expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { Gate } from './gate.js';
import { JOB, type MixedCluster, type TsMember } from './mixed-cluster.js';

const open = clusters();

/** Fails unless each item is run a few times from now on, and a TypeScript member never stopped by itself. */
async function expectToGoOn(cluster: MixedCluster, ts: TsMember): Promise<void> {
  await cluster.eachItemRun(Date.now(), 2);
  expect(ts.status().state).toBe('active');
}

describe('a TypeScript member beside a Java member', () => {
  it('whose session expires while it leads aborts its runs before Java has them, and comes back as a follower', async () => {
    const gate = new Gate();
    const cluster = await open({}, ({ signal }) => gate.pass(signal));
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(ts, java);
    expect(cluster.nodes.leader).toBe(ts.instanceId);
    gate.close();
    const items = cluster.nodes.itemsOf(ts.instanceId);
    await cluster.until(() => items.every((item) => cluster.nodes.marks('running')[item] === ts.instanceId));
    await ts.proxy.cut();
    const cutAt = Date.now();
    await cluster.until(() => items.every((item) => cluster.runsSince(cutAt, item).includes(java.instanceId)));
    expect(cluster.nodes.leader).toBe(java.instanceId);
    expect(ts.traces.of('item-finished').filter(({ at, success }) => at > cutAt && success)).toEqual([]);
    gate.open();
    await ts.proxy.restore();
    await cluster.shared(ts, java);
    expect(cluster.nodes.leader).toBe(java.instanceId);
    await expectToGoOn(cluster, ts);
    expect(cluster.overlaps()).toEqual([]);
  });

  it('that is cut off for less than its session keeps its node, the lead and its items', async () => {
    const cluster = await open();
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(ts, java);
    const node = cluster.nodes.node(`instances/${ts.instanceId}`)?.stat.czxid;
    const owners = cluster.nodes.owners(4);
    await ts.proxy.cut();
    await cluster.until(() => ts.traces.of('coordination').some(({ event }) => event === 'suspended'));
    await ts.proxy.restore();
    await cluster.until(() => ts.traces.of('coordination').some(({ event }) => event === 'reconnected'));
    await expectToGoOn(cluster, ts);
    expect(cluster.nodes.node(`instances/${ts.instanceId}`)?.stat.czxid).toBe(node);
    expect(cluster.nodes.leader).toBe(ts.instanceId);
    expect(cluster.nodes.owners(4)).toEqual(owners);
    expect(cluster.overlaps()).toEqual([]);
  });
});

describe('a Java member beside a TypeScript member', () => {
  it('whose session expires while it leads leaves the lead to the TypeScript member, and gets items again', async () => {
    const cluster = await open();
    const { java, ts } = await cluster.javaThenTs();
    expect(cluster.nodes.leader).toBe(java.instanceId);
    const expired = await java.session();
    await java.expire();
    await cluster.until(() => cluster.nodes.node(`instances/${java.instanceId}`)?.stat.ephemeralOwner !== expired);
    await cluster.until(() =>
      java.events.some((event) => event.kind === 'connection' && event.state === 'RECONNECTED'),
    );
    await cluster.shared(ts, java);
    await expectToGoOn(cluster, ts);
  });

  it('that is cut off for less than its session is a member all the time, as far as its items go on', async () => {
    const cluster = await open();
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(ts, java);
    await java.proxy.cut();
    await cluster.until(() => java.events.some((event) => event.kind === 'connection' && event.state === 'SUSPENDED'));
    await java.proxy.restore();
    await cluster.until(() =>
      java.events.some((event) => event.kind === 'connection' && event.state === 'RECONNECTED'),
    );
    await cluster.shared(ts, java);
    await expectToGoOn(cluster, ts);
    expect(cluster.nodes.leader).toBe(ts.instanceId);
  });

  it('that stands still for longer than its session loses its items, and gets some when it goes on', async () => {
    const cluster = await open();
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(ts, java);
    java.signal('SIGSTOP');
    await cluster.shared(ts);
    await expectToGoOn(cluster, ts);
    java.signal('SIGCONT');
    await cluster.shared(ts, java);
    await expectToGoOn(cluster, ts);
    expect(java.isRunning).toBe(true);
    expect(cluster.nodes.leader).toBe(ts.instanceId);
    expect((await java.lifecycle.getJobBriefInfo(JOB))?.instanceCount).toBe(2);
  });
});
