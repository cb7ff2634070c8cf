import { ConfigurationError } from '../foundation/errors.js';
import type { InstanceLabels } from '../job/identity.js';
import { itemShares, itemsHeld, keepAndFill } from './fewest-moves.js';
import { parseWeight, WEIGHT } from './instance-labels.js';
import { javaHash } from './java-hash.js';

/** An instance that may be given items. */
export interface ShardingCandidate {
  readonly instanceId: string;
  readonly serverIp: string;
  /** What the instance says about itself: the engine's option `labels`. Empty for Java members. */
  readonly labels: InstanceLabels;
}

/** Everything that a decision about the assignment may depend on. */
export interface ShardingInput {
  /** The instances that may own items, descending by id: see {@link sortDescending}. */
  readonly instances: readonly ShardingCandidate[];
  readonly jobName: string;
  /** Items are numbered from 0 to `itemCount - 1`. */
  readonly itemCount: number;
  /** The owner of each item until now, by item, `null` for none. May be shorter or longer than `itemCount`. */
  readonly previous: readonly (string | null)[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/** The owner of each item: index = item, value = instance id, `null` = nobody. */
export type ItemOwners = readonly (string | null)[];

/**
 * Decides which instance owns which item. A pure function: the same input must give the same assignment on every
 * instance, since any may lead.
 *
 * @example
 * // Everything on the instance with the highest id.
 * const first: ShardingStrategy = {
 *   type: 'FIRST',
 *   assign: ({ instances, itemCount }) => Array.from({ length: itemCount }, () => instances[0]?.instanceId ?? null),
 * };
 */
export interface ShardingStrategy {
  /** The name used in `jobShardingStrategyType`; capitals do not matter. */
  readonly type: string;
  assign(input: ShardingInput): ItemOwners;
  /** Whether items are assigned anew after each run, so that the next fire is another's. Default: they are not. */
  movesAfterRun?(itemCount: number): boolean;
}

/**
 * In the order that strategies expect, which is Java's: descending by the UTF-16 units of the id. So `10.0.0.2@-@7` comes
 * before `10.0.0.10@-@7`.
 */
export function sortDescending<T extends { readonly instanceId: string }>(instances: readonly T[]): readonly T[] {
  return instances.toSorted((a, b) => (a.instanceId < b.instanceId ? 1 : a.instanceId > b.instanceId ? -1 : 0));
}

/**
 * Runs of neighbouring items of equal length, in the order of the instances; the items left over go one each to the
 * first instances. Three instances and eight items: 0,1,6 · 2,3,7 · 4,5. The default.
 *
 * @see ElasticJob's AverageAllocationJobShardingStrategy
 */
export const averageAllocation: ShardingStrategy = {
  type: 'AVG_ALLOCATION',
  assign: ({ instances, itemCount }) => averageOver(instances, itemCount),
};

/**
 * Average allocation, with the instances ascending if the hash of the job's name is even, so that the first items of half
 * of the jobs go to the other end of the list.
 *
 * @see ElasticJob's OdevitySortByNameJobShardingStrategy
 */
export const odevity: ShardingStrategy = {
  type: 'ODEVITY',
  assign({ instances, itemCount, jobName }) {
    return averageOver(javaHash(jobName) % 2 === 0 ? instances.toReversed() : instances, itemCount);
  },
};

/**
 * Average allocation, with the list of instances rotated left by the hash of the job's name, so that the first items of
 * many jobs spread over all instances.
 *
 * The absolute value is exact. Java's stays negative for the hash -2147483648 and Java then fails to shard that job
 * unless the number of instances divides 2147483648; where Java does shard it, the assignment is the same.
 *
 * @see ElasticJob's RoundRobinByNameJobShardingStrategy
 */
export const roundRobin: ShardingStrategy = {
  type: 'ROUND_ROBIN',
  assign({ instances, itemCount, jobName }) {
    return averageOver(rotated(instances, jobName), itemCount);
  },
};

/**
 * The fewest moves that keep the shares equal: no instance has two items more than another, and apart from that every
 * item stays where it is. When an instance goes, only its items move; when one comes, only those that it gets. Who has
 * one item more than others, where nothing else decides, depends on the job's name, so that the items of many small jobs
 * spread.
 *
 * Former owners are known as long as a TypeScript member leads. A Java leader does not know this strategy and uses
 * `AVG_ALLOCATION`.
 */
export const sticky: ShardingStrategy = {
  type: 'STICKY',
  assign: (input) => stickyBy(input, () => 1),
};

/**
 * Shares in proportion to the label `weight` of the instances (`labels: { weight: '3' }`), rounded by largest remainder;
 * with these shares the fewest moves, as `STICKY` makes them. An instance with weight 0 gets nothing unless all have 0;
 * one without a weight, or with something else than a whole number up to 1000000, weighs 1.
 *
 * @example
 * // Ten items, a with weight 3, b and c without: a gets six, b and c two each.
 */
export const weighted: ShardingStrategy = {
  type: 'WEIGHTED',
  assign: (input) => stickyBy(input, ({ labels }) => parseWeight(labels[WEIGHT] ?? '') ?? 1),
};

/**
 * For jobs with one item: after each run it goes to the instance that comes next in the list, so that all take turns.
 *
 * With more items it is average allocation from an instance that the job's name and the clock choose at each resharding,
 * as in Java. Java's own turns with one item go by another way, by addresses: see docs/guarantees.md.
 *
 * @see ElasticJob's SingleShardingBalanceJobShardingStrategy and SingleShardingJobFacade
 */
export const singleShardingBalance: ShardingStrategy = {
  type: 'SINGLE_SHARDING_BALANCE',
  assign({ instances, itemCount, jobName, previous, now }) {
    const before = instances.findIndex(({ instanceId }) => instanceId === previous[0]);
    const isTurn = itemCount === 1 && before >= 0;
    // The clock as a Java int.
    const offset = isTurn ? before + 1 : Math.abs((javaHash(jobName) + (now | 0)) | 0);
    return averageOver(rotatedBy(instances, offset), itemCount);
  },
  movesAfterRun: (itemCount) => itemCount === 1,
};

/** The strategies that every member has. The first is the default. */
export const BUILT_IN_STRATEGIES: readonly ShardingStrategy[] = [
  averageAllocation,
  odevity,
  roundRobin,
  sticky,
  weighted,
  singleShardingBalance,
];

/** Rotated left by the hash of the job's name. */
function rotated(instances: readonly ShardingCandidate[], jobName: string): readonly ShardingCandidate[] {
  return rotatedBy(instances, Math.abs(javaHash(jobName)));
}

function rotatedBy(instances: readonly ShardingCandidate[], by: number): readonly ShardingCandidate[] {
  if (instances.length === 0) return instances;
  const offset = by % instances.length;
  return [...instances.slice(offset), ...instances.slice(0, offset)];
}

function stickyBy(
  { instances, jobName, itemCount, previous }: ShardingInput,
  weightOf: (instance: ShardingCandidate) => number,
): ItemOwners {
  const order = rotated(instances, jobName);
  const ids = order.map(({ instanceId }) => instanceId);
  const shares = itemShares(itemCount, order.map(weightOf), itemsHeld(itemCount, ids, previous));
  return keepAndFill(itemCount, new Map(ids.map((id, position) => [id, shares[position] ?? 0])), previous);
}

function averageOver(instances: readonly ShardingCandidate[], itemCount: number): ItemOwners {
  const share = instances.length === 0 ? 0 : Math.floor(itemCount / instances.length);
  const even = share * instances.length;
  const ownerOf = (item: number): string | null =>
    instances[item < even ? Math.floor(item / share) : item - even]?.instanceId ?? null;
  return Array.from({ length: itemCount }, (_, item) => ownerOf(item));
}

/**
 * Checks what a strategy returned: one entry per item, each `null` or the id of an instance it was offered. Gives the
 * assignment back.
 *
 * @throws ConfigurationError `INVALID_CONFIGURATION`, naming the strategy and the job; nothing was assigned.
 */
export function validateAssignment(type: string, assignment: unknown, input: ShardingInput): ItemOwners {
  const refuse = (seen: string, expected: string): ConfigurationError =>
    new ConfigurationError(
      'INVALID_CONFIGURATION',
      `Sharding strategy ${type}, job ${input.jobName}: seen ${seen}, expected ${expected}. Correct its assign().`,
      { jobName: input.jobName, path: `jobs.${input.jobName}.jobShardingStrategyType` },
    );
  if (!Array.isArray(assignment)) throw refuse(typeof assignment, 'an array with the owner of each item');
  if (assignment.length !== input.itemCount) throw refuse(`${assignment.length} owners`, `${input.itemCount}`);
  const known = new Set<unknown>(input.instances.map((instance) => instance.instanceId)).add(null);
  const item = assignment.findIndex((owner) => !known.has(owner));
  if (item >= 0)
    throw refuse(`owner ${String(assignment[item])} of item ${item}`, 'null or the id of an offered instance');
  return assignment;
}
