import { ElasticJobError, RegistryError } from '../foundation/errors.js';
import type { Operation, Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';
import { entryNamed, isTriggerId, triggerEntry, triggeredAt } from './trigger-entry.js';
import { decodeTrigger, encodeTrigger, type TriggerRecord } from './trigger-record.js';

/** Entries that are made by one request; the last of them goes together with what makes all of them count. */
const ENTRIES_AT_ONCE = 1000;

/** Many ask in the same instant: what makes their triggers goes in one transaction. */
const TOGETHER = { grouped: true } as const;

/** What a trigger came to. */
export interface RequestedTrigger {
  readonly id: string;
  /** `false`: a trigger with this key was remembered, and nothing was done. */
  readonly isNew: boolean;
}

/**
 * Asks for the runs of a trigger: one request for up to a thousand of them. Nobody begins one before the record is there,
 * which is made last, so that a trigger is accepted as a whole or not at all. With a key that is remembered nothing is
 * made.
 *
 * Rejects with a `RegistryError`: after `RESULT_UNKNOWN`, asking again with the same key does no harm.
 */
export async function requestTrigger(
  registry: Registry,
  jobName: string,
  id: string,
  record: TriggerRecord,
): Promise<RequestedTrigger> {
  const at = (path: string): string => jobPath(jobName, path);
  const entries = record.fires.flatMap((_, fire) =>
    record.items.map((item) => create(at(layout.openTrigger(triggerEntry(id, fire, item).name)), '')),
  );
  const last = entries.splice(Math.max(0, entries.length - ENTRIES_AT_ONCE));
  for (let from = 0; from < entries.length; from += ENTRIES_AT_ONCE) {
    await commitWithParents(registry, jobName, [entries.slice(from, from + ENTRIES_AT_ONCE)]);
  }
  const key = record.key === null ? null : at(layout.triggerKey(keyName(record.key)));
  const counts = [create(at(layout.triggerRecord(id)), encodeTrigger(record))];
  // Where the driver has no transactions the key decides first, and the record comes last.
  const stages = [key === null ? [] : [create(key, id)], last, counts];
  if (await accepted(registry, jobName, id, stages)) return { id, isNew: true };
  await Promise.all(entries.map(({ path }) => registry.remove(path)));
  const known = key === null ? null : await registry.read(key);
  const isComplete = known !== null && (await registry.read(at(layout.triggerRecord(known.value)))) !== null;
  if (isComplete) return { id: known.value, isNew: false };
  const message =
    `${jobName}: the trigger with the key '${record.key}' is being asked for or forgotten in this moment: ask again. ` +
    `If that lasts, somebody died while asking, without transactions: remove ${key}`;
  throw new RegistryError('REGISTRY_FAILURE', message, { retryable: true });
}

/** What must be there before a transaction can add to it. */
const PARENTS = [layout.openTriggers, layout.triggerRecords, layout.triggerKeys];

type Creation = Extract<Operation, { kind: 'create' }>;

function create(path: string, value: string): Creation {
  return { kind: 'create', path, value, mode: 'persistent' };
}

/** Whether the trigger was made; `false` if there is one with its key. */
async function accepted(
  registry: Registry,
  jobName: string,
  id: string,
  stages: readonly (readonly Operation[])[],
): Promise<boolean> {
  try {
    return await commitWithParents(registry, jobName, stages);
  } catch (error) {
    if (!ElasticJobError.is(error, 'RESULT_UNKNOWN')) throw error;
    // The record is made last: if it is there, so is all the rest.
    if ((await registry.read(jobPath(jobName, layout.triggerRecord(id)))) === null) throw error;
    return true;
  }
}

async function commitWithParents(
  registry: Registry,
  jobName: string,
  stages: readonly (readonly Operation[])[],
): Promise<boolean> {
  const wanted = stages.filter((stage) => stage.length > 0);
  // Without transactions an attempt that fails leaves the stages before.
  if (!registry.capabilities.atomicCommit) await ensureParents(registry, jobName);
  let result = await registry.commit(wanted, TOGETHER);
  if (!result.committed && result.reason === 'NO_NODE') {
    await ensureParents(registry, jobName);
    result = await registry.commit(wanted, TOGETHER);
  }
  if (result.committed || result.reason === 'NODE_EXISTS') return result.committed;
  const { path } = result.operation;
  throw new RegistryError('REGISTRY_FAILURE', `${path}: ${result.reason}: the trigger was not accepted`, { path });
}

/** They are there but for the first time, and to ask costs the server less than to make again what is there. */
async function ensureParents(registry: Registry, jobName: string): Promise<void> {
  const ensure = async (path: string): Promise<void> => {
    if ((await registry.read(path)) === null) await registry.ensure(path);
  };
  await Promise.all(PARENTS.map((path) => ensure(jobPath(jobName, path))));
}

/** A key as the name of a node. */
export function keyName(key: string): string {
  return encodeURIComponent(key).replaceAll('.', '%2E');
}

/** How much is remembered of what was triggered. */
export const TRIGGERS_KEPT = { count: 2000, ageMs: 7 * 24 * 3_600_000 } as const;

/** How long a trigger may take to be accepted: what was left half-made is taken away after that. */
const ACCEPTED_WITHIN_MS = 3_600_000;

/** How many are forgotten at a time, so that nobody who triggers waits for long. */
const FORGOTTEN_AT_ONCE = 200;

/**
 * Forgets triggers that have ended and are older than those that are kept, and what was left half-made by somebody who
 * died while asking. Three requests for each.
 */
export async function forgetTriggers(registry: Registry, jobName: string, now: number): Promise<void> {
  const [records, open] = await Promise.all([
    registry.children(jobPath(jobName, layout.triggerRecords)),
    registry.children(jobPath(jobName, layout.openTriggers)),
  ]);
  const entries = (open?.names ?? []).flatMap((name) => entryNamed(name) ?? []);
  const known = new Set(records?.names);
  const running = new Set(entries.map(({ id }) => id));
  const ended = [...known].filter((id) => !running.has(id)).sort();
  const old = ended.filter((id, index) => ended.length - index > TRIGGERS_KEPT.count || isOlder(id, now));
  const halfMade = entries.filter(({ id }) => !known.has(id) && triggeredAt(id) < now - ACCEPTED_WITHIN_MS);
  await Promise.all([
    ...old.slice(0, FORGOTTEN_AT_ONCE).map((id) => forget(registry, jobName, id)),
    ...halfMade
      .slice(0, FORGOTTEN_AT_ONCE)
      .map(({ name }) => registry.remove(jobPath(jobName, layout.openTrigger(name)))),
  ]);
}

function isOlder(id: string, now: number): boolean {
  return !isTriggerId(id) || triggeredAt(id) < now - TRIGGERS_KEPT.ageMs;
}

/** First the key, so that it never leads to a trigger that is forgotten. */
async function forget(registry: Registry, jobName: string, id: string): Promise<void> {
  const path = jobPath(jobName, layout.triggerRecord(id));
  const [node, outcomes] = await Promise.all([registry.read(path), registry.children(path)]);
  const key = node === null ? null : (decodeTrigger(node.value)?.key ?? null);
  const keyPath = key === null ? null : jobPath(jobName, layout.triggerKey(keyName(key)));
  // It may be a later trigger's by now, if somebody died in the middle of this.
  if (keyPath !== null && (await registry.read(keyPath))?.value === id) await registry.remove(keyPath);
  await Promise.all((outcomes?.names ?? []).map((name) => registry.remove(`${path}/${name}`, TOGETHER)));
  try {
    await registry.remove(path, TOGETHER);
  } catch (error) {
    if (!ElasticJobError.is(error, 'NOT_EMPTY')) throw error;
    await registry.remove(path, { recursive: true });
  }
}
