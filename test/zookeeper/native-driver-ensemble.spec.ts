import { startZooKeeper, type ZooKeeper } from '@elasticjob/test-support';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ownRoot, TestSessions } from './driver-sessions.js';
import { expectNotificationFirst } from './notification-order.js';

const sessions = new TestSessions('native');
let ensemble: ZooKeeper;

beforeAll(async () => {
  ensemble = await startZooKeeper({ servers: 3, own: true });
});
afterEach(() => sessions.closeAll());
afterAll(() => ensemble.stop());

function addressOf(index: number): string {
  return `127.0.0.1:${ensemble.servers[index]?.port}`;
}

describe('native driver on an ensemble of three', () => {
  it('hears of a change made through another server before the answer to a later create', async () => {
    const { session: reader } = await sessions.open(addressOf(0));
    const { session: writer } = await sessions.open(addressOf(1));
    await expectNotificationFirst(reader, writer, await ownRoot(reader, 'order'), 500);
  });

  it('reads what another server has acknowledged once it has synchronized', async () => {
    const { session: reader } = await sessions.open(addressOf(0));
    const { session: writer } = await sessions.open(addressOf(1));
    const root = await ownRoot(writer, 'sync');
    for (let trial = 0; trial < 100; trial++) {
      await writer.set(root, String(trial), -1);
      await reader.sync(root);
      expect((await reader.get(root)).value).toBe(String(trial));
    }
  });

  it('goes on in the same session on another server when its own one dies', async () => {
    const { session, events, next } = await sessions.open(ensemble.connectString);
    const root = await ownRoot(session, 'move');
    await session.create(`${root}/e`, '', 'ephemeral');
    const id = session.id;
    const [gone, back] = [next('disconnected'), next('connected')];
    const connected = await Promise.all(ensemble.servers.map((server) => server.fourLetter('cons')));
    const own = connected.findIndex((text) => text.includes(id.toString(16)));
    await ensemble.servers[own]?.kill();
    await Promise.all([gone, back]);
    expect(session.id).toBe(id);
    expect((await session.exists(`${root}/e`))?.ephemeralOwner).toBe(id);
    expect(events).toEqual(['connected', 'disconnected', 'connected']);
    await ensemble.servers[own]?.start();
  });
});
