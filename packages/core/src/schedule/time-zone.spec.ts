import { describe, expect, it, vi } from 'vitest';
import { ConfigurationError } from '../foundation/errors.js';
import { processTimeZone, timeZone } from './time-zone.js';

const second = (text: string): number => Date.parse(text) / 1000;

describe('a time zone', () => {
  it.each([
    ['UTC', 0],
    ['GMT', 0],
    ['GMT+8', 8 * 3600],
    ['GMT+8:00', 8 * 3600],
    ['GMT+08:00', 8 * 3600],
    ['GMT+0530', 5.5 * 3600],
    ['GMT-03:30', -3.5 * 3600],
    ['GMT-12', -12 * 3600],
  ])('may be named as Java does: %s', (name, offset) => {
    expect(timeZone(name).spanAt(0).offset).toBe(offset);
  });

  it('may be an IANA name', () => {
    expect(timeZone('Asia/Shanghai').spanAt(second('2027-01-01T00:00:00Z')).offset).toBe(8 * 3600);
    expect(timeZone('Asia/Kolkata').spanAt(second('2027-01-01T00:00:00Z')).offset).toBe(5.5 * 3600);
    expect(timeZone(processTimeZone()).name).toBe(processTimeZone());
  });

  it('is another one of the process when that changes its variable TZ', () => {
    const before = processTimeZone();
    vi.stubEnv('TZ', 'Asia/Tokyo');
    expect(processTimeZone()).toBe('Asia/Tokyo');
    vi.stubEnv('TZ', 'Europe/Berlin');
    expect(processTimeZone()).toBe('Europe/Berlin');
    vi.unstubAllEnvs();
    expect(processTimeZone()).toBe(before);
  });

  it.each(['Mars/Olympus', 'GMT+25:00', 'GMT+8:75', 'GMT+', 'UTC+8', ''])(
    'that is unknown is refused by name: "%s"',
    (name) => {
      expect(() => timeZone(name)).toThrow(ConfigurationError);
      expect(() => timeZone(name)).toThrow(`Unknown time zone "${name}": use an IANA name such as "Europe/Berlin"`);
    },
  );

  it('runs steadily between two changes of its clocks, which it knows to the second', () => {
    const change = second('2027-03-14T07:00:00Z');
    const before = timeZone('America/New_York').spanAt(change - 1);
    const after = timeZone('America/New_York').spanAt(change);
    expect(before).toMatchObject({ end: change, offset: -5 * 3600, after: -4 * 3600 });
    expect(after).toMatchObject({
      start: change,
      end: second('2027-11-07T06:00:00Z'),
      before: -5 * 3600,
      offset: -4 * 3600,
      after: -5 * 3600,
    });
  });

  it('knows changes of half an hour, of a month, and of a whole day', () => {
    expect(timeZone('Australia/Lord_Howe').spanAt(second('2027-10-02T15:30:00Z'))).toMatchObject({
      start: second('2027-10-02T15:30:00Z'),
      before: 10.5 * 3600,
      offset: 11 * 3600,
    });
    const ramadan = timeZone('Africa/Casablanca').spanAt(second('2025-03-10T00:00:00Z'));
    expect(ramadan).toMatchObject({
      start: second('2025-02-23T02:00:00Z'),
      end: second('2025-04-06T02:00:00Z'),
      offset: 0,
    });
    const samoa = timeZone('Pacific/Apia').spanAt(second('2011-12-30T10:00:00Z'));
    expect(samoa).toMatchObject({ start: second('2011-12-30T10:00:00Z'), before: -10 * 3600, offset: 14 * 3600 });
  });

  it('has spans that follow each other without a hole', () => {
    const zone = timeZone('Europe/Berlin');
    let at = second('2026-01-01T00:00:00Z');
    for (let count = 0; count < 20; count++) {
      const span = zone.spanAt(at);
      expect(span.start).toBe(at);
      expect(zone.spanAt(span.end - 1)).toBe(span);
      expect(zone.spanAt(span.end)).toMatchObject({ offset: span.after, before: span.offset });
      at = span.end;
    }
  });
});
