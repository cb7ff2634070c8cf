import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineJob } from '../job/define-job.js';
import type { JobDefinition } from '../job/definition.js';
import type { MisfirePolicy } from '../job/misfire-policy.js';
import { decodeInstance, encodeInstance } from './instance-yaml.js';
import { decodeJobConfig, encodeJobConfig, sameMeaning } from './job-yaml.js';

/** Any text without half characters, often with what YAML makes something of. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      'a',
      ' ',
      '\n',
      ':',
      '#',
      "'",
      '"',
      '-',
      '\t',
      '\u0085',
      '\u2028',
      '0',
      '_',
      '.',
      '\ufeff',
      '😀',
    ),
  }),
  fc.lorem({ maxCount: 40 }),
  fc.constantFrom('true', '~', '0x1F', '12:30', '---', '*', '<<', '__proto__', 'constructor'),
);
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const type = maybe(text.filter((value) => value !== ''));
const int = (min: number) => fc.integer({ min, max: 2 ** 31 - 1 });
const propName = text.filter((name) => !name.startsWith('elasticjob.ts.') && name !== '__proto__');

/** Those that the flag does not contradict. */
const policies = (misfire: boolean): (MisfirePolicy | null)[] =>
  misfire ? [null, 'fire-once', 'fire-all:7'] : [null, 'skip', 'fire-once', 'fire-all:7'];

const definitions: fc.Arbitrary<JobDefinition> = fc
  .record({
    jobName: text.filter((name) => name !== ''),
    cron: type,
    timeZone: type,
    shardingTotalCount: int(1),
    shardingItemParameters: text,
    jobParameter: text,
    monitorExecution: fc.boolean(),
    failover: fc.boolean(),
    misfire: fc.boolean(),
    maxTimeDiffSeconds: int(-(2 ** 31)),
    reconcileIntervalMinutes: int(-(2 ** 31)),
    jobShardingStrategyType: type,
    jobExecutorThreadPoolSizeProviderType: type,
    jobErrorHandlerType: type,
    jobListenerTypes: fc.array(text),
    description: text,
    props: fc.dictionary(propName, text, { noNullPrototype: true }),
    disabled: fc.boolean(),
    overwrite: fc.boolean(),
    label: maybe(text),
    staticSharding: fc.boolean(),
  })
  .chain((given) =>
    fc
      .record({
        dst: maybe(
          fc.record({
            gap: fc.constantFrom('run-after' as const, 'skip' as const),
            overlap: fc.constantFrom('first' as const, 'second' as const, 'both' as const),
          }),
        ),
        timeout: maybe(int(1)),
        poolSize: maybe(int(1)),
        misfirePolicy: fc.constantFrom(...policies(given.misfire)),
        maxTimeDiffAction: maybe(fc.constantFrom('skip' as const, 'report' as const)),
      })
      .map((own) => ({ ...given, ...own, className: null })),
  );

describe('a stored configuration', () => {
  it('gives back the definition it was made from, whatever texts it holds', () => {
    fc.assert(
      fc.property(definitions, (definition) => {
        expect(decodeJobConfig(encodeJobConfig(definition))).toMatchObject({ readable: true, definition, extra: null });
      }),
      { numRuns: 300 },
    );
  });

  it('keeps its meaning and its text when it is read and written again', () => {
    fc.assert(
      fc.property(definitions, (definition) => {
        const text = encodeJobConfig(definition);
        const stored = decodeJobConfig(text);
        if (!stored.readable) throw new Error(stored.problem);
        expect(encodeJobConfig(stored.definition, stored.extra)).toBe(text);
        expect(sameMeaning(text, text)).toBe(true);
      }),
    );
  });

  it('does not mean the same when one option differs', () => {
    fc.assert(
      fc.property(definitions, definitions, fc.nat(), (one, other, index) => {
        const keys = Object.keys(one) as (keyof JobDefinition)[];
        const key = keys[index % keys.length] ?? 'jobName';
        const changed = { ...one, [key]: other[key] };
        const same = JSON.stringify(sorted(one[key])) === JSON.stringify(sorted(other[key]));
        expect(sameMeaning(encodeJobConfig(one), encodeJobConfig(changed))).toBe(same);
      }),
    );
  });

  it('never makes the reader throw, whatever it is', () => {
    fc.assert(fc.property(text, (any) => typeof decodeJobConfig(any).readable === 'boolean'));
    fc.assert(
      fc.property(text, (any) => typeof decodeJobConfig(`jobName: ${any}\nprops: ${any}`).readable === 'boolean'),
    );
  });

  it('is read the same after a job passed the edge', () => {
    const job = defineJob({ name: 'job', shardingTotalCount: 1 });
    expect(decodeJobConfig(encodeJobConfig(job))).toMatchObject({ definition: job });
  });
});

describe('an instance', () => {
  const id = text.filter((each) => each !== '');

  it('gives back what it was made from', () => {
    fc.assert(
      fc.property(fc.record({ instanceId: id, serverIp: text, labels: maybe(text) }), (instance) => {
        expect(decodeInstance(encodeInstance(instance))).toEqual(instance);
      }),
    );
  });

  it('never makes the reader throw, whatever it is', () => {
    fc.assert(fc.property(text, (any) => void decodeInstance(any)));
  });
});

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
