import { readDocument } from './json-document.js';

/**
 * A job is paused for as long as the node `extension/pause` exists and its end has not come. The document in it says why,
 * by whom and until when; a node with anything else in it, also with nothing, pauses all the same, without an end.
 *
 * Members decide by the planned time of a fire, which is the same on all of them: fires before the end are not run, the
 * one at the end is. Nobody has to do anything for a pause to end.
 */
export interface Pause {
  /** Why, for people. */
  readonly reason: string;
  /** Who asked for it; `''` if nobody said. */
  readonly by: string;
  /** The first planned time that is run again, epoch milliseconds; `null` = until somebody resumes the job. */
  readonly until: number | null;
}

/** What is said of a pause whose document cannot be read. */
const UNREADABLE: Pause = { reason: 'the document in extension/pause cannot be read', by: '', until: null };

/** The document's text. */
export function encodePause({ reason, by, until }: Pause): string {
  return JSON.stringify({ v: 1, reason, by, until });
}

/** Reads what stands in the node, whoever wrote it. */
export function decodePause(text: string): Pause {
  const raw = readDocument(text);
  // An operator made the node by hand: that it exists is what counts.
  if (raw === null) return UNREADABLE;
  const { reason = '', by = '', until = null } = raw;
  const isTime = until === null || (typeof until === 'number' && Number.isFinite(until));
  if (typeof reason !== 'string' || typeof by !== 'string' || !isTime) return UNREADABLE;
  return { reason, by, until };
}

/** Whether a fire planned for `at` is not to be run. */
export function isPausedAt(pause: Pause | null, at: number): boolean {
  return pause !== null && (pause.until === null || at < pause.until);
}
