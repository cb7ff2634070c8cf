import { CREATOR_ALL_ACL, type MultiOperation, type MultiResult } from '@elasticjob/zookeeper-client';
import { afterEach, describe, expect, inject, it } from 'vitest';
import { failureCode, ownRoot, TestClients } from './test-clients.js';

const connectString = inject('zookeeper');
const clients = new TestClients();
afterEach(() => clients.closeAll());

function committed(result: MultiResult): Extract<MultiResult, { committed: true }> {
  if (result.committed) return result;
  throw new Error(`operation ${result.index} was refused: ${result.code}`);
}

describe('ZooKeeper client: transactions', () => {
  it('applies all kinds of operations in one transaction, and tells the outcome of each', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'all');
    await client.create(`${root}/old`, 'old');
    const result = committed(
      await client.multi([
        { kind: 'check', path: `${root}/old`, version: 0 },
        { kind: 'create', path: `${root}/a`, data: 'a' },
        { kind: 'create', path: `${root}/e`, data: Buffer.from('e'), mode: 'ephemeral' },
        { kind: 'create', path: `${root}/s-`, mode: 'persistent-sequential' },
        { kind: 'create', path: `${root}/`, mode: 'ephemeral-sequential' },
        { kind: 'create', path: `${root}/c`, mode: 'container' },
        { kind: 'set', path: `${root}/a`, data: 'b', version: 0 },
        { kind: 'create', path: `${root}/a/below` },
        { kind: 'remove', path: `${root}/old`, version: 0 },
      ]),
    );
    expect(result.results.map(({ kind }) => kind)).toEqual([
      'check',
      ...Array.from({ length: 5 }, () => 'create'),
      'set',
      'create',
      'remove',
    ]);
    expect(result.results[3]).toMatchObject({ path: `${root}/s-0000000003` });
    expect(result.results[4]).toMatchObject({ path: `${root}/0000000004` });
    expect(result.results[6]).toMatchObject({ stat: { version: 1, mzxid: result.zxid, dataLength: 1 } });
    const names = (await client.children(root)).names.toSorted();
    expect(names).toEqual(['0000000004', 'a', 'c', 'e', 's-0000000003']);
    const { data, stat } = await client.get(`${root}/a`);
    expect([data.toString(), stat.czxid, stat.mzxid]).toEqual(['b', result.zxid, result.zxid]);
    expect((await client.get(`${root}/e`)).stat.ephemeralOwner).toBe(client.sessionId);
  });

  it.each<[string, string, (root: string) => MultiOperation]>([
    ['a node that is there', 'NODE_EXISTS', (root) => ({ kind: 'create', path: `${root}/here` })],
    ['no parent', 'NO_NODE', (root) => ({ kind: 'create', path: `${root}/x/y` })],
    ['no such node to change', 'NO_NODE', (root) => ({ kind: 'set', path: `${root}/x`, data: '' })],
    ['no such node to remove', 'NO_NODE', (root) => ({ kind: 'remove', path: `${root}/x` })],
    ['no such node to check', 'NO_NODE', (root) => ({ kind: 'check', path: `${root}/x`, version: 0 })],
    ['another version', 'BAD_VERSION', (root) => ({ kind: 'check', path: `${root}/here`, version: 5 })],
    ['children', 'NOT_EMPTY', (root) => ({ kind: 'remove', path: root })],
  ])('applies nothing when one operation meets %s, and says which and why', async (_, code, operation) => {
    const { client, states } = await clients.open(connectString);
    const root = await ownRoot(client, 'nothing');
    await client.create(`${root}/here`);
    const result = await client.multi([
      { kind: 'create', path: `${root}/a` },
      { kind: 'set', path: `${root}/here`, data: 'changed' },
      operation(root),
      { kind: 'create', path: `${root}/b` },
    ]);
    expect(result).toMatchObject({ committed: false, index: 2, code, codes: [null, null, code, 'ROLLED_BACK'] });
    expect((await client.children(root)).names).toEqual(['here']);
    expect((await client.get(`${root}/here`)).stat.version).toBe(0);
    expect(states()).toEqual(['connected']);
  });

  it('says so when the first operation fails, and when the last one does', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'ends');
    const bad: MultiOperation = { kind: 'check', path: `${root}/x`, version: 0 };
    const good: MultiOperation = { kind: 'check', path: root, version: 0 };
    expect(await client.multi([bad, good])).toMatchObject({ index: 0, codes: ['NO_NODE', 'ROLLED_BACK'] });
    expect(await client.multi([good, bad])).toMatchObject({ index: 1, codes: [null, 'NO_NODE'] });
    expect(await client.multi([bad])).toMatchObject({ index: 0, code: 'NO_NODE', codes: ['NO_NODE'] });
  });

  it('commits nothing at all without asking the server', async () => {
    const { client } = await clients.open(connectString);
    expect(await client.multi([])).toEqual({ committed: true, zxid: client.lastZxid, results: [] });
  });

  it('applies a thousand operations together', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'thousand');
    const paths = Array.from({ length: 1_000 }, (_, index) => `${root}/n${index}`);
    const { results, zxid } = committed(await client.multi(paths.map((path) => ({ kind: 'create', path }))));
    expect(results.map((result) => (result.kind === 'create' ? result.path : result.kind))).toEqual(paths);
    expect((await client.children(root)).stat).toMatchObject({ numChildren: 1_000, pzxid: zxid });
    const removal = await client.multi(paths.map((path) => ({ kind: 'remove', path })));
    expect(removal.committed).toBe(true);
    expect((await client.children(root)).names).toEqual([]);
  });

  it('answers transactions among other requests in order', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'order');
    const [first, between, second, after] = await Promise.all([
      client.multi([{ kind: 'set', path: root, data: 'one' }]),
      client.get(root),
      client.multi([
        { kind: 'check', path: root, version: 0 },
        { kind: 'remove', path: root },
      ]),
      client.get(root),
    ]);
    expect(first.committed).toBe(true);
    expect(between.data.toString()).toBe('one');
    expect(second).toMatchObject({ committed: false, index: 0, code: 'BAD_VERSION' });
    expect(after.data.toString()).toBe('one');
  });

  it('is refused where the connection may not write, and gives its own nodes to the creator alone', async () => {
    const { client: owner } = await clients.open(connectString, {
      auth: [{ scheme: 'digest', credentials: 'owner:secret' }],
      defaultAcl: CREATOR_ALL_ACL,
    });
    const { client: stranger } = await clients.open(connectString);
    const root = await ownRoot(stranger, 'access');
    committed(await owner.multi([{ kind: 'create', path: `${root}/mine`, data: 'mine' }]));
    expect(await failureCode(stranger.get(`${root}/mine`))).toBe('NO_AUTH');
    const result = await stranger.multi([
      { kind: 'create', path: `${root}/yours` },
      { kind: 'set', path: `${root}/mine`, data: 'yours' },
    ]);
    expect(result).toMatchObject({ committed: false, index: 1, code: 'NO_AUTH' });
    expect((await stranger.children(root)).names).toEqual(['mine']);
  });

  it('is told of to watchers, one event for each node, before its own answer', async () => {
    const { client } = await clients.open(connectString);
    const root = await ownRoot(client, 'told');
    const heard: string[] = [];
    await client.addWatch(root, 'recursive', ({ kind, path }) => heard.push(`${kind} ${path.slice(root.length)}`));
    await client.multi([
      { kind: 'create', path: `${root}/a` },
      { kind: 'set', path: `${root}/a`, data: 'x' },
      { kind: 'create', path: `${root}/a/b` },
      { kind: 'remove', path: `${root}/a/b` },
    ]);
    expect(heard).toEqual(['created /a', 'changed /a', 'created /a/b', 'deleted /a/b']);
  });
});
