import { describe, expect, it } from 'vitest';
import { type WatchEvent, WatchTable } from './watch-table.js';

function table(): {
  watches: WatchTable;
  heard: string[];
  watcher: (name: string) => (event: WatchEvent) => void;
  failures: unknown[];
} {
  const heard: string[] = [];
  const failures: unknown[] = [];
  return {
    watches: new WatchTable((error) => failures.push(error)),
    heard,
    failures,
    watcher: (name) => (event) => void heard.push(`${name}: ${event.kind} ${event.path}`),
  };
}

const same = (path: string): string => path;

describe('who watches what', () => {
  it.each([
    ['created', ['data', 'exists']],
    ['changed', ['data', 'exists']],
    ['deleted', ['data', 'exists', 'children']],
    ['children', ['children']],
  ] as const)('uses up by "%s" what it is about', (kind, used) => {
    const { watches, heard, watcher } = table();
    for (const each of ['data', 'exists', 'children'] as const) watches.addOneShot(each, '/a', watcher(each));
    watches.dispatch(kind, '/a', same);
    watches.dispatch(kind, '/a', same);
    expect(heard).toEqual(used.map((each) => `${each}: ${kind} /a`));
  });

  it('tells recursive watches of everything below them, and of nothing beside them', () => {
    const { watches, heard, watcher } = table();
    for (const path of ['/', '/a', '/a/b', '/ab']) watches.addStanding('recursive', path, watcher(path));
    watches.dispatch('created', '/a/b', same);
    watches.dispatch('children', '/a', same);
    expect(heard).toEqual(['/a/b: created /a/b', '/a: created /a/b', '/: created /a/b']);
  });

  it('makes up for others on the same path what a recursive watch does not tell', () => {
    const { watches, heard, watcher } = table();
    watches.addStanding('recursive', '/a', watcher('tree'));
    watches.addStanding('persistent', '/a', watcher('node'));
    watches.addOneShot('children', '/a', watcher('once'));
    watches.dispatch('created', '/a/b', same);
    watches.dispatch('changed', '/a/b', same);
    watches.dispatch('deleted', '/a/b', same);
    watches.dispatch('created', '/a/b/c', same);
    expect(heard).toEqual([
      'tree: created /a/b',
      'once: children /a',
      'node: children /a',
      'tree: changed /a/b',
      'tree: deleted /a/b',
      'node: children /a',
      'tree: created /a/b/c',
    ]);
  });

  it('tells the client its own path', () => {
    const { watches, heard, watcher } = table();
    watches.addStanding('recursive', '/apps', watcher('tree'));
    watches.dispatch('created', '/apps/a', (path) => path.slice('/apps'.length));
    expect(heard).toEqual(['tree: created /a']);
  });

  it('lets a watcher watch again, and leave, while it is told', () => {
    const { watches, heard, watcher } = table();
    const again = (event: WatchEvent): void => {
      watcher('again')(event);
      watches.addOneShot('data', '/a', again);
    };
    const leaving = (event: WatchEvent): void => {
      watcher('leaving')(event);
      watches.removeStanding('persistent', '/a', leaving);
    };
    watches.addOneShot('data', '/a', again);
    watches.addStanding('persistent', '/a', leaving);
    watches.dispatch('changed', '/a', same);
    watches.dispatch('changed', '/a', same);
    expect(heard).toEqual(['again: changed /a', 'leaving: changed /a', 'again: changed /a']);
    expect(watches.modeOf('/a')).toBeNull();
  });

  it('goes on with the others when one fails', () => {
    const { watches, heard, watcher, failures } = table();
    const error = new Error('careless');
    watches.addOneShot('data', '/a', () => {
      throw error;
    });
    watches.addOneShot('data', '/a', watcher('good'));
    watches.dispatch('changed', '/a', same);
    expect(heard).toEqual(['good: changed /a']);
    expect(failures).toEqual([error]);
  });

  it('has to know the wider of two modes on the server, and none when all are gone', () => {
    const { watches, watcher } = table();
    const [one, other] = [watcher('one'), watcher('other')];
    watches.addStanding('persistent', '/a', one);
    expect([watches.modeOf('/a'), watches.isCovered('/a')]).toEqual(['persistent', true]);
    watches.addStanding('recursive', '/a', other);
    expect(watches.modeOf('/a')).toBe('recursive');
    expect(watches.paths()).toMatchObject({ persistent: [], recursive: ['/a'] });
    watches.removeStanding('recursive', '/a', other);
    expect(watches.paths()).toMatchObject({ persistent: ['/a'], recursive: [] });
    watches.removeStanding('persistent', '/a', one);
    expect([watches.modeOf('/a'), watches.isCovered('/a')]).toEqual([null, false]);
  });

  it('counts on reads that are under way, each of them once', () => {
    const { watches } = table();
    const [first, second] = [watches.expectOneShot('/a'), watches.expectOneShot('/a')];
    first();
    first();
    expect(watches.hasOneShot('/a')).toBe(true);
    second();
    expect(watches.hasOneShot('/a')).toBe(false);
    const third = watches.expectOneShot('/a');
    second();
    expect(watches.hasOneShot('/a')).toBe(true);
    third();
    expect(watches.hasOneShot('/a')).toBe(false);
  });
});
