import { describe, expect, it } from 'vitest';
import type { Registry, RegistryNode } from './registry.js';
import type { Bench } from './registry-harness.contract.js';

const TOGETHER = { grouped: true };

/** Reading, creating, writing, removing, committing: what every registry does while it is connected. */
export function nodesContract(bench: Bench): void {
  describe('reading', () => {
    it('gives null for a node that does not exist, and for its children', async () => {
      const registry = await bench.open();
      expect(await registry.read('job/config')).toBeNull();
      expect(await registry.children('job')).toBeNull();
    });

    it('gives the value and the stat of a node', async () => {
      const registry = await bench.open();
      await registry.put('job/config', 'jobName: ä\n');
      const node = await existing(registry, 'job/config');
      expect(node).toMatchObject({ path: 'job/config', value: 'jobName: ä\n' });
      expect(node.stat).toMatchObject({ version: 0, cversion: 0, numChildren: 0, ephemeralOwner: 0n });
      expect(node.stat.mzxid).toBe(node.stat.czxid);
    });

    it('gives an empty text for a node without a value', async () => {
      const registry = await bench.open();
      await registry.ensure('job');
      expect((await existing(registry, 'job')).value).toBe('');
    });

    it('gives the names of children in ascending order, with the stat of the parent', async () => {
      const registry = await bench.open();
      for (const name of ['10', '9', 'b', 'B', 'a']) await registry.ensure(`job/${name}`);
      const list = await registry.children('job');
      expect(list?.names).toEqual(['10', '9', 'B', 'a', 'b']);
      expect(list?.stat).toMatchObject({ numChildren: 5, cversion: 5 });
    });

    it('gives no names for a node without children', async () => {
      const registry = await bench.open();
      await registry.ensure('job');
      expect((await registry.children('job'))?.names).toEqual([]);
    });

    it('shows one registry what another wrote', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await a.put('job/config', 'x');
      await b.time();
      expect((await existing(b, 'job/config')).value).toBe('x');
    });
  });

  describe('creating', () => {
    it('makes missing parents as empty persistent nodes', async () => {
      const registry = await bench.open();
      await registry.create('job/instances/i', '', 'ephemeral');
      const parent = await existing(registry, 'job/instances');
      expect(parent).toMatchObject({ value: '', stat: { ephemeralOwner: 0n } });
    });

    it('tells the transaction that made the node', async () => {
      const registry = await bench.open();
      const made = await registry.create('job/mark', 'me', 'ephemeral');
      const node = await existing(registry, 'job/mark');
      expect(made).toEqual({ created: true, path: 'job/mark', czxid: node.stat.czxid });
    });

    it('gives an ephemeral node to the session that made it', async () => {
      const registry = await bench.open();
      await registry.create('job/mark', 'me', 'ephemeral');
      expect((await existing(registry, 'job/mark')).stat.ephemeralOwner).toBe(registry.session.id);
    });

    it('never overwrites, and says so as an outcome', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await a.create('job/mark', 'a', 'persistent');
      expect(await b.create('job/mark', 'b', 'persistent')).toEqual({ created: false });
      expect(await a.create('job/mark', 'c', 'ephemeral')).toEqual({ created: false });
      expect((await existing(a, 'job/mark')).value).toBe('a');
    });

    it('lets exactly one of many have a node they all want', async () => {
      const rivals = await Promise.all([bench.open(), bench.open(), bench.open(), bench.open()]);
      for (let item = 0; item < 20; item++) {
        const results = await Promise.all(rivals.map((rival) => rival.create(`job/${item}`, 'me', 'ephemeral')));
        expect(results.filter((result) => result.created)).toHaveLength(1);
      }
    });

    it('lets exactly one of two calls in the same session have a node', async () => {
      const registry = await bench.open();
      const calls = [registry.create('mark', '1', 'ephemeral'), registry.create('mark', '2', 'ephemeral')];
      expect((await Promise.all(calls)).map((result) => result.created)).toEqual([true, false]);
    });

    it('makes many nodes of one instant, and tells each its transaction', async () => {
      const registry = await bench.open();
      await registry.ensure('job');
      const items = Array.from({ length: 300 }, (_, item) => item);
      const makes = items.map((item) => registry.create(`job/${item}`, `value ${item}`, 'ephemeral', TOGETHER));
      for (const [item, made] of (await Promise.all(makes)).entries()) {
        const node = await existing(registry, `job/${item}`);
        expect(made).toEqual({ created: true, path: `job/${item}`, czxid: node.stat.czxid });
        expect(node).toMatchObject({ value: `value ${item}`, stat: { ephemeralOwner: registry.session.id } });
      }
      const removals = await Promise.all(items.map((item) => registry.remove(`job/${item}`, TOGETHER)));
      expect(new Set(removals)).toEqual(new Set([true]));
      expect((await registry.children('job'))?.names).toEqual([]);
    });

    it('tells each of many of one instant what became of it, as if it were alone', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await b.create('job/taken', 'b', 'ephemeral');
      await b.time();
      const outcomes = await Promise.all([
        a.create('job/free', 'a', 'ephemeral', TOGETHER),
        a.create('job/taken', 'a', 'ephemeral', TOGETHER),
        a.create('another/job/free', 'a', 'ephemeral', TOGETHER),
        a.remove('job/absent', TOGETHER),
        a.create('job/twice', 'first', 'persistent', TOGETHER),
        a.create('job/twice', 'second', 'persistent', TOGETHER),
      ]);
      expect(outcomes.map((outcome) => (typeof outcome === 'boolean' ? outcome : outcome.created))).toEqual([
        true,
        false,
        true,
        false,
        true,
        false,
      ]);
      expect((await existing(a, 'job/taken')).value).toBe('b');
      expect((await existing(a, 'job/twice')).value).toBe('first');
    });

    it('appends ten digits to sequential nodes, in the order of creation', async () => {
      const registry = await bench.open();
      const paths: string[] = [];
      for (let turn = 0; turn < 3; turn++) {
        const made = await registry.create(
          'latch/n-',
          '',
          turn === 1 ? 'persistent-sequential' : 'ephemeral-sequential',
        );
        if (made.created) paths.push(made.path);
      }
      expect(paths).toEqual([...paths].sort());
      expect(new Set(paths).size).toBe(3);
      for (const path of paths) expect(path).toMatch(/^latch\/n-\d{10}$/);
      expect((await registry.children('latch'))?.names.map((name) => `latch/${name}`)).toEqual(paths);
    });

    it('does not give a sequence number twice after the node with it was removed', async () => {
      const registry = await bench.open();
      const first = await registry.create('latch/n-', '', 'persistent-sequential');
      if (first.created) await registry.remove(first.path);
      const second = await registry.create('latch/n-', '', 'persistent-sequential');
      expect(second.created && first.created && second.path > first.path).toBe(true);
    });

    it('refuses children below an ephemeral node', async () => {
      const registry = await bench.open();
      await registry.create('job/mark', '', 'ephemeral');
      await expect(registry.create('job/mark/child', '', 'persistent')).rejects.toMatchObject({
        code: 'REGISTRY_FAILURE',
      });
    });

    it('starts the version at 0 again for a node created anew, and only its czxid tells them apart', async () => {
      const registry = await bench.open();
      await registry.create('job/mark', 'first', 'persistent');
      const first = await existing(registry, 'job/mark');
      await registry.remove('job/mark');
      await registry.create('job/mark', 'second', 'persistent');
      const second = await existing(registry, 'job/mark');
      expect(second.stat.version).toBe(first.stat.version);
      expect(second.stat.czxid).toBeGreaterThan(first.stat.czxid);
    });

    it('gives each node a greater czxid than all made before, by whichever session', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      let last = 0n;
      for (let turn = 0; turn < 10; turn++) {
        const made = await (turn % 2 === 0 ? a : b).create(`job/${turn}`, '', 'persistent');
        expect(made.created && made.czxid > last).toBe(true);
        if (made.created) last = made.czxid;
      }
    });
  });

  describe('ensuring and putting', () => {
    it('keeps the value of a node that exists already', async () => {
      const registry = await bench.open();
      await registry.put('job/config', 'kept');
      await registry.ensure('job/config', 'other');
      await registry.ensure('job/config');
      expect(await existing(registry, 'job/config')).toMatchObject({ value: 'kept', stat: { version: 0 } });
    });

    it('is done when several ensure the same new tree at once', async () => {
      const registries = await Promise.all([bench.open(), bench.open(), bench.open()]);
      await Promise.all(registries.map((registry) => registry.ensure('a/b/c/d', 'x')));
      for (const registry of registries) expect((await existing(registry, 'a/b/c/d')).value).toBe('x');
    });

    it('creates what is put, with its parents, and overwrites what is there', async () => {
      const registry = await bench.open();
      await registry.put('job/servers/10.0.0.1', 'ENABLED');
      await registry.put('job/servers/10.0.0.1', 'DISABLED');
      expect(await existing(registry, 'job/servers/10.0.0.1')).toMatchObject({
        value: 'DISABLED',
        stat: { version: 1 },
      });
    });

    it('ends with the value of one of those who put at once', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await Promise.all([a.put('job/new/config', 'a'), b.put('job/new/config', 'b')]);
      expect(['a', 'b']).toContain((await existing(a, 'job/new/config')).value);
    });
  });

  describe('writing with a version', () => {
    it('changes the value and tells the new version', async () => {
      const registry = await bench.open();
      await registry.put('job/config', 'old');
      expect(await registry.write('job/config', 'new', 0)).toEqual({ written: true, version: 1 });
      expect((await existing(registry, 'job/config')).value).toBe('new');
    });

    it('leaves a node alone that has another version, and says so', async () => {
      const registry = await bench.open();
      await registry.put('job/config', 'old');
      expect(await registry.write('job/config', 'new', 7)).toEqual({ written: false, reason: 'version' });
      expect((await existing(registry, 'job/config')).value).toBe('old');
    });

    it('does not create', async () => {
      const registry = await bench.open();
      expect(await registry.write('job/config', 'new', 0)).toEqual({ written: false, reason: 'absent' });
      expect(await registry.read('job/config')).toBeNull();
    });

    it('lets exactly one of many writers of the same version win', async () => {
      const writers = await Promise.all([bench.open(), bench.open(), bench.open()]);
      await writers[0]?.put('counter', '0');
      const results = await Promise.all(writers.map((writer, index) => writer.write('counter', String(index), 0)));
      expect(results.filter((result) => result.written)).toEqual([{ written: true, version: 1 }]);
    });
  });

  describe('removing', () => {
    it('says whether there was anything to remove', async () => {
      const registry = await bench.open();
      await registry.ensure('job/mark');
      expect(await registry.remove('job/mark')).toBe(true);
      expect(await registry.remove('job/mark')).toBe(false);
    });

    it('refuses a node with children unless told to remove them too', async () => {
      const registry = await bench.open();
      await registry.ensure('job/a/b');
      await expect(registry.remove('job')).rejects.toMatchObject({ code: 'NOT_EMPTY' });
      expect(await registry.remove('job', { recursive: true })).toBe(true);
      expect(await registry.read('job')).toBeNull();
      expect(await registry.remove('job', { recursive: true })).toBe(false);
    });

    it('removes a tree to which others add meanwhile', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      for (let item = 0; item < 20; item++) await a.ensure(`job/sharding/${item}/config`);
      const removal = a.remove('job/sharding', { recursive: true });
      const additions = Array.from({ length: 10 }, (_, item) =>
        b.create(`job/sharding/late-${item}`, '', 'persistent'),
      );
      expect(await removal).toBe(true);
      await Promise.all(additions);
      await a.remove('job/sharding', { recursive: true });
      await b.time();
      expect(await b.read('job/sharding')).toBeNull();
    });

    it('shows in the parent that a child came and went', async () => {
      const registry = await bench.open();
      await registry.ensure('flags');
      const before = await registry.children('flags');
      await registry.create('flags/necessary', '', 'persistent');
      await registry.remove('flags/necessary');
      const after = await registry.children('flags');
      expect(after?.names).toEqual([]);
      expect(after?.stat.cversion).toBe((before?.stat.cversion ?? 0) + 2);
      expect(after?.stat.pzxid).toBeGreaterThan(before?.stat.pzxid ?? 0n);
    });
  });

  describe('committing', () => {
    it('applies all operations of all stages', async () => {
      const registry = await bench.open();
      await registry.put('job/config', 'old');
      await registry.ensure('job/flag');
      const result = await registry.commit([
        [
          { kind: 'check', path: 'job', version: 0 },
          { kind: 'create', path: 'job/item', value: 'x', mode: 'ephemeral' },
          { kind: 'write', path: 'job/config', value: 'new', version: 0 },
        ],
        [{ kind: 'remove', path: 'job/flag' }],
      ]);
      expect(result).toMatchObject({ committed: true });
      expect((await existing(registry, 'job/item')).stat.ephemeralOwner).toBe(registry.session.id);
      expect((await existing(registry, 'job/config')).value).toBe('new');
      expect(await registry.read('job/flag')).toBeNull();
    });

    it('has nothing to do without operations', async () => {
      const registry = await bench.open();
      expect(await registry.commit([])).toMatchObject({ committed: true });
      expect(await registry.commit([[], []])).toMatchObject({ committed: true });
    });

    it('skips empty stages', async () => {
      const registry = await bench.open();
      await registry.ensure('job/flag');
      expect(await registry.commit([[], [{ kind: 'remove', path: 'job/flag' }], []])).toMatchObject({
        committed: true,
      });
    });

    it('names the operation that failed, and its stage and reason', async () => {
      const registry = await bench.open();
      await registry.put('job/config', 'old');
      const failing = { kind: 'write', path: 'job/config', value: 'new', version: 3 } as const;
      const result = await registry.commit([[{ kind: 'check', path: 'job', version: 0 }], [failing]]);
      expect(result).toEqual({ committed: false, stage: 1, operation: failing, reason: 'BAD_VERSION' });
    });

    it('applies nothing of a failed commit if atomic, otherwise the stages before the failed one', async () => {
      const registry = await bench.open();
      await registry.ensure('job/flag');
      const result = await registry.commit([
        [{ kind: 'create', path: 'job/first', value: '', mode: 'persistent' }],
        [{ kind: 'check', path: 'job/absent', version: 0 }],
        [{ kind: 'remove', path: 'job/flag' }],
      ]);
      expect(result).toMatchObject({ committed: false, stage: 1, reason: 'NO_NODE' });
      expect((await registry.read('job/first')) !== null).toBe(!registry.capabilities.atomicCommit);
      expect(await registry.read('job/flag')).not.toBeNull();
    });

    it('does not make missing parents', async () => {
      const registry = await bench.open();
      const create = { kind: 'create', path: 'no/parent', value: '', mode: 'persistent' } as const;
      expect(await registry.commit([[create]])).toMatchObject({ committed: false, reason: 'NO_NODE' });
      expect(await registry.read('no')).toBeNull();
    });

    it('refuses to create what exists and to remove what does not', async () => {
      const registry = await bench.open();
      await registry.ensure('job');
      const create = { kind: 'create', path: 'job', value: '', mode: 'persistent' } as const;
      expect(await registry.commit([[create]])).toMatchObject({ committed: false, reason: 'NODE_EXISTS' });
      const remove = { kind: 'remove', path: 'absent' } as const;
      expect(await registry.commit([[remove]])).toMatchObject({ committed: false, reason: 'NO_NODE' });
    });

    it('carries as much as two hundred operations', async () => {
      const registry = await bench.open();
      await registry.ensure('job');
      const operations = Array.from(
        { length: 200 },
        (_, item) => ({ kind: 'create', path: `job/${item}`, value: 'v', mode: 'persistent' }) as const,
      );
      expect(await registry.commit([operations])).toMatchObject({ committed: true });
      expect((await registry.children('job'))?.names).toHaveLength(200);
    });
  });

  describe('limits', () => {
    it('refuses a value that would cut the connection, and stays connected', async () => {
      const registry = await bench.open();
      const { connection } = registry.session;
      const value = 'x'.repeat(1_000_001);
      const refusal = { code: 'VALUE_TOO_LARGE', path: 'job/config', message: expect.stringContaining('job/config') };
      await registry.ensure('job/config');
      await expect(registry.put('job/config', value)).rejects.toMatchObject(refusal);
      await expect(registry.create('job/config', value, 'persistent')).rejects.toMatchObject(refusal);
      await expect(registry.ensure('job/config', value)).rejects.toMatchObject(refusal);
      await expect(registry.write('job/config', value, 0)).rejects.toMatchObject(refusal);
      const write = { kind: 'write', path: 'job/config', value } as const;
      await expect(registry.commit([[write]])).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
      expect((await existing(registry, 'job/config')).value).toBe('');
      expect(registry.session).toMatchObject({ state: 'connected', connection });
    });

    it('counts bytes, not characters', async () => {
      const registry = await bench.open();
      await expect(registry.put('job', 'ä'.repeat(600_000))).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
      await registry.put('job', 'a'.repeat(600_000));
      expect((await existing(registry, 'job')).value).toHaveLength(600_000);
    });

    it('refuses a transaction that is too large as a whole, and takes it where each operation goes alone', async () => {
      const registry = await bench.open();
      for (const name of ['a', 'b', 'c']) await registry.ensure(name);
      const stage = ['a', 'b', 'c'].map((path) => ({ kind: 'write', path, value: 'x'.repeat(400_000) }) as const);
      const commit = registry.commit([stage]);
      if (registry.capabilities.atomicCommit) {
        await expect(commit).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
        expect((await existing(registry, 'a')).value).toBe('');
      } else {
        expect(await commit).toMatchObject({ committed: true });
      }
    });

    it.each(['/job', 'job/', 'job//config', 'job/./config', '..', 'job/\u0000', 'job/\ue000'])(
      'refuses the path %j before anything is sent',
      async (path) => {
        const registry = await bench.open();
        const refusal = { code: 'INVALID_PATH' };
        await expect(registry.read(path)).rejects.toMatchObject(refusal);
        await expect(registry.children(path)).rejects.toMatchObject(refusal);
        await expect(registry.create(path, '', 'persistent')).rejects.toMatchObject(refusal);
        await expect(registry.remove(path)).rejects.toMatchObject(refusal);
        await expect(registry.commit([[{ kind: 'remove', path }]])).rejects.toMatchObject(refusal);
        await expect(registry.watchTree(path, [{ path: '' }], () => undefined)).rejects.toMatchObject(refusal);
      },
    );

    it('takes the paths that instances, servers and job names need', async () => {
      const registry = await bench.open();
      const path = 'my job.v2/instances/10.0.0.1@-@123-ab12cd34';
      await registry.create(path, 'ü', 'ephemeral');
      expect((await existing(registry, path)).value).toBe('ü');
    });
  });

  describe('namespaces', () => {
    it('keeps namespaces apart', async () => {
      const namespace = (await bench.open()).session.id.toString(16);
      const a = await bench.open({ namespace: `apart-${namespace}/a` });
      const b = await bench.open({ namespace: `apart-${namespace}/b` });
      await a.put('job', 'a');
      await b.put('job', 'b');
      expect((await existing(a, 'job')).value).toBe('a');
      await b.remove('', { recursive: true });
      expect((await existing(a, 'job')).value).toBe('a');
      await a.remove('', { recursive: true });
    });

    it('makes a namespace of several levels on first use', async () => {
      const name = `levels-${(await bench.open()).session.id.toString(16)}`;
      const deep = await bench.open({ namespace: `${name}/eu/shop` });
      expect(await deep.children('')).toBeNull();
      await deep.put('job', 'x');
      const top = await bench.open({ namespace: name });
      expect((await existing(top, 'eu/shop/job')).value).toBe('x');
      await top.remove('', { recursive: true });
    });

    it('refuses a namespace that is no path', () => {
      const refused = (): Registry => bench.harness.registry({ namespace: '/shop' });
      expect(refused).toThrow(expect.objectContaining({ code: 'INVALID_PATH' }));
    });
  });

  describe('time', () => {
    it("tells the server's time, which is the time its nodes are stamped with", async () => {
      const registry = await bench.open();
      const before = await registry.time();
      await registry.ensure('job');
      const after = await registry.time();
      const { ctime } = (await existing(registry, 'job')).stat;
      expect(before).toBeLessThanOrEqual(ctime);
      expect(ctime).toBeLessThanOrEqual(after);
    });

    it('leaves no node behind in the namespace', async () => {
      const registry = await bench.open();
      await registry.time();
      expect((await registry.children(''))?.names).toEqual([]);
    });
  });
}

async function existing(registry: Registry, path: string): Promise<RegistryNode> {
  const node = await registry.read(path);
  if (node === null) throw new Error(`expected a node at ${path}, found none`);
  return node;
}
