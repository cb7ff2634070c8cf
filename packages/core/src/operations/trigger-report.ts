import { jobPath, layout } from '../coordination/job-layout.js';
import { decodeHold, runName, triggerEntry } from '../coordination/trigger-entry.js';
import { decodeOutcome, decodeTrigger, type TriggerEnd, type TriggerRecord } from '../coordination/trigger-record.js';
import { abortable } from '../foundation/abort.js';
import { deferred } from '../foundation/deferred.js';
import { OperationError } from '../foundation/errors.js';
import { show } from '../job/option-problems.js';
import type { Registry, TreeSnapshot } from '../registry/registry.js';
import type { NodeReader } from './bounded-reader.js';
import { maskSecrets } from './sensitive-values.js';

/** Where a run of a trigger is. */
export type TriggerRunState = 'pending' | 'running' | TriggerEnd;

/** One run of a trigger: one item, for one fire. */
export interface TriggerRun {
  readonly item: number;
  /** What the handler is told as `scheduledAt`, epoch milliseconds. */
  readonly scheduledAt: number;
  readonly state: TriggerRunState;
  /** Who runs it, or ran it; `null` if nobody has begun it. */
  readonly instanceId: string | null;
  /** Epoch milliseconds by that instance's clock; `null` if it was not begun. */
  readonly startedAt: number | null;
  /** `null` while it has not ended. */
  readonly endedAt: number | null;
  /** Why it was skipped: `paused`, `disabled`, `surplus` or `cancelled`. */
  readonly reason: string | null;
  /** The beginning of the failure's message; what looks like a secret is hidden. */
  readonly message: string | null;
}

/** What became of a trigger so far. */
export interface TriggerReport {
  readonly jobName: string;
  readonly id: string;
  readonly kind: 'manual' | 'backfill';
  /** When it was asked for, epoch milliseconds. */
  readonly at: number;
  readonly by: string;
  readonly key: string | null;
  /** What looks like a secret is hidden; `null` = the definition's. */
  readonly jobParameter: string | null;
  readonly concurrency: number | null;
  /** Java members that were asked too, and tell nothing. */
  readonly javaInstances: readonly string[];
  /** Whether all runs have ended. */
  readonly isOver: boolean;
  readonly counts: Readonly<Record<TriggerRunState, number>>;
  /** By fire, then by item. */
  readonly runs: readonly TriggerRun[];
}

/** A trigger that is remembered, in a list. */
export interface TriggerSummary {
  readonly id: string;
  /** How many of its runs have not ended. */
  readonly open: number;
}

/** Reads what became of a trigger. Costs one read for each run, and three. */
export async function readTrigger(reader: NodeReader, jobName: string, id: string): Promise<TriggerReport> {
  const record = await readRecord(reader, jobName, id);
  // First what is open: what has ended by then has told its outcome.
  const open = new Set((await reader.children(jobPath(jobName, layout.openTriggers)))?.names);
  const told = new Set((await reader.children(jobPath(jobName, layout.triggerRecord(id))))?.names);
  const runs = await Promise.all(
    record.fires.flatMap(({ at }, fire) =>
      record.items.map(async (item): Promise<TriggerRun> => {
        const entry = triggerEntry(id, fire, item);
        const ended = told.has(runName(entry)) ? await ofOutcome(reader, jobName, id, runName(entry)) : null;
        const state = ended ?? (open.has(entry.name) ? await ofEntry(reader, jobName, entry.name) : GONE);
        return { item, scheduledAt: at, ...state };
      }),
    ),
  );
  const counts = { pending: 0, running: 0, done: 0, failed: 0, skipped: 0, lost: 0 };
  for (const { state } of runs) counts[state] += 1;
  const { kind, at, by, key, jobParameter, concurrency, javaInstances } = record;
  const parameter = jobParameter === null ? null : maskSecrets(jobParameter);
  const isOver = counts.pending + counts.running === 0;
  return { jobName, id, kind, at, by, key, jobParameter: parameter, concurrency, javaInstances, isOver, counts, runs };
}

/** The triggers that are remembered, latest first. */
export async function listTriggers(reader: NodeReader, jobName: string): Promise<TriggerSummary[]> {
  const open = (await reader.children(jobPath(jobName, layout.openTriggers)))?.names ?? [];
  const records = (await reader.children(jobPath(jobName, layout.triggerRecords)))?.names ?? [];
  const counts = new Map<string, number>();
  for (const name of open) {
    const id = name.split('-').slice(0, 2).join('-');
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return [...records].reverse().map((id) => ({ id, open: counts.get(id) ?? 0 }));
}

/** Resolves when all runs of a trigger have ended. One watch, while it waits. */
export async function untilOver(registry: Registry, jobName: string, id: string, signal?: AbortSignal): Promise<void> {
  const { fires, items } = await readRecord(registry, jobName, id);
  const over = deferred();
  const look = (snapshot: TreeSnapshot): void => {
    const told = snapshot.children('');
    if (told === null) over.reject(unknownTrigger(jobName, id));
    else if (told.names.length >= fires.length * items.length) over.resolve();
  };
  const place = jobPath(jobName, layout.triggerRecord(id));
  const watch = await registry.watchTree(place, [{ path: '', children: 'names' }], (_, after) => look(after));
  try {
    look(watch.snapshot);
    await abortable(over.promise, signal);
  } finally {
    watch.close();
  }
}

/** What a trigger asks for; an `UNKNOWN_TRIGGER` if it is not remembered. */
export async function readRecord(reader: NodeReader, jobName: string, id: string): Promise<TriggerRecord> {
  const isName = typeof id === 'string' && /^[0-9a-z-]+$/.test(id);
  const node = isName ? await reader.read(jobPath(jobName, layout.triggerRecord(id))) : null;
  const record = node === null ? null : decodeTrigger(node.value);
  if (record === null) throw unknownTrigger(jobName, id);
  return record;
}

function unknownTrigger(jobName: string, id: string): OperationError {
  const message = `there is no trigger ${show(id)} of job '${jobName}': it was never asked for, or is forgotten by now`;
  return new OperationError('UNKNOWN_TRIGGER', message, { jobName });
}

type RunStatus = Omit<TriggerRun, 'item' | 'scheduledAt'>;

const PENDING: RunStatus = {
  state: 'pending',
  instanceId: null,
  startedAt: null,
  endedAt: null,
  reason: null,
  message: null,
};

/** Somebody removed its nodes by hand. */
const GONE: RunStatus = { ...PENDING, state: 'lost', message: 'its nodes are gone' };

async function ofOutcome(reader: NodeReader, jobName: string, id: string, run: string): Promise<RunStatus> {
  const node = await reader.read(jobPath(jobName, layout.triggerOutcome(id, run)));
  const outcome = node === null ? null : decodeOutcome(node.value);
  if (outcome === null) return GONE;
  const { end, instanceId, startedAt, endedAt, reason, message } = outcome;
  return {
    state: end,
    instanceId,
    startedAt,
    endedAt,
    reason,
    message: message === null ? null : maskSecrets(message),
  };
}

async function ofEntry(reader: NodeReader, jobName: string, name: string): Promise<RunStatus> {
  const node = await reader.read(jobPath(jobName, layout.openTrigger(name)));
  const hold = node === null ? null : decodeHold(node.value);
  // One that has ended in the meantime is told of by the next look.
  if (hold === null) return PENDING;
  return { ...PENDING, state: 'running', instanceId: hold.instanceId, startedAt: hold.since };
}
