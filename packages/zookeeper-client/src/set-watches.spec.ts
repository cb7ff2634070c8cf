import { describe, expect, it } from 'vitest';
import { OP } from './protocol.js';
import { setWatchesRequests } from './set-watches.js';

const NONE = { data: [], exists: [], children: [], persistent: [], recursive: [] };

describe('the watches of a session, for a new connection', () => {
  it('need no request when there are none', () => {
    expect(setWatchesRequests(NONE, 7n)).toEqual([]);
  });

  it('are told in the old way as long as none stands', () => {
    const paths = { ...NONE, data: ['/a'], exists: ['/b'], children: ['/c', '/d'] };
    expect(setWatchesRequests(paths, 7n)).toEqual([
      { op: OP.setWatches, zxid: 7n, lists: [['/a'], ['/b'], ['/c', '/d']] },
    ]);
  });

  it('are told in the new way when one stands', () => {
    const paths = { ...NONE, data: ['/a'], recursive: ['/r'] };
    expect(setWatchesRequests(paths, 7n)).toEqual([
      { op: OP.setWatches2, zxid: 7n, lists: [['/a'], [], [], [], ['/r']] },
    ]);
  });

  it('are spread over requests of a size that any server takes, each path once and in its own list', () => {
    const many = (kind: string): string[] =>
      Array.from({ length: 2_000 }, (_, index) => `/${kind}/${'ä'.repeat(50)}${index}`);
    const kinds = ['data', 'exists', 'children', 'persistent', 'recursive'] as const;
    const paths = Object.fromEntries(kinds.map((kind) => [kind, many(kind)])) as unknown as typeof NONE;
    const requests = setWatchesRequests(paths, 7n);
    expect(requests.length).toBeGreaterThan(5);
    for (const { lists } of requests) {
      const bytes = lists.flat().reduce((sum, path) => sum + Buffer.byteLength(path) + 4, 0);
      expect(bytes).toBeLessThanOrEqual(128 * 1024);
    }
    kinds.forEach((kind, index) => {
      expect(requests.flatMap(({ lists }) => lists[index] ?? [])).toEqual(many(kind));
    });
  });

  it('are told even if a path alone is larger than that', () => {
    const long = `/${'x'.repeat(200_000)}`;
    const requests = setWatchesRequests({ ...NONE, data: ['/a', long, '/b'] }, 7n);
    expect(requests.map(({ lists }) => lists[0])).toEqual([['/a'], [long], ['/b']]);
  });
});
