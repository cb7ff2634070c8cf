import type { FireWindow } from '../job/context.js';
import { readDocument } from './json-document.js';

/** What a trigger asks for: the document `extension/triggers/records/{id}`. It never changes. */
export interface TriggerRecord {
  readonly kind: 'manual' | 'backfill';
  /** When it was asked for, epoch milliseconds by the clock of whoever asked. */
  readonly at: number;
  /** Who asked for it; `''` if nobody said. */
  readonly by: string;
  /** The key it was asked for with; `null` = with none. */
  readonly key: string | null;
  /** In place of the definition's; `null` = as the definition has it. */
  readonly jobParameter: string | null;
  /** The items, ascending. Each is run once for each fire. */
  readonly items: readonly number[];
  /** The fires, ascending: one for a manual trigger, those of the range for a backfill. */
  readonly fires: readonly TriggerFire[];
  /** How many of its runs may go on at the same time, on all instances together; `null` = as many as the pools take. */
  readonly concurrency: number | null;
  /** Java members that were asked by their own nodes, and tell nothing. */
  readonly javaInstances: readonly string[];
}

/** What a run of a trigger stands for. */
export interface TriggerFire {
  /** What the handler is told as `scheduledAt`. */
  readonly at: number;
  readonly window: FireWindow | null;
}

/** How a run of a trigger ended. */
export type TriggerEnd =
  /** Its handler succeeded. */
  | 'done'
  /** Its handler failed. */
  | 'failed'
  /** It was not begun, for a reason that is given. */
  | 'skipped'
  /** It was begun, and its instance went away before its end was told. */
  | 'lost';

/** Why a run of a trigger was not begun. */
export type TriggerSkip = 'paused' | 'disabled' | 'surplus' | 'cancelled';

/** What became of one run: the document `extension/triggers/records/{id}/{fire}-{item}`. */
export interface TriggerOutcome {
  readonly end: TriggerEnd;
  /** Who ran it; `null` if nobody did. */
  readonly instanceId: string | null;
  /** When it was begun; `null` if it was not. */
  readonly startedAt: number | null;
  readonly endedAt: number;
  /** Why it was skipped. */
  readonly reason: TriggerSkip | null;
  /** The beginning of the failure's message. */
  readonly message: string | null;
}

/** The document's text. */
export function encodeTrigger(record: TriggerRecord): string {
  const { fires, ...rest } = record;
  // A backfill has many.
  const times = fires.map(({ at, window }) => (window === null ? [at] : [at, window.from, window.to]));
  return JSON.stringify({ v: 1, ...rest, fires: times });
}

/** Reads a trigger; `null` for a text that is none. */
export function decodeTrigger(text: string): TriggerRecord | null {
  const { kind, at, by, key, jobParameter, items, fires, concurrency, javaInstances } = readDocument(text) ?? {};
  if (kind !== 'manual' && kind !== 'backfill') return null;
  if (typeof at !== 'number' || !isNumbers(items) || !Array.isArray(fires)) return null;
  return {
    kind,
    at,
    by: textOr(by, ''),
    key: textOr(key, null),
    jobParameter: textOr(jobParameter, null),
    items,
    fires: fires.flatMap((fire: unknown) => fireOf(fire)),
    concurrency: typeof concurrency === 'number' ? concurrency : null,
    javaInstances: Array.isArray(javaInstances) ? javaInstances.map(String) : [],
  };
}

/** The text of an outcome. */
export function encodeOutcome({ end, instanceId, startedAt, endedAt, reason, message }: TriggerOutcome): string {
  return JSON.stringify({ v: 1, end, instance: instanceId, startedAt, endedAt, reason, message });
}

const ENDS: readonly unknown[] = ['done', 'failed', 'skipped', 'lost'] satisfies TriggerEnd[];
const SKIPS: readonly unknown[] = ['paused', 'disabled', 'surplus', 'cancelled'] satisfies TriggerSkip[];

/** Reads an outcome; `null` for a text that is none. */
export function decodeOutcome(text: string): TriggerOutcome | null {
  const { end, instance, startedAt, endedAt, reason, message } = readDocument(text) ?? {};
  if (!isEnd(end) || typeof endedAt !== 'number') return null;
  return {
    end,
    instanceId: textOr(instance, null),
    startedAt: typeof startedAt === 'number' ? startedAt : null,
    endedAt,
    reason: isSkip(reason) ? reason : null,
    message: textOr(message, null),
  };
}

function fireOf(fire: unknown): TriggerFire[] {
  if (!isNumbers(fire)) return [];
  const [at, from, to] = fire;
  if (at === undefined) return [];
  return [{ at, window: from === undefined || to === undefined ? null : { from, to } }];
}

function isEnd(value: unknown): value is TriggerEnd {
  return ENDS.includes(value);
}

function isSkip(value: unknown): value is TriggerSkip {
  return SKIPS.includes(value);
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'number');
}

function textOr<T>(value: unknown, otherwise: T): string | T {
  return typeof value === 'string' ? value : otherwise;
}
