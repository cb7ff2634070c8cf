import { describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { MemoryServer } from '../registry/memory-server.js';
import { FORGOTTEN_AFTER_MS, forgetServer, GoneServers } from './gone-servers.js';
import type { JobView } from './job-view.js';

const view = (servers: Record<string, string>, ...ips: string[]): Pick<JobView, 'servers' | 'members'> => ({
  servers: new Map(Object.entries(servers)),
  members: new Map(
    ips.map((serverIp) => [serverIp, { instanceId: serverIp, serverIp, labels: {}, withdrawn: false, session: 1n }]),
  ),
});

describe('a server', () => {
  it('is to be forgotten when none of its instances was seen for an hour', () => {
    const gone = new GoneServers();
    const now = view({ a: 'ENABLED', b: 'ENABLED' }, 'a');
    expect(gone.look(now, 0)).toEqual([]);
    expect(gone.look(now, FORGOTTEN_AFTER_MS - 1)).toEqual([]);
    expect(gone.look(now, FORGOTTEN_AFTER_MS)).toEqual(['b']);
  });

  it('is kept when an instance of it was there meanwhile', () => {
    const gone = new GoneServers();
    gone.look(view({ b: 'ENABLED' }), 0);
    gone.look(view({ b: 'ENABLED' }, 'b'), 1000);
    expect(gone.look(view({ b: 'ENABLED' }), FORGOTTEN_AFTER_MS)).toEqual([]);
  });

  it.each(['DISABLED', ''])('that says %j is kept, however long nobody is there', (status) => {
    const gone = new GoneServers();
    gone.look(view({ b: status }), 0);
    expect(gone.look(view({ b: status }), 10 * FORGOTTEN_AFTER_MS)).toEqual([]);
  });

  it('is not forgotten if it was disabled or an instance has come since', async () => {
    const registry = new MemoryServer({ clock: new ManualClock() }).registry({ namespace: 'test' });
    await registry.start();
    await registry.put('job/servers/10.0.0.1', 'DISABLED');
    expect(await forgetServer(registry, 'job', '10.0.0.1')).toBe(false);
    await registry.put('job/servers/10.0.0.1', 'ENABLED');
    await registry.ensure('job/instances/10.0.0.1@-@x');
    expect(await forgetServer(registry, 'job', '10.0.0.1')).toBe(false);
    await registry.remove('job/instances/10.0.0.1@-@x');
    await registry.ensure('job/instances/10.0.0.10@-@x');
    expect(await forgetServer(registry, 'job', '10.0.0.1')).toBe(true);
    expect(await registry.read('job/servers/10.0.0.1')).toBeNull();
    await registry.stop();
  });
});
