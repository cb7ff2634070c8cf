import { describe, expect, it } from 'vitest';
import type { JobListener, RunContext } from './job-extensions.js';
import { oncePhases, type PassOnce, withOnceCalls } from './once-listeners.js';

const run: RunContext = {
  jobName: 'invoice',
  taskId: 't',
  scheduledAt: 0,
  source: 'NORMAL_TRIGGER',
  items: [],
  contexts: [],
};
const plain: JobListener = { type: 'PLAIN', beforeJobExecuted: () => undefined };

function once(type: string, heard: string[], more: Partial<JobListener> = {}): JobListener {
  return {
    type,
    beforeJobExecutedAtLastStarted: () => void heard.push(`${type} before`),
    afterJobExecutedAtLastCompleted: async () => void heard.push(`${type} after`),
    ...more,
  };
}

describe('listeners that are called once for all instances', () => {
  it('cost nothing where there are none', () => {
    const listeners = [plain];
    const never: PassOnce = () => Promise.reject(new Error('unexpected'));
    expect(withOnceCalls(listeners, never)).toBe(listeners);
    expect(oncePhases(listeners)).toEqual([]);
  });

  it('are called together, in their order, in the place of the first of them', async () => {
    const heard: string[] = [];
    const pass: PassOnce = async (phase, _run, _timeout, call) => {
      heard.push(phase);
      await call();
    };
    const listeners = withOnceCalls([plain, once('A', heard), once('B', heard)], pass);
    expect(listeners.map(({ type }) => type)).toEqual(['PLAIN', 'A', 'PLAIN+A+B', 'B']);
    for (const listener of listeners) await listener.beforeJobExecuted?.(run);
    for (const listener of listeners) await listener.afterJobExecuted?.(run);
    expect(heard).toEqual(['started', 'A before', 'B before', 'completed', 'A after', 'B after']);
  });

  it('wait only where they are called', () => {
    const after: JobListener = { type: 'AFTER', afterJobExecutedAtLastCompleted: () => undefined };
    expect(oncePhases([plain, after])).toEqual(['completed']);
    expect(withOnceCalls([after], async () => undefined)[1]?.beforeJobExecuted).toBeUndefined();
  });

  it('share the waiting: the least patient decides', async () => {
    const patience: number[] = [];
    const pass: PassOnce = async (_phase, _run, timeoutMs) => void patience.push(timeoutMs);
    const listeners = withOnceCalls([once('A', [], { startedTimeoutMs: 500 }), once('B', [])], pass);
    for (const listener of listeners) await listener.beforeJobExecuted?.(run);
    for (const listener of listeners) await listener.afterJobExecuted?.(run);
    expect(patience).toEqual([500, 86_400_000]);
  });

  it('that fail keep nothing from the others, and all failures are told', async () => {
    const heard: string[] = [];
    const fail = (type: string): JobListener =>
      once(type, heard, { beforeJobExecutedAtLastStarted: () => Promise.reject(new Error(type)) });
    const pass: PassOnce = (_phase, _run, _timeout, call) => call();
    const [, one] = withOnceCalls([fail('A'), once('B', heard)], pass);
    await expect(one?.beforeJobExecuted?.(run)).rejects.toThrow('A');
    expect(heard).toEqual(['B before']);
    const [, two] = withOnceCalls([fail('A'), fail('B')], pass);
    await expect(two?.beforeJobExecuted?.(run)).rejects.toThrow('2 listeners failed');
  });
});
