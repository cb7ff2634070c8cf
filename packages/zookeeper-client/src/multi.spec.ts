import { describe, expect, it } from 'vitest';
import { JuteReader, JuteWriter } from './jute.js';
import { type MultiResult, readMulti } from './multi.js';
import { OP } from './protocol.js';

/** The answer to a transaction of `count` operations, with these types of results: -1 is an error of code `code`. */
function read(count: number, types: readonly number[], code = -101): MultiResult {
  const out = new JuteWriter();
  for (const type of [...types, null]) {
    out.int(type ?? -1);
    out.boolean(type === null);
    out.int(code);
    if (type === -1) out.int(code);
  }
  return readMulti(new JuteReader(out.take()), 7n, count, (path) => path);
}

describe('the answer to a transaction', () => {
  it('has a result for each operation', () => {
    expect(read(2, [OP.delete, OP.check])).toEqual({
      committed: true,
      zxid: 7n,
      results: [{ kind: 'remove' }, { kind: 'check' }],
    });
  });

  it.each<[string, number, readonly number[]]>([
    ['fewer results than operations', 3, [OP.delete, OP.check]],
    ['more results than operations', 1, [OP.delete, OP.check]],
    ['no results', 1, []],
    ['fewer errors than operations', 3, [-1, -1]],
    ['results and errors', 2, [OP.delete, -1]],
    ['results nobody knows', 1, [99]],
  ])('is none with %s', (_, count, types) => {
    expect(() => read(count, types)).toThrow(/not an answer of a ZooKeeper server/);
  });
});
