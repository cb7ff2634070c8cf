import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ElasticJobError } from '../foundation/errors.js';
import { parseCron } from './cron.js';

/** What the real Quartz answered; test/quartz-golden tells how to ask again. */
interface GoldenCase {
  readonly cron: string;
  readonly timeZone: string;
  readonly after: string;
  /** How many fires Quartz was asked for; it found fewer if there are no more. */
  readonly count: number;
  readonly fires?: readonly string[];
  /** Quartz does not parse it. */
  readonly rejected?: true;
  /** Quartz parses it, and throws when asked for a fire. */
  readonly breaks?: true;
}

const cases: GoldenCase[] = JSON.parse(readFileSync(new URL('./quartz.golden.json', import.meta.url), 'utf8'));

/** Where we do not follow Quartz, all of it. `ours` = what we do instead. */
interface Difference {
  readonly cron: string;
  readonly after?: string;
  readonly ours: 'refused' | readonly string[];
}

const differences: Record<string, readonly Difference[]> = {
  'Quartz swallows text that it does not understand, so that a mistake would go unnoticed': [
    { cron: '0 0 12 * * ? * *', ours: 'refused' },
    { cron: '0 0 12 ? * MONDAY', ours: 'refused' },
    { cron: '0 0 12 1 JANUARY ?', ours: 'refused' },
    { cron: '0 0 12 1X * ?', ours: 'refused' },
    { cron: '0 0 12 ?X * MON', ours: 'refused' },
    { cron: '0 *5 12 * * ?', ours: 'refused' },
    { cron: '0 1,,2 12 * * ?', ours: 'refused' },
    { cron: '0 1, 12 * * ?', ours: 'refused' },
    { cron: '0 0 12 ?,5 * MON', ours: 'refused' },
    { cron: '0 0 12 ? * 6L3', ours: 'refused' },
    { cron: '0 0 12 ? * L-3', ours: 'refused' },
    { cron: '0 0 12 ? * LW', ours: 'refused' },
    { cron: '0 0 12 1-5W * ?', ours: 'refused' },
  ],
  'Quartz ignores a step after a name': [
    { cron: '0 0 12 ? * MON/2', ours: 'refused' },
    { cron: '0 0 12 ? * MON-FRI/2', ours: 'refused' },
  ],
  'Quartz ignores all the other days beside one with #': [
    { cron: '0 0 12 ? * MON#2,FRI', ours: 'refused' },
    { cron: '0 0 12 ? * FRI,MON#2', ours: 'refused' },
  ],
  'Quartz accepts values that can never come, and breaks on some of them later': [
    { cron: '0 0 12 ? * 9#2', ours: 'refused' },
    { cron: '0 0 12 ? * 0#2', ours: 'refused' },
    { cron: 'L 0 12 * * ?', ours: 'refused' },
    { cron: '0 0 12 1 L ?', ours: 'refused' },
    { cron: '0 0 12 1 1 ? 1969', ours: 'refused' },
    { cron: '0 0 12 1 1 ? 2100', ours: 'refused' },
  ],
  'Quartz accepts L and W in lists since 2.5 only; 2.4 keeps the first of the days, near which it searches': [
    { cron: '0 0 12 1,L * ?', ours: ['2027-01-01', '2027-01-31', '2027-02-01', '2027-02-28', '2027-03-01'] },
    { cron: '0 0 12 LW,15 * ?', ours: ['2027-01-15', '2027-01-29', '2027-02-15', '2027-02-26', '2027-03-15'] },
    { cron: '0 0 12 15W,20 * ?', ours: ['2027-01-15', '2027-01-20', '2027-02-15', '2027-02-20', '2027-03-15'] },
    { cron: '0 0 12 1W,15W * ?', ours: ['2027-01-01', '2027-01-15', '2027-02-01', '2027-02-15', '2027-03-01'] },
  ].map(({ cron, ours }) => ({ cron, ours: ours.map((day) => `${day}T12:00:00Z`) })),
  'Quartz takes 31 April for 1 May, and if that is a Saturday fires on 30 April': [
    '2021-04-02T00:00:00Z',
    '2027-03-31T12:00:00Z',
    '2027-04-01T00:00:00Z',
    '2032-04-01T00:00:00Z',
    '2049-04-02T00:00:00Z',
  ].map((after) => {
    const days = ['05-31', '07-30', '08-31'];
    return { cron: '0 0 12 31W * ?', after, ours: days.map((day) => `${after.slice(0, 4)}-${day}T12:00:00Z`) };
  }),
  'Quartz forgets fires of the second pass through a repeated hour if it is asked during the first': [
    {
      cron: '0 30 1 * * ?',
      after: '2027-11-07T05:50:00Z',
      ours: ['2027-11-07T06:30:00Z', '2027-11-08T06:30:00Z'],
    },
    {
      cron: '0 0/15 * * * ?',
      after: '2027-11-07T05:20:00Z',
      ours: ['2027-11-07T06:00:00Z', '2027-11-07T06:15:00Z', '2027-11-07T06:30:00Z', '2027-11-07T06:45:00Z'],
    },
    {
      cron: '0 0 2 * * ?',
      after: '2027-10-31T00:10:00Z',
      ours: ['2027-10-31T01:00:00Z', '2027-11-01T01:00:00Z'],
    },
  ],
  'Quartz leaps over minutes that exist when a gap is shorter than an hour': [
    {
      cron: '0 15,40 * * * ?',
      after: '2027-10-02T15:00:00Z',
      ours: ['2027-10-02T15:10:00Z', '2027-10-02T15:40:00Z', '2027-10-02T16:15:00Z', '2027-10-02T16:40:00Z'],
    },
  ],
};

function differenceOf({ cron, after }: GoldenCase): Difference | undefined {
  const all = Object.values(differences).flat();
  return all.find((known) => known.cron === cron && (known.after === undefined || known.after === after));
}

/** Our answer in the form of Quartz's: as many fires as it was asked for. */
function answer({ cron, timeZone, after, count }: GoldenCase): 'refused' | string[] {
  try {
    const schedule = parseCron(cron, { dialect: 'quartz', timeZone });
    const fires = schedule.between(Date.parse(after) + 1, Number.POSITIVE_INFINITY, count);
    return fires.map((fire) => new Date(fire).toISOString().replace('.000Z', 'Z'));
  } catch (error) {
    if (ElasticJobError.is(error, 'INVALID_CRON')) return 'refused';
    throw error;
  }
}

describe('the answers of the real Quartz', () => {
  it('are many', () => {
    expect(cases.length).toBeGreaterThan(400);
  });

  it.each(
    cases
      .filter((one) => differenceOf(one) === undefined)
      .map((one) => [one.cron, one.timeZone, one.after, one] as const),
  )('%s in %s after %s', (_cron, _timeZone, _after, one) => {
    expect(answer(one)).toEqual(one.rejected ? 'refused' : one.fires);
  });
});

describe.each(Object.entries(differences))('different on purpose: %s', (_reason, all) => {
  it.each(all.map((difference) => [difference.cron, difference] as const))('%s', (_cron, difference) => {
    const one = cases.find((known) => differenceOf(known) === difference);
    if (one === undefined) throw new Error(`no golden case for ${difference.cron}`);
    expect(one.rejected ? 'refused' : one.fires).not.toEqual(difference.ours);
    expect(answer(one)).toEqual(difference.ours);
  });
});
