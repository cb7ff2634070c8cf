import type { StoredJobConfig } from '../coordination/job-yaml.js';
import { isPausedAt, type Pause } from '../coordination/pause.js';
import { messageOf } from '../foundation/errors.js';
import { parseCron } from '../schedule/cron.js';
import { processTimeZone } from '../schedule/time-zone.js';

/** A fire that is to come. */
export interface PlannedFire {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Whether it falls into a pause and is not run, as things are. */
  readonly paused: boolean;
}

/** When a job fires next. */
export interface PlannedFires {
  readonly cron: string | null;
  /** The zone in which `cron` is read. */
  readonly timeZone: string;
  /** The definition names no zone: each instance goes by its own, and this list by that of the process that asked. */
  readonly isAssumedZone: boolean;
  readonly fires: readonly PlannedFire[];
  /** Why there are none. */
  readonly problem: string | null;
}

/** The next `count` fires after `now` (epoch milliseconds) of what is stored. */
export function plannedFires(stored: StoredJobConfig, pause: Pause | null, now: number, count: number): PlannedFires {
  const definition = stored.readable ? stored.definition : null;
  const cron = definition?.cron ?? null;
  const plan = {
    cron,
    timeZone: definition?.timeZone ?? processTimeZone(),
    isAssumedZone: (definition?.timeZone ?? null) === null,
  };
  if (!stored.readable) return { ...plan, fires: [], problem: stored.problem };
  if (cron === null) return { ...plan, fires: [], problem: 'the job has no cron: it runs only when it is triggered' };
  try {
    const { timeZone, dst } = stored.definition;
    const fires = parseCron(cron, { timeZone, dst }).between(now + 1, Number.POSITIVE_INFINITY, count);
    const planned = fires.map((at) => ({ at, paused: isPausedAt(pause, at) }));
    return { ...plan, fires: planned, problem: fires.length === 0 ? 'the cron expression never fires again' : null };
  } catch (error) {
    return { ...plan, fires: [], problem: messageOf(error) };
  }
}
