import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { MemoryServer } from './memory-server.js';
import type { ChildList, Registry, Selection, TreeSnapshot, TreeWatch } from './registry.js';
import { inState } from './registry-harness.contract.js';

const PATHS = ['', 'a', 'a/x', 'a/y', 'b', 'b/x', 'b/x/deep'] as const;

const selections = fc.array(
  fc.record({
    path: fc.constantFrom(...PATHS),
    children: fc.constantFrom(undefined, 'names', 'nodes', 'followed'),
  }) as fc.Arbitrary<Selection>,
  { minLength: 1, maxLength: 4 },
);

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), path: fc.constantFrom(...PATHS) }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('remove' as const), path: fc.constantFrom(...PATHS) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('select' as const), selection: selections }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'cut' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'expire' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'refresh' as const }) },
  ),
  { maxLength: 25 },
);

describe.each([true, false])('tree watch, whatever the interleaving, with recursive watches: %s', (recursiveWatch) => {
  it('ends fresh and with what is there, after any changes, cuts and expiries', async () => {
    await fc.assert(
      fc.asyncProperty(selections, steps, fc.infiniteStream(fc.nat(4)), async (selection, script, delays) => {
        const world = await startWorld(delays, recursiveWatch);
        let last = selection;
        const heard: (readonly [before: TreeSnapshot, after: TreeSnapshot])[] = [];
        let certain = true;
        const watch = await world.watcher.watchTree('job', selection, (...pair) => {
          heard.push(pair);
          certain = last.every(({ path }) => watch.isFresh(path));
        });
        const first = watch.snapshot;
        for (const [turn, step] of script.entries()) {
          if (step.kind === 'put') void world.put(`job/${step.path}`, String(turn));
          else if (step.kind === 'remove') void world.remove(`job/${step.path}`);
          else if (step.kind === 'cut') await world.cut();
          else if (step.kind === 'expire') world.server.expire(world.watcher.session.id);
          else if (step.kind === 'refresh') void watch.refresh();
          else {
            last = step.selection;
            void watch.select(last);
          }
          await world.turns();
        }
        await world.quiet();
        for (const [index, [before, after]] of heard.entries()) {
          expect(before).toBe(heard[index - 1]?.[1] ?? first);
          expect(after.revision >= before.revision && (after === before) === (after.revision === before.revision)).toBe(
            true,
          );
        }
        await expectSame(world.writer, watch, last);
        // Whoever looks only when told has been told when everything was certain.
        expect(certain || heard.length === 0).toBe(true);
        await Promise.all([world.watcher.stop(), world.writer.stop()]);
      }),
      { numRuns: 150 },
    );
  });
});

/** A registry that watches and one that writes, on a network whose delays are drawn. */
async function startWorld(delays: Iterator<number>, recursiveWatch: boolean) {
  const clock = new ManualClock();
  let pending = 0;
  const wait = async (turns: number): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
  };
  const delivery = (deliver: () => void): void => {
    pending++;
    void wait(delays.next().value ?? 0).then(() => {
      pending--;
      deliver();
    });
  };
  const server = new MemoryServer({ clock, delivery });
  const [watcher, writer] = [server.registry({ namespace: 'n', recursiveWatch }), server.registry({ namespace: 'n' })];
  await Promise.all([watcher.start(), writer.start()]);
  const running = new Set<Promise<unknown>>();
  const track = (work: Promise<unknown>): void => {
    running.add(work);
    void work.finally(() => running.delete(work));
  };
  return {
    server,
    watcher,
    writer,
    put: (path: string, value: string) => track(writer.put(trimmed(path), value)),
    remove: (path: string) => track(writer.remove(trimmed(path), { recursive: true })),
    turns: () => wait(delays.next().value ?? 0),
    async cut(): Promise<void> {
      server.cut(watcher.session.id, 0.5);
      await wait(delays.next().value ?? 0);
      server.restore(watcher.session.id);
    },
    /** Everything asked for is done and nothing is on its way. */
    async quiet(): Promise<void> {
      await Promise.all(running);
      await inState(watcher, 'connected');
      do await clock.advance(1);
      while (pending > 0);
    },
  };
}

/** What a list is read again for; the rest of its stat is about the value. */
const aboutChildren = (list: ChildList | null) =>
  list && [list.names, list.stat.czxid, list.stat.pzxid, list.stat.cversion, list.stat.numChildren];

const trimmed = (path: string): string => path.replace(/\/$/, '');

async function expectSame(registry: Registry, watch: TreeWatch, selection: readonly Selection[]): Promise<void> {
  const { snapshot } = watch;
  for (const { path, children } of selection) {
    const full = trimmed(`job/${path}`);
    expect(watch.isFresh(path), `${path} is fresh`).toBe(true);
    expect(snapshot.node(path)?.value, path).toBe((await registry.read(full))?.value);
    if (children === undefined) continue;
    const list = await registry.children(full);
    if (children === 'followed') {
      expect(snapshot.children(path)?.names, `children of ${path}`).toEqual(list?.names);
      continue;
    }
    expect(aboutChildren(snapshot.children(path)), `children of ${path}`).toEqual(aboutChildren(list));
    if (children !== 'nodes') continue;
    for (const name of list?.names ?? []) {
      const child = path === '' ? name : `${path}/${name}`;
      expect(snapshot.node(child)?.value, child).toBe((await registry.read(`job/${child}`))?.value);
    }
  }
}
