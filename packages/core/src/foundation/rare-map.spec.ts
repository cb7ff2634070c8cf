import { expect, it } from 'vitest';
import { RareMap, RareSet } from './rare-map.js';

it('a rare map keeps what a map would, also after it was empty', () => {
  const map = new RareMap<number, string>();
  expect([map.size, map.has(1), map.get(1), map.delete(1), map.keys()]).toEqual([0, false, undefined, false, []]);
  map.set(1, 'a');
  map.set(2, 'b');
  expect([map.size, map.has(1), map.get(2), map.keys()]).toEqual([2, true, 'b', [1, 2]]);
  expect([map.delete(1), map.delete(1), map.delete(2), map.size]).toEqual([true, false, true, 0]);
  map.set(3, 'c');
  map.clear();
  expect([map.size, map.get(3)]).toEqual([0, undefined]);
});

it('a rare set keeps what a set would, also after it was empty', () => {
  const set = new RareSet<string>();
  expect([set.size, set.has('a'), set.delete('a'), set.values()]).toEqual([0, false, false, []]);
  set.add('a');
  set.add('a');
  set.add('b');
  expect([set.size, set.has('b'), set.values()]).toEqual([2, true, ['a', 'b']]);
  expect([set.delete('a'), set.delete('b'), set.size]).toEqual([true, true, 0]);
  set.add('c');
  set.clear();
  expect(set.values()).toEqual([]);
});
