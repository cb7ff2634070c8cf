import { ElasticJobError, ExecutionError, messageOf } from '../foundation/errors.js';
import type { CommitResult, Operation, Registry, RegistryNode } from '../registry/registry.js';
import { type AssignmentPlan, decodePlan, encodePlan, followingSpans } from './assignment-plan.js';
import { writeLabels } from './instance-labels.js';
import { itemsNamed, jobPath, layout } from './job-layout.js';
import type { Member } from './job-view.js';
import { type ShardingInput, type ShardingStrategy, validateAssignment } from './sharding-strategies.js';

/** What a leader assigns anew, and to whom. */
export interface ReshardingRequest {
  readonly jobName: string;
  readonly itemCount: number;
  /** Available members, in the order in which strategies see them. Without any the items are nobody's. */
  readonly members: readonly Member[];
  readonly strategy: ShardingStrategy;
  /** The version of the stored definition that the count and the strategy are taken from; `null` if there is none. */
  readonly configVersion: number | null;
  /** Whether, if nothing was assigned before, fires before this are the new owners' too. */
  readonly forEarlierFires?: boolean;
  readonly now: number;
}

/** Whether the new assignment was published. When not, the flags stay up and it is to be tried again. */
export type ReshardingOutcome =
  | { readonly published: true; readonly plan: AssignmentPlan }
  | { readonly published: false; readonly reason: string };

/**
 * A transaction has to fit into one request of the server. Owners of more items are written before it, covered by the
 * flags: who reads them meanwhile does not act on them, and whoever starts over reads what is there.
 */
const OPERATIONS_AT_ONCE = 2_000;

/** How old somebody else's mark `processing` has to be to count as forgotten, in session timeouts. */
const FORGOTTEN_AFTER_SESSIONS = 2;

/** An item's node `instance`: who owns it, and in which version it said so; `undefined` where the plan was asked. */
interface KnownOwner {
  readonly owner: string;
  readonly version: number | undefined;
}

type KnownOwners = ReadonlyMap<number, KnownOwner>;

/**
 * Assigns all items anew, as the leader: raise the flag, take the exclusive mark `processing`, decide, and commit: what
 * differs, then the plan, and last the flags lowered. Whoever reads the assignment while a flag is up does not act on
 * it; a leader that dies in between leaves a flag up, and the next one starts over. Running items are not waited for:
 * their marks keep the new owner from starting them.
 *
 * The commit holds only if nothing it was planned from has changed: the definition, the last plan, the owners that were
 * read, the flags. With transactions it applies whole or not at all.
 *
 * Costs ten requests with transactions. Without, twelve and one write per item whose owner changes. In both cases one
 * read per item unless the last plan is provably what the nodes of the items still say.
 */
export async function reshard(registry: Registry, request: ReshardingRequest): Promise<ReshardingOutcome> {
  const raisedAt = await raise(registry, request.jobName);
  const path = jobPath(request.jobName, layout.processing);
  const processing = await takeProcessing(registry, path);
  if (processing === 'taken') return { published: false, reason: 'another leader is assigning the items' };
  const { id } = registry.session;
  let published = false;
  try {
    const outcome = await publishPlan(registry, request, raisedAt, processing);
    published = outcome.published;
    return outcome;
  } finally {
    // A mark that stayed would keep every other leader waiting. Lowering it also moves the child version on, so that the
    // next attempt reads the nodes, and that the last plan is not known to be in force any more: if a former leader has
    // lowered the flag meanwhile, it has to be up again before.
    if (!published) {
      await raise(registry, request.jobName);
      // In another session ours is gone, and what stands there is another leader's.
      if (registry.session.id === id) await registry.remove(path);
    }
  }
}

async function publishPlan(
  registry: Registry,
  request: ReshardingRequest,
  raisedAt: number,
  processing: 'created' | 'kept',
): Promise<ReshardingOutcome> {
  const { jobName, configVersion } = request;
  const at = (path: string): string => jobPath(jobName, path);
  const [flags, items, planNode] = await Promise.all([
    registry.children(at(layout.resharding)),
    registry.children(at(layout.items)),
    readOrMake(registry, at(layout.plan)),
    registry.ensure(at(layout.items)),
  ]);
  if (flags === null) return { published: false, reason: 'the flags were removed by somebody else' };
  const former = decodePlan(planNode.value, planNode.stat.mzxid);
  const known = new Set(itemsNamed(items?.names));
  // Nothing but our two flags since the last plan: what it says is what the nodes say.
  const unchanged = processing === 'created' && former?.changes === flags.stat.cversion - 2;
  const current = unchanged ? plannedOwners(former) : storedOwners(await readOwners(registry, jobName, [...known]));
  const owners = assign(request, current);
  const isFirst = former === null && current.size === 0;
  const after = request.forEarlierFires && isFirst ? 0 : raisedAt;
  const plan: AssignmentPlan = {
    // Both flags are up now; lowering them counts two.
    changes: flags.stat.cversion + 2,
    strategy: request.strategy.type,
    members: request.members.map((member) => member.instanceId),
    labels: request.members.map((member) => writeLabels(member.labels)),
    spans: followingSpans({ after, owners }, former),
  };
  const changes = ownerChanges(jobName, known, current, owners);
  const guards: Operation[] =
    configVersion === null ? [] : [{ kind: 'check', path: at(layout.config), version: configVersion }];
  while (changes.length > OPERATIONS_AT_ONCE) {
    const early = await registry.commit([guards, changes.splice(0, OPERATIONS_AT_ONCE)]);
    if (!early.committed) return unpublished(early);
  }
  const result = await registry.commit([
    guards,
    changes,
    [{ kind: 'write', path: at(layout.plan), value: encodePlan(plan), version: planNode.stat.version }],
    [
      { kind: 'remove', path: at(layout.necessary) },
      { kind: 'remove', path: at(layout.processing) },
    ],
  ]);
  if (!result.committed) return unpublished(result);
  await dropSurplus(registry, jobName, known, owners.length);
  return { published: true, plan };
}

function unpublished({ operation, reason }: CommitResult & { committed: false }): ReshardingOutcome {
  return { published: false, reason: `${operation.path}: ${reason}` };
}

async function readOrMake(registry: Registry, path: string): Promise<RegistryNode> {
  for (;;) {
    const node = await registry.read(path);
    if (node !== null) return node;
    await registry.ensure(path);
  }
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

/** Asks for a resharding that takes the last plan for nothing, but reads what stands in the nodes of the items. */
export async function distrust(registry: Registry, jobName: string): Promise<void> {
  await raise(registry, jobName);
  // Once more than a resharding moves the child version on, which is what tells that nothing but it has happened.
  await registry.remove(jobPath(jobName, layout.necessary));
  await raise(registry, jobName);
}

/**
 * Takes the exclusive mark, or finds that this session still has it from an attempt that did not finish. A mark that is
 * older than an attempt can be is nobody's any more, although its session lives: Java leaders whose assignment fails
 * leave theirs, and everybody would wait for it. Should its maker go on after all, the commit of one of us fails.
 */
async function takeProcessing(registry: Registry, path: string): Promise<'created' | 'kept' | 'taken'> {
  const mark = await registry.create(path, '', 'ephemeral');
  if (mark.created) return 'created';
  const holder = await registry.read(path);
  if (holder === null) return 'taken';
  if (holder.stat.ephemeralOwner === registry.session.id) return 'kept';
  const ageMs = (await registry.time()) - holder.stat.ctime;
  if (ageMs < FORGOTTEN_AFTER_SESSIONS * registry.session.timeoutMs) return 'taken';
  await registry.remove(path);
  return (await registry.create(path, '', 'ephemeral')).created ? 'created' : 'taken';
}

function plannedOwners(plan: AssignmentPlan | null): KnownOwners {
  const owners = plan?.spans[0].owners ?? [];
  return new Map(
    owners.flatMap((owner, item) => (owner === null ? [] : [[item, { owner, version: undefined }] as const])),
  );
}

function storedOwners(nodes: ReadonlyMap<number, RegistryNode>): KnownOwners {
  return new Map([...nodes].map(([item, { value, stat }]) => [item, { owner: value, version: stat.version }]));
}

/** Reads `sharding/{item}/instance` of the given items; items without an owner are absent from the result. */
export async function readOwners(
  registry: Registry,
  jobName: string,
  items: readonly number[],
): Promise<ReadonlyMap<number, RegistryNode>> {
  const nodes = await Promise.all(items.map((item) => registry.read(jobPath(jobName, layout.owner(item)))));
  return new Map(
    items.flatMap((item, position) => {
      const node = nodes[position];
      return node ? [[item, node] as const] : [];
    }),
  );
}

function assign(request: ReshardingRequest, current: KnownOwners): readonly (string | null)[] {
  const { jobName, itemCount } = request;
  if (request.members.length === 0) return Array.from({ length: itemCount }, () => null);
  const previous = Array.from({ length: itemCount }, (_, item) => current.get(item)?.owner ?? null);
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
  current: KnownOwners,
  owners: readonly (string | null)[],
): Operation[] {
  const surplus = [...current].filter(([item]) => item >= owners.length);
  return [
    ...owners.flatMap((owner, item) => itemChanges(jobName, item, known.has(item), current.get(item), owner)),
    ...surplus.map(([item, before]) => removal(jobPath(jobName, layout.owner(item)), before)),
  ];
}

function itemChanges(
  jobName: string,
  item: number,
  known: boolean,
  before: KnownOwner | undefined,
  after: string | null,
): Operation[] {
  const path = jobPath(jobName, layout.owner(item));
  const home: Operation = { kind: 'create', path: jobPath(jobName, layout.item(item)), value: '', mode: 'persistent' };
  const birth = known ? [] : [home];
  if ((before?.owner ?? null) === after) return birth;
  if (before === undefined) return [...birth, { kind: 'create', path, value: after ?? '', mode: 'persistent' }];
  return [after === null ? removal(path, before) : { kind: 'write', path, value: after, ...guard(before) }];
}

function removal(path: string, before: KnownOwner): Operation {
  return { kind: 'remove', path, ...guard(before) };
}

function guard({ version }: KnownOwner): { readonly version?: number } {
  return version === undefined ? {} : { version };
}

/** Removes what is left of items beyond the count, unless one is still running: then the next resharding does. */
async function dropSurplus(
  registry: Registry,
  jobName: string,
  known: ReadonlySet<number>,
  count: number,
): Promise<void> {
  const surplus = [...known].filter((item) => item >= count);
  await Promise.all(surplus.map((item) => dropItem(registry, jobPath(jobName, layout.item(item)))));
}

/** Removes what was seen there and nothing else: a mark that its owner makes meanwhile is not ours to remove. */
async function dropItem(registry: Registry, path: string): Promise<void> {
  const parts = (await registry.children(path))?.names ?? [];
  if (parts.includes('running') || parts.includes('failovering')) return;
  await Promise.all(parts.map((name) => registry.remove(`${path}/${name}`, { recursive: true })));
  try {
    await registry.remove(path);
  } catch (error) {
    if (!ElasticJobError.is(error, 'NOT_EMPTY')) throw error;
  }
}
