import {
  type Registry,
  type RegistryNode,
  type TreeSnapshot,
  type TreeWatch,
} from '../../packages/core/src/registry/registry.js';

/** Places below an item's node. */
const OF_ITEM = ['instance', 'running', 'misfire', 'disabled', 'failover', 'failovering'] as const;

/** Places with children that are looked at. */
const PARENTS = [
  'instances',
  'servers',
  'leader/sharding',
  'leader/election/latch',
  'leader/failover/items',
  'sharding',
  'trigger',
  'guarantee/started',
  'guarantee/completed',
] as const;

/** What stands in ZooKeeper of one job, as of the last notification. */
export class JobNodes {
  constructor(private readonly watch: TreeWatch) {}

  get snapshot(): TreeSnapshot {
    return this.watch.snapshot;
  }

  /** A node's value, `null` if there is no such node, or it is not looked at. */
  value(path: string): string | null {
    return this.node(path)?.value ?? null;
  }

  node(path: string): RegistryNode | null {
    return this.snapshot.node(path);
  }

  /** Names of the children of a place that has some, ascending. */
  names(path: string): readonly string[] {
    return this.snapshot.children(path)?.names ?? [];
  }

  get leader(): string | null {
    return this.value('leader/election/instance');
  }

  /** Ids of the registered instances, ascending. */
  get instances(): readonly string[] {
    return this.names('instances');
  }

  /** The flags of resharding that are up. */
  get flags(): readonly string[] {
    return this.names('leader/sharding');
  }

  /** The number of items that the stored definition says. */
  get itemCount(): number {
    return Number(/^shardingTotalCount: (\d+)$/m.exec(this.value('config') ?? '')?.[1] ?? 0);
  }

  /** The owner of each item, `null` for none. */
  owners(count: number): (string | null)[] {
    return Array.from({ length: count }, (_, item) => this.value(`sharding/${item}/instance`));
  }

  /** Items that a member owns. */
  itemsOf(instanceId: string): number[] {
    return this.owners(this.itemCount).flatMap((owner, item) => (owner === instanceId ? [item] : []));
  }

  /** Items with a child of this name, and its value. */
  marks(name: (typeof OF_ITEM)[number]): Record<number, string> {
    const items = this.names('sharding').map(Number);
    const found = items.flatMap((item) => {
      const value = this.value(`sharding/${item}/${name}`);
      return value === null ? [] : [[item, value] as const];
    });
    return Object.fromEntries(found);
  }

  /** How every node that is looked at lives; the sequence number of those that have one is left out. */
  modes(): Record<string, 'persistent' | 'ephemeral'> {
    const items = this.names('sharding').flatMap((item) => OF_ITEM.map((name) => `sharding/${item}/${name}`));
    const children = PARENTS.flatMap((parent) => this.names(parent).map((name) => `${parent}/${name}`));
    const paths = ['', 'config', 'leader/election/instance', 'extension/plan', ...items, ...children];
    const found = paths.flatMap((path) => {
      const node = this.node(path);
      if (node === null) return [];
      return [[path.replace(/_c_.*$/, '_c_'), node.stat.ephemeralOwner === 0n ? 'persistent' : 'ephemeral'] as const];
    });
    return Object.fromEntries(found);
  }

  /** Everything that is looked at: for a person. */
  all(): Record<string, unknown> {
    return {
      config: this.value('config'),
      leader: this.leader,
      instances: this.instances,
      servers: this.names('servers').map((ip) => `${ip} ${this.value(`servers/${ip}`)}`),
      flags: this.flags,
      owners: this.owners(this.itemCount),
      marks: OF_ITEM.slice(1).map((name) => [name, this.marks(name)]),
      triggers: this.names('trigger'),
      takeovers: this.names('leader/failover/items'),
    };
  }

  close(): void {
    this.watch.close();
  }
}

/** Looks at a job's nodes, with its first `items` items. `onChange` is called whenever something is different. */
export async function watchNodes(
  registry: Registry,
  job: string,
  items: number,
  onChange: () => void,
): Promise<JobNodes> {
  const ofItems = Array.from({ length: items }, (_, item) =>
    OF_ITEM.map((name) => ({ path: `sharding/${item}/${name}` })),
  );
  const watch = await registry.watchTree(
    job,
    [
      ...['', 'config', 'leader/election/instance', 'extension/plan'].map((path) => ({ path })),
      ...PARENTS.map((path) => ({ path, children: 'nodes' as const })),
      ...ofItems.flat(),
    ],
    onChange,
  );
  return new JobNodes(watch);
}
