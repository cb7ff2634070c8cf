import { JAVA_JOB } from '@elasticjob/interop';
import { describe, expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { Gate } from './gate.js';
import { JOB, type MixedCluster, YEARLY } from './mixed-cluster.js';

const open = clusters();

/** Collects how every node lived that was seen, until `done` holds. */
async function modesUntil(
  cluster: MixedCluster,
  done: (seen: Record<string, string>) => boolean,
): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  await cluster.until(() => {
    Object.assign(seen, cluster.nodes.modes());
    return done(seen);
  });
  return seen;
}

describe('the nodes that TypeScript members write', () => {
  it("live as Java's do", async () => {
    const gate = new Gate();
    const cluster = await open({ cron: YEARLY, shardingTotalCount: 1 }, ({ signal }) => gate.pass(signal));
    const ts = await cluster.tsMember();
    const java = await cluster.java();
    await cluster.shared(ts);
    gate.close();
    // So slow that nobody misses what is there for a moment only.
    await ts.proxy.delay(60);
    const seeing = modesUntil(cluster, (seen) =>
      [
        'leader/sharding/necessary',
        'leader/sharding/processing',
        'sharding/0/running',
        `trigger/${ts.instanceId}`,
        'leader/election/latch/_c_',
      ].every((path) => path in seen),
    );
    await java.lifecycle.updateJobConfiguration(JOB, { shardingTotalCount: 2 });
    await cluster.until(() => cluster.nodes.itemsOf(ts.instanceId).length === 2);
    await java.lifecycle.trigger(JOB);
    await cluster.until(() => Object.keys(cluster.nodes.marks('running')).length === 2);
    // As if the leader's session had ended.
    await cluster.operator.remove(`${JOB}/leader/election/instance`);
    const seen = await seeing;
    gate.open();
    expect(seen).toMatchObject({
      '': 'persistent',
      config: 'persistent',
      [`servers/${ts.ip}`]: 'persistent',
      [`instances/${ts.instanceId}`]: 'ephemeral',
      'leader/election/instance': 'ephemeral',
      'leader/election/latch/_c_': 'ephemeral',
      'leader/sharding/necessary': 'persistent',
      'leader/sharding/processing': 'ephemeral',
      'sharding/0': 'persistent',
      'sharding/0/instance': 'persistent',
      'sharding/0/running': 'ephemeral',
      [`trigger/${ts.instanceId}`]: 'persistent',
    });
    expect(cluster.nodes.value('')).toBe(JAVA_JOB);
    expect(cluster.nodes.value(`servers/${ts.ip}`)).toBe('ENABLED');
    expect(cluster.nodes.names('sharding')).toEqual(['0', '1']);
  });

  it("live as Java's do with failover, where marks outlive their session", async () => {
    const gate = new Gate();
    const cluster = await open({ shardingTotalCount: 2, failover: true }, ({ signal }) => gate.pass(signal));
    const ts = await cluster.tsMember();
    const java = await cluster.javaMember();
    await cluster.shared(ts, java);
    gate.close();
    await java.behave(JOB, { hold: true });
    const [item = -1] = cluster.nodes.itemsOf(java.instanceId);
    await cluster.until(() => cluster.nodes.marks('running')[item] === java.instanceId);
    await java.end();
    await cluster.until(() => cluster.nodes.marks('failovering')[item] === ts.instanceId);
    await cluster.until(() => cluster.nodes.marks('running')[item] === ts.instanceId);
    expect(cluster.nodes.modes()).toMatchObject({
      [`sharding/${item}/running`]: 'persistent',
      [`sharding/${item}/failover`]: 'ephemeral',
      [`sharding/${item}/failovering`]: 'persistent',
    });
    gate.open();
  });
});
