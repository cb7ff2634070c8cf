import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../foundation/errors.js';
import { parseCron } from './cron.js';

const iso = (instant: number | null): string | null => (instant === null ? null : new Date(instant).toISOString());

function nextIn(text: string, timeZone: string, after: string, count: number): (string | null)[] {
  return parseCron(text, { timeZone })
    .between(Date.parse(after) + 1, Number.POSITIVE_INFINITY, count)
    .map(iso);
}

function refusal(text: string): string {
  try {
    parseCron(text, { timeZone: 'UTC' });
  } catch (error) {
    if (error instanceof ConfigurationError && error.code === 'INVALID_CRON') return error.message;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe('the dialect', () => {
  it('is Quartz if there is a question mark, else that of @nestjs/schedule', () => {
    expect(parseCron('0 0 12 ? * 6').dialect).toBe('quartz');
    expect(parseCron('0 0 12 * * 6').dialect).toBe('nest');
  });

  it('decides what a number means as day of the week', () => {
    expect(nextIn('0 0 12 ? * 6', 'UTC', '2027-01-03T00:00:00Z', 1)).toEqual(['2027-01-08T12:00:00.000Z']); // Friday
    expect(nextIn('0 0 12 * * 6', 'UTC', '2027-01-03T00:00:00Z', 1)).toEqual(['2027-01-09T12:00:00.000Z']); // Saturday
  });

  it('can be demanded, and then a missing question mark is an error', () => {
    expect(() => parseCron('0 0 12 * * 6', { dialect: 'quartz' })).toThrow('both a day of month and a day of week');
    expect(() => parseCron('0 0 12 ? * 6', { dialect: 'nest' })).toThrow('found "?"');
  });

  it('takes null options for absent ones, as stored definitions have them', () => {
    const schedule = parseCron('0 0 12 * * *', { dialect: null, timeZone: null, dst: null });
    expect(schedule.timeZone).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone);
  });
});

describe('an expression without question mark', () => {
  it('starts with the minutes if it has five fields, and with the seconds if it has six', () => {
    expect(nextIn('30 2 * * *', 'UTC', '2027-01-01T00:00:00Z', 1)).toEqual(['2027-01-01T02:30:00.000Z']);
    expect(nextIn('15 30 2 * * *', 'UTC', '2027-01-01T00:00:00Z', 1)).toEqual(['2027-01-01T02:30:15.000Z']);
  });

  it('means days that match either day field if both leave days out', () => {
    expect(nextIn('0 0 13 * 5', 'UTC', '2027-01-01T00:00:00Z', 3)).toEqual([
      '2027-01-08T00:00:00.000Z',
      '2027-01-13T00:00:00.000Z',
      '2027-01-15T00:00:00.000Z',
    ]);
  });

  it('calls Sunday 0, 7 or SUN', () => {
    const sunday = ['2027-01-03T00:00:00.000Z'];
    for (const day of ['0', '7', 'sun'])
      expect(nextIn(`0 0 * * ${day}`, 'UTC', '2027-01-01T12:00:00Z', 1)).toEqual(sunday);
    expect(nextIn('0 0 * * 5-7', 'UTC', '2027-01-01T12:00:00Z', 3)).toEqual([
      '2027-01-02T00:00:00.000Z',
      '2027-01-03T00:00:00.000Z',
      '2027-01-08T00:00:00.000Z',
    ]);
  });

  it('takes names with ranges and steps, in either case', () => {
    const days = nextIn('0 0 * jan-mar/2 MON-fri/2', 'UTC', '2027-01-01T12:00:00Z', 2);
    expect(days).toEqual(['2027-01-04T00:00:00.000Z', '2027-01-06T00:00:00.000Z']);
  });

  it.each([
    ['@secondly', '* * * * * *'],
    ['@minutely', '0 * * * * *'],
    ['@hourly', '0 0 * * * *'],
    ['@daily', '0 0 0 * * *'],
    ['@weekly', '0 0 0 * * 0'],
    ['@weekdays', '0 0 0 * * 1-5'],
    ['@weekends', '0 0 0 * * 0,6'],
    ['@monthly', '0 0 0 1 * *'],
    ['@Yearly', '0 0 0 1 1 *'],
  ])('may be %s', (preset, text) => {
    const schedule = parseCron(preset, { timeZone: 'UTC' });
    const start = Date.UTC(2027, 0, 1);
    expect(schedule.between(start, start * 2, 5)).toEqual(
      parseCron(text, { timeZone: 'UTC' }).between(start, start * 2, 5),
    );
    expect(schedule.text).toBe(preset);
  });
});

describe('a refusal shows what is wrong and where', () => {
  it.each([
    ['0 0 25 * * ?', 5, 'hours', '"25"', 'a number from 0 to 23'],
    ['0 60 * * *', 3, 'hours', '"60"', 'a number from 0 to 23'],
    ['0 60 * * * *', 3, 'minutes', '"60"', 'a number from 0 to 59'],
    ['0 0 12 1 FOO ?', 10, 'month', '"FOO"', 'a number from 1 to 12 or a name from JAN to DEC'],
    ['0 0 12 ? * MON-5', 12, 'day of week', '"MON-5"', 'two numbers or two names'],
    ['0 0 12 ? * MON-FRI/2', 19, 'day of week', '"/2"', 'write numbers, such as 2-6/2'],
    ['0 0 12 ? * FRI#6', 16, 'day of week', '"6"', 'a number from 1 to 5'],
    ['0 0 12 ? * FRI#2,MON', 12, 'day of week', '"FRI#2,MON"', 'alone in its field'],
    ['0 0 12 L-31 * ?', 10, 'day of month', '"31"', 'a number from 0 to 30'],
    ['0 0 12 5-7W * ?', 8, 'day of month', '"5-7W"', 'a single day before W'],
    ['0 0/60 12 * * ?', 5, 'minutes', '"60"', 'a step from 0 to 59'],
    ['0 0 12 1 1 ? 2030-2028', 14, 'year', '"2030-2028"', 'a range that does not go down'],
    ['0 0 12 1 1 ? 2100', 14, 'year', '"2100"', 'a number from 1970 to 2099'],
    ['0 5- 12 * * ?', 5, 'minutes', 'the end of the field', 'a number from 0 to 59'],
    ['0 1,,2 12 * * ?', 5, 'minutes', '",2"', 'a number from 0 to 59'],
    ['0 0 12 ? * ?', 12, 'day of week', '"?" in both day fields', '"?" in only one of them'],
    ['0 ? 12 * * ?', 3, 'minutes', '"?"', 'a number from 0 to 59'],
    ['*/0 * * * *', 3, 'minutes', '"0"', 'a step of at least 1'],
    ['0 22-2 * * *', 3, 'hours', '"22-2"', 'a range that does not go down'],
    ['0 MON * * * *', 3, 'minutes', '"MON"', 'a number from 0 to 59'],
  ])('%s', (text, column, label, found, expected) => {
    const message = refusal(text);
    expect(message).toContain(`at column ${column} (${label}): found ${found}, expected `);
    expect(message).toContain(expected);
    expect(message.split('\n').slice(1)).toEqual([`  ${text}`, `  ${' '.repeat(column - 1)}^`]);
  });

  it.each([
    ['', 1, 'found the end of the expression, expected five or six fields'],
    ['* * *', 6, 'found the end of the expression, expected five or six fields'],
    ['* * ? *', 8, 'expected six or seven fields (seconds first) for Quartz'],
    ['0 0 12 * * * 2030', 14, 'found "2030", expected at most six fields'],
    ['0 0 12 * * ? * *', 16, 'expected at most seven fields'],
    ['  @fortnightly', 3, 'found "@fortnightly", expected one of @secondly, @minutely'],
  ])('"%s" has the wrong number of fields', (text, column, expected) => {
    expect(refusal(text)).toContain(`at column ${column}: `);
    expect(refusal(text)).toContain(expected);
  });

  it.each(['0 0 12 L * *', '0 0 12 15W * *', '0 0 12 * * 5L', '0 0 12 * * FRI#2'])(
    '%s: the marks of Quartz need a question mark',
    (text) => expect(refusal(text)).toContain('write "?" in the other day field to use them'),
  );
});

describe('a schedule', () => {
  const daily = parseCron('0 30 2 * * *', { timeZone: 'UTC' });

  it('searches strictly after and strictly before an instant', () => {
    const fire = Date.UTC(2027, 0, 1, 2, 30);
    expect(iso(daily.next(fire))).toBe('2027-01-02T02:30:00.000Z');
    expect(daily.next(fire - 1)).toBe(fire);
    expect(iso(daily.previous(fire))).toBe('2026-12-31T02:30:00.000Z');
    expect(daily.previous(fire + 1)).toBe(fire);
  });

  it('matches every instant of the second in which it fires', () => {
    expect(daily.matches(Date.UTC(2027, 0, 1, 2, 30))).toBe(true);
    expect(daily.matches(Date.UTC(2027, 0, 1, 2, 30, 0, 999))).toBe(true);
    expect(daily.matches(Date.UTC(2027, 0, 1, 2, 30, 1))).toBe(false);
  });

  it('lists the fires of a period, its start included and its end not', () => {
    const [from, to] = [Date.UTC(2027, 0, 1, 2, 30), Date.UTC(2027, 0, 4, 2, 30)];
    expect(daily.between(from, to, 10).map(iso)).toEqual([
      '2027-01-01T02:30:00.000Z',
      '2027-01-02T02:30:00.000Z',
      '2027-01-03T02:30:00.000Z',
    ]);
    expect(daily.between(from, to, 2)).toHaveLength(2);
  });

  it('ends with the year 2099 and begins with 1970', () => {
    expect(daily.next(Date.UTC(2099, 11, 31, 2, 30))).toBeNull();
    expect(iso(daily.previous(Date.UTC(2200, 0, 1)))).toBe('2099-12-31T02:30:00.000Z');
    expect(iso(daily.next(Number.NEGATIVE_INFINITY))).toBe('1970-01-01T02:30:00.000Z');
    expect(daily.previous(0)).toBeNull();
  });

  it.each(['0 0 0 30 2 ?', '0 0 0 31 4,6,9,11 ?', '0 0 0 29 2 ? 2027', '0 0 30 2 *'])(
    'says so if it never fires: %s',
    (text) => {
      const schedule = parseCron(text, { timeZone: 'Europe/Berlin' });
      expect(schedule.neverFires).toBe(true);
      expect(schedule.next(0)).toBeNull();
      expect(schedule.previous(Date.UTC(2099, 0, 1))).toBeNull();
    },
  );

  it('that lies in the past only has no next fire, though it fired', () => {
    const schedule = parseCron('0 0 0 1 1 ? 2020', { timeZone: 'UTC' });
    expect(schedule.neverFires).toBe(false);
    expect(schedule.next(Date.UTC(2027, 0, 1))).toBeNull();
    expect(iso(schedule.previous(Date.UTC(2027, 0, 1)))).toBe('2020-01-01T00:00:00.000Z');
  });
});

describe('in English a schedule reads', () => {
  it.each([
    ['0 30 2 ? * FRIL', 'at 02:30:00 on the last Friday of every month'],
    ['0 30 2 * * *', 'at 02:30:00 every day'],
    ['0 0 9,17 * * 1-5', 'at 09:00:00 and 17:00:00 on Monday to Friday'],
    ['* * * * * *', 'every second'],
    ['0 * * * * ?', 'every minute'],
    ['0 0 * * * ?', 'every hour'],
    ['0 0/15 * * * ?', 'every 15 minutes'],
    ['*/10 * * * * *', 'every 10 seconds'],
    ['0 */30 9-17 * * 6,0', 'every 30 minutes from 09:00 to 17:59 on Saturday and Sunday'],
    ['0 5,20 * * * *', 'at minutes 5 and 20'],
    ['0 0 0 1 */3 ?', 'at 00:00:00 on day 1 in January, April, July and October'],
    ['0 0 0 1,15 * ?', 'at 00:00:00 on days 1 and 15 of every month'],
    ['0 0 12 L * ?', 'at 12:00:00 on the last day of every month'],
    ['0 0 12 LW * ?', 'at 12:00:00 on the last working day of every month'],
    ['0 0 12 15W * ?', 'at 12:00:00 on the working day nearest to day 15 of every month'],
    ['0 0 12 L-3 2 ?', 'at 12:00:00 on the day that is 3 days before the last in February'],
    ['0 15 10 ? * 6#3 2027-2029', 'at 10:15:00 on the third Friday of every month in 2027 to 2029'],
    ['0 0 13 * 5', 'at 00:00:00 on day 13 and on Friday of every month'],
  ])('%s: %s', (text, expected) => {
    expect(parseCron(text, { timeZone: 'Asia/Shanghai' }).describe()).toBe(`${expected} (Asia/Shanghai)`);
  });
});

describe('the search', () => {
  it.each(['0 0 0 30 2 ?', '0 0 0 29 2 ? 2027', '0 0 0 ? 2 1#5 2027-2029', '0 0 0 1 1 ? 2020'])(
    'gives up on %s at once',
    (text) => {
      const schedule = parseCron(text, { timeZone: 'Australia/Lord_Howe' });
      schedule.next(Date.UTC(2026, 0, 1));
      const start = performance.now();
      for (let round = 0; round < 20; round++) schedule.next(Date.UTC(2027, 0, 1));
      expect((performance.now() - start) / 20).toBeLessThan(5);
    },
  );

  it('is quick: many thousands of fires take no time that a person notices', () => {
    const schedules = ['0 0/15 * * * ?', '0 30 2 ? * FRIL', '0 0 9-17 * * 1-5'].map((text) => {
      return parseCron(text, { timeZone: 'America/New_York' });
    });
    const start = performance.now();
    for (const schedule of schedules) {
      for (let at: number | null = Date.UTC(2027, 0, 1), n = 0; at !== null && n < 20_000; n++) at = schedule.next(at);
    }
    // 60,000 searches, a third of the speed that we ask for, as other tests run at the same time.
    expect(performance.now() - start).toBeLessThan(900);
  });
});
