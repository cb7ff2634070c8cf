import type { Run } from './observations.js';

/** One run that was asked for, and accepted. */
export interface AskedRun {
  readonly job: string;
  readonly item: number;
  /** The trigger's id. */
  readonly trigger: string;
  /** What the registry tells of it in the end; `open` if it had not ended. */
  state: 'done' | 'failed' | 'skipped' | 'lost' | 'open';
  /** Why it was skipped. */
  reason: string | null;
}

/** What became of all that was asked for. */
export interface TriggerAccounts {
  readonly accepted: number;
  /** The registry tells of a call of user code that ended, in whatever way. */
  readonly run: number;
  readonly skipped: Readonly<Record<string, number>>;
  readonly lost: number;
  readonly open: number;
  /** Called more than once, not counting the calls that take over a crashed run. */
  readonly twice: number;
  /** Told as run although nobody saw it called, or called although it is told as not run. */
  readonly misreported: number;
  /** What is wrong, to be shown. */
  readonly wrong: readonly AskedRun[];
}

/** Accounts for every run that was asked for and accepted. */
export function accountForTriggers(asked: readonly AskedRun[], runs: readonly Run[]): TriggerAccounts {
  const calls = new Map<string, { begun: number; takenOver: number }>();
  for (const { trigger, item, takeover } of runs) {
    if (trigger === null) continue;
    const count = calls.get(`${trigger}/${item}`) ?? { begun: 0, takenOver: 0 };
    if (takeover === null) count.begun += 1;
    else count.takenOver += 1;
    calls.set(`${trigger}/${item}`, count);
  }
  const callsOf = ({ trigger, item }: AskedRun) => calls.get(`${trigger}/${item}`) ?? { begun: 0, takenOver: 0 };
  const isRun = ({ state }: AskedRun): boolean => state === 'done' || state === 'failed';
  const twice = asked.filter((each) => callsOf(each).begun > 1);
  const misreported = asked.filter((each) => {
    const { begun, takenOver } = callsOf(each);
    return each.state === 'skipped' ? begun + takenOver > 0 : each.state === 'done' && begun + takenOver === 0;
  });
  const lost = asked.filter(({ state }) => state === 'lost');
  const open = asked.filter(({ state }) => state === 'open');
  const skipped: Record<string, number> = {};
  for (const { state, reason } of asked) {
    if (state === 'skipped') skipped[reason ?? 'unknown'] = (skipped[reason ?? 'unknown'] ?? 0) + 1;
  }
  return {
    accepted: asked.length,
    run: asked.filter(isRun).length,
    skipped,
    lost: lost.length,
    open: open.length,
    twice: twice.length,
    misreported: misreported.length,
    wrong: [...new Set([...lost, ...open, ...twice, ...misreported])],
  };
}
