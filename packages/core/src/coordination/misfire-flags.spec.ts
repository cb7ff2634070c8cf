import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../foundation/clock.js';
import { silentLogger } from '../foundation/logger.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { MisfireFlags } from './misfire-flags.js';

describe('misfire flags', () => {
  let server: MemoryServer;
  let registry: Registry;
  let flags: MisfireFlags;
  beforeEach(async () => {
    server = new MemoryServer({ clock: new ManualClock() });
    registry = server.registry({ namespace: 'test' });
    await registry.start();
    flags = new MisfireFlags(registry, 'job', silentLogger);
  });
  afterEach(() => registry.stop());

  const up = async (): Promise<number[]> => {
    await flags.settled();
    const items = (await registry.children('job/sharding'))?.names ?? [];
    const isUp = await Promise.all(items.map(async (item) => registry.read(`job/sharding/${item}/misfire`)));
    return items.filter((_, position) => isUp[position] !== null).map(Number);
  };

  it('are up for the items that they are told of, and no others', async () => {
    flags.follow([0, 2]);
    expect(await up()).toEqual([0, 2]);
    flags.follow([2, 3]);
    expect(await up()).toEqual([2, 3]);
  });

  it('end as they were last told, however fast they are told', async () => {
    flags.follow([0]);
    flags.follow([]);
    flags.follow([1]);
    flags.follow([0, 1]);
    flags.follow([1]);
    expect(await up()).toEqual([1]);
  });

  it('of others are let be unless they are to be cleared', async () => {
    await registry.ensure('job/sharding/4/misfire');
    await registry.ensure('job/sharding/5/misfire');
    flags.follow([0]);
    flags.clear([5]);
    expect(await up()).toEqual([0, 4]);
  });

  it('are tried again with the next change when the registry did not answer', async () => {
    const create = registry.create.bind(registry);
    registry.create = () => Promise.reject(new Error('no answer'));
    flags.follow([0]);
    await settle();
    registry.create = create;
    expect(await up()).toEqual([]);
    flags.follow([]);
    flags.follow([0]);
    expect(await up()).toEqual([0]);
  });

  it('go with the session of their instance, and are raised again in its next one', async () => {
    flags.follow([0]);
    expect(await up()).toEqual([0]);
    server.expire(registry.session.id);
    await settle();
    expect(await up()).toEqual([]);
    flags.follow([0]);
    expect(await up()).toEqual([0]);
  });
});
