import type { Registry, RegistryNode } from '../registry/registry.js';
import type { ItemState, Presence, SignedNode } from './crashed-run.js';
import { itemsNamed, jobPath, layout } from './job-layout.js';

/** The numbers of all items that have a node, or a crashed run waiting for them; ascending. */
export async function knownItems(registry: Registry, jobName: string): Promise<number[]> {
  const lists = await Promise.all(
    [layout.items, layout.failoverItems].map((path) => registry.children(jobPath(jobName, path))),
  );
  return [...new Set(lists.flatMap((list) => itemsNamed(list?.names)))].sort((a, b) => a - b);
}

/** Reads what stands at the items: one request for each that is idle. */
export async function readItems(registry: Registry, jobName: string, items: readonly number[]): Promise<ItemState[]> {
  const announced = new Set((await registry.children(jobPath(jobName, layout.failoverItems)))?.names ?? []);
  return Promise.all(items.map((item) => readItem(registry, jobName, item, announced.has(String(item)))));
}

async function readItem(registry: Registry, jobName: string, item: number, announced: boolean): Promise<ItemState> {
  const names = (await registry.children(jobPath(jobName, layout.item(item))))?.names ?? [];
  const read = async (name: string, path: string): Promise<SignedNode | null> =>
    names.includes(name) ? signed(await registry.read(jobPath(jobName, path))) : null;
  const [mark, takeover] = await Promise.all([
    read('running', layout.running(item)),
    read('failovering', layout.failovering(item)),
  ]);
  return { item, mark, takeover, announced, disabled: names.includes('disabled') };
}

function signed(node: RegistryNode | null): SignedNode | null {
  if (node === null) return null;
  const { czxid, version, ctime, ephemeralOwner } = node.stat;
  return { instanceId: node.value, czxid, version, ctime, ephemeral: ephemeralOwner !== 0n };
}

/**
 * Reads who is there of those that the items name. To be called after these were read: who is absent now has been absent
 * since, or came back in another session, so that what it signed is over either way.
 *
 * @param keepsItsNode whether an instance that says nothing of its session is taken to have signed nothing before it
 *   registered: one that crashed and is back has registered before it says something of its new session. Java members
 *   never do, and register anew although their session goes on, while their items run.
 */
export async function readPresences(
  registry: Registry,
  jobName: string,
  states: readonly ItemState[],
  keepsItsNode: (instanceId: string) => boolean,
): Promise<(instanceId: string) => Presence> {
  const named = states.flatMap(({ mark, takeover }) => [mark, takeover]).filter((node) => node?.ephemeral === false);
  const ids = [...new Set(named.map((node) => node?.instanceId ?? ''))];
  const found = await Promise.all(
    ids.map(async (id): Promise<[string, Presence]> => {
      if (!isInstanceId(id)) return [id, UNKNOWN];
      const [instance, witness] = await Promise.all([
        registry.read(jobPath(jobName, layout.instance(id))),
        registry.read(jobPath(jobName, layout.witness(id))),
      ]);
      const since = witness?.stat.czxid ?? (keepsItsNode(id) ? (instance?.stat.czxid ?? null) : null);
      return [id, { registered: instance !== null, witnessed: witness !== null, since }];
    }),
  );
  const presences = new Map(found);
  return (instanceId) => presences.get(instanceId) ?? ABSENT;
}

const ABSENT: Presence = { registered: false, witnessed: false, since: null };

/** Of whom nobody can tell whether they are there: members before ElasticJob 3.0.2 sign with nothing. */
const UNKNOWN: Presence = { registered: true, witnessed: false, since: null };

/** Whether the text is an instance id that can be the name of a node. */
export function isInstanceId(text: string): boolean {
  return INSTANCE_ID.test(text);
}

const INSTANCE_ID = /^[^/\p{C}]+@-@[^/\p{C}]+$/u;
