import { describe, expect, it } from 'vitest';
import { defineJob } from '../job/define-job.js';
import { clockProblem } from './clock-check.js';

const job = (maxTimeDiffSeconds: number) => defineJob({ name: 'job', shardingTotalCount: 1, maxTimeDiffSeconds });

describe('a clock that differs from the registry’s', () => {
  it.each([
    [30, 30_000, 0],
    [30, -30_000, 0],
    [30, 30_050, 50],
    [0, 0, 0],
    [-1, 86_400_000, 0],
  ])('by no more than %s s is borne: %s ms, give or take %s', (seconds, aheadMs, errorMs) => {
    expect(clockProblem(job(seconds), { aheadMs, errorMs })).toBeNull();
  });

  it.each([
    [30_001, 'the clock of this machine is 30.001 s ahead of the registry'],
    [-45_000, 'the clock of this machine is 45.000 s behind the registry'],
  ])('by more than that is an error that says what to do: %s ms', (aheadMs, words) => {
    const problem = clockProblem(job(30), { aheadMs, errorMs: 0 });
    expect(problem).toMatchObject({ code: 'CLOCK_DIFFERENCE', jobName: 'job', retryable: true });
    expect(problem?.message).toContain(words);
    expect(problem?.message).toContain("maxTimeDiffSeconds of job 'job' is 30: set the clock, or allow more");
  });
});
