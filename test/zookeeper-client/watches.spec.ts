import { fourLetter } from '@elasticjob/test-support';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { failureCode, ownRoot, recorder, TestClients } from './test-clients.js';

const connectString = inject('zookeeper');
const clients = new TestClients();
afterEach(() => clients.closeAll());

describe('ZooKeeper client: watches for one event', () => {
  it('tells each watcher once what happened to what it read', async () => {
    const { client } = await clients.open(connectString);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(client, 'once');
    const [children, creation, change, sameChange, removal, orphan] = Array.from({ length: 6 }, recorder);
    await client.children(root, { watcher: children?.watcher });
    expect((await client.exists(`${root}/a`, { watcher: creation?.watcher })).stat).toBeNull();
    await other.create(`${root}/a`);
    await Promise.all([creation?.count(1), children?.count(1)]);
    await client.get(`${root}/a`, { watcher: change?.watcher });
    await client.exists(`${root}/a`, { watcher: sameChange?.watcher });
    await other.set(`${root}/a`, 'new');
    await Promise.all([change?.count(1), sameChange?.count(1)]);
    await client.exists(`${root}/a`, { watcher: removal?.watcher });
    await client.children(`${root}/a`, { watcher: orphan?.watcher });
    await other.remove(`${root}/a`);
    await Promise.all([removal?.count(1), orphan?.count(1)]);
    await other.create(`${root}/a`);
    await client.sync(root);
    const a = `${root}/a`;
    expect([children, creation, change, sameChange, removal, orphan].map((each) => each?.texts())).toEqual([
      [`children ${root}`],
      [`created ${a}`],
      [`changed ${a}`],
      [`changed ${a}`],
      [`deleted ${a}`],
      [`deleted ${a}`],
    ]);
  });

  it('does not watch what could not be read', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'unread');
    const { watcher, heard } = recorder();
    expect(await failureCode(client.get(`${root}/a`, { watcher }))).toBe('NO_NODE');
    expect(await failureCode(client.children(`${root}/a`, { watcher }))).toBe('NO_NODE');
    await client.create(`${root}/a`);
    await client.set(`${root}/a`, 'x');
    await client.create(`${root}/a/b`);
    await client.sync(root);
    expect(heard).toEqual([]);
  });

  it('tells a watcher that read twice but once, and a failing one harms nobody', async () => {
    const log: string[] = [];
    const { client } = await clients.open(connectString, { log: (message) => log.push(message) });
    const root = await ownRoot(client, 'twice');
    const good = recorder();
    const bad = (): void => {
      throw new Error('the watcher of a careless author');
    };
    await client.get(root, { watcher: bad });
    await client.get(root, { watcher: good.watcher });
    await client.get(root, { watcher: good.watcher });
    await client.set(root, 'x');
    expect(good.texts()).toEqual([`changed ${root}`]);
    expect(log).toEqual(['a watcher failed']);
    await client.set(root, 'y');
    expect(good.heard).toHaveLength(1);
  });

  it('may read and watch again from within a watcher, and misses nothing that is there in the end', async () => {
    const { client } = await clients.open(connectString);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(client, 'again');
    const done = new Promise<string>((resolve, reject) => {
      const read = (): void => {
        client.get(root, { watcher: read }).then(({ data }) => {
          if (data.toString() === 'last') resolve(data.toString());
        }, reject);
      };
      read();
    });
    for (let round = 0; round < 50; round++) await other.set(root, String(round));
    await other.set(root, 'last');
    expect(await done).toBe('last');
  });

  it('hears of a change before the answer to any request that came after it, 500 times', async () => {
    const { client: reader } = await clients.open(connectString);
    const { client: writer } = await clients.open(connectString);
    const root = await ownRoot(reader, 'order');
    let relevant = 0;
    for (let trial = 0; relevant < 500; trial++) {
      const [flag, mark] = [`${root}/flag-${trial}`, `${root}/mark-${trial}`];
      let heard = false;
      await reader.exists(flag, {
        watcher: () => {
          heard = true;
        },
      });
      const raising = writer.create(flag);
      const marking = reader.create(mark, '', { mode: 'ephemeral' }).then(({ zxid }) => ({ zxid, heardBefore: heard }));
      const [raised, marked] = await Promise.all([raising, marking]);
      if (raised.zxid < marked.zxid) {
        relevant += 1;
        expect(marked.heardBefore, `trial ${trial}`).toBe(true);
      }
      await Promise.all([writer.remove(flag), reader.remove(mark)]);
    }
  });
});

describe('ZooKeeper client: watches that stand', () => {
  it('tells every change of one node and of the list of its children', async () => {
    const { client } = await clients.open(connectString);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(client, 'persistent');
    const node = `${root}/a`;
    const { watcher, texts, count } = recorder();
    const handle = await client.addWatch(node, 'persistent', watcher);
    expect(handle).toMatchObject({ path: node, mode: 'persistent' });
    await other.create(node);
    await other.set(node, '1');
    await other.set(node, '2');
    await other.create(`${node}/b`);
    await other.set(`${node}/b`, 'not told');
    await other.remove(`${node}/b`);
    await other.remove(node);
    await other.create(node);
    await count(7);
    expect(texts()).toEqual(
      ['created', 'changed', 'changed', 'children', 'children', 'deleted', 'created'].map((kind) => `${kind} ${node}`),
    );
  });

  it('tells every change below a node', async () => {
    const { client } = await clients.open(connectString);
    const { client: other } = await clients.open(connectString);
    const root = await ownRoot(client, 'recursive');
    const { watcher, texts, count } = recorder();
    await client.addWatch(root, 'recursive', watcher);
    await other.set(root, 'x');
    await other.create(`${root}/a`);
    await other.create(`${root}/a/b`);
    await other.set(`${root}/a/b`, 'x');
    await other.remove(`${root}/a/b`);
    await other.remove(`${root}/a`);
    await other.remove(root);
    await count(7);
    expect(texts()).toEqual([
      `changed ${root}`,
      `created ${root}/a`,
      `created ${root}/a/b`,
      `changed ${root}/a/b`,
      `deleted ${root}/a/b`,
      `deleted ${root}/a`,
      `deleted ${root}`,
    ]);
  });

  it('watches the whole tree', async () => {
    const { client } = await clients.open(connectString);
    const heard: string[] = [];
    await client.addWatch('/', 'recursive', ({ kind, path }) => heard.push(`${kind} ${path}`));
    const root = await ownRoot(client, 'whole');
    await client.remove(root);
    expect(heard.filter((text) => text.endsWith(root))).toEqual([`created ${root}`, `deleted ${root}`]);
  });

  it('does not tell of nodes that only begin alike', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'alike');
    const { watcher, heard } = recorder();
    await client.addWatch(`${root}/a`, 'recursive', watcher);
    await client.create(`${root}/ab`);
    await client.sync(root);
    expect(heard).toEqual([]);
  });

  it('lets several watchers share a node, in both modes, and one may go without the others', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'shared');
    const [persistent, recursive, same] = [recorder(), recorder(), recorder()];
    const first = await client.addWatch(root, 'persistent', persistent.watcher);
    const second = await client.addWatch(root, 'recursive', recursive.watcher);
    const third = await client.addWatch(root, 'persistent', same.watcher);
    const fourth = await client.addWatch(root, 'persistent', same.watcher);
    await client.create(`${root}/a`);
    expect(persistent.texts()).toEqual([`children ${root}`]);
    expect(recursive.texts()).toEqual([`created ${root}/a`]);
    expect(same.texts()).toEqual([`children ${root}`, `children ${root}`]);
    await third.remove();
    await client.set(root, 'x');
    expect(same.heard).toHaveLength(3);
    await second.remove();
    await client.remove(`${root}/a`);
    expect(recursive.texts()).toEqual([`created ${root}/a`, `changed ${root}`]);
    expect(persistent.texts()).toEqual([`children ${root}`, `changed ${root}`, `children ${root}`]);
    await first.remove();
    await fourth.remove();
    await client.set(root, 'y');
    expect([persistent, recursive, same].map(({ heard }) => heard.length)).toEqual([3, 2, 4]);
  });

  it('is not told twice of what both a watch of its own and one further up would tell', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'nested');
    await client.create(`${root}/a`);
    const [above, below, once] = [recorder(), recorder(), recorder()];
    await client.addWatch(root, 'recursive', above.watcher);
    await client.addWatch(`${root}/a`, 'recursive', below.watcher);
    await client.get(`${root}/a`, { watcher: once.watcher });
    await client.set(`${root}/a`, 'x');
    await client.set(`${root}/a`, 'y');
    await client.sync(root);
    expect([above, below].map((each) => each.texts())).toEqual(
      Array.from({ length: 2 }, () => [`changed ${root}/a`, `changed ${root}/a`]),
    );
    expect(once.texts()).toEqual([`changed ${root}/a`]);
  });

  it('serves reads with a watcher on the same node besides', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'besides');
    for (const mode of ['persistent', 'recursive'] as const) {
      const node = `${root}/${mode}`;
      await client.create(node);
      const [standing, data, children] = [recorder(), recorder(), recorder()];
      await client.addWatch(node, mode, standing.watcher);
      await client.get(node, { watcher: data.watcher });
      await client.children(node, { watcher: children.watcher });
      await client.create(`${node}/a`);
      await client.set(node, '1');
      await client.set(node, '2');
      await client.create(`${node}/b`);
      expect(data.texts()).toEqual([`changed ${node}`]);
      expect(children.texts()).toEqual([`children ${node}`]);
      expect(standing.heard).toHaveLength(4);
    }
  });

  it.each(['persistent', 'recursive'] as const)('begins while another %s one on the same node ends', async (mode) => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'overlap');
    const [before, after] = [recorder(), recorder()];
    const ending = await client.addWatch(root, mode, before.watcher);
    await Promise.all([client.addWatch(root, 'persistent', after.watcher), ending.remove()]);
    await client.set(root, 'x');
    await client.set(root, 'y');
    await client.create(`${root}/a`);
    expect(after.texts()).toEqual([`changed ${root}`, `changed ${root}`, `children ${root}`]);
    expect(before.heard).toEqual([]);
  });

  it('does not take a read with a watcher along when it ends', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'taken-along');
    const [data, children, creation] = [recorder(), recorder(), recorder()];
    const ending = await client.addWatch(root, 'persistent', () => undefined);
    const endingToo = await client.addWatch(`${root}/a`, 'recursive', () => undefined);
    await Promise.all([
      client.get(root, { watcher: data.watcher }),
      client.children(root, { watcher: children.watcher }),
      client.exists(`${root}/a`, { watcher: creation.watcher }),
      ending.remove(),
      endingToo.remove(),
    ]);
    await client.create(`${root}/a`);
    await client.set(root, 'x');
    await client.set(root, 'y');
    expect(data.texts()).toEqual([`changed ${root}`]);
    expect(children.texts()).toEqual([`children ${root}`]);
    expect(creation.texts()).toEqual([`created ${root}/a`]);
  });

  it('leaves nothing on the server when the last watcher goes', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'leave');
    const { watcher, heard } = recorder();
    const handles = [
      await client.addWatch(root, 'recursive', watcher),
      await client.addWatch(root, 'recursive', watcher),
      await client.addWatch(root, 'persistent', watcher),
    ];
    const watched = async (): Promise<string> => (await serverWatches()).filter((path) => path === root).join();
    expect(await watched()).toBe(root);
    for (const handle of handles) await handle.remove();
    await handles[0]?.remove();
    expect(await watched()).toBe('');
    await client.set(root, 'x');
    expect(heard).toEqual([]);
  });

  it('is heard before the answer to the request that made it happen', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'own');
    const { watcher, heard } = recorder();
    await client.addWatch(root, 'recursive', watcher);
    const seen: number[] = [];
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        await client.create(`${root}/n${index}`);
        seen.push(heard.length);
      }),
    );
    expect(seen.every((events, index) => events > index)).toBe(true);
    expect(heard).toHaveLength(100);
  });
});

describe('ZooKeeper client: watches as a stream', () => {
  it('gives the events one after the other until the signal aborts', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'stream');
    const stop = new AbortController();
    const heard: string[] = [];
    const stream = client.watch(root, { mode: 'recursive', signal: stop.signal });
    const first = stream.next();
    await expect.poll(async () => (await serverWatches()).includes(root)).toBe(true);
    await client.create(`${root}/a`);
    heard.push((await first).value?.path ?? '');
    await client.create(`${root}/b`);
    await client.create(`${root}/c`);
    for await (const { path } of stream) {
      heard.push(path);
      if (path.endsWith('c')) stop.abort();
    }
    expect(heard).toEqual(['a', 'b', 'c'].map((name) => `${root}/${name}`));
    expect(await serverWatches()).not.toContain(root);
  });

  it('keeps of events that nobody takes the latest of each kind and node', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'bounded');
    const stream = client.watch(root, { mode: 'recursive' });
    const first = stream.next();
    await expect.poll(async () => (await serverWatches()).includes(root)).toBe(true);
    await client.create(`${root}/a`);
    await first;
    for (let round = 0; round < 100; round++) await client.set(`${root}/a`, String(round));
    await client.remove(`${root}/a`);
    expect([(await stream.next()).value, (await stream.next()).value]).toEqual([
      { kind: 'changed', path: `${root}/a` },
      { kind: 'deleted', path: `${root}/a` },
    ]);
    await stream.return();
    expect(await serverWatches()).not.toContain(root);
  });

  it('ends with an error when the client is closed', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'closed');
    const next = failureCode(client.watch(root).next());
    await expect.poll(async () => (await serverWatches()).includes(root)).toBe(true);
    await client.close();
    expect(await next).toBe('CLOSED');
  });

  it('leaves nothing behind when it could not begin', async () => {
    const { client } = clients.make(connectString);
    expect(await failureCode(client.watch('/a').next())).toBe('CONNECTION_LOSS');
    expect(await failureCode(client.watch('a').next())).toBe('INVALID_PATH');
    await client.connect();
    const stopped = client.watch('/a', { signal: AbortSignal.abort() });
    expect((await stopped.next()).done).toBe(true);
    expect(await serverWatches()).not.toContain('/a');
  });
});

/** The paths that any session watches on the server. */
async function serverWatches(): Promise<string[]> {
  const [host, port] = connectString.split(':');
  return (await fourLetter(Number(port), 'wchp', host)).split('\n').filter((line) => line.startsWith('/'));
}
