import { type ZooKeeper as Servers, startZooKeeper } from '@elasticjob/test-support';
import type { ZooKeeper } from '@elasticjob/zookeeper-client';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { TestClients } from './test-clients.js';

const clients = new TestClients();

afterEach(() => clients.closeAll());

/** Resolves when a node that exists is removed. */
function removal(client: ZooKeeper, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const watcher = ({ kind }: { kind: string }): void => {
      if (kind === 'deleted') resolve();
      else reject(new Error(`${path}: ${kind} while its removal was waited for`));
    };
    client.exists(path, { watcher }).then(({ stat }) => stat ?? reject(new Error(`${path} is gone already`)), reject);
  });
}

describe('a server that looks for removable nodes twice a second', () => {
  let servers: Servers;
  beforeAll(async () => {
    servers = await startZooKeeper({ extendedTypes: true, containerCheckMs: 500 });
  });
  afterAll(() => servers.stop());

  it('removes a container when its last child has gone, and not before it had one', async () => {
    const client = await clients.connect(servers);
    const { stat } = await client.create('/unused', '', { mode: 'container' });
    await client.create('/box', '', { mode: 'container' });
    await client.create('/box/child', '', { mode: 'ephemeral' });
    const removed = removal(client, '/box');
    await client.remove('/box/child');
    await removed;
    expect((await client.exists('/unused')).stat?.czxid).toBe(stat.czxid);
  });

  it('removes a container whose last child was ephemeral and went with its session', async () => {
    const [client, owner] = [await clients.connect(servers), await clients.connect(servers)];
    await client.create('/group', '', { mode: 'container' });
    await owner.create('/group/member', '', { mode: 'ephemeral' });
    const removed = removal(client, '/group');
    await owner.close();
    await removed;
  });

  it('removes a node that was not changed for its time to live, but none with children', async () => {
    const client = await clients.connect(servers);
    const mode = 'persistent-ttl';
    await client.create('/lease', 'short', { mode, ttlMs: 300 });
    await client.create('/parent', '', { mode, ttlMs: 300 });
    await client.create('/parent/child');
    await removal(client, '/lease');
    expect((await client.exists('/parent')).stat).not.toBeNull();
  });

  it('numbers nodes with a time to live that are sequential', async () => {
    const client = await clients.connect(servers);
    const create = () => client.create('/entry-', '', { mode: 'persistent-sequential-ttl', ttlMs: 60_000 });
    const [{ path: first }, { path: second }] = [await create(), await create()];
    expect([first, second]).toEqual([
      expect.stringMatching(/^\/entry-\d{10}$/),
      expect.stringMatching(/^\/entry-\d{10}$/),
    ]);
    expect(second > first).toBe(true);
  });

  it('makes containers and nodes with a time to live within a transaction', async () => {
    const client = await clients.connect(servers);
    const result = await client.multi([
      { kind: 'create', path: '/pair', mode: 'container' },
      { kind: 'create', path: '/pair/short', mode: 'persistent-ttl', ttlMs: 300 },
    ]);
    expect(result).toMatchObject({ committed: true });
    await removal(client, '/pair');
  });
});

describe('a server as it is by default', () => {
  it('knows no time to live and says so', async () => {
    const client = await clients.connect({ connectString: inject('zookeeper') });
    const request = client.create(`/ttl-${process.pid}`, '', { mode: 'persistent-ttl', ttlMs: 1_000 });
    await expect(request).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
  });
});
