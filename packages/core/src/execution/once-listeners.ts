import type { OncePhase } from '../coordination/job-layout.js';
import type { JobListener, RunContext } from './job-extensions.js';

/** Waits until all items of the run's fire have come to the phase, and has `call` called once for all instances. */
export type PassOnce = (
  phase: OncePhase,
  run: RunContext,
  timeoutMs: number,
  call: () => Promise<void>,
) => Promise<void>;

/** What a listener is called at in each phase, and how long is waited if it does not say, milliseconds. */
const PHASES = {
  started: { method: 'beforeJobExecutedAtLastStarted', timeout: 'startedTimeoutMs', defaultMs: 60_000 },
  completed: { method: 'afterJobExecutedAtLastCompleted', timeout: 'completedTimeoutMs', defaultMs: 86_400_000 },
} as const satisfies Readonly<Record<OncePhase, object>>;

/** The phases at which a job with these listeners waits for all of its items. */
export function oncePhases(listeners: readonly JobListener[]): OncePhase[] {
  return (['started', 'completed'] as const).filter((phase) => calledAt(phase, listeners).length > 0);
}

/**
 * The listeners, and after the first of those that are to be called once for all instances one more, which waits for all
 * items and calls them: one after the other, in their order. Without any of them the same listeners.
 */
export function withOnceCalls(listeners: readonly JobListener[], pass: PassOnce): readonly JobListener[] {
  const phases = oncePhases(listeners);
  if (phases.length === 0) return listeners;
  const started = phases.includes('started') ? passing('started', listeners, pass) : undefined;
  const completed = phases.includes('completed') ? passing('completed', listeners, pass) : undefined;
  const first = listeners.findIndex((listener) => phases.some((phase) => isCalledAt(phase, listener)));
  const caller: JobListener = {
    type: listeners.map(({ type }) => type).join('+'),
    ...(started === undefined ? {} : { beforeJobExecuted: started }),
    ...(completed === undefined ? {} : { afterJobExecuted: completed }),
  };
  return listeners.toSpliced(first + 1, 0, caller);
}

function passing(
  phase: OncePhase,
  listeners: readonly JobListener[],
  pass: PassOnce,
): (run: RunContext) => Promise<void> {
  const called = calledAt(phase, listeners);
  return (run) => pass(phase, run, patienceOf(phase, called), () => callAll(phase, called, run));
}

/** The others are called although one has failed; all failures are told. */
async function callAll(phase: OncePhase, called: readonly JobListener[], run: RunContext): Promise<void> {
  const failures: unknown[] = [];
  for (const listener of called) {
    try {
      await listener[PHASES[phase].method]?.(run);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 1) throw new AggregateError(failures, `${failures.length} listeners failed`);
  if (failures.length === 1) throw failures[0];
}

/** They share the waiting, so the least patient decides. */
function patienceOf(phase: OncePhase, called: readonly JobListener[]): number {
  const { timeout, defaultMs } = PHASES[phase];
  return Math.min(...called.map((listener) => listener[timeout] ?? defaultMs));
}

function calledAt(phase: OncePhase, listeners: readonly JobListener[]): JobListener[] {
  return listeners.filter((listener) => isCalledAt(phase, listener));
}

function isCalledAt(phase: OncePhase, listener: JobListener): boolean {
  return listener[PHASES[phase].method] !== undefined;
}
