import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, describeFailure, ElasticJobError, messageOf, RegistryError } from './errors.js';

describe('an error of ours', () => {
  const error = new RegistryError('NO_NODE', 'job/config: gone', { path: 'job/config', retryable: true });

  it('is known by its code', () => {
    expect(ElasticJobError.is(error)).toBe(true);
    expect(ElasticJobError.is(error, 'NO_NODE')).toBe(true);
    expect(ElasticJobError.is(error, 'BAD_VERSION')).toBe(false);
    expect(error.name).toBe('RegistryError');
  });

  it('is known as ours also if it comes from a second copy of the package', () => {
    const foreign = { [Symbol.for('elasticjob.error')]: true, code: 'NO_NODE' };
    expect(ElasticJobError.is(foreign, 'NO_NODE')).toBe(true);
  });

  it.each([null, undefined, 'text', 7, {}, new Error('other')])('is not %s', (value) =>
    expect(ElasticJobError.is(value)).toBe(false),
  );

  it('shows what it has, and nothing else, when it is printed', () => {
    const shown = inspect(new ConfigurationError('DUPLICATE_JOB', 'twice', { jobName: 'job' }));
    expect(shown).toContain("jobName: 'job'");
    expect(shown).toContain('ConfigurationError');
    expect(shown).not.toMatch(/undefined|Symbol/);
  });
});

describe('what was thrown', () => {
  it('is told with its causes', () => {
    const failure = new Error('outer', { cause: new Error('inner', { cause: 'a text' }) });
    expect(describeFailure(failure)).toMatch(/^Error: outer.*\nCaused by: Error: inner.*\nCaused by: a text$/s);
    expect(messageOf(failure)).toBe('outer');
  });

  it('may be anything', () => {
    expect(describeFailure('a text')).toBe('a text');
    expect(messageOf(null)).toBe('null');
  });
});
