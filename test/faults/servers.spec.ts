import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectNothingForbidden, HAULS, TICKS } from './cluster-checks.js';
import { Cluster } from './src/cluster.js';
import { Ensemble, SESSION_MS } from './src/ensemble.js';
import { accountForFires } from './src/fire-accounts.js';

let ensemble: Ensemble;
let cluster: Cluster | undefined;
beforeAll(async () => {
  ensemble = await Ensemble.start();
});
afterEach(async () => {
  await cluster?.end();
  cluster = undefined;
});
afterAll(() => ensemble.end());

async function start(): Promise<Cluster> {
  cluster = await Cluster.start(ensemble, 3, { jobs: [TICKS, HAULS] });
  return cluster;
}

describe('instances whose ZooKeeper', { timeout: 150_000 }, () => {
  it('loses its leader, killed, go on over the others', async () => {
    const started = await start();
    const from = await started.recovered();
    const killed = await ensemble.killLeader();
    await ensemble.leader();
    // On two servers.
    await started.recovered();
    await killed.start();
    const to = await started.recovered();
    expectNothingForbidden(started, from, to);
  });

  it('is restarted, one server after the other, lose no fire', async () => {
    const started = await start();
    const from = await started.recovered();
    await ensemble.restartInTurn(async () => {
      await started.recovered();
    });
    const to = await started.recovered();
    expect(accountForFires(started.observer, from, to).fires).toMatchObject({ 'without-owner': 0, 'cut-short': 0 });
    expectNothingForbidden(started, from, to);
  });

  it('is away altogether for longer than their sessions resume by themselves', async () => {
    const started = await start();
    const from = await started.recovered();
    await ensemble.stopAll();
    await started.until(() => started.running.every(({ id }) => started.observer.hasLostSession(id)));
    // They are without a session now, and go on trying.
    await sleep(SESSION_MS);
    await ensemble.startAll();
    const to = await started.recovered();
    expect(accountForFires(started.observer, from, to).skipped['no-session']).toBeGreaterThan(0);
    expectNothingForbidden(started, from, to);
  });
});
