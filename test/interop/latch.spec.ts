import { startProxy } from '@elasticjob/test-support';
import { describe, expect, inject, it } from 'vitest';
import { withLatch } from '../../packages/core/src/coordination/latch.js';
import { deferred } from '../../packages/core/src/foundation/deferred.js';
import { SessionRegistry } from '../../packages/core/src/registry/session-registry.js';
import { driverOf } from '../zookeeper/drivers.js';
import { clusters } from './clusters.js';
import { JOB, type MixedCluster, SESSION_MS } from './mixed-cluster.js';

const open = clusters();
const LATCH = `${JOB}/leader/election/latch`;

const waiting = (cluster: MixedCluster): readonly string[] => cluster.nodes.names('leader/election/latch');

describe("Curator's latch", () => {
  it('keeps a TypeScript member from leading while a Java process holds it', async () => {
    const cluster = await open();
    const java = await cluster.java();
    await java.enterLatch(`/${LATCH}`);
    const ts = await cluster.tsMember();
    await cluster.until(() => waiting(cluster).length === 2);
    expect(cluster.nodes.leader).toBeNull();
    await java.leaveLatch(`/${LATCH}`);
    await cluster.shared(ts);
    expect(cluster.nodes.leader).toBe(ts.instanceId);
    await cluster.until(() => waiting(cluster).length === 0);
  });

  it('keeps a Java member from leading while a TypeScript process holds it', async () => {
    const cluster = await open();
    const java = await cluster.java();
    const held = deferred();
    const release = deferred();
    const holding = withLatch(cluster.operator, LATCH, async () => {
      held.resolve();
      await release.promise;
    });
    await held.promise;
    const started = java.startJob({ jobName: JOB, cron: '0/1 * * * * ?', shardingTotalCount: 2 });
    await cluster.until(() => waiting(cluster).length === 2);
    expect(cluster.nodes.leader).toBeNull();
    release.resolve();
    await Promise.all([holding, started]);
    await cluster.shared(java);
    expect(cluster.nodes.leader).toBe(java.instanceId);
  });
});

describe('a TypeScript process whose place in the latch was made, but the answer was lost', () => {
  /** A registry behind a network that has lost the answer of its attempt to enter the latch, and that attempt. */
  async function cutWhileEntering(cluster: MixedCluster) {
    const [host = '', port = ''] = inject('zookeeper').split(':');
    const proxy = await startProxy(Number(port), host);
    const common = { sessionTimeoutMilliseconds: SESSION_MS };
    const driver = driverOf('wire', { ...common, connectString: `127.0.0.1:${proxy.port}` });
    const registry = new SessionRegistry({ ...common, namespace: cluster.namespace, driver, describe: 'cut' });
    await registry.start();
    const entered = deferred();
    await cluster.operator.ensure(LATCH);
    // Long enough for the cut to come before the answer.
    await proxy.delay(500);
    const attempt = withLatch(registry, LATCH, async () => entered.resolve());
    await cluster.until(() => waiting(cluster).length === 1);
    await proxy.cut();
    await proxy.delay(0);
    const end = async (): Promise<void> => {
      await proxy.restore();
      await registry.stop();
      await proxy.stop();
    };
    return { proxy, registry, entered, attempt, end };
  }

  it('holds a Java process up until its session has ended, if it never comes back', async () => {
    const cluster = await open();
    const java = await cluster.java();
    const { attempt, end } = await cutWhileEntering(cluster);
    const outcome = attempt.catch((error: unknown) => error);
    const javaHolds = java.enterLatch(`/${LATCH}`);
    await cluster.until(() => waiting(cluster).length === 2);
    await javaHolds;
    expect(waiting(cluster)).toHaveLength(1);
    await java.leaveLatch(`/${LATCH}`);
    await end();
    await outcome;
    await cluster.until(() => waiting(cluster).length === 0);
  });

  it('finds its place again when it comes back, holds the latch once, and leaves it to the Java process', async () => {
    const cluster = await open();
    const java = await cluster.java();
    const { proxy, registry, entered, attempt, end } = await cutWhileEntering(cluster);
    const [place] = waiting(cluster);
    const javaHolds = java.enterLatch(`/${LATCH}`);
    await cluster.until(() => waiting(cluster).length === 2);
    expect(waiting(cluster)).toContain(place);
    await proxy.restore();
    await entered.promise;
    await attempt;
    expect(registry.session.epoch).toBe(1);
    await javaHolds;
    expect(waiting(cluster)).toHaveLength(1);
    await java.leaveLatch(`/${LATCH}`);
    await cluster.until(() => waiting(cluster).length === 0);
    await end();
  });
});
