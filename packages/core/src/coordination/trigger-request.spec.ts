import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { triggerEntry, triggerId } from './trigger-entry.js';
import type { TriggerRecord } from './trigger-record.js';
import { forgetTriggers, keyName, requestTrigger, TRIGGERS_KEPT } from './trigger-request.js';

const clock = new ManualClock('2027-01-01T00:00:00Z');
let registry: Registry;

beforeEach(async () => {
  registry = new MemoryServer({ clock }).registry({ namespace: 'test' });
  await registry.start();
});
afterEach(() => registry.stop());

function record(key: string | null, items: readonly number[] = [0]): TriggerRecord {
  const at = clock.now();
  const fires = [{ at, window: null }];
  return { kind: 'manual', at, by: '', key, jobParameter: null, items, fires, concurrency: null, javaInstances: [] };
}

async function names(path: string): Promise<readonly string[]> {
  return (await registry.children(`job/extension/triggers/${path}`))?.names ?? [];
}

/** Asked for at a time, and ended. */
async function ended(at: number, number: number, key: string | null = null): Promise<string> {
  const id = triggerId(at, number, '00000000');
  await requestTrigger(registry, 'job', id, record(key));
  await registry.put(`job/extension/triggers/records/${id}/0-0`, '{}');
  await registry.remove(`job/extension/triggers/open/${triggerEntry(id, 0, 0).name}`);
  return id;
}

describe('asking for a trigger', () => {
  it('of thousands of items makes an entry for each, and the record last', async () => {
    const id = triggerId(clock.now(), 0, '00000000');
    const items = Array.from({ length: 2500 }, (_, item) => item);
    expect(await requestTrigger(registry, 'job', id, record(null, items))).toEqual({ id, isNew: true });
    expect(await names('open')).toHaveLength(2500);
    const last = await registry.read(`job/extension/triggers/open/${triggerEntry(id, 0, 2499).name}`);
    const made = await registry.read(`job/extension/triggers/records/${id}`);
    expect(made?.stat.czxid).toBe(last?.stat.czxid);
  });

  it('with a key that is remembered leaves nothing of the second', async () => {
    const [first, second] = [0, 1].map((number) => triggerId(clock.now(), number, '00000000'));
    await requestTrigger(registry, 'job', first ?? '', record('a/b.c'));
    expect(await requestTrigger(registry, 'job', second ?? '', record('a/b.c'))).toEqual({ id: first, isNew: false });
    expect(await names('records')).toEqual([first]);
    expect(await names('open')).toHaveLength(1);
    expect(await names('keys')).toEqual([keyName('a/b.c')]);
  });
});

describe('what is remembered of triggers', () => {
  it('goes when it is old, with its key, unless it has not ended', async () => {
    const now = clock.now();
    await ended(now - TRIGGERS_KEPT.ageMs - 1, 0, 'old');
    const late = triggerId(now - TRIGGERS_KEPT.ageMs - 1, 1, '00000000');
    await requestTrigger(registry, 'job', late, record('late'));
    const young = await ended(now, 2, 'young');
    await forgetTriggers(registry, 'job', now);
    expect(await names('records')).toEqual([late, young]);
    expect(await names('keys')).toEqual(['late', 'young']);
    expect((await requestTrigger(registry, 'job', triggerId(now, 3, '00000000'), record('old'))).isNew).toBe(true);
  });

  it('is no more than so many', async () => {
    const now = clock.now();
    const count = TRIGGERS_KEPT.count + 30;
    const ids = Array.from({ length: count }, (_, number) => triggerId(now, number, '00000000'));
    await Promise.all(ids.map((id) => registry.put(`job/extension/triggers/records/${id}`, '{}')));
    await forgetTriggers(registry, 'job', now);
    expect(await names('records')).toEqual(ids.slice(30));
  });

  it('has nothing of what somebody began to ask for and did not finish', async () => {
    const left = triggerEntry(triggerId(clock.now() - 3_600_001, 0, '00000000'), 0, 0);
    const fresh = triggerEntry(triggerId(clock.now(), 1, '00000000'), 0, 0);
    for (const { name } of [left, fresh]) await registry.ensure(`job/extension/triggers/open/${name}`);
    await forgetTriggers(registry, 'job', clock.now());
    expect(await names('open')).toEqual([fresh.name]);
  });
});
