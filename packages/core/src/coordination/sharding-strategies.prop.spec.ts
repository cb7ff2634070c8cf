import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BUILT_IN_STRATEGIES,
  type ShardingCandidate,
  type ShardingInput,
  sortDescending,
  validateAssignment,
} from './sharding-strategies.js';

const candidates = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 8, unit: 'binary' }), { maxLength: 12 })
  .map((ids) => ids.map((instanceId): ShardingCandidate => ({ instanceId, serverIp: '10.0.0.1', labels: {} })));

const inputs: fc.Arbitrary<ShardingInput> = fc.record({
  instances: candidates.map(sortDescending),
  jobName: fc.oneof(fc.string(), fc.constant('polygenelubricants')),
  itemCount: fc.integer({ min: 1, max: 60 }),
  previous: fc.constant([]),
  now: fc.constant(0),
});

describe.each(BUILT_IN_STRATEGIES.map((strategy) => [strategy.type, strategy] as const))('%s', (type, strategy) => {
  it('returns what validateAssignment accepts', () => {
    fc.assert(fc.property(inputs, (input) => void validateAssignment(type, strategy.assign(input), input)));
  });

  it('leaves no item without an owner while there is an instance', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        expect(strategy.assign(input).includes(null)).toBe(input.instances.length === 0);
      }),
    );
  });

  it('gives no instance two items more than another', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const owners = strategy.assign(input);
        const loads = input.instances.map(({ instanceId }) => owners.filter((owner) => owner === instanceId).length);
        if (loads.length > 0) expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('does not depend on the order in which the registry listed the instances', () => {
    fc.assert(
      fc.property(inputs, fc.infiniteStream(fc.nat()), (input, random) => {
        const shuffled = input.instances
          .map((instance) => [random.next().value ?? 0, instance] as const)
          .toSorted(([a], [b]) => a - b)
          .map(([, instance]) => instance);
        const again = strategy.assign({ ...input, instances: sortDescending(shuffled) });
        expect(again).toEqual(strategy.assign(input));
      }),
    );
  });

  it('changes nothing of what it was given', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const frozen = { ...input, instances: Object.freeze([...input.instances]) };
        strategy.assign(frozen);
        expect(frozen.instances).toEqual(input.instances);
      }),
    );
  });
});
