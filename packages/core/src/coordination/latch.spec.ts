import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoppedError } from '../foundation/abort.js';
import { ManualClock, settle } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { latchOrder, withLatch } from './latch.js';

const PATH = 'job/leader/election/latch';
let server: MemoryServer;
let registries: Registry[];

beforeEach(async () => {
  server = new MemoryServer({ clock: new ManualClock() });
  registries = ['a', 'b', 'c'].map(() => server.registry({ namespace: 'test' }));
  await Promise.all(registries.map((registry) => registry.start()));
});
afterEach(() => Promise.all(registries.map((registry) => registry.stop())));

const registry = (index: number): Registry => {
  const found = registries[index];
  if (found === undefined) throw new Error(`no registry ${index}`);
  return found;
};

describe('the latch', () => {
  it('is held by one at a time, in the order of arrival', async () => {
    const held: string[] = [];
    const releases = [deferred(), deferred(), deferred()];
    const turns = releases.map((release, index) =>
      withLatch(registry(index), PATH, async () => {
        held.push(`in ${index}`);
        await release.promise;
        held.push(`out ${index}`);
      }),
    );
    await settle();
    expect(held).toEqual(['in 0']);
    releases[2]?.resolve();
    releases[1]?.resolve();
    await settle();
    expect(held).toEqual(['in 0']);
    releases[0]?.resolve();
    await Promise.all(turns);
    expect(held).toEqual(['in 0', 'out 0', 'in 1', 'out 1', 'in 2', 'out 2']);
  });

  it('leaves no contender behind, also when its work fails', async () => {
    await expect(withLatch(registry(0), PATH, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect((await registry(0).children(PATH))?.names).toEqual([]);
  });

  it('passes on when the holder dies', async () => {
    const never = deferred();
    const dead = withLatch(registry(0), PATH, () => never.promise);
    dead.catch(() => undefined);
    await settle();
    const next = withLatch(registry(1), PATH, async () => 'mine');
    await settle();
    server.expire(registry(0).session.id);
    expect(await next).toBe('mine');
    never.reject(new Error('over'));
  });

  it('waits for a contender of Curator, whose name has a uuid of its own', async () => {
    await registry(1).ensure(PATH);
    const foreign = await registry(1).create(
      `${PATH}/_c_aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa-latch-`,
      '',
      'ephemeral-sequential',
    );
    let entered = false;
    const mine = withLatch(registry(0), PATH, async () => {
      entered = true;
    });
    await settle();
    expect(entered).toBe(false);
    if (foreign.created) await registry(1).remove(foreign.path);
    await mine;
    expect(entered).toBe(true);
  });

  it('gives up waiting when told to, and its place with it', async () => {
    const release = deferred();
    const holder = withLatch(registry(0), PATH, () => release.promise);
    await settle();
    const impatient = new AbortController();
    const waiting = withLatch(registry(1), PATH, async () => undefined, impatient.signal);
    await settle();
    impatient.abort(new StoppedError());
    await expect(waiting).rejects.toMatchObject({ code: 'STOPPED' });
    expect((await registry(0).children(PATH))?.names).toHaveLength(1);
    release.resolve();
    await holder;
  });

  it('orders contenders by what follows the last "latch-", whatever stands before it', () => {
    expect(latchOrder(['_c_z-latch-0000000002', 'latch-0000000010', '_c_latch-a-latch-0000000001'])).toEqual([
      '_c_latch-a-latch-0000000001',
      '_c_z-latch-0000000002',
      'latch-0000000010',
    ]);
  });
});
