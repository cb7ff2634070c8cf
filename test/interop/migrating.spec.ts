import { createOperations } from '@elasticjob/core';
import { expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { JOB } from './mixed-cluster.js';

const open = clusters();
const SERVER = '10.0.0.9';

it('a job moves from Java to TypeScript in the steps of docs/migrating.md, and back', async () => {
  const cluster = await open();
  const { commands } = createOperations(cluster.operator);
  const at = { job: JOB, server: SERVER };
  const java = await cluster.javaMember();
  await cluster.shared(java);

  // It stands by.
  await cluster.operator.create(`${JOB}/servers/${SERVER}`, 'DISABLED', 'persistent');
  const ts = await cluster.tsMember({}, { ip: SERVER, instanceId: `${SERVER}@-@ts` });
  await cluster.eachItemRun(Date.now(), 2);
  expect(cluster.nodes.instances).toContain(ts.instanceId);
  expect(new Set(cluster.runs.map(({ by }) => by))).toEqual(new Set([java.instanceId]));

  // It is given items, and gives them back.
  await commands.enable(at);
  await cluster.shared(java, ts);
  await commands.disable(at);
  await cluster.shared(java);
  await commands.enable(at);
  await cluster.shared(java, ts);

  // Java leaves, and comes back; then ours leaves.
  expect(await java.exit()).toBe(0);
  await cluster.shared(ts);
  const again = await cluster.javaMember();
  await cluster.shared(ts, again);
  await ts.engine.stop();
  await cluster.shared(again);
  await cluster.eachItemRun(Date.now(), 2);
});
