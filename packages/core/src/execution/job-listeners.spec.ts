import { describe, expect, it } from 'vitest';
import { deferred } from '../foundation/deferred.js';
import type { JobListener, RunContext } from './job-extensions.js';
import { notifyAfter, notifyBefore, orderListeners, resolveListeners } from './job-listeners.js';

const run: RunContext = {
  jobName: 'invoice',
  taskId: 't',
  scheduledAt: 0,
  source: 'NORMAL_TRIGGER',
  items: [],
  contexts: [],
};
const unexpected = (error: unknown): never => {
  throw error;
};

function recorder(type: string, heard: string[], order?: number): JobListener {
  return {
    type,
    ...(order === undefined ? {} : { order }),
    beforeJobExecuted: () => void heard.push(`before ${type}`),
    afterJobExecuted: async () => void heard.push(`after ${type}`),
  };
}

describe('the listeners of a job', () => {
  it('are found by name and brought into their order', () => {
    const [audit, metrics, mail] = [recorder('AUDIT', [], 5), recorder('METRICS', [], 1), recorder('MAIL', [])];
    expect(resolveListeners(['mail', 'AUDIT', 'METRICS'], [audit, metrics, mail], 'x')).toEqual([metrics, audit, mail]);
  });

  it('that are unknown are an error with the known names', () => {
    expect(() => resolveListeners(['AUDIT', 'NOPE'], [recorder('AUDIT', [])], 'x')).toThrow(
      "job 'x' asks for the listener 'NOPE'; known are AUDIT; add it to the engine's extensions (TYPES.JobListener), or correct jobListenerTypes",
    );
  });

  it('with equal orders stay as named, those without an order come last', () => {
    const types = orderListeners([
      recorder('C', []),
      recorder('B', [], 2),
      recorder('A', [], 2),
      recorder('D', []),
      recorder('Z', [], -1),
    ]).map((listener) => listener.type);
    expect(types).toEqual(['Z', 'B', 'A', 'C', 'D']);
  });

  it('hear of begin and end, one after the other', async () => {
    const heard: string[] = [];
    const gate = deferred();
    const slow: JobListener = {
      type: 'SLOW',
      beforeJobExecuted: async () => {
        await gate.promise;
        heard.push('before SLOW');
      },
    };
    const listeners = [slow, recorder('FAST', heard)];
    const told = notifyBefore(listeners, run, unexpected);
    expect(heard).toEqual([]);
    gate.resolve();
    await told;
    await notifyAfter(listeners, run, unexpected);
    expect(heard).toEqual(['before SLOW', 'before FAST', 'after FAST']);
  });

  it('that throw or reject are reported and keep nothing from the others', async () => {
    const heard: string[] = [];
    const failed: string[] = [];
    const throwing: JobListener = {
      type: 'THROWS',
      beforeJobExecuted: () => {
        throw new Error('no');
      },
    };
    const rejecting: JobListener = { type: 'REJECTS', beforeJobExecuted: () => Promise.reject(new Error('never')) };
    await notifyBefore([throwing, rejecting, recorder('LAST', heard)], run, async (error, { type }) => {
      failed.push(`${type}: ${String(error)}`);
    });
    expect(failed).toEqual(['THROWS: Error: no', 'REJECTS: Error: never']);
    expect(heard).toEqual(['before LAST']);
  });

  it('are called as methods, so that a class may keep state', async () => {
    class Counter implements JobListener {
      readonly type = 'COUNT';
      count = 0;
      beforeJobExecuted(): void {
        this.count++;
      }
    }
    const counter = new Counter();
    await notifyBefore([counter], run, unexpected);
    expect(counter.count).toBe(1);
  });
});
