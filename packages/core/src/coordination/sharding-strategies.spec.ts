import { describe, expect, it } from 'vitest';
import {
  averageAllocation,
  type ItemOwners,
  odevity,
  roundRobin,
  type ShardingInput,
  type ShardingStrategy,
  sortDescending,
  validateAssignment,
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
