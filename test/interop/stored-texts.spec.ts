import type { JobOptions } from '@elasticjob/core';
import { describe, expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { JOB, YEARLY } from './mixed-cluster.js';

const open = clusters();

describe('what a TypeScript member stores', () => {
  it.each<[string, Partial<JobOptions>]>([
    ['nothing but defaults', {}],
    ['a cron that begins with a star', { cron: '*/10 * * * * ?' }],
    ['a zone as Java knows it', { timeZone: 'GMT+8:00' }],
    ['no cron', { cron: null }],
    ['parameters', { shardingItemParameters: '0=Beijing,1=Shanghai', jobParameter: "it's: #1" }],
    ['texts of several lines, in any script', { description: '第一行\n second: "line"', jobParameter: 'true' }],
    [
      'a strategy, an error handler, a property',
      { jobShardingStrategyType: 'ODEVITY', jobErrorHandlerType: 'IGNORE', props: { key: '1' } },
    ],
    ['an option of its own', { timeout: '5s' }],
    [
      'other switches',
      { monitorExecution: false, misfire: false, disabled: true, reconcileIntervalMinutes: 0, label: 'blue' },
    ],
  ])('is what Java reads, and would write itself: %s', async (_, options) => {
    const cluster = await open();
    const ts = await cluster.tsMember({ cron: YEARLY, ...options });
    const java = await cluster.java();
    const stored = cluster.nodes.value('config');
    expect(stored).toContain(`jobName: ${JOB}\n`);
    expect(await java.lifecycle.getJobConfiguration(JOB)).toBe(stored);
    const instance = await cluster.operator.read(`${JOB}/instances/${ts.instanceId}`);
    expect(await java.readInstance(instance?.value ?? '')).toMatchObject({
      jobInstanceId: ts.instanceId,
      serverIp: ts.ip,
    });
  });

  it('is read by Java also while an instance says something of itself', async () => {
    const cluster = await open();
    const java = await cluster.java();
    const text = 'jobInstanceId: 10.0.0.1@-@ts\nlabels: weight=3,zone=a,draining\nserverIp: 10.0.0.1\n';
    const expected = { jobInstanceId: '10.0.0.1@-@ts', labels: 'weight=3,zone=a,draining', serverIp: '10.0.0.1' };
    expect(await java.readInstance(text)).toEqual(expected);
  });
});

describe("Java's event tracing in the stored definition", () => {
  it('is kept when a TypeScript member overwrites the rest, and another Java member goes by it', async () => {
    const cluster = await open();
    const first = await cluster.javaMember({ tracing: 'jdbc:h2:mem:trace' });
    const before = await first.lifecycle.getJobConfiguration(JOB);
    const tracing = before?.slice(before.indexOf('jobExtraConfigurations:'), before.indexOf('jobName:')) ?? '';
    expect(tracing).toContain('YamlTracingConfiguration');
    expect(tracing).toContain('jdbc:h2:mem:trace');
    await cluster.shared(first);
    const ts = await cluster.tsMember({ overwrite: true, description: 'said by TypeScript' });
    await cluster.until(() => cluster.nodes.value('config')?.includes('said by TypeScript') === true);
    expect(cluster.nodes.value('config')).toContain(tracing);
    await cluster.shared(first, ts);
    const second = await cluster.javaMember();
    await cluster.shared(first, ts, second);
    await cluster.eachItemRun(Date.now(), 2);
    expect(ts.status().problem).toBeNull();
    expect(second.log).not.toContain('tracing');
  });

  it('survives an edit through the lifecycle API, and does not keep a TypeScript member from joining', async () => {
    const cluster = await open();
    const java = await cluster.javaMember({ tracing: 'jdbc:h2:mem:edited' });
    await cluster.shared(java);
    const ts = await cluster.tsMember();
    await java.lifecycle.updateJobConfiguration(JOB, { description: 'edited' });
    await cluster.until(() => cluster.nodes.value('config')?.includes('description: edited') === true);
    await cluster.shared(java, ts);
    expect(ts.status()).toMatchObject({ state: 'active', problem: null });
  });
});
