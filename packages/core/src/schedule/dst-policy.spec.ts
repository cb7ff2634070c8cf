import { describe, expect, it } from 'vitest';
import { parseCron } from './cron.js';
import type { DstPolicy } from './dst-policy.js';

/*
 * New York: on 2027-03-14 the clocks go from 02:00 EST to 03:00 EDT (07:00Z), on 2027-11-07 from 02:00 EDT back to 01:00
 * EST (06:00Z).
 */
const GAP_DAY = '2027-03-14';
const OVERLAP_DAY = '2027-11-07';

/** The fires from 00:00 to 06:00 local standard time of a day in New York, as times in UTC. */
function firesOn(day: string, text: string, dst: DstPolicy | null = null): string[] {
  const start = Date.parse(`${day}T04:00:00Z`);
  const fires = parseCron(text, { timeZone: 'America/New_York', dst }).between(start, start + 6 * 3_600_000, 50);
  return fires.map((fire) => new Date(fire).toISOString().slice(11, 16));
}

const policy = (gap: DstPolicy['gap'], overlap: DstPolicy['overlap']): DstPolicy => ({ gap, overlap });

describe('a local time that the clocks leap over', () => {
  it('is made up for as soon as they have leapt: run-after', () => {
    expect(firesOn(GAP_DAY, '0 30 2 * * ?', policy('run-after', 'first'))).toEqual(['07:00']);
  });

  it('is made up for by a single fire, however many fell into the gap', () => {
    expect(firesOn(GAP_DAY, '0 0/15 2 * * ?', policy('run-after', 'first'))).toEqual(['07:00']);
  });

  it('is made up for by the regular fire at the end of the gap if there is one', () => {
    expect(firesOn(GAP_DAY, '0 30 1-3 * * ?', policy('run-after', 'first'))).toEqual(['06:30', '07:00', '07:30']);
    expect(firesOn(GAP_DAY, '0 0 1-3 * * ?', policy('run-after', 'first'))).toEqual(['06:00', '07:00']);
  });

  it('does not come: skip', () => {
    expect(firesOn(GAP_DAY, '0 30 2 * * ?', policy('skip', 'first'))).toEqual([]);
    expect(firesOn(GAP_DAY, '0 30 1-3 * * ?', policy('skip', 'first'))).toEqual(['06:30', '07:30']);
  });

  it('may be shorter than an hour, or around midnight', () => {
    const fires = (text: string, timeZone: string, after: string) => {
      const schedule = parseCron(text, { timeZone, dst: policy('run-after', 'first') });
      return schedule
        .between(Date.parse(after), Date.parse(after) + 86_400_000, 5)
        .map((fire) => new Date(fire).toISOString());
    };
    expect(fires('0 15 2 * * *', 'Australia/Lord_Howe', '2027-10-02T12:00:00Z')).toEqual(['2027-10-02T15:30:00.000Z']);
    expect(fires('0 0 0 * * *', 'Africa/Cairo', '2027-04-29T12:00:00Z')).toEqual(['2027-04-29T22:00:00.000Z']);
  });
});

describe('a local time that comes twice', () => {
  it.each([
    ['first', ['05:30']],
    ['second', ['06:30']],
    ['both', ['05:30', '06:30']],
  ] as const)('fires as told: %s', (overlap, fires) => {
    expect(firesOn(OVERLAP_DAY, '0 30 1 * * ?', policy('skip', overlap))).toEqual(fires);
  });

  it('is none if it only touches the repeated hour', () => {
    for (const overlap of ['first', 'second', 'both'] as const) {
      expect(firesOn(OVERLAP_DAY, '0 59 0 * * ?', policy('skip', overlap))).toEqual(['04:59']);
      expect(firesOn(OVERLAP_DAY, '0 0 2 * * ?', policy('skip', overlap))).toEqual(['07:00']);
    }
  });
});

describe('unless told otherwise', () => {
  it('a Quartz expression does as Quartz does: skips what is leapt over, fires in the second pass', () => {
    expect(firesOn(GAP_DAY, '0 30 2 * * ?')).toEqual([]);
    expect(firesOn(OVERLAP_DAY, '0 30 1 * * ?')).toEqual(['06:30']);
    expect(firesOn(OVERLAP_DAY, '0 0/30 0-2 * * ?')).toEqual(['04:00', '04:30', '06:00', '06:30', '07:00', '07:30']);
  });

  it('a Nest expression for fixed times runs once a day all the same', () => {
    expect(firesOn(GAP_DAY, '30 2 * * *')).toEqual(['07:00']);
    expect(firesOn(OVERLAP_DAY, '30 1 * * *')).toEqual(['05:30']);
    expect(firesOn(OVERLAP_DAY, '0,30 0-2 * * *')).toEqual(['04:00', '04:30', '05:00', '05:30', '07:00', '07:30']);
  });

  it.each([
    ['*/30 * * * *', ['05:00', '05:30', '06:00', '06:30', '07:00', '07:30', '08:00']],
    ['*/30 0-23/1 * * *', ['05:00', '05:30', '06:00', '06:30', '07:00', '07:30', '08:00']],
  ])('a Nest expression with a wildcard keeps its interval: %s', (text, fires) => {
    expect(firesOn(GAP_DAY, text).slice(2, 9)).toEqual(fires);
    expect(firesOn(OVERLAP_DAY, text).slice(2, 9)).toEqual(fires);
  });

  it('the hours 0-23/1 are as much a wildcard as a star', () => {
    expect(firesOn(OVERLAP_DAY, '0 0-23/1 * * *')).toEqual(['04:00', '05:00', '06:00', '07:00', '08:00', '09:00']);
    expect(firesOn(GAP_DAY, '0 0-23/1 * * *')).toEqual(['04:00', '05:00', '06:00', '07:00', '08:00', '09:00']);
  });
});
