import type { Registry } from '@elasticjob/core';
import { settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, JOB } from './cluster.js';

/** A Java member, of which only its nodes matter: the test writes them as it would. */
const JAVA = '10.0.9.9@-@4711';

let cluster = new Cluster();
let java: Registry | null = null;
afterEach(async () => {
  await java?.stop();
  await cluster.end();
});

/** A job that a Java member leads, which has given itself all three items. */
async function leadByJava(): Promise<Registry> {
  const registry = cluster.server.registry({ namespace: 'test', sessionTimeoutMilliseconds: 10_000 });
  java = registry;
  await registry.start();
  await registry.create(`${JOB}/leader/election/instance`, JAVA, 'ephemeral');
  await registry.ensure(`${JOB}/servers/10.0.9.9`, 'ENABLED');
  const instance = `jobInstanceId: ${JAVA}\nserverIp: 10.0.9.9\n`;
  await registry.create(`${JOB}/instances/${JAVA}`, instance, 'ephemeral');
  await assign(registry, [JAVA, JAVA, JAVA]);
  return registry;
}

/** Assigns as Java does: without a plan. */
async function assign(registry: Registry, owners: readonly string[]): Promise<void> {
  await registry.ensure(`${JOB}/leader/sharding/necessary`);
  for (const [item, owner] of owners.entries()) await registry.put(`${JOB}/sharding/${item}/instance`, owner);
  await registry.remove(`${JOB}/leader/sharding/necessary`);
  await settle();
}

describe('a TypeScript member that came while a Java leader was assigning items', () => {
  it('asks for a new assignment, and again later if it is overlooked again, but not once it has items', async () => {
    cluster = new Cluster();
    const registry = await leadByJava();
    const { instanceId } = await cluster.start('a');
    const asked = async (): Promise<boolean> => (await registry.read(`${JOB}/leader/sharding/necessary`)) !== null;
    await cluster.clock.advance(1900);
    expect(await asked()).toBe(false);
    await cluster.clock.advance(2200);
    expect(await asked()).toBe(true);
    await assign(registry, [JAVA, JAVA, JAVA]);
    await cluster.clock.advance(3900);
    expect(await asked()).toBe(false);
    await cluster.clock.advance(4200);
    expect(await asked()).toBe(true);
    await assign(registry, [JAVA, instanceId, JAVA]);
    await cluster.clock.advance(60_000);
    expect(await asked()).toBe(false);
    expect(cluster.node('a').engine.job(JOB).status().items).toEqual([1]);
  });
});
