import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defineJob } from '../job/define-job.js';
import type { JobDefinition } from '../job/definition.js';
import { decodeInstance, encodeInstance, type InstanceRecord } from './instance-yaml.js';
import { decodeJobConfig, encodeJobConfig, sameMeaning } from './job-yaml.js';

/** Written by Java with ElasticJob's own classes: see test/yaml-golden. */
interface Golden {
  readonly jobs: readonly { readonly options: Partial<JobDefinition>; readonly yaml: string }[];
  readonly instances: readonly { readonly instance: InstanceRecord; readonly yaml: string }[];
  /** `read` is the name of Java's exception where Java cannot read the text. */
  readonly texts: readonly { readonly yaml: string; readonly read: Readonly<Record<string, unknown>> | string }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL('./job-yaml.golden.json', import.meta.url), 'utf8'));

const MINIMAL = 'jobName: j\nshardingTotalCount: 3\n';
const defaults = defineJob({ name: 'job', shardingTotalCount: 3 });

const decoded = (text: string): JobDefinition => {
  const stored = decodeJobConfig(text);
  if (!stored.readable) throw new Error(stored.problem);
  return stored.definition;
};

/** The order within `props` is Java's hash order there. */
const withoutOrder = (text: string): string => text.split('\n').toSorted().join('\n');

describe('a definition is written as Java writes it', () => {
  const escaped = /[\u0085\u2028\u2029]/;

  it('for more than eighty definitions', () => {
    expect(golden.jobs.length).toBeGreaterThan(80);
  });

  it.each(golden.jobs.map(({ options, yaml }) => [JSON.stringify(options), options, yaml] as const))(
    '%s',
    (_, options, yaml) => {
      const definition = { ...defaults, ...options };
      const text = encodeJobConfig(definition);
      if (Object.keys(definition.props).length > 1) expect(withoutOrder(text)).toBe(withoutOrder(yaml));
      else if (!escaped.test(yaml)) expect(text).toBe(yaml);
      expect(decoded(text)).toMatchObject(options);
      if (!escaped.test(yaml)) expect(sameMeaning(text, yaml)).toBe(true);
    },
  );
});

describe('a stored text is read as Java reads it', () => {
  /** Java fails later, or reads nonsense, or goes by a date's or a collection's Java text; here a person would not. */
  const readHere = [
    `${MINIMAL}props:\n`,
    `${MINIMAL}props: ~\n`,
    `${MINIMAL}props: {1: b}\n`,
    `${MINIMAL}props: {true: b}\n`,
    `${MINIMAL}jobListenerTypes: ~\n`,
    `${MINIMAL}jobExtraConfigurations: ~\n`,
    `${MINIMAL}jobExtraConfigurations: [a]\n`,
    'jobName: j\nshardingTotalCount: !!str 3\n',
    `${MINIMAL}jobParameter: a\u0085b\n`,
  ];
  const unreadHere = [
    `${MINIMAL}cron: [a]\n`,
    `${MINIMAL}props: {a: [b]}\n`,
    `${MINIMAL}props: {a: {b: c}}\n`,
    `${MINIMAL}jobListenerTypes: {A: B}\n`,
    `${MINIMAL}jobListenerTypes: [[A]]\n`,
    `${MINIMAL}jobListenerTypes: [~]\n`,
    `${MINIMAL}<<: {cron: x}\n`,
    `${MINIMAL}props: {<<: {a: b}}\n`,
    `!!org.apache.shardingsphere.elasticjob.infra.pojo.JobConfigurationPOJO\n${MINIMAL}`,
  ];
  const otherwise = [`${MINIMAL}cron: ''\n`, `${MINIMAL}props: {a: 2024-01-02}\n`];

  it.each(golden.texts.map(({ yaml, read }) => [JSON.stringify(yaml), yaml, read] as const))('%s', (_, yaml, read) => {
    const stored = decodeJobConfig(yaml);
    const readable = (typeof read !== 'string' || readHere.includes(yaml)) && !unreadHere.includes(yaml);
    expect(stored).toMatchObject({ readable });
    if (stored.readable && typeof read !== 'string' && !otherwise.includes(yaml))
      expect(stored.definition).toMatchObject(read);
  });

  it('takes an empty expression as none', () => {
    expect(decoded(`${MINIMAL}cron: ''\n`).cron).toBeNull();
  });
});

describe('what cannot be read is answered with a sentence', () => {
  it.each([
    ['an empty text', '', 'seen no options'],
    ['broken YAML', 'cron: "', 'not YAML: '],
    ['an unknown option', `${MINIMAL}unknown: 1\n`, 'unknown: unknown option'],
    ['a class', `${MINIMAL}cron: !!com.x.Y z\n`, "cron: seen '!!com.x.Y', expected a value without a tag"],
    ['a count of none', 'jobName: j\nshardingTotalCount: 0\n', "shardingTotalCount: seen '0', expected 1 or more"],
    ['a count that is none', 'jobName: j\nshardingTotalCount: x\n', "shardingTotalCount: seen 'x'"],
    ['no name', 'shardingTotalCount: 1\n', 'jobName: '],
    [
      'an own prop of no sense',
      `${MINIMAL}props: {elasticjob.ts.timeout: soon}\n`,
      "props.elasticjob.ts.timeout: seen 'soon'",
    ],
    ['half of a policy', `${MINIMAL}props: {elasticjob.ts.dst.gap: skip}\n`, 'props.elasticjob.ts.dst.overlap: '],
    ['a pool of 0', `${MINIMAL}props: {elasticjob.ts.pool: 0}\n`, 'props.elasticjob.ts.pool: '],
    ['no misfire policy', `${MINIMAL}props: {elasticjob.ts.misfire.policy: never}\n`, "misfire.policy: seen 'never'"],
    [
      'a flag that its policy contradicts',
      `${MINIMAL}misfire: true\nprops: {elasticjob.ts.misfire.policy: skip}\n`,
      "misfire: seen 'true', expected false with props.elasticjob.ts.misfire.policy skip",
    ],
    [
      'no way to meet clocks that differ',
      `${MINIMAL}props: {elasticjob.ts.max-time-diff.action: x}\n`,
      'props.elasticjob.ts.max-time-diff.action: ',
    ],
  ])('%s', (_, text, problem) => {
    expect(decodeJobConfig(text)).toEqual({ readable: false, problem: expect.stringContaining(problem) });
  });
});

describe('options that Java lacks', () => {
  const job = defineJob({
    name: 'job',
    shardingTotalCount: 3,
    className: 'com.x.MyJob',
    dst: { gap: 'skip', overlap: 'both' },
    timeout: '30s',
    misfirePolicy: 'fire-all:5',
    maxTimeDiffAction: 'report',
    jobExecutorThreadPoolSizeProviderType: 4,
    props: { own: 'x' },
  });

  it('are stored in props', () => {
    expect(encodeJobConfig(job)).toContain(
      'props:\n  own: x\n  elasticjob.ts.dst.gap: skip\n  elasticjob.ts.dst.overlap: both\n' +
        "  elasticjob.ts.timeout: '30000'\n  elasticjob.ts.pool: '4'\n" +
        '  elasticjob.ts.misfire.policy: fire-all:5\n  elasticjob.ts.max-time-diff.action: report\n',
    );
    expect(encodeJobConfig(job)).not.toMatch(/jobExecutorThreadPoolSizeProviderType|className/);
  });

  it('are taken out of props again', () => {
    expect(decoded(encodeJobConfig(job))).toEqual({ ...job, className: null });
  });

  it('may be edited by a person who writes a duration', () => {
    expect(decoded(`${MINIMAL}props: {elasticjob.ts.timeout: 5m}\n`).timeout).toBe(300_000);
  });

  it('of a later version survive', () => {
    expect(decoded(`${MINIMAL}props: {elasticjob.ts.later: x}\n`).props).toEqual({ 'elasticjob.ts.later': 'x' });
  });
});

describe("Java's own part", () => {
  const extra =
    'jobExtraConfigurations:\n' +
    '- !!org.apache.shardingsphere.elasticjob.kernel.tracing.yaml.YamlTracingConfiguration\n' +
    '  tracingStorageConfiguration: !!org.apache.shardingsphere.elasticjob.tracing.rdb.yaml.YamlDataSourceConfiguration\n' +
    '    dataSourceClassName: com.zaxxer.hikari.HikariDataSource\n' +
    '    props:\n' +
    "      jdbcUrl: 'jdbc:h2:mem:x;a=b # c'\n" +
    '  type: RDB\n';
  const withExtra = encodeJobConfig(defaults, extra);

  it('stands where Java puts it and is handed back unchanged', () => {
    expect(withExtra).toContain(`failover: false\n${extra}jobName: job\n`);
    expect(decodeJobConfig(withExtra)).toMatchObject({ readable: true, extra });
  });

  it.each([
    ['flow', `{jobName: j, shardingTotalCount: 3, jobExtraConfigurations: [!!org.x.Y {type: RDB, n: {a: 'b'}}]}`],
    ['Windows line ends', `${MINIMAL}jobExtraConfigurations:\r\n- !!org.x.Y\r\n  type: RDB\r\n  n:\r\n    a: 'b'\r\n`],
    ['an explicit key', `? jobExtraConfigurations\n: - !!org.x.Y\n    type: RDB\n    n: {a: 'b'}\n${MINIMAL}`],
  ])('is laid out anew when it stands there as %s', (_, text) => {
    const stored = decodeJobConfig(text);
    expect(stored).toMatchObject({
      extra: expect.stringMatching(/^jobExtraConfigurations:\n- !!org.x.Y\n {2}type: RDB\n {2}n:\n {4}a: 'b'\n$/),
    });
  });

  it('keeps its flow style and anchors where they are', () => {
    const flow = 'jobExtraConfigurations: [&a !!org.x.Y {type: RDB}, *a]\n';
    expect(decodeJobConfig(MINIMAL + flow)).toMatchObject({ extra: flow });
  });

  it('that depends on another option cannot be kept', () => {
    const text = `label: &l x\n${MINIMAL}jobExtraConfigurations: [!!org.x.Y {type: *l}]\n`;
    expect(decodeJobConfig(text)).toMatchObject({ readable: false, problem: expect.stringContaining('alias') });
  });

  it('does not count for the meaning', () => {
    expect(sameMeaning(withExtra, encodeJobConfig(defaults))).toBe(true);
  });
});

describe('sameMeaning', () => {
  const text = encodeJobConfig({ ...defaults, props: { a: '1', b: '2' } });

  it('sees through order, style and quoting', () => {
    const lines = text.replace("  a: '1'\n  b: '2'\n", '  b: 2\n  a: "1"\n').split('\n');
    const props = lines.splice(lines.indexOf('props:'), 3);
    expect(sameMeaning(text, ['# edited', ...props, ...lines.toReversed()].join('\n'))).toBe(true);
  });

  it.each([
    ['another value', text.replace('misfire: true', 'misfire: false')],
    ['a missing flag, which means false', text.replace('misfire: true\n', '')],
    ['an unreadable text', `${text}x`],
  ])('is false for %s', (_, other) => {
    expect(sameMeaning(text, other)).toBe(false);
  });

  it('is false for two unreadable texts', () => {
    expect(sameMeaning('?', '?')).toBe(false);
  });
});

describe('an instance', () => {
  it.each(golden.instances.map(({ instance, yaml }) => [instance.instanceId, instance, yaml] as const))(
    '%s is written as Java writes it, and read back',
    (_, instance, yaml) => {
      expect(encodeInstance(instance)).toBe(yaml);
      expect(decodeInstance(yaml)).toEqual(instance);
    },
  );
});
