import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJobConfig, encodeJobConfig } from '../coordination/job-yaml.js';
import { defineJob } from '../job/define-job.js';
import { explainItem, type ItemExplanation } from './item-explanation.js';
import { isStandingBy, itemStatus, type JobHealth, jobHealth } from './job-health.js';
import type { InstanceReading, ItemReading, JobReading, MarkReading } from './job-reading.js';

const NOW = Date.UTC(2027, 0, 1);
const A = '10.0.0.1@-@a';
const B = '10.0.0.2@-@b';

const instance = (instanceId: string, withdrawal: InstanceReading['withdrawal'] = null): InstanceReading => ({
  instanceId,
  serverIp: instanceId.split('@')[0] ?? '',
  labels: {},
  withdrawal,
  since: NOW - 60_000,
});

const mark = (instanceId: string, since: number, isLasting = false): MarkReading => ({ instanceId, since, isLasting });

const item = (change: Partial<ItemReading> = {}): ItemReading => ({
  item: 0,
  owner: A,
  disabled: false,
  running: null,
  failover: null,
  misfire: false,
  ...change,
});

const text = encodeJobConfig(
  defineJob({ name: 'invoice', cron: '0 0 3 * * ?', timeZone: 'UTC', shardingTotalCount: 2 }, { now: NOW }),
);

/** Two enabled instances, everything assigned. */
function reading(change: Partial<JobReading> = {}): JobReading {
  return {
    jobName: 'invoice',
    className: 'invoice',
    config: { path: 'invoice/config', value: text, stat: STAT },
    stored: decodeJobConfig(text),
    instances: [instance(A), instance(B)],
    servers: new Map([
      ['10.0.0.1', 'ENABLED'],
      ['10.0.0.2', 'ENABLED'],
    ]),
    leader: A,
    resharding: { since: null, processing: false },
    desertedSince: null,
    owners: new Map([
      [0, A],
      [1, B],
    ]),
    items: [],
    witnesses: new Set(),
    awaitingFailover: new Set(),
    pause: null,
    ignored: [],
    ...change,
  };
}

const STAT = {
  czxid: 1n,
  mzxid: 1n,
  pzxid: 1n,
  ctime: NOW,
  mtime: NOW,
  version: 0,
  cversion: 0,
  ephemeralOwner: 0n,
  numChildren: 0,
};

const said = ({ verdict, reasons }: ItemExplanation): string[] => [
  verdict,
  ...reasons.map(({ code, blocks }) => (blocks ? `${code}!` : code)),
];

describe('why an item runs or does not', () => {
  it.each<[string, Partial<JobReading>, Partial<ItemReading>, string[]]>([
    ['nothing is in its way', {}, {}, ['waiting', 'next-fire']],
    ['it runs', {}, { running: mark(A, NOW - 5000) }, ['running', 'running', 'next-fire']],
    [
      'the job is paused',
      { pause: { reason: 'x', by: '', until: NOW + 1 } },
      {},
      ['blocked', 'job-paused!', 'next-fire'],
    ],
    ['the pause is over', { pause: { reason: 'x', by: '', until: NOW } }, {}, ['waiting', 'next-fire']],
    ['it is switched off', {}, { disabled: true }, ['blocked', 'item-disabled!', 'next-fire']],
    [
      'its server is disabled',
      { servers: new Map([['10.0.0.1', 'DISABLED']]) },
      {},
      ['blocked', 'server-disabled!', 'next-fire'],
    ],
    ['its server is unknown', { servers: new Map() }, {}, ['blocked', 'server-disabled!', 'next-fire']],
    [
      'nobody is there',
      { instances: [], leader: null },
      {},
      ['blocked', 'no-instance!', 'owner-offline!', 'next-fire'],
    ],
    ['its owner is gone', { instances: [instance(B)] }, {}, ['blocked', 'owner-offline!', 'next-fire']],
    ['it has no owner', {}, { owner: null }, ['blocked', 'no-owner!', 'next-fire']],
    ['its owner is leaving', { instances: [instance(A, 'draining')] }, {}, ['waiting', 'owner-draining', 'next-fire']],
    [
      'nobody can follow the definition',
      { instances: [instance(A, 'waiting')] },
      {},
      ['blocked', 'definition-not-followed!', 'owner-waiting!', 'next-fire'],
    ],
    [
      'items are being assigned',
      { resharding: { since: NOW - 9, processing: true } },
      {},
      ['blocked', 'resharding!', 'next-fire'],
    ],
    ['nobody leads', { leader: null }, {}, ['waiting', 'no-leader', 'next-fire']],
    [
      'a mark was left behind',
      {},
      { running: mark('10.0.0.9@-@dead', NOW, true) },
      ['blocked', 'mark-left-behind!', 'next-fire'],
    ],
    [
      'an instance that was told to stop still runs it',
      {},
      { running: mark('10.0.0.9@-@leaving', NOW) },
      ['running', 'running', 'next-fire'],
    ],
    [
      'an instance that was told to stop still stands by its lasting mark',
      { witnesses: new Set(['10.0.0.9@-@leaving']) },
      { running: mark('10.0.0.9@-@leaving', NOW, true) },
      ['running', 'running', 'next-fire'],
    ],
    [
      'its run died with its instance',
      { awaitingFailover: new Set([0]) },
      { failover: B, misfire: true },
      ['waiting', 'awaits-failover', 'taken-over', 'misfired', 'next-fire'],
    ],
    [
      'the definition cannot be read',
      { stored: { readable: false, problem: 'cron: seen 1' } },
      {},
      ['blocked', 'definition-unreadable!'],
    ],
    [
      'it only runs when triggered',
      { stored: decodeJobConfig('jobName: invoice\nshardingTotalCount: 1\n') },
      {},
      ['on-demand', 'no-cron'],
    ],
    [
      'its cron cannot be read',
      { stored: decodeJobConfig('jobName: invoice\nshardingTotalCount: 1\ncron: x\n') },
      {},
      ['on-demand', 'no-cron'],
    ],
  ])('is said when %s', (_, job, one, expected) =>
    expect(said(explainItem(reading(job), item(one), NOW))).toEqual(expected),
  );

  it('names moments and instances', () => {
    const { reasons } = explainItem(
      reading({ pause: { reason: 'stocktaking', by: 'ann', until: NOW + 4 * 3_600_000 } }),
      item({ running: mark(A, NOW - 5000) }),
      NOW,
    );
    expect(reasons.map(({ text: sentence }) => sentence)).toEqual([
      'the job is paused by ann until 2027-01-01T04:00:00.000Z: stocktaking',
      `it runs on ${A} since 2026-12-31T23:59:55.000Z`,
      'the next fire is at 2027-01-01T03:00:00.000Z, which falls into the pause',
    ]);
  });

  it('is blocked exactly if something blocks it, and never without a reason', () =>
    fc.assert(
      fc.property(anyReading, anyItem, (job, one) => {
        const { verdict, reasons } = explainItem(job, one, NOW);
        const runs = one.running !== null && isStandingBy(job, one.running);
        expect(reasons.length).toBeGreaterThan(0);
        expect(verdict === 'running').toBe(runs);
        if (!runs) expect(verdict === 'blocked').toBe(reasons.some(({ blocks }) => blocks));
        const status = itemStatus(job, one);
        if (status === 'RUNNING') expect(verdict).toBe('running');
        if (status === 'DISABLED' || status === 'SHARDING_FLAG') expect(['blocked', 'running']).toContain(verdict);
      }),
    ));
});

const anyInstance = fc.record({
  instanceId: fc.constantFrom(A, B, '10.0.0.1@-@c'),
  withdrawal: fc.constantFrom('draining' as const, 'waiting' as const, null),
});
const anyReading: fc.Arbitrary<JobReading> = fc
  .record({
    instances: fc.uniqueArray(anyInstance, { selector: ({ instanceId }) => instanceId }),
    leader: fc.constantFrom(A, B, null),
    one: fc.constantFrom('ENABLED', 'DISABLED', ''),
    since: fc.option(fc.constant(NOW)),
    processing: fc.boolean(),
    until: fc.option(fc.constantFrom(NOW - 1, NOW, NOW + 1)),
    isPaused: fc.boolean(),
  })
  .map(({ instances, leader, one, since, processing, until, isPaused }) =>
    reading({
      instances: instances.map(({ instanceId, withdrawal }) => instance(instanceId, withdrawal)),
      leader,
      servers: new Map([['10.0.0.1', one]]),
      resharding: { since, processing },
      pause: isPaused ? { reason: '', by: '', until } : null,
    }),
  );
const anyItem = fc
  .record({
    owner: fc.constantFrom(A, B, null),
    disabled: fc.boolean(),
    running: fc.option(
      fc.record({ instanceId: fc.constantFrom(A, 'dead'), since: fc.constant(NOW), isLasting: fc.boolean() }),
    ),
  })
  .map(item);

describe('how a job is', () => {
  it.each<[JobHealth, Partial<JobReading>]>([
    ['OK', {}],
    ['CRASHED', { instances: [] }],
    ['MISCONFIGURED', { stored: { readable: false, problem: '' } }],
    ['MISCONFIGURED', { instances: [instance(A, 'waiting')] }],
    ['DISABLED', { servers: new Map([['10.0.0.1', 'DISABLED']]) }],
    ['DISABLED', { servers: new Map() }],
    ['PAUSED', { pause: { reason: '', by: '', until: null } }],
    ['SHARDING_FLAG', { resharding: { since: NOW, processing: false } }],
    ['SHARDING_FLAG', { resharding: { since: null, processing: true } }],
    ['SHARDING_FLAG', { owners: new Map() }],
    ['SHARDING_FLAG', { owners: new Map([[0, A]]) }],
    ['SHARDING_FLAG', { instances: [instance(A)] }],
    // What is left of items beyond the count, or of servers without instances, changes nothing.
    [
      'OK',
      {
        owners: new Map([
          [0, A],
          [1, B],
          [7, 'dead'],
        ]),
      },
    ],
    [
      'OK',
      {
        servers: new Map([
          ['10.0.0.1', 'ENABLED'],
          ['10.0.0.9', 'DISABLED'],
        ]),
      },
    ],
  ])('is %s', (health, change) => expect(jobHealth(reading(change), NOW)).toBe(health));

  it('is told at once of a definition with more items than anybody could list', () => {
    const stored = decodeJobConfig('jobName: invoice\nshardingTotalCount: 2147483647\n');
    expect(jobHealth(reading({ stored }), NOW)).toBe('SHARDING_FLAG');
  });
});
