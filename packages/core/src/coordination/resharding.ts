import { ExecutionError, messageOf } from '../foundation/errors.js';
import type { Operation, Registry } from '../registry/registry.js';
import { type AssignmentPlan, encodePlan, followingSpans } from './assignment-plan.js';
import { jobPath, layout } from './job-layout.js';
import type { Member } from './job-view.js';
import { type ShardingInput, type ShardingStrategy, validateAssignment } from './sharding-strategies.js';

/** What a leader assigns anew, and to whom. */
export interface ReshardingRequest {
  readonly jobName: string;
  readonly itemCount: number;
  /** Available members, in the order in which strategies see them. */
  readonly members: readonly Member[];
  readonly strategy: ShardingStrategy;
  /** The last plan written, whether or not it is still in force. */
  readonly former: AssignmentPlan | null;
  readonly now: number;
}

/** Whether the new assignment was published. When not, the flags stay up and it is to be tried again. */
export type ReshardingOutcome =
  | { readonly published: true; readonly plan: AssignmentPlan }
  | { readonly published: false; readonly reason: string };

/**
 * Assigns all items anew, as the leader: raise the flag, take the exclusive mark `processing`, decide, write what
 * differs, then the plan, and last lower the flags. Whoever reads the assignment while a flag is up does not act on it;
 * a leader that dies in between leaves a flag up, and the next one starts over. Running items are not waited for: their
 * marks keep the new owner from starting them.
 *
 * Costs nine requests, one write per item whose owner changes, and one read per item unless
 * the last plan is provably what the nodes of the items still say.
 */
export async function reshard(registry: Registry, request: ReshardingRequest): Promise<ReshardingOutcome> {
  const raisedAt = await raise(registry, request.jobName);
  const path = jobPath(request.jobName, layout.processing);
  const processing = await takeProcessing(registry, path);
  if (processing === 'taken') return { published: false, reason: 'another leader is assigning the items' };
  let published = false;
  try {
    const outcome = await publishPlan(registry, request, raisedAt, processing);
    published = outcome.published;
    return outcome;
  } finally {
    // A mark that stayed would keep every other leader waiting. Lowering it also moves the child version on, so that the
    // next attempt reads the nodes.
    if (!published) await registry.remove(path);
  }
}

async function publishPlan(
  registry: Registry,
  request: ReshardingRequest,
  raisedAt: number,
  processing: 'created' | 'kept',
): Promise<ReshardingOutcome> {
  const { jobName } = request;
  const at = (path: string): string => jobPath(jobName, path);
  const [flags, items] = await Promise.all([
    registry.children(at(layout.resharding)),
    registry.children(at(layout.items)),
    registry.ensure(at(layout.items)),
    registry.ensure(at(layout.plan)),
  ]);
  if (flags === null) return { published: false, reason: 'the flags were removed by somebody else' };
  const known = new Set((items?.names ?? []).map(Number).filter(Number.isSafeInteger));
  // Nothing but our two flags since the last plan: what it says is what the nodes say.
  const unchanged = processing === 'created' && request.former?.changes === flags.stat.cversion - 2;
  const current = unchanged ? plannedOwners(request.former) : await readOwners(registry, jobName, [...known]);
  const owners = assign(request, current);
  const plan: AssignmentPlan = {
    // Both flags are up now; lowering them counts two.
    changes: flags.stat.cversion + 2,
    strategy: request.strategy.type,
    members: request.members.map((member) => member.instanceId),
    spans: followingSpans({ after: raisedAt, owners }, request.former),
  };
  const result = await registry.commit([
    ownerChanges(jobName, known, current, owners),
    [{ kind: 'write', path: at(layout.plan), value: encodePlan(plan) }],
    [
      { kind: 'remove', path: at(layout.necessary) },
      { kind: 'remove', path: at(layout.processing) },
    ],
  ]);
  if (!result.committed) return { published: false, reason: `${result.operation.path}: ${result.reason}` };
  await dropSurplus(registry, jobName, known, owners.length);
  return { published: true, plan };
}

/** Asks for a resharding. Resolves to the registry's time at which it was first asked for. */
export async function raise(registry: Registry, jobName: string): Promise<number> {
  const path = jobPath(jobName, layout.necessary);
  for (;;) {
    await registry.ensure(path);
    const flag = await registry.read(path);
    if (flag !== null) return flag.stat.ctime;
  }
}

/** Takes the exclusive mark, or finds that this session still has it from an attempt that did not finish. */
async function takeProcessing(registry: Registry, path: string): Promise<'created' | 'kept' | 'taken'> {
  const mark = await registry.create(path, '', 'ephemeral');
  if (mark.created) return 'created';
  const holder = await registry.read(path);
  return holder?.stat.ephemeralOwner === registry.session.id ? 'kept' : 'taken';
}

function plannedOwners(plan: AssignmentPlan | null): ReadonlyMap<number, string> {
  return new Map(plan?.spans[0].owners.flatMap((owner, item) => entryOf(item, owner ?? undefined)));
}

/** Reads `sharding/{item}/instance` of the given items; items without an owner are absent from the result. */
export async function readOwners(
  registry: Registry,
  jobName: string,
  items: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  const nodes = await Promise.all(items.map((item) => registry.read(jobPath(jobName, layout.owner(item)))));
  return new Map(items.flatMap((item, position) => entryOf(item, nodes[position]?.value)));
}

function entryOf(item: number, owner: string | undefined): [number, string][] {
  return owner === undefined ? [] : [[item, owner]];
}

function assign(request: ReshardingRequest, current: ReadonlyMap<number, string>): readonly (string | null)[] {
  const { jobName, itemCount } = request;
  const previous = Array.from({ length: itemCount }, (_, item) => current.get(item) ?? null);
  const input = { instances: request.members, jobName, itemCount, previous, now: request.now };
  return validateAssignment(request.strategy.type, decide(request, input), input);
}

function decide({ strategy, jobName }: ReshardingRequest, input: ShardingInput): unknown {
  try {
    return strategy.assign(input);
  } catch (error) {
    throw new ExecutionError(
      'JOB_FAILED',
      `the sharding strategy '${strategy.type}' of job '${jobName}' failed: ${messageOf(error)}`,
      {
        jobName,
        cause: error,
      },
    );
  }
}

function ownerChanges(
  jobName: string,
  known: ReadonlySet<number>,
  current: ReadonlyMap<number, string>,
  owners: readonly (string | null)[],
): Operation[] {
  const surplus = [...current.keys()].filter((item) => item >= owners.length);
  return [
    ...owners.flatMap((owner, item) => itemChanges(jobName, item, known.has(item), current.get(item) ?? null, owner)),
    ...surplus.map((item): Operation => ({ kind: 'remove', path: jobPath(jobName, layout.owner(item)) })),
  ];
}

function itemChanges(
  jobName: string,
  item: number,
  known: boolean,
  before: string | null,
  after: string | null,
): Operation[] {
  const path = jobPath(jobName, layout.owner(item));
  const home: Operation = { kind: 'create', path: jobPath(jobName, layout.item(item)), value: '', mode: 'persistent' };
  const birth = known ? [] : [home];
  if (before === after) return birth;
  if (after === null) return [{ kind: 'remove', path }];
  if (before === null) return [...birth, { kind: 'create', path, value: after, mode: 'persistent' }];
  return [{ kind: 'write', path, value: after }];
}

/** Removes what is left of items beyond the count, unless one is still running: then the next resharding does. */
async function dropSurplus(
  registry: Registry,
  jobName: string,
  known: ReadonlySet<number>,
  count: number,
): Promise<void> {
  const surplus = [...known].filter((item) => item >= count);
  await Promise.all(
    surplus.map(async (item) => {
      const path = jobPath(jobName, layout.item(item));
      const parts = await registry.children(path);
      if (!parts?.names.includes('running')) await registry.remove(path, { recursive: true });
    }),
  );
}
