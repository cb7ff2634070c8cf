import type { OncePhase } from './job-layout.js';
import { readDocument } from './json-document.js';

/** How a round ended: its listeners were called by `by`, or nobody called them (`null`): it was given up. */
export interface EndedRound {
  readonly generation: string;
  readonly by: string | null;
}

/**
 * The document `extension/once`: the last rounds that ended, oldest first. It decides: whoever writes a round into it has
 * called the listeners, and nobody calls them after that.
 */
export type OnceRecord = Readonly<Record<OncePhase, readonly EndedRound[]>>;

/** How many rounds are remembered. */
const REMEMBERED = 16;

/** The text with one round more; `null` if it is in there. */
export function withEnded(text: string, phase: OncePhase, ended: EndedRound): string | null {
  const record = readRecord(text);
  if (endOf(record, phase, ended.generation) !== undefined) return null;
  const rounds = [...record[phase], ended].toSorted((one, other) => Number(one.generation) - Number(other.generation));
  const { started, completed }: OnceRecord = { ...record, [phase]: rounds.slice(-REMEMBERED) };
  return JSON.stringify({ v: 1, started: started.map(toPair), completed: completed.map(toPair) });
}

/**
 * How a round ended; `undefined` if it has not. One that is older than all that are remembered has ended too, and nobody
 * knows how.
 */
export function endOf(record: OnceRecord, phase: OncePhase, generation: string): EndedRound | undefined {
  const rounds = record[phase];
  const found = rounds.find((round) => round.generation === generation);
  if (found !== undefined) return found;
  const [oldest] = rounds;
  const isForgotten = rounds.length >= REMEMBERED && Number(generation) < Number(oldest?.generation);
  return isForgotten ? { generation, by: null } : undefined;
}

/** Reads what {@link withEnded} wrote; a document that cannot be read remembers nothing. */
export function readRecord(text: string): OnceRecord {
  const raw = readDocument(text);
  return { started: toRounds(raw?.started), completed: toRounds(raw?.completed) };
}

function toRounds(value: unknown): EndedRound[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry: unknown) => {
    const [generation, by] = Array.isArray(entry) ? entry : [];
    return typeof generation === 'string' ? [{ generation, by: typeof by === 'string' ? by : null }] : [];
  });
}

function toPair({ generation, by }: EndedRound): [string, string | null] {
  return [generation, by];
}
