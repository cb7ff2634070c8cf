import { describe, expect, it } from 'vitest';
import { settle } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { ElasticJobError } from '../foundation/errors.js';
import type { Registry, TreeSnapshot, TreeWatch } from './registry.js';
import { type Bench, inState, observe, sessionWhere } from './registry-harness.contract.js';

/** Watching a part of the tree. */
export function watchContract(bench: Bench): void {
  describe('watching', () => {
    it('begins with what is there, and tells the listener nothing about it', async () => {
      const registry = await bench.open();
      await registry.put('job/config', 'x');
      const { watch, heard } = await observe(registry, 'job', [{ path: '' }, { path: 'config' }, { path: 'absent' }]);
      expect(watch.snapshot.node('')).toMatchObject({ path: '', value: '' });
      expect(watch.snapshot.node('config')).toMatchObject({ path: 'config', value: 'x' });
      expect(watch.snapshot.node('absent')).toBeNull();
      expect(heard).toEqual([]);
    });

    it('looks only at what is selected', async () => {
      const registry = await bench.open();
      await registry.put('job/config', 'x');
      const { watch } = await observe(registry, 'job', [{ path: '' }]);
      expect(watch.snapshot.node('config')).toBeNull();
      expect(watch.snapshot.children('')).toBeNull();
      expect(watch.isFresh('config')).toBe(false);
    });

    it('sees a node appear, with parents that did not exist either', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      const { until, heard } = await observe(a, 'job', [{ path: 'config' }]);
      await b.put('job/config', 'x');
      await until((snapshot) => snapshot.node('config')?.value === 'x');
      expect(heard[0]?.before.node('config')).toBeNull();
    });

    it('sees a value change', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await b.put('job/config', '1');
      const { until } = await observe(a, 'job/config');
      for (const value of ['2', '3', '4']) {
        await b.put('job/config', value);
        await until((snapshot) => snapshot.node('')?.value === value);
      }
    });

    it('sees its own changes as well', async () => {
      const registry = await bench.open();
      const { until } = await observe(registry, 'job/config');
      await registry.put('job/config', 'mine');
      await until((snapshot) => snapshot.node('')?.value === 'mine');
    });

    it('sees children come and go', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      const { until } = await observe(a, 'job', [{ path: 'instances', children: 'names' }]);
      await b.create('job/instances/b', '', 'ephemeral');
      await until((snapshot) => namesOf(snapshot, 'instances') === 'b');
      await a.create('job/instances/a', '', 'ephemeral');
      await until((snapshot) => namesOf(snapshot, 'instances') === 'a,b');
      await b.stop();
      await until((snapshot) => namesOf(snapshot, 'instances') === 'a');
    });

    it('follows the children of a place as they come, go and come again', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await b.put('job/open/2', '');
      const { until, watch } = await observe(a, 'job', [{ path: 'open', children: 'followed' }, { path: 'config' }]);
      for (const name of ['3', '1', '4']) await b.put(`job/open/${name}`, '');
      await b.remove('job/open/2');
      await b.put('job/open/2/below', '');
      await b.remove('job/open/3');
      await until((now) => now.children('open')?.names.join() === '1,2,4' && now.node('open') !== null);
      await b.remove('job/open', { recursive: true });
      await until((now) => now.children('open') === null);
      await b.put('job/open/5', '');
      await until((now) => now.children('open')?.names.join() === '5');
      expect((await watch.refresh()).children('open')?.names).toEqual(['5']);
    });

    it('sees the values of children when asked to', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await b.put('job/servers/1', 'on');
      const { watch, until } = await observe(a, 'job', [{ path: 'servers', children: 'nodes' }]);
      expect(watch.snapshot.node('servers/1')?.value).toBe('on');
      await b.put('job/servers/2', 'on');
      await until((snapshot) => snapshot.node('servers/2')?.value === 'on');
      await b.put('job/servers/1', 'off');
      await until((snapshot) => snapshot.node('servers/1')?.value === 'off');
      await b.remove('job/servers/1');
      await until((snapshot) => snapshot.node('servers/1') === null && namesOf(snapshot, 'servers') === '2');
    });

    it('sees a child that is removed and made again', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await b.put('job/servers/1', 'first');
      const { until } = await observe(a, 'job/servers', [{ path: '', children: 'nodes' }]);
      for (const value of ['second', 'third']) {
        await b.remove('job/servers/1');
        await b.put('job/servers/1', value);
        await until((snapshot) => snapshot.node('1')?.value === value);
      }
    });

    it('sees its root removed, and made again with children', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await b.put('job/servers/1', 'x');
      const { until } = await observe(a, 'job', [{ path: '' }, { path: 'servers', children: 'nodes' }]);
      await b.remove('job', { recursive: true });
      await until((snapshot) => snapshot.node('') === null && snapshot.children('servers') === null);
      await b.put('job/servers/2', 'y');
      await until((snapshot) => snapshot.node('') !== null && snapshot.node('servers/2')?.value === 'y');
    });

    it('ends with the state of the tree, however fast that changed', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      const { until } = await observe(a, 'job', [{ path: '', children: 'nodes' }]);
      const changes: Promise<unknown>[] = [];
      for (let turn = 0; turn < 100; turn++) {
        changes.push(turn % 3 === 2 ? b.remove(`job/${turn % 7}`) : b.put(`job/${turn % 7}`, String(turn)));
      }
      await Promise.all(changes);
      await b.put('job/last', 'done');
      const names = (await b.children('job'))?.names ?? [];
      const values = await Promise.all(names.map(async (name) => (await b.read(`job/${name}`))?.value));
      const expected = JSON.stringify([names, values]);
      await until((snapshot) => {
        const seen = snapshot.children('')?.names ?? [];
        return JSON.stringify([seen, seen.map((name) => snapshot.node(name)?.value)]) === expected;
      });
    });

    it('gives snapshots that never change, and shares between them what did not', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await b.put('job/1', 'x');
      await b.put('job/2', 'x');
      const { watch, until, heard } = await observe(a, 'job', [{ path: '', children: 'nodes' }]);
      const first = watch.snapshot;
      await b.put('job/2', 'y');
      const second = await until((snapshot) => snapshot.node('2')?.value === 'y');
      expect(first.node('2')?.value).toBe('x');
      expect(second.node('1')).toBe(first.node('1'));
      expect(second.revision).toBeGreaterThan(first.revision);
      expect(heard[0]?.before).toBe(first);
    });

    it('hands each listener call the snapshot that the former one ended with', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      const { watch, until, heard } = await observe(a, 'job', [{ path: '' }]);
      const first = watch.snapshot;
      for (let turn = 0; turn < 10; turn++) await b.put('job', String(turn));
      await until((snapshot) => snapshot.node('')?.value === '9');
      for (const [index, { before }] of heard.entries()) expect(before).toBe(heard[index - 1]?.after ?? first);
    });

    it('goes on when the listener fails', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      const values: (string | undefined)[] = [];
      const last = deferred();
      const listener = (_before: TreeSnapshot, after: TreeSnapshot): void => {
        values.push(after.node('')?.value);
        if (values.includes('2')) last.resolve();
        throw new Error('a broken listener');
      };
      await a.watchTree('job', [{ path: '' }], listener);
      await b.put('job', '1');
      await b.put('job', '2');
      await last.promise;
      expect(values.at(-1)).toBe('2');
    });

    it('is apart from other watches of the same place', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      const [one, two] = [await observe(a, 'job'), await observe(a, 'job')];
      one.watch.close();
      await b.put('job', 'x');
      await two.until((snapshot) => snapshot.node('')?.value === 'x');
      expect(one.watch.snapshot.node('')).toBeNull();
    });
  });

  describe('selecting, refreshing, closing', () => {
    it('covers a new selection once select resolves, and forgets the former one', async () => {
      const registry = await bench.open();
      await registry.put('job/1', 'one');
      await registry.put('job/2', 'two');
      const { watch } = await observe(registry, 'job', [{ path: '1' }]);
      const snapshot = await watch.select([{ path: '2' }, { path: '', children: 'names' }]);
      expect(watch.snapshot).toBe(snapshot);
      expect(snapshot.node('1')).toBeNull();
      expect(snapshot.node('2')?.value).toBe('two');
      expect(snapshot.children('')?.names).toEqual(['1', '2']);
      expect(watch.isFresh('1')).toBe(false);
      expect(watch.isFresh('2')).toBe(true);
    });

    it('sees changes of what was selected, given up and selected again', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await b.put('job/1', 'x');
      const { watch, until } = await observe(a, 'job', [{ path: '1' }]);
      await watch.select([{ path: '2' }]);
      await b.put('job/1', 'y');
      const again = await watch.select([{ path: '1' }, { path: '2' }]);
      expect(['x', 'y']).toContain(again.node('1')?.value);
      await until((snapshot) => snapshot.node('1')?.value === 'y');
      await b.put('job/1', 'z');
      await until((snapshot) => snapshot.node('1')?.value === 'z');
    });

    it('sees a selected child go and come back that was first seen among children', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await b.put('job/1', 'x');
      const { watch, until } = await observe(a, 'job', [{ path: '', children: 'nodes' }]);
      await watch.select([{ path: '1' }]);
      await b.remove('job/1');
      await until((snapshot) => snapshot.node('1') === null);
      await b.put('job/1', 'y');
      await until((snapshot) => snapshot.node('1')?.value === 'y');
    });

    it('takes the widest of several selections of one place', async () => {
      const registry = await bench.open();
      await registry.put('job/1', 'x');
      const { watch } = await observe(registry, 'job', [{ path: '', children: 'nodes' }, { path: '' }]);
      expect(watch.snapshot.node('1')?.value).toBe('x');
    });

    it('refreshes to what is there now, and keeps the snapshot if that is the same', async () => {
      const registry = await bench.open();
      await registry.put('job/1', 'x');
      const { watch, heard } = await observe(registry, 'job', [{ path: '', children: 'nodes' }]);
      const before = watch.snapshot;
      const refreshing = watch.refresh();
      expect(watch.isFresh('1')).toBe(true);
      expect(await refreshing).toBe(before);
      await registry.put('job/1', 'y');
      expect((await watch.refresh()).node('1')?.value).toBe('y');
      expect(heard.at(-1)?.after).toBe(watch.snapshot);
    });

    it('is silent after close, and refuses to go on', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      const { watch, heard } = await observe(a, 'job');
      const witness = await observe(a, 'job');
      watch.close();
      watch.close();
      await b.put('job', 'x');
      await witness.until((snapshot) => snapshot.node('')?.value === 'x');
      expect(heard).toEqual([]);
      expect(watch.isFresh('')).toBe(false);
      await expect(watch.refresh()).rejects.toMatchObject({ code: 'REGISTRY_CLOSED' });
      await expect(watch.select([{ path: 'x' }])).rejects.toMatchObject({ code: 'REGISTRY_CLOSED' });
    });

    it('is closed with the registry, and whoever waits for it hears of that', async () => {
      const registry = await bench.open();
      const { watch } = await observe(registry, 'job');
      await bench.harness.disconnect(registry);
      await inState(registry, 'suspended');
      const refused = expect(watch.refresh()).rejects.toMatchObject({ code: 'REGISTRY_CLOSED' });
      await registry.stop();
      await refused;
    });
  });

  describe('freshness', () => {
    it('holds while nothing changed', async () => {
      const registry = await bench.open();
      await registry.put('job/1', 'x');
      const { watch } = await observe(registry, 'job', [{ path: '', children: 'nodes' }, { path: 'absent' }]);
      for (const path of ['', '1', 'absent']) expect(watch.isFresh(path)).toBe(true);
    });

    it('ends, or the change is in the snapshot, before the answer to a later create comes', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await a.ensure('flags');
      await a.ensure('marks');
      const { watch, until } = await observe(a, 'flags', [{ path: '', children: 'names' }]);
      let relevant = 0;
      for (let trial = 0; trial < 150; trial++) {
        relevant += await raceFlagAgainstMark(a, b, watch, trial);
        await until((snapshot) => snapshot.children('')?.names.includes(`necessary-${trial}`) ?? false);
      }
      expect(relevant).toBeGreaterThan(0);
    });

    it('returns with the snapshot that has the change', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      const { watch, until } = await observe(a, 'job');
      await b.put('job', 'x');
      await until((snapshot) => snapshot.node('')?.value === 'x');
      expect(watch.isFresh('')).toBe(true);
    });

    it('ends with the connection, and returns when everything has been read on the next one', async () => {
      const registry = await bench.open();
      await registry.put('job', 'x');
      const { watch } = await observe(registry, 'job');
      await bench.harness.disconnect(registry);
      await inState(registry, 'suspended');
      expect(watch.isFresh('')).toBe(false);
      expect(watch.snapshot.node('')?.value).toBe('x');
      await bench.harness.reconnect(registry);
      await watch.refresh();
      expect(watch.isFresh('')).toBe(true);
    });

    it('is gone already when a listener hears of the reconnect', async () => {
      const registry = await bench.open();
      const fresh: boolean[] = [];
      let watch: TreeWatch | undefined;
      registry.onSession(() => fresh.push(watch?.isFresh('') ?? true));
      watch = (await observe(registry, 'job')).watch;
      await bench.harness.disconnect(registry);
      await bench.harness.reconnect(registry);
      expect(fresh).toEqual([false, false]);
    });
  });

  describe('watching over a cut', () => {
    it('sees what changed meanwhile', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await b.put('job/1', 'x');
      await b.put('job/2', 'x');
      const { until } = await observe(a, 'job', [{ path: '', children: 'nodes' }, { path: 'absent/flag' }]);
      await bench.harness.disconnect(a);
      await inState(a, 'suspended');
      await b.put('job/1', 'y');
      await b.remove('job/2');
      await b.put('job/absent/flag', '');
      await bench.harness.reconnect(a);
      await until(
        (snapshot) =>
          snapshot.node('1')?.value === 'y' && snapshot.node('2') === null && snapshot.node('absent/flag') !== null,
      );
    });

    it('tells by the generation of the parent that a node came and went in half a second without a connection', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await a.ensure('flags');
      const { watch, until } = await observe(a, 'flags', [{ path: '', children: 'names' }, { path: 'necessary' }]);
      const before = watch.snapshot.children('')?.stat.pzxid ?? 0n;
      await bench.harness.disconnect(a);
      await inState(a, 'suspended');
      await b.create('flags/necessary', '', 'persistent');
      await b.remove('flags/necessary');
      await bench.harness.elapse(500);
      await bench.harness.reconnect(a);
      const after = await until((snapshot) => (snapshot.children('')?.stat.pzxid ?? 0n) > before);
      expect(after.children('')?.names).toEqual([]);
      expect(after.node('necessary')).toBeNull();
    });

    it('never shows anything as absent because of it', async () => {
      const registry = await bench.open();
      await registry.put('job/1', 'x');
      const { watch, heard } = await observe(registry, 'job', [{ path: '', children: 'nodes' }]);
      for (let turn = 0; turn < 5; turn++) {
        const refreshing = watch.refresh();
        await bench.harness.disconnect(registry);
        await bench.harness.reconnect(registry);
        expect((await refreshing).node('1')?.value).toBe('x');
      }
      for (const { after } of heard) expect(after.node('1')?.value).toBe('x');
    });

    it('goes on seeing changes afterwards', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      const { until } = await observe(a, 'job', [{ path: '', children: 'nodes' }]);
      for (let turn = 0; turn < 3; turn++) {
        await bench.harness.disconnect(a);
        await bench.harness.reconnect(a);
        await b.put('job/1', String(turn));
        await until((snapshot) => snapshot.node('1')?.value === String(turn));
      }
    });

    it('begins when the connection is back', async () => {
      const registry = await bench.open();
      await registry.put('job', 'x');
      await bench.harness.disconnect(registry);
      await inState(registry, 'suspended');
      const observing = observe(registry, 'job');
      await settle();
      await bench.harness.reconnect(registry);
      expect((await observing).watch.snapshot.node('')?.value).toBe('x');
    });

    it('reads everything anew, and watches it, in a new session', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await a.create('job/instances/a', '', 'ephemeral');
      await b.put('job/config', '1');
      const { until, watch } = await observe(a, 'job', [{ path: 'instances', children: 'nodes' }, { path: 'config' }]);
      await bench.harness.expire(a);
      await sessionWhere(a, (session) => session.epoch === 2 && session.state === 'connected');
      await until((snapshot) => namesOf(snapshot, 'instances') === '');
      await watch.refresh();
      expect(watch.isFresh('config')).toBe(true);
      await b.put('job/config', '2');
      await until((snapshot) => snapshot.node('config')?.value === '2');
      await b.create('job/instances/b', '', 'ephemeral');
      await until((snapshot) => namesOf(snapshot, 'instances') === 'b');
    });
  });
}

function namesOf(snapshot: TreeSnapshot, path: string): string | undefined {
  return snapshot.children(path)?.names.join();
}

/**
 * One sets a flag that the other watches while that one makes a mark. Whoever makes the mark after the flag was set must
 * know of the flag when the answer comes. Resolves to 1 if it was after.
 */
async function raceFlagAgainstMark(a: Registry, b: Registry, watch: TreeWatch, trial: number): Promise<number> {
  const name = `necessary-${trial}`;
  const raise = async () => {
    await turns(trial % 6);
    return b.create(`flags/${name}`, '', 'persistent');
  };
  const mark = async () => {
    await turns(Math.floor(trial / 6) % 6);
    const made = await a.create(`marks/${trial}`, '', 'ephemeral');
    const known = !watch.isFresh('') || (watch.snapshot.children('')?.names.includes(name) ?? false);
    return { made, known };
  };
  const [flag, { made, known }] = await Promise.all([raise(), mark()]);
  if (!flag.created || !made.created) throw new ElasticJobError('INVALID_STATE', 'both nodes are new in each trial');
  if (flag.czxid > made.czxid) return 0;
  expect(known, `trial ${trial}: flag ${flag.czxid}, mark ${made.czxid}`).toBe(true);
  return 1;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}
