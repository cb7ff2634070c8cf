import { type AssignmentPlan, decodePlan } from '../coordination/assignment-plan.js';
import { DRAINING, readLabels, WAITING, type Withdrawal } from '../coordination/instance-labels.js';
import { decodeInstance } from '../coordination/instance-yaml.js';
import { itemNamed, jobPath, layout } from '../coordination/job-layout.js';
import { decodeJobConfig, type StoredJobConfig } from '../coordination/job-yaml.js';
import { decodePause, type Pause } from '../coordination/pause.js';
import { type InstanceLabels, serverIpOf } from '../job/identity.js';
import type { ChildList, RegistryNode } from '../registry/registry.js';
import { nameOf } from '../registry/registry-path.js';
import type { NodeReader } from './bounded-reader.js';

/** A node that means nothing where it stands, or cannot be read. It is passed over, and told of. */
export interface IgnoredNode {
  /** Below the namespace. */
  readonly path: string;
  readonly problem: string;
}

/** A registered instance as its node says. */
export interface InstanceReading {
  readonly instanceId: string;
  readonly serverIp: string;
  readonly labels: InstanceLabels;
  /** Why it takes on nothing: it is leaving, or cannot follow the stored definition. `null` if it takes part. */
  readonly withdrawal: Withdrawal | null;
  /** When it registered, epoch milliseconds by the registry's clock. */
  readonly since: number;
}

/** The mark of a run. */
export interface MarkReading {
  /** Who runs the item; `null` if an old Java member did not say. */
  readonly instanceId: string | null;
  /** When it was made, by the registry's clock. */
  readonly since: number;
  /** Whether it stays when the session that made it ends, as marks with failover do. */
  readonly isLasting: boolean;
}

/** What stands at one item. */
export interface ItemReading {
  readonly item: number;
  readonly owner: string | null;
  readonly disabled: boolean;
  readonly running: MarkReading | null;
  /** The instance that took the item over from one that died. */
  readonly failover: string | null;
  /** A fire fell into a run of the item and is to be made up for. */
  readonly misfire: boolean;
}

/**
 * All that stands in the registry of one job, as plain data: statuses and explanations are computed from it. Each node is
 * read for itself, so that what changes in the meantime can be seen in parts.
 */
export interface JobReading {
  readonly jobName: string;
  /** Text of the job's node: the class, as Java calls it. */
  readonly className: string;
  readonly config: RegistryNode;
  readonly stored: StoredJobConfig;
  /** Ascending by id. */
  readonly instances: readonly InstanceReading[];
  /** `servers/{ip}` as stored, ascending by address. */
  readonly servers: ReadonlyMap<string, string>;
  readonly leader: string | null;
  /** Since when a resharding is asked for, by the registry's clock, and whether a leader is at it. */
  readonly resharding: { readonly since: number | null; readonly processing: boolean };
  /** Since when the items are nobody's because all instances have left in order, by the registry's clock; `null` if they are not. */
  readonly desertedSince: number | null;
  /** Owners of the items that have one. */
  readonly owners: ReadonlyMap<number, string>;
  /** Those that were asked for, ascending. */
  readonly items: readonly ItemReading[];
  /** Instances that say of lasting marks that they still stand by them, registered or not. */
  readonly witnesses: ReadonlySet<string>;
  /** Items of instances that died, which nobody has taken over yet. */
  readonly awaitingFailover: ReadonlySet<number>;
  readonly pause: Pause | null;
  readonly ignored: readonly IgnoredNode[];
}

/** Items beyond are not listed: a count of two thousand million is a legal definition. */
const LISTED_ITEMS = 20_000;

/** Which items are read of a job: what is read of it grows with them. */
export type ItemChoice = 'none' | 'all' | number;

/** Reads a job; `null` if the registry has none of this name. */
export async function readJob(reader: NodeReader, jobName: string, items: ItemChoice): Promise<JobReading | null> {
  const at = (path: string): string => jobPath(jobName, path);
  const config = await reader.read(at(layout.config));
  if (config === null) return null;
  const stored = decodeJobConfig(config.value);
  const ignored: IgnoredNode[] = stored.readable ? [] : [{ path: config.path, problem: stored.problem }];
  const ifItems = (path: string): Promise<ChildList | null> | null =>
    items === 'none' ? null : reader.children(at(path));
  const [root, instances, servers, leader, resharding, pause, listed, awaiting, witnesses] = await Promise.all([
    reader.read(jobName),
    childNodes(reader, at(layout.instances)),
    childNodes(reader, at(layout.servers)),
    reader.read(at(layout.leader)),
    readResharding(reader, jobName),
    reader.read(at(layout.pause)),
    ifItems(layout.items),
    ifItems(layout.failoverItems),
    ifItems(layout.witnesses),
  ]);
  const count = countOf(stored);
  const existing = itemNumbers(at(layout.items), listed, count, ignored);
  const owners = resharding.planned ?? (await readOwners(reader, jobName, count, listed));
  const chosen = chosenItems(items, existing, count);
  return {
    jobName,
    className: root?.value ?? '',
    config,
    stored,
    instances: instances.flatMap((node) => toInstance(node, ignored)),
    servers: new Map(servers.map((node) => [nameOf(node.path), node.value])),
    leader: leader?.value ?? null,
    resharding,
    desertedSince: resharding.desertedSince,
    owners,
    items: await readItems(reader, jobName, chosen, new Set(existing), owners),
    witnesses: new Set(witnesses?.names),
    awaitingFailover: new Set(itemNumbers(at(layout.failoverItems), awaiting, null, ignored)),
    pause: pause === null ? null : decodePause(pause.value),
    ignored,
  };
}

/** The nodes below one; those that go in the meantime are left out. */
export async function childNodes(reader: NodeReader, parent: string): Promise<RegistryNode[]> {
  const names = (await reader.children(parent))?.names ?? [];
  const nodes = await Promise.all(names.map((name) => reader.read(`${parent}/${name}`)));
  return nodes.filter((node) => node !== null);
}

interface ReshardingReading {
  readonly since: number | null;
  readonly processing: boolean;
  /** The owners as the plan says, if it is in force: one read instead of one for each item. */
  readonly planned: ReadonlyMap<number, string> | null;
  readonly desertedSince: number | null;
}

async function readResharding(reader: NodeReader, jobName: string): Promise<ReshardingReading> {
  const [flags, plan, necessary] = await Promise.all([
    reader.children(jobPath(jobName, layout.resharding)),
    reader.read(jobPath(jobName, layout.plan)),
    reader.read(jobPath(jobName, layout.necessary)),
  ]);
  const processing = flags?.names.includes('processing') ?? false;
  const decoded = plan === null ? null : decodePlan(plan.value);
  const isUp = necessary !== null || processing;
  const holds = !isUp && decoded !== null && decoded.changes === flags?.stat.cversion;
  return {
    since: necessary?.stat.ctime ?? null,
    processing,
    planned: holds ? plannedOwners(decoded) : null,
    desertedSince: holds && decoded.members.length === 0 ? decoded.spans[0].after : null,
  };
}

function plannedOwners({ spans }: AssignmentPlan): ReadonlyMap<number, string> {
  const owners = spans[0].owners.flatMap((owner, item) => (owner === null ? [] : [[item, owner] as const]));
  return new Map(owners);
}

/** After a resharding by a Java leader, or during one, the nodes of the items are all that tells. */
async function readOwners(
  reader: NodeReader,
  jobName: string,
  count: number | null,
  listed: ChildList | null,
): Promise<ReadonlyMap<number, string>> {
  const names = listed ?? (await reader.children(jobPath(jobName, layout.items)));
  const numbers = itemNumbers('', names, count, []);
  const nodes = await Promise.all(numbers.map((item) => reader.read(jobPath(jobName, layout.owner(item)))));
  const owned = numbers.flatMap((item, position) => {
    const owner = nodes[position]?.value;
    return owner ? [[item, owner] as const] : [];
  });
  return new Map(owned);
}

/** The items that have a node, and those that the definition has besides. */
function chosenItems(items: ItemChoice, existing: readonly number[], count: number | null): number[] {
  if (items === 'none') return [];
  const counted = Array.from({ length: Math.min(count ?? 0, LISTED_ITEMS) }, (_, item) => item);
  const all = [...new Set([...existing, ...counted])].sort((one, other) => one - other);
  return items === 'all' ? all : all.filter((item) => item === items);
}

async function readItems(
  reader: NodeReader,
  jobName: string,
  items: readonly number[],
  existing: ReadonlySet<number>,
  owners: ReadonlyMap<number, string>,
): Promise<ItemReading[]> {
  return Promise.all(
    items.map((item) => {
      const owner = owners.get(item) ?? null;
      return existing.has(item) ? readItem(reader, jobName, item, owner) : emptyItem(item, owner);
    }),
  );
}

function emptyItem(item: number, owner: string | null): ItemReading {
  return { item, owner, disabled: false, running: null, failover: null, misfire: false };
}

async function readItem(reader: NodeReader, jobName: string, item: number, owner: string | null): Promise<ItemReading> {
  const parts = new Set((await reader.children(jobPath(jobName, layout.item(item))))?.names);
  const part = async (name: string): Promise<RegistryNode | null> =>
    parts.has(name) ? reader.read(`${jobPath(jobName, layout.item(item))}/${name}`) : null;
  const [running, failover] = await Promise.all([part('running'), part('failover')]);
  return {
    item,
    owner,
    disabled: parts.has('disabled'),
    running: running === null ? null : toMark(running),
    failover: failover === null ? null : failover.value,
    misfire: parts.has('misfire'),
  };
}

function toMark({ value, stat }: RegistryNode): MarkReading {
  return { instanceId: value || null, since: stat.ctime, isLasting: stat.ephemeralOwner === 0n };
}

/** The items of a list of nodes, ascending; what is no item, or one beyond the count, is told of. */
function itemNumbers(parent: string, list: ChildList | null, count: number | null, ignored: IgnoredNode[]): number[] {
  const numbers: number[] = [];
  for (const name of list?.names ?? []) {
    const item = itemNamed(name);
    if (item !== null && (count === null || item < count)) numbers.push(item);
    else ignored.push({ path: `${parent}/${name}`, problem: item === null ? 'no number of an item' : beyond(count) });
  }
  return numbers.sort((one, other) => one - other);
}

function beyond(count: number | null): string {
  return `an item beyond the ${count} that the definition has`;
}

function countOf(stored: StoredJobConfig): number | null {
  return stored.readable ? stored.definition.shardingTotalCount : null;
}

function toInstance(node: RegistryNode, ignored: IgnoredNode[]): InstanceReading[] {
  const instanceId = nameOf(node.path);
  const record = decodeInstance(node.value);
  if (record === null) {
    ignored.push({ path: node.path, problem: 'no description of an instance, which is YAML with jobInstanceId' });
    return [];
  }
  const words = record.labels?.split(',') ?? [];
  const withdrawal = [DRAINING, WAITING].find((word) => words.includes(word)) as Withdrawal | undefined;
  return [
    {
      instanceId,
      serverIp: record.serverIp ?? serverIpOf(instanceId),
      labels: readLabels(record.labels).labels,
      withdrawal: withdrawal ?? null,
      since: node.stat.ctime,
    },
  ];
}
