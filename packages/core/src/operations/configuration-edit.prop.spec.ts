import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJobConfig, encodeJobConfig } from '../coordination/job-yaml.js';
import { defineJob } from '../job/define-job.js';
import type { JobDefinition } from '../job/definition.js';
import type { JobOptions } from '../job/job-options.js';
import { configurationDifferences } from './configuration-difference.js';
import { editConfiguration, toOptions } from './configuration-edit.js';
import { maskProps } from './sensitive-values.js';

const NOW = Date.UTC(2027, 0, 1);

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const options: fc.Arbitrary<JobOptions> = fc.record(
  {
    name: fc.constant('invoice'),
    shardingTotalCount: fc.integer({ min: 1, max: 1000 }),
    cron: fc.constantFrom('0/5 * * * * ?', '0 0 3 ? * FRIL', '*/5 * * * *'),
    timeZone: fc.constantFrom('UTC', 'Asia/Shanghai', 'GMT+8:00'),
    jobParameter: text,
    description: text,
    misfirePolicy: fc.constantFrom('fire-once', 'fire-all:3', undefined),
    misfire: fc.boolean(),
    monitorExecution: fc.boolean(),
    disabled: fc.boolean(),
    overwrite: fc.boolean(),
    reconcileIntervalMinutes: fc.nat(100),
    jobListenerTypes: fc.array(fc.constantFrom('A', 'B')),
    jobExecutorThreadPoolSizeProviderType: fc.oneof(fc.constant('CPU'), fc.integer({ min: 1, max: 50 })),
    dst: fc.constantFrom({ gap: 'skip', overlap: 'both' } as const, undefined),
    timeout: fc.oneof(fc.integer({ min: 1, max: 1e6 }), fc.constant('5m')),
    props: fc.dictionary(fc.constantFrom('region', 'email.password', 'x'), text),
    label: text,
  },
  { requiredKeys: ['name', 'shardingTotalCount'] },
);
const definition = options.map((each): JobDefinition => defineJob(each, { now: NOW }));

describe('a definition', () => {
  it('can be given as options that mean the same', () =>
    fc.assert(
      fc.property(definition, (each) => {
        expect(defineJob(toOptions(each), { now: NOW })).toEqual(each);
      }),
    ));

  it('means the same, byte for byte, when nothing of it is changed', () =>
    fc.assert(
      fc.property(definition, (each) => {
        const stored = encodeJobConfig(each);
        expect(editConfiguration({ definition: each, extra: null }, {}, NOW).text).toBe(stored);
      }),
    ));

  it('is not changed by giving back what was shown of it', () =>
    fc.assert(
      fc.property(definition, (each) => {
        const shown = maskProps(each.props);
        expect(editConfiguration({ definition: each, extra: null }, { props: shown }, NOW).definition).toEqual({
          ...each,
          className: null,
        });
      }),
    ));

  it('differs from another exactly where their texts do', () =>
    fc.assert(
      fc.property(definition, definition, (one, other) => {
        const differences = configurationDifferences(one, other);
        expect(differences.length === 0).toBe(sameText(one, other));
        expect(configurationDifferences(other, one).map(({ option }) => option)).toEqual(
          differences.map(({ option }) => option),
        );
      }),
    ));
});

function sameText(one: JobDefinition, other: JobDefinition): boolean {
  const sorted = (each: JobDefinition): JobDefinition => ({
    ...each,
    props: Object.fromEntries(Object.entries(each.props).sort(([a], [b]) => (a < b ? -1 : 1))),
  });
  const [first, second] = [encodeJobConfig(sorted(one)), encodeJobConfig(sorted(other))];
  return first === second && decodeJobConfig(first).readable;
}
