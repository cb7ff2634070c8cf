import { writeLabels } from './instance-labels.js';
import { availableMembers, isResharding, type JobView, type Member } from './job-view.js';
import type { ItemOwners } from './sharding-strategies.js';

/** What an instance does about what it sees. */
export type Reaction =
  /** An operator removed this instance's node while its session lived: stop the job here. */
  | 'shut-down'
  /** Somebody removed the node of this instance's server, which makes it count as disabled: make it again. */
  | 'announce'
  /** Nobody leads: try to. */
  | 'campaign'
  /** This instance leads and must not: step down. */
  | 'abdicate'
  /** This instance leads and the assignment does not fit the members, or there are none, or somebody asked for a new one. */
  | 'reshard'
  /** Another one leads, by whose assignment this instance was overlooked: ask for a new one, if that lasts. */
  | 'ask'
  /** Somebody went, or something else says that there may be crashed runs: look for them. */
  | 'fail-over'
  /** A run was asked of this instance. */
  | 'trigger';

/** Who is looking. */
export interface Self {
  readonly instanceId: string;
  readonly serverIp: string;
  /** The session this instance is registered in. */
  readonly session: bigint;
  /** Leaving: it still leads until it is gone, but does not seek to unless there is nobody else. */
  readonly draining: boolean;
  /** The {@link failoverSigns} that the last search for crashed runs answered; `null` = it is to search whatever they are. */
  readonly searched: string | null;
  /** The owners that there are without a plan, as a Java leader leaves them; none if nothing was assigned; `null` if that is not known. */
  readonly assigned: ItemOwners | null;
}

/** What the assignment should follow. */
export interface ShardingGoal {
  readonly itemCount: number;
  readonly strategy: string;
  /** Whether crashed runs are executed again. */
  readonly failover: boolean;
  /** Whether items stay where they are, whoever comes and goes. */
  readonly staticSharding: boolean;
  /** Whether the job has come to a fire since this instance began: only then items that stay are given away. */
  readonly hasFired: boolean;
}

/** The signs of a job without failover: nobody looks for crashed runs. */
export const FAILOVER_OFF = 'off';

interface Row {
  readonly reaction: Reaction;
  readonly when: (view: JobView, self: Self, goal: ShardingGoal) => boolean;
}

/**
 * The one table of reactions of a member, in the order in which they are performed. It looks at a state, not at events:
 * whatever was missed, the next look shows what is still to do, and doing it twice does no harm.
 */
const TABLE: readonly Row[] = [
  { reaction: 'announce', when: (view, self) => !view.servers.has(self.serverIp) && !self.draining },
  {
    reaction: 'campaign',
    when: (view, self, goal) =>
      view.leader === null && isEnabled(view, self) && (!self.draining || isDeserted(view, goal)),
  },
  { reaction: 'abdicate', when: (view, self) => leads(view, self) && !isEnabled(view, self) },
  {
    reaction: 'reshard',
    when: (view, self, goal) =>
      leads(view, self) &&
      isEnabled(view, self) &&
      (needsResharding(view, goal, self.assigned) || (self.draining && isDeserted(view, goal))),
  },
  {
    reaction: 'ask',
    when: (view, self, goal) =>
      view.leader !== null && !leads(view, self) && !goal.staticSharding && isOverlooked(view, self),
  },
  {
    reaction: 'fail-over',
    when: (view, self, goal) => isEnabled(view, self) && !self.draining && failoverSigns(view, goal) !== self.searched,
  },
  { reaction: 'trigger', when: (view) => view.triggered },
];

/**
 * What `self` has to do, given what it sees. A job that is to be shut down here does nothing else; with a definition that
 * cannot be followed (`goal` is `null`) it leaves leading to those who can.
 */
export function react(view: JobView, self: Self, goal: ShardingGoal | null): Reaction[] {
  if (isShutDown(view, self)) return ['shut-down'];
  if (goal === null) return leads(view, self) ? ['abdicate'] : [];
  return TABLE.filter((row) => row.when(view, self, goal)).map((row) => row.reaction);
}

function isShutDown(view: JobView, self: Self): boolean {
  return !view.members.has(self.instanceId) && !self.draining;
}

/** Whether this instance leads in its present session; a node left by a former session of its own does not count. */
export function leads(view: JobView, self: Self): boolean {
  return view.leader?.instanceId === self.instanceId && view.leader.session === self.session;
}

/**
 * Whether the assignment in force does not follow from the members, what they say, the number of items and the strategy.
 * `assigned`: see {@link Self}.
 */
export function needsResharding(
  view: JobView,
  goal: Omit<ShardingGoal, 'failover'>,
  assigned: ItemOwners | null = null,
): boolean {
  const available = availableMembers(view);
  if (available.length === 0) return false;
  if (goal.staticSharding && !isResharding(view)) return goal.hasFired && isIncomplete(view, goal, assigned);
  if (view.plan === null || !view.planHolds) return true;
  const { members, labels, spans, strategy } = view.plan;
  return (
    spans[0].owners.length !== goal.itemCount ||
    strategy !== goal.strategy ||
    members.length !== available.length ||
    available.some((member, position) => member.instanceId !== members[position] || saysElse(member, labels[position]))
  );
}

/**
 * Whether all who could have items leave, and the items are still theirs. They are given to nobody then, so that whoever
 * comes next can tell which fires nobody looked at. Not items that stay where they are, whoever goes.
 */
function isDeserted(view: JobView, { staticSharding }: Pick<ShardingGoal, 'staticSharding'>): boolean {
  if (staticSharding || view.plan === null || availableMembers(view).length > 0) return false;
  return !view.planHolds || view.plan.members.length > 0;
}

/** Whether items that stay where they are were never given to anybody, or are not as many as they should be. */
function isIncomplete(view: JobView, { itemCount }: Pick<ShardingGoal, 'itemCount'>, assigned: ItemOwners | null) {
  const owners = view.planHolds ? view.plan?.spans[0].owners : assigned;
  if (owners === null || owners === undefined) return false;
  return owners.length !== itemCount || owners.includes(null);
}

/**
 * Whether an assignment without a plan was made without this instance: somebody has two items, and it has none. A Java
 * leader that is assigning items does not notice who comes meanwhile, and lowers the flag that says so.
 */
export function isOverlooked(view: JobView, { instanceId, draining, assigned }: Self): boolean {
  if (draining || isResharding(view) || view.planHolds || assigned === null || assigned.includes(instanceId))
    return false;
  if (!availableMembers(view).some((member) => member.instanceId === instanceId)) return false;
  const owners = assigned.filter((owner) => owner !== null);
  return new Set(owners).size < owners.length;
}

/** What there is to know without asking of where runs may have crashed: as long as it is the same, one search is enough. */
export function failoverSigns({ crashes }: JobView, { failover }: ShardingGoal): string {
  return failover ? `${crashes.departures}:${crashes.announced}` : FAILOVER_OFF;
}

function saysElse(member: Member, labels: string | null | undefined): boolean {
  return writeLabels(member.labels) !== (labels ?? null);
}

function isEnabled(view: JobView, self: Self): boolean {
  return view.servers.get(self.serverIp) === 'ENABLED';
}
