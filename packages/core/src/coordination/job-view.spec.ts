import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { encodePlan } from './assignment-plan.js';
import { encodeInstance } from './instance-yaml.js';
import { availableMembers, isResharding, type JobView, jobView, viewSelection } from './job-view.js';
import { encodePause } from './pause.js';

const ME = '10.0.0.1@-@me';
let registry: Registry;

beforeEach(async () => {
  registry = new MemoryServer({ clock: new ManualClock() }).registry({ namespace: 'test' });
  await registry.start();
});
afterEach(() => registry.stop());

async function look(ownItems: readonly number[] = []): Promise<JobView> {
  const interest = { items: ownItems, failover: true };
  const watch = await registry.watchTree('job', viewSelection(ME, interest), () => undefined);
  watch.close();
  return jobView(watch.snapshot, ME, interest);
}

const register = (instanceId: string, labels: string | null = null): Promise<unknown> =>
  registry.create(
    `job/instances/${instanceId}`,
    encodeInstance({ instanceId, serverIp: instanceId.split('@')[0] ?? '', labels }),
    'ephemeral',
  );

describe('what an instance sees of a job', () => {
  it('is nothing where nothing is', async () =>
    expect(await look()).toMatchObject({
      config: null,
      leader: null,
      plan: null,
      planHolds: false,
      triggered: false,
      openTriggers: [],
      pause: null,
      resharding: { generation: 0n, necessary: false, processing: false },
    }));

  it('is who takes part, in the order of the strategies, and who may be given items', async () => {
    for (const id of ['10.0.0.1@-@a', '10.0.0.2@-@b', '10.0.0.3@-@c', '10.0.0.10@-@d']) await register(id);
    await register('10.0.0.2@-@leaving', 'draining');
    await register('10.0.0.2@-@stuck', 'waiting');
    await register('10.0.0.2@-@heavy', 'weight=3,zone=a,draining');
    await register('10.0.0.2@-@light', 'weight=1,waiting');
    for (const ip of ['10.0.0.1', '10.0.0.2', '10.0.0.10']) await registry.put(`job/servers/${ip}`, 'ENABLED');
    await registry.put('job/servers/10.0.0.3', 'DISABLED');
    const view = await look();
    expect(view.members.size).toBe(8);
    expect(availableMembers(view).map(({ instanceId }) => instanceId)).toEqual([
      '10.0.0.2@-@b',
      '10.0.0.1@-@a',
      '10.0.0.10@-@d',
    ]);
  });

  it('is what the instances say about themselves', async () => {
    await register('10.0.0.1@-@a', 'weight=3,zone=eu.west-1');
    await register('10.0.0.1@-@b', 'weight=3,draining');
    await register('10.0.0.1@-@c');
    expect([...(await look()).members.values()]).toMatchObject([
      { labels: { weight: '3', zone: 'eu.west-1' }, withdrawn: false },
      { labels: { weight: '3' }, withdrawn: true },
      { labels: {}, withdrawn: false },
    ]);
  });

  it('leaves out an instance whose node nobody can read', async () => {
    await register('10.0.0.1@-@a');
    await registry.create('job/instances/10.0.0.2@-@b', '{', 'ephemeral');
    expect([...(await look()).members.keys()]).toEqual(['10.0.0.1@-@a']);
  });

  it('is a resharding while either flag is up', async () => {
    await registry.ensure('job/leader/sharding/necessary');
    const raised = await look();
    expect(isResharding(raised)).toBe(true);
    await registry.remove('job/leader/sharding/necessary');
    const lowered = await look();
    expect(isResharding(lowered)).toBe(false);
    expect(lowered.resharding.generation).toBeGreaterThan(raised.resharding.generation);
  });

  it('is a plan that holds until anybody raises a flag again', async () => {
    await registry.ensure('job/leader/sharding/necessary');
    await registry.remove('job/leader/sharding/necessary');
    const spans = [{ after: 0, owners: [ME] }] as const;
    await registry.put(
      'job/extension/plan',
      encodePlan({ changes: 2, strategy: 'X', members: [ME], labels: [null], spans }),
    );
    expect(await look()).toMatchObject({ planHolds: true, plan: { members: [ME] } });
    await registry.ensure('job/leader/sharding/necessary');
    await registry.remove('job/leader/sharding/necessary');
    expect(await look()).toMatchObject({ planHolds: false, plan: { members: [ME] } });
  });

  it('is how many instances have gone, also those that came and went unseen', async () => {
    expect((await look()).crashes).toEqual({ departures: 0, announced: 0n });
    for (const id of ['10.0.0.1@-@a', '10.0.0.2@-@b']) await register(id);
    expect((await look()).crashes.departures).toBe(0);
    await registry.remove('job/instances/10.0.0.2@-@b');
    await register('10.0.0.3@-@c');
    await registry.remove('job/instances/10.0.0.3@-@c');
    expect((await look()).crashes.departures).toBe(2);
  });

  it('is that a crashed run was announced, until none is left', async () => {
    await registry.ensure('job/leader/failover/items/1');
    const first = (await look()).crashes.announced;
    expect(first).toBeGreaterThan(0n);
    await registry.remove('job/leader/failover/items/1');
    expect((await look()).crashes.announced).toBe(0n);
    await registry.ensure('job/leader/failover/items/1');
    expect((await look()).crashes.announced).toBeGreaterThan(first);
  });

  it('is a pause, also one that somebody made by hand', async () => {
    await registry.put('job/extension/pause', encodePause({ reason: 'stocktaking', by: 'ann', until: 9000 }));
    expect((await look()).pause).toEqual({ reason: 'stocktaking', by: 'ann', until: 9000 });
    await registry.put('job/extension/pause', '');
    expect((await look()).pause).toMatchObject({ until: null });
  });

  it('is the switches of its own items, and a request to run', async () => {
    await registry.ensure('job/sharding/1/disabled');
    await registry.ensure('job/sharding/2/disabled');
    await registry.ensure(`job/trigger/${ME}`);
    const view = await look([0, 1]);
    expect([...view.disabledItems]).toEqual([1]);
    expect(view.triggered).toBe(true);
  });
});
