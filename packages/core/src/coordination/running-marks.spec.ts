import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { RunningMarks } from './running-marks.js';

const clock = new ManualClock('2027-01-01T00:00:00Z');
const server = new MemoryServer({ clock });
const started: Registry[] = [];

async function marksOf(instanceId: string): Promise<{ marks: RunningMarks; registry: Registry }> {
  const registry = server.registry({ namespace: 'test' });
  started.push(registry);
  await registry.start();
  return { marks: new RunningMarks(registry, 'job', instanceId), registry };
}

const current = (): boolean => true;
const holder = async (registry: Registry): Promise<string | undefined> =>
  (await registry.read('job/sharding/0/running'))?.value;

afterEach(async () => {
  await Promise.all(started.splice(0).map((registry) => registry.stop()));
});

describe('the mark of a running item', () => {
  it('is held by one instance at a time', async () => {
    const [a, b] = await Promise.all([marksOf('a'), marksOf('b')]);
    expect(await a.marks.claim(0, current)).toMatchObject({ claimed: true });
    expect(await b.marks.claim(0, current)).toEqual({ claimed: false, reason: 'running-elsewhere' });
    await a.marks.release(0);
    expect(await b.marks.claim(0, current)).toMatchObject({ claimed: true });
  });

  it('is taken back when the assignment changed while it was made', async () => {
    const a = await marksOf('a');
    expect(await a.marks.claim(0, () => false)).toEqual({ claimed: false, reason: 'resharded' });
    expect(await holder(a.registry)).toBeUndefined();
  });

  it('is not removed by an instance that has not tried to make one, or made its last one in a session that it lost', async () => {
    const [a, b] = await Promise.all([marksOf('a'), marksOf('b')]);
    expect(await b.marks.claim(0, current)).toMatchObject({ claimed: true });
    await a.marks.release(0);
    expect(await holder(b.registry)).toBe('b');
    expect(await a.marks.claim(1, current)).toMatchObject({ claimed: true });
    const former = a.registry.session.id;
    server.cut(former);
    await clock.advance(90_000);
    server.restore(former);
    await clock.advance(5_000);
    expect(a.registry.session.id).not.toBe(former);
    expect(await b.marks.claim(1, current)).toMatchObject({ claimed: true });
    await a.marks.release(1);
    expect((await b.registry.read('job/sharding/1/running'))?.value).toBe('b');
  });

  it('is not removed by an instance whose own attempt was never answered', async () => {
    const [a, b] = await Promise.all([marksOf('a'), marksOf('b')]);
    const attempt = a.marks.claim(0, current).catch((error: unknown) => error);
    const { id } = a.registry.session;
    server.cut(id);
    expect(await b.marks.claim(0, current)).toMatchObject({ claimed: true });
    await clock.advance(30_000);
    expect(await attempt).toMatchObject({ code: 'RESULT_UNKNOWN' });
    server.restore(id);
    await clock.advance(1_000);
    await a.marks.release(0);
    expect(await holder(b.registry)).toBe('b');
  });

  it.each([false, true])(
    'is removed by the instance that made it though it was never told so, lasting: %s',
    async (lasting) => {
      const a = await marksOf('a');
      await a.registry.ensure('job/sharding/0');
      const { czxid } = await witness(a.registry);
      const { id } = a.registry.session;
      const attempt = a.marks.claim(0, current, lasting ? czxid : null).catch((error: unknown) => error);
      await Promise.resolve();
      await Promise.resolve();
      server.cut(id, 1);
      await clock.advance(30_000);
      expect(await attempt).toMatchObject({ code: 'RESULT_UNKNOWN' });
      server.restore(id);
      await clock.advance(1_000);
      expect(await holder(a.registry)).toBe('a');
      await a.marks.release(0);
      expect(await holder(a.registry)).toBeUndefined();
    },
  );

  it('is not removed a second time when the first removal was not answered and another instance has made one', async () => {
    const [a, b] = await Promise.all([marksOf('a'), marksOf('b')]);
    await a.marks.claim(0, current);
    const { id } = a.registry.session;
    const removal = a.marks.release(0).catch((error: unknown) => error);
    await Promise.resolve();
    server.cut(id, 1);
    expect(await b.marks.claim(0, current)).toMatchObject({ claimed: true });
    await clock.advance(30_000);
    expect(await removal).toMatchObject({ code: 'CONNECTION_LOSS' });
    server.restore(id);
    await clock.advance(1_000);
    await a.marks.release(0);
    expect(await holder(b.registry)).toBe('b');
  });

  describe('that outlives its session', () => {
    it('stays when its session ends, and tells whose run it was', async () => {
      const [a, b] = await Promise.all([marksOf('a'), marksOf('b')]);
      expect(await a.marks.claim(0, current, 1n)).toMatchObject({ claimed: true });
      server.expire(a.registry.session.id);
      await clock.advance(1_000);
      expect(await holder(b.registry)).toBe('a');
      expect(await b.marks.claim(0, current, 1n)).toEqual({ claimed: false, reason: 'running-elsewhere' });
      await b.registry.remove('job/sharding/0/running');
    });

    it('is left alone in doubt if it is of a former session of the same instance', async () => {
      const a = await marksOf('a');
      await a.registry.put('job/sharding/0/running', 'a');
      const { czxid } = await witness(a.registry);
      const { id } = a.registry.session;
      const attempt = a.marks.claim(0, current, czxid).catch((error: unknown) => error);
      server.cut(id);
      await clock.advance(30_000);
      expect(await attempt).toMatchObject({ code: 'RESULT_UNKNOWN' });
      server.restore(id);
      await clock.advance(1_000);
      await a.marks.release(0);
      expect(await holder(a.registry)).toBe('a');
      await a.registry.remove('job/sharding/0/running');
    });

    it('is given up when its instance leaves, whose late release touches nothing', async () => {
      const [a, b] = await Promise.all([marksOf('a'), marksOf('b')]);
      await a.marks.claim(0, current, 1n);
      await a.marks.giveUp(1n);
      expect(await b.marks.claim(0, current)).toMatchObject({ claimed: true });
      await a.marks.release(0);
      expect(await holder(b.registry)).toBe('b');
    });

    it('is left alone by an instance that leaves in a later session than the one that made it', async () => {
      const [a, b] = await Promise.all([marksOf('a'), marksOf('b')]);
      await a.marks.claim(0, current, 1n);
      await b.registry.remove('job/sharding/0/running');
      await b.marks.claim(0, current, 2n);
      await a.marks.giveUp(3n);
      await a.marks.giveUp(null);
      expect(await holder(b.registry)).toBe('b');
      await b.marks.release(0);
    });
  });
});

async function witness(registry: Registry): Promise<{ czxid: bigint }> {
  const made = await registry.create('job/extension/sessions/a', '', 'ephemeral');
  if (!made.created) throw new Error('a witness was there');
  return made;
}
