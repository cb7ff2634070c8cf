import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { defineJob } from '../job/define-job.js';
import type { JobOptions } from '../job/job-options.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { encodeJobConfig } from './job-yaml.js';
import { publish } from './publication.js';

let registry: Registry;
const job = (options: Partial<JobOptions> = {}) =>
  defineJob({ name: 'job', cron: '0/5 * * * * ?', shardingTotalCount: 3, ...options }, { now: 0 });
const text = async (path: string): Promise<string | undefined> => (await registry.read(path))?.value;

beforeEach(async () => {
  registry = new MemoryServer({ clock: new ManualClock() }).registry({ namespace: 'test' });
  await registry.start();
});
afterEach(() => registry.stop());

describe('publishing a definition', () => {
  it('stores the first one, and the name of the job as its class', async () => {
    const published = { outcome: 'published', className: 'job', text: encodeJobConfig(job()) };
    expect(await publish(registry, job(), null)).toEqual(published);
    expect(await text('job/config')).toBe(encodeJobConfig(job()));
    expect(await text('job')).toBe('job');
  });

  it('stores the class that it is told', async () => {
    await publish(registry, job(), 'com.x.MyJob');
    expect(await text('job')).toBe('com.x.MyJob');
  });

  it('adopts what another instance published, and its class', async () => {
    await publish(registry, job(), 'com.x.MyJob');
    expect(await publish(registry, job({ shardingTotalCount: 5 }), null)).toEqual({
      outcome: 'adopted',
      className: 'com.x.MyJob',
      text: encodeJobConfig(job()),
      stored: expect.objectContaining({ shardingTotalCount: 3 }),
    });
    expect(await text('job/config')).toBe(encodeJobConfig(job()));
  });

  it('replaces it with overwrite', async () => {
    await publish(registry, job(), null);
    const mine = job({ shardingTotalCount: 5, overwrite: true });
    expect(await publish(registry, mine, null)).toMatchObject({ outcome: 'published' });
    expect(await text('job/config')).toBe(encodeJobConfig(mine));
  });

  it('does not write what says the same in other words', async () => {
    const mine = job({ overwrite: true });
    const other = encodeJobConfig(mine).replace('misfire: true', 'misfire: yes');
    await registry.put('job/config', other);
    await publish(registry, mine, null);
    expect(await text('job/config')).toBe(other);
  });

  it('refuses a class that conflicts with the stored one, naming both', async () => {
    await publish(registry, job(), 'com.x.MyJob');
    await expect(publish(registry, job({ overwrite: true }), 'com.y.Other')).rejects.toMatchObject({
      code: 'JOB_CLASS_CONFLICT',
      message: expect.stringMatching(/'job'.*'com\.x\.MyJob'.*'com\.y\.Other'/),
    });
    expect(await text('job')).toBe('com.x.MyJob');
  });

  it('lets one of two that come together name the class, and refuses the other', async () => {
    const both = await Promise.allSettled([
      publish(registry, job(), 'com.x.One'),
      publish(registry, job(), 'com.x.Two'),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const won = both.find((each) => each.status === 'fulfilled');
    expect(won?.status === 'fulfilled' && won.value.className).toBe(await text('job'));
  });

  it('touches nothing that it cannot read, even with overwrite', async () => {
    await registry.put('job/config', 'jobName: [');
    const publication = await publish(registry, job({ overwrite: true }), null);
    expect(publication).toMatchObject({ outcome: 'unreadable' });
    expect(await text('job/config')).toBe('jobName: [');
  });

  it('keeps the tagged parts of a Java member when it overwrites', async () => {
    const extra = [
      'jobExtraConfigurations:',
      '- !!org.apache.shardingsphere.elasticjob.kernel.tracing.yaml.YamlTracingConfiguration',
      '  type: RDB',
    ];
    const stored = encodeJobConfig(job()).replace('jobName:', `${extra.join('\n')}\njobName:`);
    await registry.put('job/config', stored);
    await publish(registry, job({ shardingTotalCount: 4, overwrite: true }), null);
    expect(await text('job/config')).toContain(extra.join('\n'));
    expect(await text('job/config')).toContain('shardingTotalCount: 4');
  });
});
