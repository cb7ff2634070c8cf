import type { TcpProxy } from '@elasticjob/test-support';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { failure, failureCode, ownRoot, recorder, type TestClient, TestClients } from './test-clients.js';

const connectString = inject('zookeeper');
const clients = new TestClients();
afterEach(() => clients.closeAll());

/** Breaks the connection, and lets another be made once `meanwhile` is done. */
async function cutFor(proxy: TcpProxy, { next }: TestClient, meanwhile: () => Promise<unknown>): Promise<void> {
  const [gone, back] = [next('suspended'), next('connected')];
  await proxy.cut();
  await gone;
  await meanwhile();
  await proxy.restore();
  await back;
}

describe('ZooKeeper client: a lost connection', () => {
  it('fails everything under way as unknown, in order, and sends none of it again', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'in-flight');
    await other.create(`${root}/counter`);
    await proxy.blackhole();
    const order: number[] = [];
    const works = Array.from({ length: 500 }, async (_, index) => {
      const error = await failure(index % 2 ? cut.client.set(`${root}/counter`, 'x') : cut.client.get(root));
      order.push(index);
      return error;
    });
    await cutFor(proxy, cut, async () => {
      const errors = await Promise.all(works);
      expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['CONNECTION_LOSS']));
      expect(errors.every(({ retryable }) => retryable)).toBe(true);
      expect(errors[1]).toMatchObject({ path: `${root}/counter`, request: 'setData' });
      expect(errors[1]?.message).toMatch(/may or may not have been applied/);
    });
    expect(order).toEqual(Array.from({ length: 500 }, (_, index) => index));
    await cut.client.sync(root);
    expect((await other.get(`${root}/counter`)).stat.version).toBe(0);
  });

  it('leaves what was sent before it applied once or not at all, whatever the moment', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through, { backoff: { baseMs: 1, maxMs: 5 } });
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'once');
    let acknowledged = 0;
    let unknown = 0;
    for (let round = 0; round < 20; round++) {
      const works = Array.from({ length: 50 }, () =>
        cut.client.create(`${root}/n-`, '', { mode: 'persistent-sequential' }),
      );
      const outcomes = Promise.allSettled(works);
      for (let turn = round % 10; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
      await cutFor(proxy, cut, () => outcomes);
      for (const { status } of await outcomes) status === 'fulfilled' ? acknowledged++ : unknown++;
    }
    await other.sync(root);
    const made = (await other.children(root)).names.length;
    expect(acknowledged + unknown).toBe(1_000);
    expect(made).toBeGreaterThanOrEqual(acknowledged);
    expect(made).toBeLessThanOrEqual(1_000);
  });

  it('is made up for well within the session, however unlucky the pauses between attempts are', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through, { random: () => 1 });
    const attempts = 5;
    let failed = 0;
    const enough = new Promise<void>((resolve) => {
      cut.client.onSession(({ state, reason }) => {
        if (state === 'suspended' && reason !== undefined && ++failed === attempts) resolve();
      });
    });
    const from = performance.now();
    await cutFor(proxy, cut, () => enough);
    expect(performance.now() - from).toBeLessThan(cut.client.timeoutMs * 0.75);
  });

  it('refuses requests at once until there is another connection', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through);
    const root = await ownRoot(cut.client, 'refused');
    await cutFor(proxy, cut, async () => {
      expect(cut.client).toMatchObject({ state: 'suspended', server: null });
      const error = await failure(cut.client.get(root));
      expect(error).toMatchObject({ code: 'CONNECTION_LOSS', path: root, request: 'getData', retryable: true });
      expect(await failureCode(cut.client.multi([{ kind: 'remove', path: root }]))).toBe('CONNECTION_LOSS');
      expect(await failureCode(cut.client.addWatch(root, 'recursive', () => undefined))).toBe('CONNECTION_LOSS');
    });
    expect((await cut.client.exists(root)).stat).not.toBeNull();
  });

  it('fails what is asked for again in the very moment of the loss, rather than let it wait for ever', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const { client, next } = await clients.open(through);
    await proxy.blackhole();
    const gone = next('suspended');
    const again = failureCode(client.get('/').catch(() => client.get('/')));
    await proxy.cut();
    await gone;
    expect(await again).toBe('CONNECTION_LOSS');
    await proxy.restore();
  });

  it('is told with its reason, once, and so is the return to the same session', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through);
    const { sessionId } = cut.client;
    const root = await ownRoot(cut.client, 'told');
    await cut.client.create(`${root}/e`, '', { mode: 'ephemeral' });
    await cutFor(proxy, cut, () => Promise.resolve());
    expect(cut.states()).toEqual(['connected', 'suspended', 'connected']);
    const [connected, suspended] = cut.events;
    expect(connected).toMatchObject({ sessionId, timeoutMs: 4_000, server: through });
    expect(connected?.reason).toBeUndefined();
    expect(suspended).toMatchObject({ sessionId, server: null, reason: { code: 'CONNECTION_LOSS' } });
    expect(cut.client.sessionId).toBe(sessionId);
    expect((await cut.client.exists(`${root}/e`)).stat?.ephemeralOwner).toBe(sessionId);
  });

  it('fails requests before it is told, so that nobody who hears of it still waits', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const { client, next } = await clients.open(through);
    await proxy.blackhole();
    const seen: string[] = [];
    const work = client.get('/').catch(() => seen.push('failed'));
    client.onSession(({ state }) => seen.push(state));
    const gone = next('suspended');
    await proxy.cut();
    await Promise.all([work, gone]);
    expect(seen).toEqual(['failed', 'suspended']);
  });

  it('is noticed while the network is silent, long before the session is over', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const { client, next, states } = await clients.open(through);
    const gone = next('suspended');
    await proxy.blackhole();
    const started = performance.now();
    const code = failureCode(client.get('/'));
    await gone;
    expect(await code).toBe('CONNECTION_LOSS');
    expect(performance.now() - started).toBeLessThan(client.timeoutMs);
    const back = next('connected');
    await proxy.restore();
    await back;
    expect(states()).toEqual(['connected', 'suspended', 'connected']);
  });
});

describe('ZooKeeper client: watches over a reconnect', () => {
  it('fire for what changed meanwhile, and go on for what did not', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'one-shot');
    for (const name of ['changed', 'removed', 'parent', 'same', 'same-parent']) await other.create(`${root}/${name}`);
    const heard = recorder();
    const { watcher } = heard;
    await cut.client.get(`${root}/changed`, { watcher });
    await cut.client.get(`${root}/removed`, { watcher });
    await cut.client.children(`${root}/parent`, { watcher });
    await cut.client.exists(`${root}/created`, { watcher });
    await cut.client.get(`${root}/same`, { watcher });
    await cut.client.exists(`${root}/never`, { watcher });
    await cut.client.children(`${root}/same-parent`, { watcher });
    await cutFor(proxy, cut, async () => {
      await other.set(`${root}/changed`, 'x');
      await other.remove(`${root}/removed`);
      await other.create(`${root}/parent/child`);
      await other.create(`${root}/created`);
    });
    await cut.client.sync(root);
    expect(heard.texts().toSorted()).toEqual([
      `changed ${root}/changed`,
      `children ${root}/parent`,
      `created ${root}/created`,
      `deleted ${root}/removed`,
    ]);
    await other.set(`${root}/same`, 'x');
    await other.create(`${root}/never`);
    await other.create(`${root}/same-parent/child`);
    await heard.count(7);
    expect(heard.texts().slice(4)).toEqual([
      `changed ${root}/same`,
      `created ${root}/never`,
      `children ${root}/same-parent`,
    ]);
  });

  it('that stand go on, and tell nothing of what happened meanwhile', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'standing');
    const [one, tree] = [recorder(), recorder()];
    await cut.client.addWatch(`${root}/a`, 'persistent', one.watcher);
    await cut.client.addWatch(root, 'recursive', tree.watcher);
    await cutFor(proxy, cut, () => other.create(`${root}/a`));
    await cut.client.sync(root);
    await other.set(`${root}/a`, 'x');
    await other.create(`${root}/a/b`);
    await Promise.all([one.count(2), tree.count(2)]);
    expect(one.texts()).toEqual([`changed ${root}/a`, `children ${root}/a`]);
    expect(tree.texts()).toEqual([`changed ${root}/a`, `created ${root}/a/b`]);
  });

  it('that were removed before stay removed, also when that was while there was no connection', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'removed');
    const { watcher, heard } = recorder();
    const kept = recorder();
    const before = await cut.client.addWatch(`${root}/a`, 'recursive', watcher);
    const during = await cut.client.addWatch(`${root}/b`, 'persistent', watcher);
    await cut.client.addWatch(`${root}/b`, 'recursive', kept.watcher);
    await before.remove();
    await cutFor(proxy, cut, () => during.remove());
    await other.create(`${root}/a`);
    await other.create(`${root}/b`);
    await kept.count(1);
    expect(heard).toEqual([]);
  });

  it('can be removed in the very moment of the loss', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through);
    const root = await ownRoot(cut.client, 'removing');
    const { watcher, heard } = recorder();
    const handles = [
      await cut.client.addWatch(root, 'persistent', watcher),
      await cut.client.addWatch(root, 'recursive', watcher),
      await cut.client.addWatch(`${root}/a`, 'recursive', watcher),
    ];
    await proxy.blackhole();
    const removals = Promise.all(handles.map((handle) => handle.remove()));
    await cutFor(proxy, cut, () => removals);
    await cut.client.set(root, 'x');
    await cut.client.create(`${root}/a`);
    expect(heard).toEqual([]);
  });

  it('are set again by the thousand, in requests that a server takes', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'many');
    const name = (index: number): string => `${root}/${'a-long-name-'.repeat(10)}${index}`;
    const heard = recorder();
    const count = 10_000;
    const reads: Promise<unknown>[] = [];
    for (let index = 0; index < count; index++) {
      if (index % 4 === 0) reads.push(cut.client.addWatch(name(index), 'persistent', heard.watcher));
      else if (index % 4 === 1) reads.push(cut.client.addWatch(name(index), 'recursive', heard.watcher));
      else reads.push(cut.client.exists(name(index), { watcher: heard.watcher }));
    }
    await Promise.all(reads);
    await cutFor(proxy, cut, () => Promise.resolve());
    expect(cut.states()).toEqual(['connected', 'suspended', 'connected']);
    const some = [0, 1, 2, 3, 4_998, 4_999, 9_996, 9_997, 9_998, 9_999];
    await Promise.all(some.map((index) => other.create(name(index))));
    await heard.count(some.length);
    expect(heard.texts().toSorted()).toEqual(some.map((index) => `created ${name(index)}`).toSorted());
  });

  it('are set again before the session is said to be connected, so that no change falls in between', async () => {
    const { proxy, through } = await clients.proxied(connectString);
    const cut = await clients.open(through, { backoff: { baseMs: 1, maxMs: 5 } });
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(other, 'between');
    const heard = recorder();
    await cut.client.addWatch(root, 'recursive', heard.watcher);
    for (let round = 1; round <= 30; round++) {
      let raised: Promise<unknown> = Promise.resolve();
      const forget = cut.client.onSession(({ state }) => {
        if (state === 'connected') raised = other.create(`${root}/n${round}`);
      });
      await cutFor(proxy, cut, () => Promise.resolve());
      forget();
      await raised;
      await heard.count(round);
    }
    expect(heard.texts()).toEqual(Array.from({ length: 30 }, (_, index) => `created ${root}/n${index + 1}`));
  });
});
