import { randomUUID } from 'node:crypto';
import { jobPath, layout } from '../coordination/job-layout.js';
import { requestRun } from '../coordination/run-request.js';
import { triggerId } from '../coordination/trigger-entry.js';
import type { TriggerRecord } from '../coordination/trigger-record.js';
import { requestTrigger } from '../coordination/trigger-request.js';
import { OperationError } from '../foundation/errors.js';
import type { JobDefinition } from '../job/definition.js';
import { looksLikeJava } from '../job/identity.js';
import type { Registry } from '../registry/registry.js';
import type { Catalogue } from './catalogue.js';
import { invalidArgument } from './invalid-argument.js';
import { readJob } from './job-reading.js';

/** What is to be run, and with what. */
export interface TriggerOptions {
  /** Only these items. Default: all that the definition has. */
  readonly items?: readonly number[] | undefined;
  /** Only the items that these instances own at this moment, by their ids. Default: whoever owns them. */
  readonly instances?: readonly string[] | undefined;
  /** In place of the definition's `jobParameter`, for these runs only. */
  readonly jobParameter?: string | undefined;
  /**
   * Makes it safe to ask twice: as long as a trigger with this key is remembered, another one with it does nothing. 1 to
   * 200 characters.
   *
   * @example 'month-end-2027-01'
   */
  readonly key?: string | undefined;
  /** Who asks for it. */
  readonly by?: string | undefined;
}

/** What a trigger came to. */
export interface TriggerReceipt {
  /** To be given to `queries.trigger`, `queries.waitForTrigger` and `commands.cancelTrigger`. */
  readonly id: string;
  /** `false`: a trigger with this key is remembered, `id` is its id, and nothing was done. */
  readonly isNew: boolean;
  /** Items that are run, each by its owner. */
  readonly items: readonly number[];
  /** Java members that were asked in their own way: each runs what it owns, and tells nothing. */
  readonly javaInstances: readonly string[];
}

/** When something is asked for, and what number it has among what the same process asks for. */
export interface TriggerMoment {
  readonly now: number;
  readonly number: number;
}

/** The most runs that one trigger may ask for. */
export const MOST_RUNS = 20_000;

/** The longest key, and the longest name of who asks. */
const LONGEST = 200;

/** Asks for runs of a job, see `JobCommands.trigger`. */
export async function triggerJob(
  registry: Registry,
  catalogue: Catalogue,
  { now, number }: TriggerMoment,
  jobName: string,
  options: TriggerOptions,
): Promise<TriggerReceipt> {
  checkTexts(options);
  const definition = await readableDefinition(catalogue, jobName);
  const { items, javaInstances } = await targets(catalogue, definition, options);
  const id = newTriggerId(now, number);
  const record: TriggerRecord = {
    kind: 'manual',
    at: now,
    by: options.by ?? '',
    key: options.key ?? null,
    jobParameter: options.jobParameter ?? null,
    items,
    fires: [{ at: now, window: null }],
    concurrency: null,
    javaInstances,
  };
  const requested = await requestTrigger(registry, jobName, id, record);
  await requestRun(registry, jobName, javaInstances);
  return { ...requested, items, javaInstances };
}

/** A fresh id: of those that are asked for at the same time, the one with the lower number comes first. */
export function newTriggerId(now: number, number: number): string {
  return triggerId(now, number, randomUUID().slice(0, 8));
}

/** The stored definition of a job that can be read. */
export async function readableDefinition(catalogue: Catalogue, jobName: string): Promise<JobDefinition> {
  const stored = await catalogue.stored(jobName);
  if (stored.readable) return stored.definition;
  const path = jobPath(jobName, layout.config);
  throw invalidArgument('job', jobName, `expected one whose definition can be read; mend ${path}: ${stored.problem}`);
}

/** The texts that are stored with a trigger. */
export function checkTexts({ key, by, jobParameter }: TriggerOptions): void {
  if (key !== undefined && !isText(key, 1)) throw invalidArgument('key', key, `expected 1 to ${LONGEST} characters`);
  if (by !== undefined && !isText(by, 0)) throw invalidArgument('by', by, `expected at most ${LONGEST} characters`);
  if (jobParameter !== undefined && typeof jobParameter !== 'string')
    throw invalidArgument('jobParameter', jobParameter, 'expected a text');
}

function isText(text: unknown, least: number): boolean {
  return typeof text === 'string' && text.length >= least && text.length <= LONGEST;
}

/** The items that are meant, ascending, each once; they all exist. */
async function chosenItems(
  catalogue: Catalogue,
  { jobName, shardingTotalCount }: JobDefinition,
  items: readonly number[] | undefined,
  fires: number,
): Promise<number[]> {
  const runs = (items?.length ?? shardingTotalCount) * fires;
  if (items?.length === 0) throw invalidArgument('items', items, 'expected at least one; leave it out for all');
  if (runs > MOST_RUNS) throw invalidArgument('items', `${runs} runs`, `expected at most ${MOST_RUNS}; ask in parts`);
  if (items === undefined) return Array.from({ length: shardingTotalCount }, (_, item) => item);
  for (const item of items) {
    const exists = Number.isSafeInteger(item) && item >= 0 && item < shardingTotalCount;
    if (!exists) await catalogue.assertItem(jobName, item);
    if (!exists) throw invalidArgument('items', item, `expected 0 to ${shardingTotalCount - 1}`);
  }
  return [...new Set(items)].sort((one, other) => one - other);
}

/** Whom a trigger is about. */
interface Targets {
  readonly items: readonly number[];
  readonly javaInstances: readonly string[];
}

/** Who is asked for what. `fires`: for how many fires, in a backfill, which Java members do not understand. */
export async function targets(
  catalogue: Catalogue,
  definition: JobDefinition,
  options: TriggerOptions,
  fires: number | null = null,
): Promise<Targets> {
  const { jobName } = definition;
  const members = (await catalogue.reader.children(jobPath(jobName, layout.instances)))?.names ?? [];
  const items = await chosenItems(catalogue, definition, options.items, fires ?? 1);
  if (options.instances === undefined && !members.some(looksLikeJava)) return { items, javaInstances: [] };
  for (const id of options.instances ?? []) await catalogue.assertInstance(jobName, id);
  const owners = (await readJob(catalogue.reader, jobName, 'none'))?.owners ?? new Map<number, string>();
  const isMeant = (id: string): boolean => options.instances?.includes(id) ?? true;
  const owned = items.filter((item) => options.instances === undefined || isMeant(owners.get(item) ?? ''));
  const isJavas = (item: number): boolean => {
    const owner = owners.get(item);
    return owner !== undefined && members.includes(owner) && looksLikeJava(owner);
  };
  const javas = members.filter((id) => looksLikeJava(id) && isMeant(id));
  const asked = options.items === undefined ? javas : javas.filter((id) => owned.some((at) => owners.get(at) === id));
  assertUnderstood(jobName, fires === null ? options : { ...options, backfill: fires }, asked);
  const rest = owned.filter((item) => !isJavas(item));
  if (rest.length === 0 && asked.length === 0)
    throw invalidArgument('instances', options.instances, 'expected some that own items; these own none of them now');
  return { items: rest, javaInstances: asked };
}

/** What a Java member does not understand is not asked of it. */
function assertUnderstood(
  jobName: string,
  options: TriggerOptions & { readonly backfill?: number },
  javas: readonly string[],
): void {
  const given = (['items', 'jobParameter', 'key', 'backfill'] as const).filter((name) => options[name] !== undefined);
  if (javas.length === 0 || given.length === 0) return;
  throw new OperationError(
    'UNSUPPORTED_BY_JAVA',
    `job '${jobName}' is not triggered: ${javas.join(', ')} would run it, and Java members do not understand ` +
      `${given.join(', ')}. Leave that out, or name items or instances that are not theirs.`,
    { jobName },
  );
}
