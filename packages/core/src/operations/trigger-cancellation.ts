import { jobPath, layout } from '../coordination/job-layout.js';
import { entryNamed, type TriggerEntry } from '../coordination/trigger-entry.js';
import { TriggerLedger } from '../coordination/trigger-ledger.js';
import type { Registry } from '../registry/registry.js';
import { mapBounded } from './bounded-reader.js';

/** What calling a trigger off came to. */
export interface TriggerCancellation {
  /** How many runs are not begun any more, because of this. */
  readonly cancelled: number;
  /** How many had been begun, and go on. */
  readonly running: number;
}

/** How many runs are called off at the same time. */
const AT_ONCE = 32;

/** Calls off what has not been begun of a trigger. */
export async function cancelRuns(
  registry: Registry,
  jobName: string,
  id: string,
  now: number,
): Promise<TriggerCancellation> {
  const ledger = new TriggerLedger(registry, jobName);
  const names = (await registry.children(jobPath(jobName, layout.openTriggers)))?.names ?? [];
  const entries = names.flatMap((name) => entryNamed(name) ?? []).filter((entry) => entry.id === id);
  // The last first, so that meanwhile nobody begins what is called off a moment later.
  const results = await mapBounded(entries.reverse(), AT_ONCE, (entry) => cancelRun(ledger, entry, now));
  const count = (wanted: string): number => results.filter((result) => result === wanted).length;
  return { cancelled: count('cancelled'), running: count('running') };
}

async function cancelRun(ledger: TriggerLedger, entry: TriggerEntry, now: number): Promise<string> {
  for (;;) {
    const state = await ledger.state(entry);
    if (state === null) return 'over';
    if (state.hold !== null && state.ending === null) return 'running';
    const ended = { instanceId: null, startedAt: null, endedAt: now, message: null };
    if (await ledger.conclude(state, { ...ended, end: 'skipped', reason: 'cancelled' })) return 'cancelled';
  }
}
