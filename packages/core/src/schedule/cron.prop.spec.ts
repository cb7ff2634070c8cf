import { CronExpressionParser } from 'cron-parser';
import { Cron } from 'croner';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCron } from './cron.js';
import type { DstPolicy } from './dst-policy.js';

/**
 * A star, value, range, step or list within the limits of a field: the syntax that all dialects and libraries share. No
 * list names a value twice (cron-parser refuses it), and no step is 1 (the libraries differ on whether it is a star).
 */
function field(min: number, max: number): fc.Arbitrary<string> {
  const value = fc.integer({ min, max });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const step = fc.integer({ min: 2, max: Math.min(12, max - min) });
  const list = fc.uniqueArray(value, { minLength: 2, maxLength: 4 }).map((values) => values.join(','));
  const stepped = fc.tuple(fc.oneof(range, fc.constant('*')), step).map(([base, by]) => `${base}/${by}`);
  return fc.oneof(fc.constant('*'), value.map(String), range, list, stepped);
}

const second = fc.oneof(fc.constant('0'), field(0, 59));
const time = fc.tuple(second, field(0, 59), field(0, 23)).map((parts) => parts.join(' '));

/** Days 1 to 28 come every month, so that no library searches for years; Monday to Friday are never all days. */
const nestText = fc.tuple(time, field(1, 28), field(1, 12), field(1, 5)).map((parts) => parts.join(' '));

const dayName = fc.constantFrom('SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT');
const nth = fc.integer({ min: 1, max: 4 });
const quartzDate = fc.oneof(
  field(1, 28),
  fc.constantFrom('L', 'LW'),
  fc.integer({ min: 1, max: 27 }).map((offset) => `L-${offset}`),
  fc.integer({ min: 1, max: 20 }).map((offset) => `L-${offset}W`),
  fc.integer({ min: 1, max: 28 }).map((day) => `${day}W`),
);
const quartzWeekday = fc.oneof(
  field(1, 7),
  fc.tuple(dayName, nth).map(([day, n]) => `${day}#${n}`),
  fc.tuple(dayName, dayName).map(([from, to]) => `${from}-${to}`),
  dayName.map((day) => `${day}L`),
);
const quartzText = fc.oneof(
  fc.tuple(time, quartzDate, field(1, 12)).map(([clock, date, month]) => `${clock} ${date} ${month} ?`),
  fc.tuple(time, field(1, 12), quartzWeekday).map(([clock, month, day]) => `${clock} ? ${month} ${day}`),
);

const FIRST = Date.UTC(2024, 0, 1);
const LAST = Date.UTC(2060, 0, 1);
const instant = fc.integer({ min: FIRST, max: LAST });

const zone = fc.constantFrom(
  'UTC',
  'America/New_York',
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'Africa/Cairo',
  'America/Santiago',
  'Africa/Casablanca',
  'GMT+8:00',
);
const policy: fc.Arbitrary<DstPolicy> = fc.record({
  gap: fc.constantFrom('run-after', 'skip'),
  overlap: fc.constantFrom('first', 'second', 'both'),
});

/** Half of the instants lie within a day of a change of the clocks in one of the zones. */
const CHANGES = [
  '2027-03-14T07:00:00Z',
  '2027-11-07T06:00:00Z',
  '2027-03-28T01:00:00Z',
  '2027-10-31T01:00:00Z',
  '2027-10-02T15:30:00Z',
  '2027-04-03T15:00:00Z',
  '2027-04-29T22:00:00Z',
  '2027-10-28T21:00:00Z',
  '2027-09-05T04:00:00Z',
  '2027-04-04T03:00:00Z',
];
const nearChange = fc
  .tuple(fc.constantFrom(...CHANGES), fc.integer({ min: -86_400_000, max: 86_400_000 }))
  .map(([change, distance]) => Date.parse(change) + distance);

const anySchedule = fc
  .tuple(fc.oneof(nestText, quartzText), zone, fc.option(policy))
  .map(([text, timeZone, dst]) => parseCron(text, { timeZone, dst }));
const anyInstant = fc.oneof(instant, nearChange);

describe('the libraries agree with us where they are right', () => {
  it('croner finds the next fire that we find for an expression without ?', () => {
    fc.assert(
      fc.property(nestText, instant, (text, after) => {
        const ours = parseCron(text, { timeZone: 'UTC' }).next(after);
        const croner = new Cron(text, { timezone: 'UTC', legacyMode: true }).nextRun(new Date(after));
        expect(ours).toBe(croner?.getTime() ?? null);
      }),
      { numRuns: 6000 },
    );
  });

  it('cron-parser finds the next and the previous fire that we find when only one day field leaves days out', () => {
    const oneDayField = fc.oneof(
      fc.tuple(time, field(1, 28), field(1, 12)).map((parts) => `${parts.join(' ')} *`),
      fc.tuple(time, field(1, 12), field(0, 6)).map(([clock, month, day]) => `${clock} * ${month} ${day}`),
    );
    fc.assert(
      fc.property(oneDayField, instant, (text, at) => {
        const start = Math.floor(at / 1000) * 1000;
        const schedule = parseCron(text, { timeZone: 'UTC' });
        const theirs = CronExpressionParser.parse(text, { tz: 'UTC', currentDate: new Date(start) });
        expect(schedule.next(start)).toBe(theirs.next().getTime());
        theirs.reset(new Date(start));
        expect(schedule.previous(start)).toBe(theirs.prev().getTime());
      }),
      { numRuns: 3000 },
    );
  });

  it('croner in its Quartz mode finds the next fire that we find for the part of Quartz it knows', () => {
    const known = quartzText.filter((text) => !/L-|[A-Z]{3}-[A-Z]{3}/.test(text));
    fc.assert(
      fc.property(known, instant, (text, after) => {
        const ours = parseCron(text, { timeZone: 'UTC' }).next(after);
        const croner = new Cron(text, {
          timezone: 'UTC',
          alternativeWeekdays: true,
          sloppyRanges: true,
          mode: '6-or-7-parts',
          domAndDow: true,
        });
        expect(ours).toBe(croner.nextRun(new Date(after))?.getTime() ?? null);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('whatever the expression, the time zone and the policy', () => {
  it('the next fire lies after the instant, is a whole second, and matches', () => {
    fc.assert(
      fc.property(anySchedule, anyInstant, (schedule, after) => {
        const fire = schedule.next(after);
        if (fire === null) return;
        expect(fire).toBeGreaterThan(after);
        expect(fire % 1000).toBe(0);
        expect(schedule.matches(fire)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('going back from a fire and forward again leads to the same fire', () => {
    fc.assert(
      fc.property(anySchedule, anyInstant, (schedule, after) => {
        const fire = schedule.next(after);
        if (fire === null) return;
        const before = schedule.previous(fire);
        expect(before === null || before <= after).toBe(true);
        expect(before === null ? fire : schedule.next(before)).toBe(fire);
        expect(schedule.previous(fire + 1)).toBe(fire);
      }),
      { numRuns: 3000 },
    );
  });

  it('no fire is passed over: every instant between two fires leads to the second of them', () => {
    fc.assert(
      fc.property(anySchedule, anyInstant, fc.double({ min: 0, max: 1, noNaN: true }), (schedule, after, part) => {
        const first = schedule.next(after);
        const second = first === null ? null : schedule.next(first);
        if (first === null || second === null) return;
        const between = Math.floor(first + (second - 1 - first) * part);
        expect(schedule.next(between)).toBe(second);
        expect(schedule.previous(between + 1)).toBe(first);
      }),
      { numRuns: 3000 },
    );
  });

  it('both passes of a repeated time fire if either does, and a policy only chooses among them', () => {
    fc.assert(
      fc.property(fc.oneof(nestText, quartzText), zone, nearChange, (text, timeZone, from) => {
        const fires = (dst: DstPolicy) => parseCron(text, { timeZone, dst }).between(from, from + 10_800_000, 20_000);
        const both = new Set(fires({ gap: 'skip', overlap: 'both' }));
        const first = fires({ gap: 'skip', overlap: 'first' });
        const second = fires({ gap: 'skip', overlap: 'second' });
        expect(new Set([...first, ...second])).toEqual(both);
        const after = fires({ gap: 'run-after', overlap: 'both' }).filter((fire) => !both.has(fire));
        expect(after.length).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });
});
