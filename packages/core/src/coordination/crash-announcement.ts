import { readDocument } from './json-document.js';

/** A run that its instance began and will not end, as whoever found it told it. */
export interface AnnouncedRun {
  /** The instance that ran it; `null` if nobody knows any more. */
  readonly from: string | null;
  /** When it was marked, by the registry's clock, epoch milliseconds; later if nobody knows any more. */
  readonly markedAt: number;
}

/**
 * What `leader/failover/items/{item}` tells of the crashed runs of an item that wait for somebody. Java members write
 * nothing into that node, and look at its name only.
 */
export interface CrashAnnouncement {
  /** In the order in which they are to be executed again. */
  readonly runs: readonly AnnouncedRun[];
  /**
   * The instance that has signed for a run of the item which is not among these: they wait until that one is over. `null`:
   * if somebody has signed, it is for the first of these.
   */
  readonly behind: string | null;
}

/** The node's text. */
export function encodeAnnouncement({ runs, behind }: CrashAnnouncement): string {
  return JSON.stringify({ v: 1, runs: runs.map(({ from, markedAt }) => ({ from, markedAt })), behind });
}

/** What the node tells; of one that somebody else wrote only that it was there at `madeAt`, epoch milliseconds. */
export function decodeAnnouncement(text: string, madeAt: number): CrashAnnouncement {
  const { runs, behind = null } = readDocument(text) ?? {};
  const isReadable = Array.isArray(runs) && runs.length > 0 && runs.every(isRun) && isInstance(behind);
  return isReadable ? { runs, behind } : { runs: [{ from: null, markedAt: madeAt }], behind: null };
}

function isRun(value: unknown): value is AnnouncedRun {
  if (typeof value !== 'object' || value === null) return false;
  const { from, markedAt } = value as Partial<AnnouncedRun>;
  return isInstance(from) && Number.isSafeInteger(markedAt);
}

function isInstance(value: unknown): value is string | null {
  return value === null || typeof value === 'string';
}
