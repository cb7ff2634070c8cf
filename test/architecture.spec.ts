import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Import {
  readonly from: string;
  readonly to: string;
}

const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(spec|contract)\.ts$/.test(file))
    .map((file) => join(folder, file));

const importsOf = (file: string): Import[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(([, to = '']) => ({
    from: file,
    to,
  }));

const target = ({ from, to }: Import): string => relative(root, resolve(root, dirname(from), to));

/** Each folder of core and the folders it may import from, besides itself. */
const LADDER: Readonly<Record<string, readonly string[]>> = {
  foundation: [],
  schedule: ['foundation'],
  registry: ['foundation'],
  job: ['foundation', 'schedule'],
  coordination: ['foundation', 'schedule', 'registry', 'job'],
  tracing: ['foundation', 'schedule', 'registry', 'job'],
  execution: ['foundation', 'schedule', 'registry', 'job', 'coordination', 'tracing'],
  operations: ['foundation', 'schedule', 'registry', 'job', 'coordination', 'tracing'],
  notification: ['foundation', 'schedule', 'registry', 'job', 'coordination', 'tracing', 'execution'],
  runtime: [
    'foundation',
    'schedule',
    'registry',
    'job',
    'coordination',
    'tracing',
    'operations',
    'execution',
    'notification',
  ],
};

describe('the structure of the code', () => {
  const core = sources('packages/core/src').flatMap(importsOf);

  it('lets each folder of core import only from those before it', () => {
    const folderOf = (path: string): string | undefined => /packages\/core\/src\/([^/]+)\//.exec(path)?.[1];
    const wrong = core.filter((entry) => {
      const from = folderOf(entry.from);
      const to = entry.to.startsWith('.') ? folderOf(target(entry)) : undefined;
      return from !== undefined && to !== undefined && from !== to && !LADDER[from]?.includes(to);
    });
    expect(wrong).toEqual([]);
  });

  it('names every folder of core in the ladder', () => {
    const folders = readdirSync(join(root, 'packages/core/src'), { withFileTypes: true });
    expect(
      folders
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .sort(),
    ).toEqual(Object.keys(LADDER).sort());
  });

  it('keeps Nest out of the kernel', () => {
    expect(
      core.filter(({ to }) => to.startsWith('@nestjs/') || /^@elasticjob\/(?!zookeeper-client$)/.test(to)),
    ).toEqual([]);
  });

  it('has inversify only where the kernel is put together', () => {
    const users = core.filter(({ to }) => to === 'inversify').map(({ from }) => from);
    expect(users.every((file) => /core\/src\/runtime\/(container|engine)\.ts$/.test(file))).toBe(true);
  });

  it('has no circular imports', () => {
    const graph = new Map<string, string[]>();
    for (const entry of core.filter(({ to }) => to.startsWith('.'))) {
      graph.set(entry.from, [...(graph.get(entry.from) ?? []), target(entry).replace(/\.js$/, '.ts')]);
    }
    expect(circle(graph)).toBeNull();
  });

  it('finds a circle where there is one', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a']],
    ]);
    expect(circle(graph)).toEqual(['a', 'b', 'c', 'a']);
  });
});

/** The first circle found, as the files it goes through; `null` if there is none. */
function circle(graph: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): string[] | null => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const next of graph.get(file) ?? []) {
      const found = visit(next, [...trail, file]);
      if (found !== null) return found;
    }
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const found = visit(file, []);
    if (found !== null) return found;
  }
  return null;
}
