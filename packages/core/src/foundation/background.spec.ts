import { describe, expect, it } from 'vitest';
import { settle } from './clock.js';
import { deferred } from './deferred.js';
import { TaskGroup } from './lifecycle.js';
import { writeLogger } from './logger.js';
import { backoff } from './retry.js';

describe('work in the background', () => {
  it('is waited for, with what it starts meanwhile', async () => {
    const group = new TaskGroup(writeLogger(() => undefined));
    const [first, second] = [deferred(), deferred()];
    group.run('first', async () => {
      await first.promise;
      group.run('second', () => second.promise);
    });
    let drained = false;
    const end = group.drained().then(() => {
      drained = true;
    });
    first.resolve();
    await settle();
    expect(drained).toBe(false);
    second.resolve();
    await end;
  });

  it('is logged by its name when it fails, and fails nothing else', async () => {
    const lines: string[] = [];
    const group = new TaskGroup(writeLogger((line) => lines.push(line)));
    group.run('the doomed', () => Promise.reject(new Error('no')));
    await group.drained();
    expect(lines).toEqual(['ERROR background work failed {"work":"the doomed","error":"no"}']);
  });
});

describe('a logger that writes lines', () => {
  it('leaves out what is below its level and keeps the fields of its parents', () => {
    const lines: string[] = [];
    const logger = writeLogger((line) => lines.push(line), 'warn').child({ job: 'a' });
    logger.info('not this');
    logger.child({ item: 1 }).warn('this', { token: 7n, error: new Error('no') });
    expect(lines).toEqual(['WARN this {"job":"a","item":1,"token":"7","error":"no"}']);
  });
});

describe('the pause before the next attempt', () => {
  const policy = { baseSleepTimeMilliseconds: 1000, maxSleepTimeMilliseconds: 3000, maxRetries: 3 };

  it('doubles up to the longest, and is spread over its upper half', () => {
    const least = [1, 2, 3, 9].map((attempt) => backoff(policy, attempt, () => 0));
    const most = [1, 2, 3, 9].map((attempt) => backoff(policy, attempt, () => 1));
    expect(least).toEqual([500, 1000, 1500, 1500]);
    expect(most).toEqual([1000, 2000, 3000, 3000]);
  });
});
