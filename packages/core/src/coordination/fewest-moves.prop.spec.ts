import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  averageAllocation,
  type ItemOwners,
  type ShardingCandidate,
  type ShardingInput,
  type ShardingStrategy,
  sortDescending,
  sticky,
  validateAssignment,
  weighted,
} from './sharding-strategies.js';

interface Candidates {
  readonly most: number;
  readonly weights: fc.Arbitrary<string | undefined>;
}

const WEIGHTS = fc.oneof(fc.constant(undefined), fc.nat({ max: 5 }).map(String), fc.constant('1000000'));

/** Some of these instances are there now, and any of them may have had items before. */
const inputs = ({ most, weights }: Candidates, mostItems: number): fc.Arbitrary<ShardingInput> => {
  const ids = Array.from({ length: most }, (_, number) => `10.0.0.${number}@-@${number}`);
  const candidate = (instanceId: string) =>
    weights.map((weight): ShardingCandidate => {
      const labels = weight === undefined ? undefined : { zone: 'a', weight };
      return { instanceId, serverIp: '10.0.0.1', labels: labels ?? {} };
    });
  return fc.record({
    instances: fc.subarray(ids).chain((present) => fc.tuple(...present.map(candidate)).map(sortDescending)),
    jobName: fc.string(),
    itemCount: fc.integer({ min: 1, max: mostItems }),
    previous: fc.array(fc.option(fc.constantFrom(...ids, 'gone')), { maxLength: mostItems + 2 }),
    now: fc.constant(0),
  });
};

const moves = (owners: ItemOwners, previous: ItemOwners): number =>
  owners.filter((owner, item) => owner !== (previous[item] ?? null)).length;

const loads = ({ instances }: ShardingInput, owners: ItemOwners): number[] =>
  instances.map(({ instanceId }) => owners.filter((owner) => owner === instanceId).length);

/** Every way to give the items to the instances. */
function* everyAssignment({ instances, itemCount }: ShardingInput): Generator<ItemOwners> {
  const total = instances.length ** itemCount;
  for (let number = 0; number < total; number++) {
    yield Array.from(
      { length: itemCount },
      (_, item) => instances[Math.floor(number / instances.length ** item) % instances.length]?.instanceId ?? null,
    );
  }
}

/** How many moves the best of all assignments needs whose loads are fair. */
function fewest(input: ShardingInput, isFair: (loads: readonly number[]) => boolean): number {
  let best = Number.POSITIVE_INFINITY;
  for (const owners of everyAssignment(input)) {
    if (isFair(loads(input, owners))) best = Math.min(best, moves(owners, input.previous));
  }
  return best;
}

const isEven = (each: readonly number[]): boolean => Math.max(...each) - Math.min(...each) <= 1;

/** Whether the loads come from rounding by largest remainder: no instance could have a better claim to an item more. */
function areProportional(input: ShardingInput, each: readonly number[]): boolean {
  const given = input.instances.map(({ labels }) => Number(labels.weight ?? '1'));
  const weights = given.some((weight) => weight > 0) ? given : given.map(() => 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const exact = weights.map((weight) => (input.itemCount * weight) / total);
  const above = each.map((load, position) => load - Math.floor((exact[position] ?? 0) + 1e-9));
  const remainder = exact.map((quota) => quota - Math.floor(quota + 1e-9));
  const rounded = (up: number): number[] => remainder.filter((_, position) => above[position] === up);
  return above.every((up) => up === 0 || up === 1) && Math.min(...rounded(1), 1) >= Math.max(...rounded(0), 0) - 1e-9;
}

const small = { most: 4, weights: WEIGHTS };
const many = { most: 12, weights: WEIGHTS };

describe.each([sticky, weighted].map((strategy) => [strategy.type, strategy] as const))('%s', (type, strategy) => {
  it('gives every item to an instance that was offered', () => {
    fc.assert(
      fc.property(inputs(many, 60), (input) => {
        const owners = validateAssignment(type, strategy.assign(input), input);
        expect(owners.includes(null)).toBe(input.instances.length === 0);
      }),
    );
  });

  it('changes nothing when nothing changed', () => {
    fc.assert(
      fc.property(inputs(many, 60), (input) => {
        const owners = strategy.assign(input);
        expect(strategy.assign({ ...input, previous: owners })).toEqual(owners);
      }),
    );
  });

  it('decides by the instances, not by the order in which the registry listed them', () => {
    fc.assert(
      fc.property(inputs(many, 60), (input) => {
        const again = { ...input, instances: sortDescending(input.instances.toReversed()) };
        expect(strategy.assign(again)).toEqual(strategy.assign(input));
      }),
    );
  });

  it('moves only the items of the one that goes, if all weigh the same', () => {
    fc.assert(
      fc.property(inputs({ most: 12, weights: fc.constant(undefined) }, 60), fc.nat(), (input, choice) => {
        fc.pre(input.instances.length > 1);
        const before = strategy.assign(input);
        const gone = input.instances[choice % input.instances.length]?.instanceId ?? '';
        const instances = input.instances.filter(({ instanceId }) => instanceId !== gone);
        const owners = strategy.assign({ ...input, instances, previous: before });
        expect(moves(owners, before)).toBe(before.filter((owner) => owner === gone).length);
      }),
    );
  });
});

describe('STICKY', () => {
  it('gives no instance two items more than another', () => {
    fc.assert(
      fc.property(inputs(many, 60), (input) => {
        fc.pre(input.instances.length > 0);
        expect(loads(input, sticky.assign(input))).toSatisfy(isEven);
      }),
    );
  });

  it('moves as few items as any even assignment does', () => {
    fc.assert(
      fc.property(inputs(small, 6), (input) => {
        fc.pre(input.instances.length > 0);
        expect(moves(sticky.assign(input), input.previous)).toBe(fewest(input, isEven));
      }),
    );
  });
});

describe('WEIGHTED', () => {
  it('gives shares that are in proportion to the weights', () => {
    fc.assert(
      fc.property(inputs(many, 60), (input) => {
        fc.pre(input.instances.length > 0);
        expect(loads(input, weighted.assign(input))).toSatisfy((each: number[]) => areProportional(input, each));
      }),
    );
  });

  it('moves as few items as any assignment in proportion does', () => {
    fc.assert(
      fc.property(inputs(small, 6), (input) => {
        fc.pre(input.instances.length > 0);
        const minimum = fewest(input, (each) => areProportional(input, each));
        expect(moves(weighted.assign(input), input.previous)).toBe(minimum);
      }),
    );
  });

  it('is STICKY where all weigh the same', () => {
    const weight = fc.nat({ max: 9 }).map(String);
    const same = weight.chain((each) => inputs({ most: 12, weights: fc.constant(each) }, 60));
    fc.assert(fc.property(same, (input) => void expect(weighted.assign(input)).toEqual(sticky.assign(input))));
  });
});

/** One instance after the other is replaced by one with a new id; gives how many items moved for each. */
function rollingDeploy(strategy: ShardingStrategy, k: number, itemCount: number, order: 'leave first' | 'join first') {
  const toInput = (ids: readonly string[], previous: ItemOwners): ShardingInput => ({
    instances: sortDescending(ids.map((instanceId) => ({ instanceId, serverIp: '10.0.0.1', labels: {} }))),
    jobName: 'invoice',
    itemCount,
    previous,
    now: 0,
  });
  let present = Array.from({ length: k }, (_, number) => `old-${number}`);
  let owners = strategy.assign(toInput(present, []));
  const step = (ids: readonly string[]): number => {
    const before = owners;
    present = [...ids];
    // Nobody can be given the items of the last one that leaves: they stay its own until another comes.
    if (present.length > 0) owners = strategy.assign(toInput(present, before));
    return moves(owners, before);
  };
  return present.map((old, number) => {
    const leave = () => step(present.filter((id) => id !== old));
    const join = () => step([...present, `new-${number * 7919}`]);
    return order === 'leave first' ? leave() + join() : join() + leave();
  });
}

describe('a rolling deploy', () => {
  const size = [fc.integer({ min: 2, max: 15 }), fc.integer({ min: 1, max: 200 })] as const;

  it('moves what the leaving one has and what the coming one gets, if it leaves first', () => {
    fc.assert(
      fc.property(...size, (k, n) => {
        for (const moved of rollingDeploy(sticky, k, n, 'leave first')) {
          expect(moved).toBeLessThanOrEqual(Math.ceil(n / k) + Math.floor(n / k));
        }
      }),
    );
  });

  it('moves less, if the new one comes first', () => {
    fc.assert(
      fc.property(...size, (k, n) => {
        for (const moved of rollingDeploy(sticky, k, n, 'join first')) {
          expect(moved).toBeLessThanOrEqual(Math.ceil(n / (k + 1)) + Math.floor(n / (k + 1)));
        }
      }),
    );
  });

  it.each([
    { order: 'leave first', items: 100, STICKY: 200, AVG_ALLOCATION: 754 },
    { order: 'join first', items: 100, STICKY: 181, AVG_ALLOCATION: 697 },
    { order: 'leave first', items: 1000, STICKY: 2000, AVG_ALLOCATION: 7274 },
    { order: 'join first', items: 1000, STICKY: 1810, AVG_ALLOCATION: 6969 },
  ] as const)('of ten instances costs these moves: %o', ({ order, items, ...expected }) => {
    const total = (strategy: ShardingStrategy): number =>
      rollingDeploy(strategy, 10, items, order).reduce((sum, moved) => sum + moved, 0);
    expect({ STICKY: total(sticky), AVG_ALLOCATION: total(averageAllocation) }).toEqual(expected);
  });
});
