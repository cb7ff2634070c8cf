/** Somebody's word that an item has come to a point of a fire. */
export interface Arrival {
  /** Which fire: see {@link generationOf}. */
  readonly generation: string;
  /**
   * The session of the instance that runs the item for it; `null` if nobody does, because the fire of the item was skipped;
   * {@link LATER}.
   */
  readonly by: string | null;
}

/** A node `guarantee/{phase}/{item}` as it was read. */
export interface Slot {
  readonly item: number;
  readonly value: string;
  readonly version: number;
  /** Transaction of its last change. */
  readonly mzxid: bigint;
}

/** What is waited for. */
export interface Round {
  readonly generation: string;
  /** Items are numbered from 0 to `itemCount - 1`. */
  readonly itemCount: number;
}

/** Where a round stands. */
export type Standing =
  | { readonly reached: false }
  | {
      readonly reached: true;
      /** The session of the instance that is to call the listeners; `null` if no arrival is that of one that is there. */
      readonly caller: string | null;
    };

/** Who stands for an item. */
export interface Attendance {
  /** Whether an instance is registered in this session: not a former one of the same id. */
  isThere(session: string): boolean;
  /** The session of an arrival that does not say it: Java members leave none. */
  sessionOf(item: number): string | null;
  /** Whether nobody will come for the item any more, although it has not arrived. */
  isOrphan(item: number): boolean;
}

/** How many fires an item can be waited for at the same time; of more the oldest are given up. */
const GENERATIONS_AT_ONCE = 8;

/** The name of all runs that nobody planned: they have no time that is the same on all instances. */
export const UNPLANNED = 'trigger';

/** In place of a session: the item is run for the fire once a former run of it has ended, and nobody waits for it here. */
export const LATER = 'later';

/**
 * What tells a fire from all others on every instance: its planned time. Triggered runs have none; they are one generation
 * after the other under one name, as every fire is among Java members.
 */
export function generationOf(scheduledAt: number, planned: boolean): string {
  return planned ? String(scheduledAt) : UNPLANNED;
}

/**
 * The text with one arrival more; the same text if the item has arrived for that fire before. What was put off comes at
 * last, or does not.
 */
export function withArrival(text: string, arrival: Arrival): string {
  const arrivals = readArrivals(text);
  const known = arrivals.findIndex(({ generation }) => generation === arrival.generation);
  if (known === -1) return writeArrivals([...arrivals, arrival].slice(-GENERATIONS_AT_ONCE));
  return arrivals[known]?.by === LATER ? writeArrivals(arrivals.with(known, arrival)) : text;
}

/** The text without the arrivals of a fire, `''` when none is left. Java's stand for whichever fire is under way. */
export function withoutGeneration(text: string, generation: string): string {
  return writeArrivals(readArrivals(text).filter((arrival) => arrival.generation !== generation));
}

/** The arrival for a fire; `undefined` if there is none, `{ by: undefined }` if it is a Java member's. */
export function arrivalAt(text: string, generation: string): Arrival | { readonly by: undefined } | undefined {
  const arrivals = readArrivals(text);
  return arrivals.length === 0 ? { by: undefined } : arrivals.find((arrival) => arrival.generation === generation);
}

/** The items of a round that have not arrived, ascending. */
export function missingItems(slots: readonly Slot[], { generation, itemCount }: Round): number[] {
  const arrived = new Set(slots.filter((slot) => arrivalAt(slot.value, generation) !== undefined).map(toItem));
  return Array.from({ length: itemCount }, (_, item) => item).filter((item) => !arrived.has(item));
}

/**
 * Whether all items of a round have arrived, or never will, and who is to call: the instance with the highest item, of those
 * that are there; so everybody who looks at the same state says the same, whatever comes and goes for other fires. But a
 * Java member that came last calls by itself.
 */
export function standingOf(slots: readonly Slot[], round: Round, attendance: Attendance): Standing {
  if (missingItems(slots, round).some((item) => !attendance.isOrphan(item))) return { reached: false };
  const arrived = slots.filter(({ item }) => item < round.itemCount);
  const last = arrived.reduce<Slot | null>(
    (one, other) => (one === null || other.mzxid > one.mzxid ? other : one),
    null,
  );
  const java = last === null || arrivalAt(last.value, round.generation)?.by !== undefined ? null : last;
  const byJava = java === null ? null : attendance.sessionOf(java.item);
  if (byJava !== null && attendance.isThere(byJava)) return { reached: true, caller: byJava };
  const callers = arrived
    .toSorted((one, other) => other.item - one.item)
    .flatMap(({ value }) => arrivalAt(value, round.generation)?.by ?? []);
  return { reached: true, caller: callers.find((session) => attendance.isThere(session)) ?? null };
}

/** `{generation}={session}` for each fire, with blanks between; no session for a skipped one. */
function writeArrivals(arrivals: readonly Arrival[]): string {
  return arrivals.map(({ generation, by }) => `${generation}=${by ?? ''}`).join(' ');
}

/** Nothing of ours in it: a Java member wrote it, for the fire that it is at. */
function readArrivals(text: string): Arrival[] {
  return text.split(' ').flatMap((word) => {
    const at = word.indexOf('=');
    if (at < 1) return [];
    const by = word.slice(at + 1);
    return [{ generation: word.slice(0, at), by: by === '' ? null : by }];
  });
}

function toItem({ item }: Slot): number {
  return item;
}
