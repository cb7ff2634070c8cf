import { describe, expect, it } from 'vitest';
import { itemShares, keepAndFill } from './fewest-moves.js';

describe('shares by weight', () => {
  it.each<[string, number, number[], number[], number[]]>([
    ['equal weights', 9, [1, 1, 1], [0, 0, 0], [3, 3, 3]],
    ['the rest to those in front', 8, [1, 1, 1], [0, 0, 0], [3, 3, 2]],
    ['the rest to those who have it already', 8, [1, 1, 1], [2, 3, 3], [2, 3, 3]],
    ['the rest to a newcomer only if nobody has it', 4, [1, 1, 1], [2, 2, 0], [2, 1, 1]],
    ['proportions', 10, [3, 1, 1], [0, 0, 0], [6, 2, 2]],
    ['the largest remainder first, whatever anybody has', 4, [4, 3, 3], [0, 0, 4], [2, 1, 1]],
    ['nothing for no weight', 5, [0, 1, 0], [5, 0, 0], [0, 5, 0]],
    ['equal shares if nobody has a weight', 5, [0, 0, 0], [0, 0, 2], [2, 1, 2]],
    ['the highest numbers exactly', 2_147_483_647, [1_000_000, 1_000_000], [0, 0], [1_073_741_824, 1_073_741_823]],
    ['nobody', 3, [], [], []],
  ])('give %s', (_, count, weights, held, shares) => expect(itemShares(count, weights, held)).toEqual(shares));
});

describe('keeping and filling', () => {
  const shares = (a: number, b: number, c: number) =>
    new Map([
      ['a', a],
      ['b', b],
      ['c', c],
    ]);

  it.each<[string, Map<string, number>, (string | null)[], string]>([
    ['moves nothing that is within its share', shares(2, 2, 2), ['a', 'c', 'b', 'b', 'c', 'a'], 'a c b b c a'],
    ['takes the highest items of who has too many', shares(1, 2, 1), ['a', 'a', 'a', 'c'], 'a b b c'],
    ['gives away what the gone and the unknown had', shares(1, 2, 1), ['gone', 'b', null, 'c'], 'a b b c'],
    ['starts from nothing with neighbours together', shares(2, 1, 1), [], 'a a b c'],
    ['forgets owners of items that are no more', shares(1, 1, 0), ['a', 'b', 'c', 'c'], 'a b'],
  ])('%s', (_, given, former, expected) => {
    const count = [...given.values()].reduce((sum, share) => sum + share, 0);
    expect(keepAndFill(count, given, former).join(' ')).toBe(expected);
  });
});
