import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../foundation/clock.js';
import type { InstanceIdentity } from '../job/identity.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { DRAINING } from './instance-labels.js';
import { Membership } from './membership.js';

const me: InstanceIdentity = { instanceId: '10.0.0.1@-@me', serverIp: '10.0.0.1', labels: {} };
const NODE = 'job/instances/10.0.0.1@-@me';
const YAML = 'jobInstanceId: 10.0.0.1@-@me\nserverIp: 10.0.0.1\n';

let clock: ManualClock;
let server: MemoryServer;
const open: Registry[] = [];

const connect = async (): Promise<Registry> => {
  const registry = server.registry({ namespace: 'test', sessionTimeoutMilliseconds: 4000 });
  open.push(registry);
  await registry.start();
  return registry;
};
beforeEach(() => {
  clock = new ManualClock();
  server = new MemoryServer({ clock });
});
afterEach(async () => {
  for (const registry of open.splice(0)) await registry.stop();
});

describe('a member', () => {
  it('registers under its id, in its session, as Java writes it', async () => {
    const registry = await connect();
    const member = new Membership(registry, clock, 'job', me);
    await member.announceServer('ENABLED');
    await member.register();
    const node = await registry.read(NODE);
    expect(node?.value).toBe(YAML);
    expect(node?.stat.ephemeralOwner).toBe(registry.session.id);
    expect((await registry.read('job/servers/10.0.0.1'))?.value).toBe('ENABLED');
  });

  it('keeps its node when it registers again in the same session', async () => {
    const registry = await connect();
    const member = new Membership(registry, clock, 'job', me);
    await member.register();
    const before = await registry.read(NODE);
    await member.register();
    expect((await registry.read(NODE))?.stat.czxid).toBe(before?.stat.czxid);
  });

  it('writes its server again if somebody collected it meanwhile, but leaves a disabled one alone', async () => {
    const registry = await connect();
    const member = new Membership(registry, clock, 'job', me);
    await member.register();
    expect((await registry.read('job/servers/10.0.0.1'))?.value).toBe('ENABLED');
    await registry.put('job/servers/10.0.0.1', 'DISABLED');
    await member.announceServer('ENABLED');
    await member.register();
    expect((await registry.read('job/servers/10.0.0.1'))?.value).toBe('DISABLED');
  });

  it('waits for the session of its former life to end, and takes its place', async () => {
    const former = await connect();
    await new Membership(former, clock, 'job', me).register();
    server.cut(former.session.id);
    const registry = await connect();
    const registered = new Membership(registry, clock, 'job', me).register();
    await clock.advance(4000);
    await registered;
    expect((await registry.read(NODE))?.stat.ephemeralOwner).toBe(registry.session.id);
  });

  it('refuses to share its id with a process that lives, naming both', async () => {
    const other = await connect();
    await new Membership(other, clock, 'job', me).register();
    const registry = await connect();
    const registered = new Membership(registry, clock, 'job', me).register();
    registered.catch(() => undefined);
    await clock.advance(6000);
    await expect(registered).rejects.toMatchObject({
      code: 'INSTANCE_CONFLICT',
      message: expect.stringContaining(`0x${other.session.id.toString(16)}`),
    });
    expect(clock.pendingTimers).toBe(0);
  });

  it('says that it is leaving in a way that Java reads and ignores', async () => {
    const registry = await connect();
    const member = new Membership(registry, clock, 'job', me);
    await member.register();
    await member.say(DRAINING);
    expect((await registry.read(NODE))?.value).toBe(
      'jobInstanceId: 10.0.0.1@-@me\nlabels: draining\nserverIp: 10.0.0.1\n',
    );
  });

  it('keeps its labels when it says that it is leaving, and when it registers again', async () => {
    const registry = await connect();
    const member = new Membership(registry, clock, 'job', { ...me, labels: { zone: 'a', weight: '3' } });
    const node = (labels: string): string => `jobInstanceId: 10.0.0.1@-@me\nlabels: ${labels}\nserverIp: 10.0.0.1\n`;
    await member.register();
    expect((await registry.read(NODE))?.value).toBe(node('weight=3,zone=a'));
    await member.say(DRAINING);
    expect((await registry.read(NODE))?.value).toBe(node('weight=3,zone=a,draining'));
    await registry.remove(NODE);
    await member.register();
    expect((await registry.read(NODE))?.value).toBe(node('weight=3,zone=a,draining'));
    await member.say(null);
    expect((await registry.read(NODE))?.value).toBe(node('weight=3,zone=a'));
  });

  it('leaves, but never removes the node of another session', async () => {
    const registry = await connect();
    const member = new Membership(registry, clock, 'job', me);
    await member.register();
    await member.leave();
    expect(await member.isAbsent()).toBe(true);
    const other = await connect();
    await new Membership(other, clock, 'job', me).register();
    await member.leave();
    await settle();
    expect(await member.isAbsent()).toBe(false);
  });
});
