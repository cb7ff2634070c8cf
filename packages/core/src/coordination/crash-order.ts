import type { AnnouncedRun, CrashAnnouncement } from './crash-announcement.js';
import type { ItemState, SignedNode } from './crashed-run.js';

/**
 * The crashed runs of an item in the order in which they are executed again: the one that somebody has signed for, the one
 * whose mark stands, then those that were announced. Several have crashed if whoever took one over was not the next to run
 * the item, or died as well.
 *
 * @param announcement `null` if nothing is announced.
 */
export function crashedRuns(
  { mark, takeover }: Pick<ItemState, 'mark' | 'takeover'>,
  announcement: CrashAnnouncement | null,
): AnnouncedRun[] {
  const announced = announcement?.runs ?? [];
  if (takeover === null) return mark === null ? [...announced] : [signedRun(mark), ...without(announced, mark)];
  const isAmong = announcement !== null && announcement.behind !== takeover.instanceId;
  const waiting = isAmong ? announced.slice(1) : announced;
  // Made for what was taken over.
  if (mark?.instanceId === takeover.instanceId) return [signedRun(mark), ...waiting];
  const [first] = isAmong ? announced : [];
  const signed = first === undefined || first.from === null ? signedRun(takeover) : first;
  return mark === null ? [signed, ...waiting] : [signed, signedRun(mark), ...without(waiting, mark)];
}

/** What was announced and is not the run of this mark. Java members announce without a word of whose run it was. */
function without(announced: readonly AnnouncedRun[], { instanceId, ctime }: SignedNode): AnnouncedRun[] {
  return announced.filter(({ from, markedAt }) => from !== null && (from !== instanceId || markedAt !== ctime));
}

function signedRun({ instanceId, ctime }: SignedNode): AnnouncedRun {
  return { from: instanceId, markedAt: ctime };
}
