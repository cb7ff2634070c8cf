import { describe, expect, it } from 'vitest';
import { ElasticJobError } from '../foundation/errors.js';
import { defineJob } from './define-job.js';
import type { JobOptions } from './job-options.js';

const NOW = Date.UTC(2027, 0, 1);

/** What a person without a compiler may write. */
const define = (options: object): unknown => defineJob(options as JobOptions, { now: NOW });

function failure(options: object): ElasticJobError {
  try {
    define(options);
  } catch (error) {
    if (ElasticJobError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const job = (options: object): object => ({ name: 'job', shardingTotalCount: 1, ...options });

describe('a definition', () => {
  it('has the defaults of ElasticJob for everything that is left out', () => {
    expect(defineJob({ name: 'job', shardingTotalCount: 3 })).toEqual({
      jobName: 'job',
      cron: null,
      timeZone: null,
      shardingTotalCount: 3,
      shardingItemParameters: '',
      jobParameter: '',
      monitorExecution: true,
      failover: false,
      misfire: true,
      maxTimeDiffSeconds: -1,
      reconcileIntervalMinutes: 10,
      jobShardingStrategyType: null,
      jobExecutorThreadPoolSizeProviderType: null,
      jobErrorHandlerType: null,
      jobListenerTypes: [],
      description: '',
      props: {},
      disabled: false,
      overwrite: false,
      label: null,
      staticSharding: false,
      className: null,
      dst: null,
      timeout: null,
      poolSize: null,
      misfirePolicy: null,
      maxTimeDiffAction: null,
    });
  });

  it('keeps everything that is given', () => {
    const options: JobOptions = {
      cron: '0/5 * * * * ?',
      timeZone: 'GMT+8:00',
      shardingTotalCount: 2,
      shardingItemParameters: '0=a,1=b',
      jobParameter: 'x',
      monitorExecution: false,
      misfire: false,
      maxTimeDiffSeconds: -2,
      reconcileIntervalMinutes: 0,
      jobShardingStrategyType: 'odevity',
      jobExecutorThreadPoolSizeProviderType: 'SINGLE_THREAD',
      jobErrorHandlerType: 'THROW',
      jobListenerTypes: ['AUDIT'],
      description: 'y',
      props: { a: 'b' },
      disabled: true,
      overwrite: true,
      label: 'z',
      className: 'com.x.MyJob',
      dst: { gap: 'skip', overlap: 'both' },
      timeout: 1,
      misfirePolicy: 'fire-all:3',
      maxTimeDiffAction: 'report',
    };
    const { failover, staticSharding, poolSize, jobName, ...rest } = defineJob(
      { name: 'job', ...options },
      { now: NOW },
    );
    expect(rest).toEqual(options);
  });

  it('tells Java members not to make up for what its policy skips', () => {
    expect(define(job({ misfirePolicy: 'skip' }))).toMatchObject({ misfire: false, misfirePolicy: 'skip' });
    expect(define(job({ misfirePolicy: 'fire-all' }))).toMatchObject({ misfire: true, misfirePolicy: 'fire-all:100' });
    expect(define(job({ misfire: false, misfirePolicy: 'fire-once' }))).toMatchObject({ misfire: false });
  });

  it('is frozen through and through and takes nothing from the caller by reference', () => {
    const given = { jobListenerTypes: ['A'], props: { a: 'b' }, dst: { gap: 'skip', overlap: 'both' } as const };
    const definition = defineJob({ name: 'job', shardingTotalCount: 1, ...given });
    for (const part of [definition, definition.props, definition.jobListenerTypes, definition.dst])
      expect(Object.isFrozen(part)).toBe(true);
    given.props.a = 'changed';
    expect(definition.props.a).toBe('b');
  });

  it.each([
    [4, { poolSize: 4, jobExecutorThreadPoolSizeProviderType: null }],
    ['CPU', { poolSize: null, jobExecutorThreadPoolSizeProviderType: 'CPU' }],
  ])('has a pool of %s', (pool, expected) => {
    expect(define(job({ jobExecutorThreadPoolSizeProviderType: pool }))).toMatchObject(expected);
  });

  it.each([
    [1_500, 1_500],
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['24d', 2_073_600_000],
  ])('reads the timeout %s', (timeout, ms) => {
    expect(define(job({ timeout }))).toMatchObject({ timeout: ms });
  });

  it.each([{ jobName: 'job' }, { name: 'job', jobName: 'job' }])('may be named as ElasticJob does: %o', (name) => {
    expect(define({ shardingTotalCount: 1, ...name })).toMatchObject({ jobName: 'job' });
  });

  it('takes null, undefined and an empty type as left out', () => {
    const absent = { cron: '', timeZone: '', jobErrorHandlerType: '', misfire: null, props: undefined, dst: null };
    expect(define(job(absent))).toEqual(define(job({})));
  });

  it.each(['com.x.MyJob', 'invoice-2', 'send invoices', '发票'])('may be called "%s"', (name) => {
    expect(define({ name, shardingTotalCount: 1 })).toMatchObject({ jobName: name });
  });
});

describe('a definition is refused', () => {
  it.each([
    ['a slash in the name', { name: 'a/b' }, `jobs.a/b.name: seen 'a/b', expected a name without '/'`],
    ['an at sign in the name', { name: 'a@b' }, `expected a name without '@'`],
    ['a star in the name', { name: 'a*' }, `expected a name without '*'`],
    ['a dollar in the name', { name: 'a$' }, `expected a name without '$'`],
    ['a line end in the name', { name: 'a\nb' }, `expected a name without '\\n'`],
    ['a name of dots', { name: '..' }, 'jobs....name: seen'],
    ['an empty name', { name: '' }, `jobs..name: seen '', expected a name`],
    ['blanks around the name', { name: ' a' }, 'without blanks at its ends'],
    ['two names', { jobName: 'b' }, `jobs.job.jobName: seen 'b', expected the same as name, 'job'`],
    ['no name', { name: undefined }, 'jobs.?.name: seen nothing, expected the name of the job'],
    [
      'no count',
      { shardingTotalCount: undefined },
      'jobs.job.shardingTotalCount: seen nothing, expected a whole number',
    ],
    ['a count of 0', { shardingTotalCount: 0 }, 'jobs.job.shardingTotalCount: seen 0, expected a whole number from 1'],
    ['a negative count', { shardingTotalCount: -3 }, 'jobs.job.shardingTotalCount: seen -3'],
    ['half a count', { shardingTotalCount: 1.5 }, 'jobs.job.shardingTotalCount: seen 1.5'],
    ['a count Java cannot hold', { shardingTotalCount: 2 ** 31 }, 'jobs.job.shardingTotalCount: seen 2147483648'],
    ['malformed item parameters', { shardingItemParameters: '0=a,b' }, 'should be int=xx,int=xx'],
    ['a named item', { shardingItemParameters: 'a=b' }, `key 'a' is not an integer`],
    ['a broken expression', { cron: '0 0 25 * * ?' }, `jobs.job.cron: seen '0 0 25 * * ?', expected an expression`],
    ['a date that never comes', { cron: '0 0 0 30 2 ?' }, 'it has no fire after 2027-01-01T00:00:00.000Z'],
    ['a date that is over', { cron: '0 0 0 1 1 ? 2026' }, 'it has no fire after 2027-01-01T00:00:00.000Z'],
    ['an unknown zone', { timeZone: 'Mars/Base' }, `jobs.job.timeZone: seen 'Mars/Base', expected a known zone`],
    [
      'an unknown policy',
      { dst: { gap: 'x', overlap: 'both' } },
      `jobs.job.dst.gap: seen 'x', expected 'run-after' or 'skip'`,
    ],
    ['half a policy', { dst: { gap: 'skip' } }, 'jobs.job.dst.overlap: seen nothing'],
    ['more than a policy', { dst: { gap: 'skip', overlap: 'both', x: 1 } }, 'jobs.job.dst.x: seen 1, expected no such'],
    ['a timeout of 0', { timeout: 0 }, 'jobs.job.timeout: seen 0, expected 1 to 2147483647 whole milliseconds'],
    ['a timeout too long for a timer', { timeout: '25d' }, `jobs.job.timeout: seen '25d'`],
    ['a timeout of words', { timeout: 'soon' }, `jobs.job.timeout: seen 'soon'`],
    [
      'a pool of 0',
      { jobExecutorThreadPoolSizeProviderType: 0 },
      'jobs.job.jobExecutorThreadPoolSizeProviderType: seen 0',
    ],
    [
      'a misfire policy that there is not',
      { misfirePolicy: 'fire-all:0' },
      `jobs.job.misfirePolicy: seen 'fire-all:0', expected skip, fire-once or fire-all:n`,
    ],
    [
      'a flag that the policy contradicts',
      { misfire: true, misfirePolicy: 'skip' },
      `jobs.job.misfire: seen true, expected false, or nothing, with misfirePolicy 'skip'`,
    ],
    [
      'a difference of clocks with no way to meet it',
      { maxTimeDiffAction: 'stop' },
      'jobs.job.maxTimeDiffAction: seen',
    ],
    ['a text as flag', { misfire: 'true' }, `jobs.job.misfire: seen 'true', expected true or false`],
    ['a number in props', { props: { a: 1 } }, 'jobs.job.props.a: seen 1, expected a text'],
    ['a reserved prop', { props: { 'elasticjob.ts.pool': '1' } }, `jobs.job.props.elasticjob.ts.pool: seen '1'`],
    ['a number as listener', { jobListenerTypes: ['A', 2] }, 'jobs.job.jobListenerTypes.1: seen 2, expected a text'],
    ['a typing error', { shardingTotalCout: 3 }, 'expected no such option; did you mean shardingTotalCount?'],
    [
      'failover without what it needs',
      { failover: true, monitorExecution: false },
      'jobs.job.failover: seen true, expected false, or monitorExecution: true',
    ],
    ['an unknown option', { colour: 'red' }, `jobs.job.colour: seen 'red', expected no such option`],
  ])('for %s', (_, options, message) => {
    const error = failure(job(options));
    expect(error.message).toContain(message);
    expect(error.code).toBe('INVALID_CONFIGURATION');
  });

  it('for all its problems at once, one per line', () => {
    const error = failure({
      name: 'job',
      shardingTotalCount: 0,
      cron: 'x',
      timeZone: 'y',
      misfire: 1,
    });
    const paths = error.message.matchAll(/^jobs\.job\.(\w+):/gm);
    expect([...paths].map(([, path]) => path)).toEqual(['shardingTotalCount', 'misfire', 'timeZone', 'cron']);
    expect(error).toMatchObject({ code: 'INVALID_CONFIGURATION', jobName: 'job', path: 'jobs.job' });
    expect(error.message).toMatch(/^4 problems:\n/);
  });

  it('for something that is no object', () => {
    expect(failure(Object('text')).message).toContain('jobs.?.name: seen nothing');
  });
});

describe('an option that would be ignored is refused', () => {
  it.each([[{ jobExtraConfigurations: [{ type: 'RDB' }] }, 'jobExtraConfigurations']])('%o', (options, path) => {
    const error = failure(job(options));
    expect(error).toMatchObject({ code: 'UNSUPPORTED_OPTION', path: `jobs.job.${path}` });
    expect(error.message).toMatch(new RegExp(`^jobs\\.job\\.${path.replaceAll('.', '\\.')}: seen .+, expected .+`));
  });

  it('but not where its value asks for nothing', () => {
    const options = { failover: false, staticSharding: false, jobErrorHandlerType: 'SLACK' };
    expect(define(job(options))).toMatchObject(options);
  });
});
