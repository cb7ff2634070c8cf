import { describe, expect, it } from 'vitest';
import {
  averageAllocation,
  type ItemOwners,
  odevity,
  roundRobin,
  type ShardingInput,
  type ShardingStrategy,
  singleShardingBalance,
  sortDescending,
  sticky,
  validateAssignment,
  weighted,
} from './sharding-strategies.js';

const input = (ids: readonly string[], itemCount: number, jobName = 'job'): ShardingInput => ({
  instances: ids.map((instanceId) => ({ instanceId, serverIp: instanceId, labels: {} })),
  jobName,
  itemCount,
  previous: [],
  now: 0,
});

/** `a=0,1 b=2`, as the specification writes it. */
function shown(ids: readonly string[], assignment: ItemOwners): string {
  const items = (id: string) => assignment.flatMap((owner, item) => (owner === id ? [item] : []));
  return ids.map((id) => `${id}=${items(id).join()}`).join(' ');
}

const run = (strategy: ShardingStrategy, ids: readonly string[], itemCount: number, jobName?: string): string =>
  shown(ids, strategy.assign(input(ids, itemCount, jobName)));

describe('AVG_ALLOCATION', () => {
  const abc = ['a', 'b', 'c'];

  it.each([
    [9, 'a=0,1,2 b=3,4,5 c=6,7,8'],
    [8, 'a=0,1,6 b=2,3,7 c=4,5'],
    [10, 'a=0,1,2,9 b=3,4,5 c=6,7,8'],
    [2, 'a=0 b=1 c='],
    [1, 'a=0 b= c='],
  ])('spreads %i items over three instances', (count, expected) => {
    expect(run(averageAllocation, abc, count)).toBe(expected);
  });

  it('leaves every item without an owner when there is no instance', () => {
    expect(averageAllocation.assign(input([], 2))).toEqual([null, null]);
  });

  it('gives two items to the two highest ids, of which 10.0.0.2 is before 10.0.0.10', () => {
    const ids = sortDescending(input(['10.0.0.1@-@7', '10.0.0.2@-@7', '10.0.0.10@-@7'], 2).instances).map(
      (instance) => instance.instanceId,
    );
    expect(run(averageAllocation, ids, 2)).toBe('10.0.0.2@-@7=0 10.0.0.1@-@7=1 10.0.0.10@-@7=');
  });
});

describe('ODEVITY', () => {
  it.each([
    ['1', 'host0=0 host1=1 host2='],
    ['0', 'host0= host1=1 host2=0'],
    ['polygenelubricants', 'host0= host1=1 host2=0'],
  ])('chooses the direction by the name "%s"', (name, expected) => {
    expect(run(odevity, ['host0', 'host1', 'host2'], 2, name)).toBe(expected);
  });

  it('counts a negative odd hash as odd', () => {
    expect(run(odevity, ['host0', 'host1'], 1, 'invoice-job-1')).toBe('host0=0 host1=');
  });
});

describe('ROUND_ROBIN', () => {
  it.each([
    ['1', 'host0= host1=0 host2=1'],
    ['2', 'host0=1 host1= host2=0'],
    ['3', 'host0=0 host1=1 host2='],
    ['test_job', 'host0=0 host1=1 host2='],
  ])('starts at an instance chosen by the name "%s"', (name, expected) => {
    expect(run(roundRobin, ['host0', 'host1', 'host2'], 2, name)).toBe(expected);
  });

  it('shards the job whose hash has no positive counterpart in Java', () => {
    expect(run(roundRobin, ['host0', 'host1', 'host2'], 2, 'polygenelubricants')).toBe('host0=1 host1= host2=0');
  });

  it('leaves every item without an owner when there is no instance', () => {
    expect(roundRobin.assign(input([], 1))).toEqual([null]);
  });
});

describe('SINGLE_SHARDING_BALANCE', () => {
  const turn = (previous: string | null, ids = ['c', 'b', 'a']): ItemOwners =>
    singleShardingBalance.assign({ ...input(ids, 1), previous: [previous] });

  it('gives the only item to the next instance, and from the last to the first', () => {
    expect(['c', 'b', 'a'].map((owner) => turn(owner))).toEqual([['b'], ['a'], ['c']]);
    expect(turn('a', ['a'])).toEqual(['a']);
  });

  it('begins anywhere when nobody had it, or who had it is gone', () => {
    for (const owner of [null, 'gone']) expect(['a', 'b', 'c']).toContain(turn(owner)[0]);
    expect(turn('a', [])).toEqual([null]);
  });

  // What a Java program answers: Math.abs("job".hashCode() + (int) millis) % 3, by which the list is rotated.
  it.each([
    [0, 'a=0,3 b=1 c=2'],
    [1, 'a=2 b=0,3 c=1'],
    [2, 'a=1 b=2 c=0,3'],
    [1_801_161_005_210, 'a=0,3 b=1 c=2'],
    [1_801_161_005_211, 'a=2 b=0,3 c=1'],
  ])('with more items begins where name and clock say, at %i', (now, expected) => {
    expect(shown(['a', 'b', 'c'], singleShardingBalance.assign({ ...input(['a', 'b', 'c'], 4), now }))).toBe(expected);
  });
});

/** What a strategy makes of it when the items were assigned like this, as `a a b`, and instances have these weights. */
function after(strategy: ShardingStrategy, ids: string[], previous: string, weights: Record<string, string> = {}) {
  const owners = previous === '' ? [] : previous.split(' ');
  // This name does not turn the list of up to four instances.
  const { instances, ...rest } = input(ids, 6, '0');
  const labelled = instances.map((instance) => {
    const weight = weights[instance.instanceId];
    return weight === undefined ? instance : { ...instance, labels: { weight } };
  });
  return strategy.assign({ ...rest, instances: labelled, previous: owners }).join(' ');
}

describe('STICKY', () => {
  it('starts as the average allocation does, from an instance chosen by the name', () => {
    expect(run(sticky, ['a', 'b', 'c'], 6, '3')).toBe('a=0,1 b=2,3 c=4,5');
    expect(run(sticky, ['host0', 'host1', 'host2'], 2, '1')).toBe('host0= host1=0 host2=1');
  });

  it.each([
    ['nothing when nothing changed', ['c', 'b', 'a'], 'a b b c a c', 'a b b c a c'],
    ['the items of the one that went', ['c', 'a'], 'a b b c a c', 'a c a c a c'],
    ['only what the one that came gets', ['d', 'c', 'b', 'a'], 'a b b c a c', 'a b b c d c'],
    ['from a leaving one to its replacement, if they are seen together', ['d', 'c', 'a'], 'a b b c a c', 'a d d c a c'],
    ['what one has too many of', ['b', 'a'], 'a a a a a b', 'a a a b b b'],
  ])('moves %s', (_, ids, previous, expected) => expect(after(sticky, ids, previous)).toBe(expected));

  it('does not look at weights', () => {
    expect(after(sticky, ['b', 'a'], 'a a a b b b', { a: '9' })).toBe('a a a b b b');
  });

  it('leaves every item without an owner when there is no instance', () => {
    expect(sticky.assign(input([], 2))).toEqual([null, null]);
  });

  it('spreads the items of jobs with one item over the instances', () => {
    const owners = Array.from({ length: 300 }, (_, job) => sticky.assign(input(['a', 'b', 'c'], 1, `job-${job}`))[0]);
    for (const id of ['a', 'b', 'c']) expect(owners.filter((owner) => owner === id).length).toBeGreaterThan(80);
  });
});

describe('WEIGHTED', () => {
  it.each<[string, Record<string, string>, string]>([
    ['twice the weight, twice the items', { a: '2', b: '1' }, 'a a a a b b'],
    ['1 where an instance has no weight', { a: '2' }, 'a a a a b b'],
    ['1 where a weight cannot be read', { a: '2', b: 'heavy' }, 'a a a a b b'],
    ['nothing for weight 0', { a: '0', b: '1' }, 'b b b b b b'],
    ['equal shares if all have weight 0', { a: '0', b: '0' }, 'a a a b b b'],
  ])('gives %s', (_, weights, expected) => expect(after(weighted, ['a', 'b'], '', weights)).toBe(expected));

  it('moves no more than the shares ask for when a weight changes', () => {
    expect(after(weighted, ['b', 'a'], 'b a b a b a', { a: '2', b: '1' })).toBe('b a b a a a');
  });

  it('moves nothing when an instance without weight comes', () => {
    expect(after(weighted, ['c', 'b', 'a'], 'b a b a b a', { c: '0' })).toBe('b a b a b a');
  });
});

describe('validateAssignment', () => {
  const offered = input(['a', 'b'], 2, 'invoice');

  it('gives back an assignment that fits', () => {
    expect(validateAssignment('MY', ['a', null], offered)).toEqual(['a', null]);
  });

  it.each([
    ['nothing', undefined, 'seen undefined, expected an array'],
    ['too few owners', ['a'], 'seen 1 owners, expected 2'],
    ['an unknown owner', ['a', 'z'], 'seen owner z of item 1, expected null or the id of an offered instance'],
    ['a hole', [undefined, 'a'], 'seen owner undefined of item 0'],
  ])('refuses %s and names strategy and job', (_, assignment, expected) => {
    const check = () => validateAssignment('MY', assignment, offered);
    expect(check).toThrow(expected);
    expect(check).toThrow('Sharding strategy MY, job invoice:');
  });
});
