import { type ServerProcess, type ZooKeeper as Servers, startZooKeeper } from '@elasticjob/test-support';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { failure, failureCode, ownRoot, recorder, type TestClient, TestClients } from './test-clients.js';

const clients = new TestClients();
let ensemble: Servers;

beforeAll(async () => {
  ensemble = await startZooKeeper({ servers: 3, own: true });
});
afterEach(() => clients.closeAll());
afterAll(() => ensemble.stop());

function server(index: number): ServerProcess {
  const found = ensemble.servers[index];
  if (found === undefined) throw new Error(`there is no server ${index}`);
  return found;
}

function addressOf(index: number): string {
  return `127.0.0.1:${server(index).port}`;
}

/** The server that a client is connected to. */
function serverOf({ client }: TestClient): ServerProcess {
  const found = ensemble.servers.find(({ port }) => client.server === `127.0.0.1:${port}`);
  if (found === undefined) throw new Error(`the client is at ${client.server}, which is none of the ensemble`);
  return found;
}

describe('ZooKeeper client on an ensemble of three', () => {
  it('hears of a change made through another server before the answer to a later request', async () => {
    const { client: reader } = await clients.open(addressOf(0));
    const { client: writer } = await clients.open(addressOf(1));
    const root = await ownRoot(reader, 'order');
    const heard: string[] = [];
    await reader.addWatch(root, 'recursive', ({ kind, path }) => heard.push(`${kind} ${path}`));
    let relevant = 0;
    for (let trial = 0; relevant < 100; trial++) {
      const [flag, mark] = [`${root}/flag-${trial}`, `${root}/mark-${trial}`];
      const marking = reader.create(mark).then(({ zxid }) => ({ zxid, seen: heard.includes(`created ${flag}`) }));
      const [raised, marked] = await Promise.all([writer.create(flag), marking]);
      if (raised.zxid > marked.zxid) continue;
      relevant += 1;
      expect(marked.seen, `trial ${trial}`).toBe(true);
    }
  });

  it('reads what another server has acknowledged once it has synchronized', async () => {
    const { client: reader } = await clients.open(addressOf(0));
    const { client: writer } = await clients.open(addressOf(1));
    const root = await ownRoot(writer, 'sync');
    for (let trial = 0; trial < 100; trial++) {
      await writer.set(root, String(trial));
      const [, { data }] = await Promise.all([reader.sync(root), reader.get(root)]);
      expect(data.toString()).toBe(String(trial));
    }
  });

  it('goes on in the same session on another server when its own one is killed', async () => {
    const moved = await clients.open(ensemble.connectString);
    const { client: other } = await clients.open(ensemble.connectString);
    const { client, next, states } = moved;
    const { sessionId } = client;
    const root = await ownRoot(client, 'move');
    await client.create(`${root}/e`, '', { mode: 'ephemeral' });
    await client.create(`${root}/data`);
    const heard = recorder();
    await client.get(`${root}/data`, { watcher: heard.watcher });
    await client.exists(`${root}/created`, { watcher: heard.watcher });
    await client.children(root, { watcher: heard.watcher });
    await client.addWatch(`${root}/tree`, 'recursive', heard.watcher);
    await client.addWatch(`${root}/one`, 'persistent', heard.watcher);
    const own = serverOf(moved);
    const [gone, back] = [next('suspended'), next('connected')];
    await own.kill();
    await Promise.all([gone, back]);
    expect(client.sessionId).toBe(sessionId);
    expect(serverOf(moved)).not.toBe(own);
    expect((await client.exists(`${root}/e`)).stat?.ephemeralOwner).toBe(sessionId);
    expect(heard.texts()).toEqual([]);
    const set = [
      () => client.set(`${root}/data`, 'x'),
      () => client.create(`${root}/created`),
      () => client.create(`${root}/tree`),
      () => client.create(`${root}/tree/below`),
      () => client.create(`${root}/one`),
    ];
    for (const change of set) await change();
    expect(heard.texts()).toEqual([
      `changed ${root}/data`,
      `created ${root}/created`,
      `children ${root}`,
      `created ${root}/tree`,
      `created ${root}/tree/below`,
      `created ${root}/one`,
    ]);
    expect(states()).toEqual(['connected', 'suspended', 'connected']);
    await own.start();
    await other.close();
  });

  it('never goes back to a state older than what it has seen', async () => {
    const { client: writer } = await clients.open(addressOf(0));
    const root = await ownRoot(writer, 'forward');
    const ways = await Promise.all([1, 2].map((index) => clients.proxied(addressOf(index))));
    const moving = await clients.open(ways.map(({ through }) => through).join(), { backoff: { baseMs: 1, maxMs: 5 } });
    for (let round = 0; round < 20; round++) {
      const { zxid } = await writer.set(root, String(round));
      // A write gets behind what is committed. `sync` would not do: on the leader it waits for nothing.
      await failure(moving.client.remove(`${root}/nothing`));
      expect(moving.client.lastZxid).toBeGreaterThanOrEqual(zxid);
      const way = ways.find(({ through }) => through === moving.client.server);
      const back = moving.next('connected');
      await way?.proxy.cut();
      await back;
      await way?.proxy.restore();
      expect(Number((await moving.client.get(root)).data.toString())).toBeGreaterThanOrEqual(round);
    }
    expect(moving.states()).not.toContain('lost');
  });

  it('is answered by its new server alone: what hung in the old one is refused there', async () => {
    const modes = await Promise.all(ensemble.servers.map((each) => each.fourLetter('srvr')));
    const old = modes.findIndex((text) => text.includes('Mode: follower'));
    const others = [0, 1, 2].filter((index) => index !== old);
    const order = [old, ...others].map(addressOf).join();
    const { client, next, states } = await clients.open(order, { shuffle: false });
    const { sessionId } = client;
    const root = await ownRoot(client, 'moved');
    expect(client.server).toBe(addressOf(old));
    const back = next('connected');
    server(old).suspend();
    const late = failureCode(client.create(`${root}/late`));
    expect(await late).toBe('CONNECTION_LOSS');
    await back;
    await client.create(`${root}/e`, '', { mode: 'ephemeral' });
    server(old).resume();
    const { client: witness } = await clients.open(addressOf(old));
    await witness.sync(root);
    expect((await witness.children(root)).names).toEqual(['e']);
    expect(client.sessionId).toBe(sessionId);
    expect(states()).toEqual(['connected', 'suspended', 'connected']);
  });

  it('loses its session when all servers were away for longer than it lasts, by its own clock', async () => {
    const { client, next, states } = await clients.open(ensemble.connectString, { sessionTimeoutMs: 1_500 });
    const lost = next('lost');
    for (const each of ensemble.servers) each.suspend();
    expect((await lost).reason?.code).toBe('SESSION_EXPIRED');
    for (const each of ensemble.servers) each.resume();
    expect(client.state).toBe('lost');
    expect(states()).toEqual(['connected', 'suspended', 'lost']);
    const { client: fresh } = await clients.open(ensemble.connectString);
    expect((await fresh.exists('/')).stat).not.toBeNull();
  });
});
