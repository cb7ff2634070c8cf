import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { latchOrder, withLatch } from './latch.js';

const LATCH = 'job/leader/election/latch';
const clock = new ManualClock('2027-01-01T00:00:00Z');
const server = new MemoryServer({ clock });
const started: Registry[] = [];

async function begin(): Promise<Registry> {
  const registry = server.registry({ namespace: 'test' });
  started.push(registry);
  await registry.start();
  return registry;
}

const places = async (registry: Registry): Promise<readonly string[]> => (await registry.children(LATCH))?.names ?? [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((registry) => registry.stop()));
});

describe('the latch', () => {
  it('orders by what follows the last latch-, whatever the name begins with', () => {
    const [first, second, third] = ['_c_f-latch-0000000001', 'latch-0000000002', '_c_a-latch-0000000010'];
    expect(latchOrder([third, second, first])).toEqual([first, second, third]);
  });

  it('is held by one contender at a time, in the order in which they came', async () => {
    const [a, b] = await Promise.all([begin(), begin()]);
    const release = deferred();
    const order: string[] = [];
    const first = withLatch(a, LATCH, async () => {
      order.push('a in');
      await release.promise;
      order.push('a out');
    });
    await settle();
    const second = withLatch(b, LATCH, async () => void order.push('b in'));
    await settle();
    release.resolve();
    await Promise.all([first, second]);
    expect(order).toEqual(['a in', 'a out', 'b in']);
    expect(await places(a)).toEqual([]);
  });

  it('waits for a foreign contender in front, and passes when it has gone', async () => {
    const [a, java] = await Promise.all([begin(), begin()]);
    const foreign = await java.create(
      `${LATCH}/_c_00000000-0000-0000-0000-000000000000-latch-`,
      '',
      'ephemeral-sequential',
    );
    let passed = false;
    const turn = withLatch(a, LATCH, async () => {
      passed = true;
    });
    await settle();
    expect(passed).toBe(false);
    await java.remove(foreign.created ? foreign.path : '');
    await turn;
    expect(passed).toBe(true);
  });

  it('leaves no place behind when the wait is called off', async () => {
    const [a, b] = await Promise.all([begin(), begin()]);
    const release = deferred();
    const first = withLatch(a, LATCH, () => release.promise);
    await settle();
    const stop = new AbortController();
    const second = withLatch(b, LATCH, () => Promise.resolve(), stop.signal);
    await settle();
    stop.abort(new Error('called off'));
    await expect(second).rejects.toThrow('called off');
    expect(await places(a)).toHaveLength(1);
    release.resolve();
    await first;
  });

  it('gives its place up after an outage that outlasts the retries, so that nobody waits for it for ever', async () => {
    const [a, b] = await Promise.all([begin(), begin()]);
    const { id } = a.session;
    const turn = withLatch(a, LATCH, async () => server.cut(id)).catch((error: unknown) => error);
    await clock.advance(30_000);
    server.restore(id);
    await clock.advance(5_000);
    await turn;
    expect(a.session.id).toBe(id);
    expect(await places(b)).toEqual([]);
  });

  it('finds the place again that it took without being told, however long the outage', async () => {
    const [a, b] = await Promise.all([begin(), begin()]);
    await b.ensure(LATCH);
    const { id } = a.session;
    const turn = withLatch(a, LATCH, () => Promise.resolve()).catch((error: unknown) => error);
    await Promise.resolve();
    await Promise.resolve();
    server.cut(id, 1);
    expect(await places(b)).toHaveLength(1);
    await clock.advance(30_000);
    server.restore(id);
    await clock.advance(5_000);
    await turn;
    expect(await places(b)).toEqual([]);
  });
});
