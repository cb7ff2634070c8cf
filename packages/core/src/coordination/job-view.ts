import { type InstanceLabels, serverIpOf } from '../job/identity.js';
import type { RegistryNode, Selection, TreeSnapshot } from '../registry/registry.js';
import { nameOf } from '../registry/registry-path.js';
import { type AssignmentPlan, decodePlan } from './assignment-plan.js';
import { readLabels } from './instance-labels.js';
import { decodeInstance } from './instance-yaml.js';
import { layout } from './job-layout.js';
import { decodePause, type Pause } from './pause.js';

/** A registered instance. */
export interface Member {
  readonly instanceId: string;
  readonly serverIp: string;
  readonly labels: InstanceLabels;
  /** It takes on nothing: it is leaving, or cannot follow the stored definition. */
  readonly withdrawn: boolean;
  /** Session that owns the node. */
  readonly session: bigint;
}

/** Who leads, and in which session. */
export interface Leader {
  readonly instanceId: string;
  readonly session: bigint;
}

/** The state of resharding. */
export interface Resharding {
  /** Grows with every flag raised or lowered, also between two reads. */
  readonly generation: bigint;
  readonly necessary: boolean;
  readonly processing: boolean;
}

/** What tells that there may be crashed runs. */
export interface CrashSigns {
  /** How many instances have gone so far, in whatever way: grows, also when one came and went between two reads. */
  readonly departures: number;
  /** Grows when a crashed run is announced or taken; `0n` while none is announced, or nobody looks. */
  readonly announced: bigint;
}

/** Everything this instance watches of one job, at one moment. Pure data: reactions are computed from it. */
export interface JobView {
  /** Text of the stored configuration; `null` when there is none. */
  readonly config: string | null;
  /** The version of its node. */
  readonly configVersion: number | null;
  readonly members: ReadonlyMap<string, Member>;
  /** `servers/{ip}` as stored. */
  readonly servers: ReadonlyMap<string, string>;
  readonly leader: Leader | null;
  readonly resharding: Resharding;
  /** The last plan that a TypeScript leader wrote. */
  readonly plan: AssignmentPlan | null;
  /** Whether that plan is in force: not while a resharding goes on, and not after one by a Java leader. */
  readonly planHolds: boolean;
  /** Items that an operator switched off, among those looked at. */
  readonly disabledItems: ReadonlySet<number>;
  /** What keeps the job from starting anything, if it has not ended. */
  readonly pause: Pause | null;
  /** A run was asked of this instance. */
  readonly triggered: boolean;
  /** The runs that were asked for and have not ended, by their names, in their order. */
  readonly openTriggers: readonly string[];
  readonly crashes: CrashSigns;
}

/** What of a job is watched only if it is of interest. */
export interface ViewInterest {
  /** Items whose switches are looked at. */
  readonly items: readonly number[];
  /** Whether announced crashes are looked at. */
  readonly failover: boolean;
}

/** Before anything is known of the job. */
export const NO_INTEREST: ViewInterest = { items: [], failover: false };

/** What is watched of every job. */
const ALWAYS: readonly Selection[] = [
  { path: layout.config },
  { path: layout.instances, children: 'nodes' },
  { path: layout.servers, children: 'nodes' },
  { path: layout.leader },
  { path: layout.resharding, children: 'names' },
  { path: layout.plan },
  { path: layout.pause },
  { path: layout.openTriggers, children: 'followed' },
];

/** What is watched where crashed runs are executed again. */
const CRASHES: readonly Selection[] = [{ path: layout.failoverItems, children: 'names' }];

/** What to watch of a job: a few places that do not grow with its items, and the switches of the items owned here. */
export function viewSelection(instanceId: string, { items, failover }: ViewInterest): Selection[] {
  return [
    ...ALWAYS,
    { path: layout.trigger(instanceId) },
    ...(failover ? CRASHES : []),
    ...items.map((item) => ({ path: layout.disabled(item) })),
  ];
}

/** The view that a snapshot taken with {@link viewSelection} shows. */
export function jobView(snapshot: TreeSnapshot, instanceId: string, { items }: ViewInterest): JobView {
  const config = snapshot.node(layout.config);
  return {
    config: config?.value ?? null,
    configVersion: config?.stat.version ?? null,
    members: membersOf(childNodes(snapshot, layout.instances)),
    servers: new Map(childNodes(snapshot, layout.servers).map((node) => [nameOf(node.path), node.value])),
    leader: toLeader(snapshot.node(layout.leader)),
    ...toResharding(snapshot),
    disabledItems: disabledOf(snapshot, items),
    pause: pauseOf(snapshot.node(layout.pause)),
    triggered: snapshot.node(layout.trigger(instanceId)) !== null,
    openTriggers: snapshot.children(layout.openTriggers)?.names ?? NO_NAMES,
    crashes: crashSigns(snapshot),
  };
}

function crashSigns(snapshot: TreeSnapshot): CrashSigns {
  const instances = snapshot.children(layout.instances);
  const announced = snapshot.children(layout.failoverItems);
  return {
    // The child version counts those that came and those that went.
    departures: instances === null ? 0 : (instances.stat.cversion - instances.names.length) / 2,
    announced: announced !== null && announced.names.length > 0 ? announced.stat.pzxid : 0n,
  };
}

const NO_NAMES: readonly string[] = [];
const NO_ITEMS: ReadonlySet<number> = new Set();

function disabledOf(snapshot: TreeSnapshot, ownItems: readonly number[]): ReadonlySet<number> {
  const disabled = ownItems.filter((item) => snapshot.node(layout.disabled(item)) !== null);
  return disabled.length === 0 ? NO_ITEMS : new Set(disabled);
}

/**
 * The instances that items may be given to: their server is enabled and they take on work; descending by id, the
 * order in which every strategy of ElasticJob sees them.
 */
export function availableMembers(view: Pick<JobView, 'members' | 'servers'>): Member[] {
  return [...view.members.values()]
    .filter((member) => !member.withdrawn && view.servers.get(member.serverIp) === 'ENABLED')
    .sort((one, other) => (one.instanceId < other.instanceId ? 1 : -1));
}

/** Whether items are being assigned anew, so that nobody may act on the present assignment. */
export function isResharding(view: JobView): boolean {
  return view.resharding.necessary || view.resharding.processing;
}

function childNodes(snapshot: TreeSnapshot, parent: string): RegistryNode[] {
  const names = snapshot.children(parent)?.names ?? [];
  // A child listed a moment ago may be gone by the time its value is read: it is absent then.
  return names.flatMap((name) => snapshot.node(`${parent}/${name}`) ?? []);
}

/** Nodes that did not change are the same objects in the next snapshot; their text is parsed once. */
const plans = new WeakMap<RegistryNode, AssignmentPlan | null>();
const members = new WeakMap<RegistryNode, Member | null>();

function pauseOf(node: RegistryNode | null): Pause | null {
  return node === null ? null : decodePause(node.value);
}

function planOf(node: RegistryNode | null): AssignmentPlan | null {
  return node === null ? null : parsedOnce(plans, node, () => decodePlan(node.value, node.stat.mzxid));
}

/** The instance that a node tells of, `null` if the node is unreadable. */
function memberOf(node: RegistryNode): Member | null {
  return parsedOnce(members, node, () => {
    const instanceId = nameOf(node.path);
    const instance = decodeInstance(node.value);
    if (instance === null) return null;
    const session = node.stat.ephemeralOwner;
    const serverIp = instance.serverIp ?? serverIpOf(instanceId);
    return { instanceId, serverIp, ...readLabels(instance.labels), session };
  });
}

function parsedOnce<T>(known: WeakMap<RegistryNode, T | null>, node: RegistryNode, parse: () => T | null): T | null {
  const former = known.get(node);
  if (former !== undefined) return former;
  const parsed = parse();
  known.set(node, parsed);
  return parsed;
}

function membersOf(nodes: readonly RegistryNode[]): ReadonlyMap<string, Member> {
  const readable = nodes.flatMap((node) => memberOf(node) ?? []);
  return new Map(readable.map((member) => [member.instanceId, member]));
}

function toLeader(node: RegistryNode | null): Leader | null {
  return node === null ? null : { instanceId: node.value, session: node.stat.ephemeralOwner };
}

function toResharding(snapshot: TreeSnapshot): Pick<JobView, 'resharding' | 'plan' | 'planHolds'> {
  const flags = snapshot.children(layout.resharding);
  const necessary = flags?.names.includes('necessary') ?? false;
  const processing = flags?.names.includes('processing') ?? false;
  const plan = planOf(snapshot.node(layout.plan));
  return {
    resharding: { generation: flags?.stat.pzxid ?? 0n, necessary, processing },
    plan,
    planHolds: !necessary && !processing && plan !== null && plan.changes === flags?.stat.cversion,
  };
}
