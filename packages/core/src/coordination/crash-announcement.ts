import { readDocument } from './json-document.js';

/**
 * What is known of a crashed run that waits for somebody, in `leader/failover/items/{item}`. Java members write nothing
 * into that node, and look at its name only.
 */
export interface CrashAnnouncement {
  /** The instance that ran it. */
  readonly from: string | null;
  /** When it was marked, by the registry's clock, epoch milliseconds. */
  readonly markedAt: number;
}

/** The node's text. */
export function encodeAnnouncement({ from, markedAt }: CrashAnnouncement): string {
  return JSON.stringify({ v: 1, from, markedAt });
}

/** What the node tells; of one that somebody else wrote only that it was there at `madeAt`, epoch milliseconds. */
export function decodeAnnouncement(text: string, madeAt: number): CrashAnnouncement {
  const { from = null, markedAt } = readDocument(text) ?? {};
  const isReadable = (from === null || typeof from === 'string') && Number.isSafeInteger(markedAt);
  return isReadable ? { from, markedAt: Number(markedAt) } : { from: null, markedAt: madeAt };
}
