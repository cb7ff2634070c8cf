import type { JobErrorHandler, JobFailure } from '@elasticjob/core';
import { settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, SECOND, skips } from './cluster.js';

let cluster = new Cluster();
let told: JobFailure[] = [];
const listen: JobErrorHandler = { type: 'LISTEN', handle: (failure) => void told.push(failure) };
const begin = (job: ClusterOptions['job']): Cluster => {
  told = [];
  const options = { misfire: false, jobErrorHandlerType: 'LISTEN', maxTimeDiffSeconds: 30, ...job };
  cluster = new Cluster({ job: options, extensions: () => ({ errorHandlers: [listen] }) });
  return cluster;
};
afterEach(() => cluster.end());

/** Sets the wall clock of the instance an hour ahead; the registry's stays. */
async function setAhead(): Promise<void> {
  cluster.clock.setWallTime(cluster.clock.now() + 3600 * SECOND);
  await cluster.clock.advance(31 * SECOND);
}

describe('a machine whose clock is wrong', () => {
  it('runs nothing of a job that wants clocks to agree, and says why', async () => {
    begin({ cron: '*/10 * * * * *' });
    const a = await cluster.start('a');
    await cluster.clock.advance(10 * SECOND);
    expect(cluster.calls).toHaveLength(3);
    await setAhead();
    expect(cluster.calls).toHaveLength(3);
    expect(skips(a)).toContain('clock:0,1,2');
    expect(told[0]).toMatchObject({ item: undefined, error: { code: 'CLOCK_DIFFERENCE' } });
  });

  it('runs it, and says so, where the job asks for a report only', async () => {
    begin({ cron: '*/10 * * * * *', maxTimeDiffAction: 'report' });
    const a = await cluster.start('a');
    await cluster.clock.advance(10 * SECOND);
    await setAhead();
    expect(told[0]).toMatchObject({ error: { code: 'CLOCK_DIFFERENCE' } });
    expect(skips(a)).not.toContain('clock:0,1,2');
    expect(cluster.calls.length).toBeGreaterThan(3);
  });

  it('is asked for at most once in ten minutes, however often the job runs', async () => {
    begin({});
    const a = await cluster.start('a');
    const zxid = async (): Promise<bigint> => (await a.registry.read(''))?.stat.mzxid ?? 0n;
    await cluster.nextFire();
    const measured = await zxid();
    for (let fires = 0; fires < 5; fires++) await cluster.nextFire();
    await settle();
    expect(await zxid()).toBe(measured);
  });
});
