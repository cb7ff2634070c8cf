import { describe, expect, it } from 'vitest';
import { crashedRuns } from './crash-order.js';
import type { SignedNode } from './crashed-run.js';

const by = (instanceId: string, ctime: number): SignedNode => ({
  instanceId,
  ctime,
  czxid: BigInt(ctime),
  version: 0,
  ephemeral: false,
});
const run = (from: string | null, markedAt: number) => ({ from, markedAt });

describe('the crashed runs of an item', () => {
  it.each([
    ['a mark alone', by('a', 1), null, null, [run('a', 1)]],
    ['a note alone, of which only the taker is known', null, by('t', 2), null, [run('t', 2)]],
    [
      'an announcement alone',
      null,
      null,
      { runs: [run('a', 1), run('b', 2)], behind: null },
      [run('a', 1), run('b', 2)],
    ],
    ['a mark that was announced', by('a', 1), null, { runs: [run('a', 1)], behind: null }, [run('a', 1)]],
    ['a mark that a Java member announced', by('a', 1), null, { runs: [run(null, 2)], behind: null }, [run('a', 1)]],
    [
      'a mark, and a run that was given back before it',
      by('b', 2),
      null,
      { runs: [run('a', 1)], behind: null },
      [run('b', 2), run('a', 1)],
    ],
    ['the note and the mark of a taker, which are of one run', by('t', 3), by('t', 2), null, [run('t', 3)]],
    ['a note, and the mark of somebody faster', by('b', 3), by('t', 2), null, [run('t', 2), run('b', 3)]],
    ['a note for what is announced still', null, by('t', 2), { runs: [run('a', 1)], behind: null }, [run('a', 1)]],
    [
      'a note for what a Java member announced',
      null,
      by('t', 2),
      { runs: [run(null, 1)], behind: null },
      [run('t', 2)],
    ],
    [
      'a note, and a run that waits behind it',
      null,
      by('t', 2),
      { runs: [run('a', 1)], behind: 't' },
      [run('t', 2), run('a', 1)],
    ],
    [
      'the note and the mark of a taker, and a run that waits behind it',
      by('t', 3),
      by('t', 2),
      { runs: [run('a', 1)], behind: 't' },
      [run('t', 3), run('a', 1)],
    ],
    [
      'a note for the first that is announced, and a mark that is announced as well',
      by('b', 3),
      by('t', 2),
      { runs: [run('a', 1), run('b', 3), run('c', 4)], behind: null },
      [run('a', 1), run('b', 3), run('c', 4)],
    ],
    [
      'a note, a mark of somebody faster, and a run that waits behind another',
      by('b', 3),
      by('t', 2),
      { runs: [run('c', 1)], behind: 'u' },
      [run('c', 1), run('b', 3)],
    ],
    ['nothing', null, null, null, []],
  ])('are told by %s', (_, mark, takeover, announcement, expected) => {
    expect(crashedRuns({ mark, takeover }, announcement)).toEqual(expected);
  });
});
