import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElasticJobError } from '../foundation/errors.js';
import { defineJob } from './define-job.js';
import type { JobOptions } from './job-options.js';
import { OPTION_SCHEMAS } from './job-schema.js';

const options = fc.dictionary(
  fc.oneof(fc.constantFrom(...Object.keys(OPTION_SCHEMAS)), fc.string()),
  fc.oneof(fc.anything({ withBigInt: true, withDate: true }), fc.string(), fc.integer(), fc.boolean()),
  { noNullPrototype: true },
);

describe('defineJob', () => {
  it('answers whatever it is given with a frozen definition or an error for the person who wrote it', () => {
    fc.assert(
      fc.property(options, (given) => {
        try {
          expect(Object.isFrozen(defineJob(given as unknown as JobOptions, { now: 0 }))).toBe(true);
        } catch (error) {
          expect(
            ElasticJobError.is(error) && ['INVALID_CONFIGURATION', 'UNSUPPORTED_OPTION'].includes(error.code),
          ).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('answers a name that cannot even be shown as a text', () => {
    const given = { name: { toString: 0n } } as unknown as JobOptions;
    expect(() => defineJob(given)).toThrow('expected');
  });

  it('names every unknown option', () => {
    const unknown = fc.stringMatching(/^[a-z]{1,12}_[a-z]{1,12}$/);
    fc.assert(
      fc.property(fc.uniqueArray(unknown, { minLength: 1, maxLength: 5 }), (names) => {
        const given = { name: 'job', shardingTotalCount: 1, ...Object.fromEntries(names.map((name) => [name, 1])) };
        const lines = names.map((name) => expect.stringContaining(`jobs.job.${name}: seen 1, expected no such option`));
        expect(messageOf(() => defineJob(given)).split('\n')).toEqual(expect.arrayContaining(lines));
      }),
    );
  });
});

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return String(error);
  }
  return '';
}
