import type { TraceEvent } from '@elasticjob/core';
import type { Check } from './checks.js';
import type { World } from './world.js';

/** What a member may take to hear of a pause behind a server that lags: what it begins before is begun in good faith. */
const HEARD_WITHIN_MS = 7000;

interface PauseNode {
  /** True time since which it stands there as it is. */
  readonly since: number;
  readonly until: number | null;
}

/** What docs/guarantees.md promises of paused jobs. */
export function pauseChecks(world: World): Check[] {
  return [startsNothingWhilePaused(world)];
}

function startsNothingWhilePaused(world: World): Check {
  const pauses = new Map<string, PauseNode>();
  return {
    promise: 'G4',
    words: 'nothing is started while its job is paused',
    committed({ changes }) {
      for (const { path } of changes) {
        const [, , jobName = '', first, second] = path.split('/');
        if (first !== 'extension' || second !== 'pause') continue;
        const text = world.ledger.value(jobName, 'extension/pause');
        if (text === null) pauses.delete(jobName);
        else pauses.set(jobName, { since: world.timeline.now, until: untilOf(text) });
      }
      return null;
    },
    traced(process, event) {
      if (event.kind !== 'item-started') return null;
      const pause = pauses.get(event.jobName);
      if (pause === undefined || world.timeline.now < pause.since + HEARD_WITHIN_MS) return null;
      if (pause.until !== null && pause.until <= momentOf(event, world)) return null;
      return `${process.name} starts ${event.jobName}/${event.item} for ${event.scheduledAt} in a pause of ${pause.since}`;
    },
  };
}

/** A fire is paused by its planned time; what is asked for or executed again by the time of day, which clocks may differ in. */
function momentOf({ source, scheduledAt }: TraceEvent & { kind: 'item-started' }, world: World): number {
  if (source === 'NORMAL_TRIGGER' || source === 'MISFIRE') return scheduledAt;
  return world.skewed ? Number.POSITIVE_INFINITY : world.timeline.now;
}

/** Reads `extension/pause` by its documentation, not with the code that is under test. */
function untilOf(text: string): number | null {
  return (JSON.parse(text) as { readonly until: number | null }).until;
}
