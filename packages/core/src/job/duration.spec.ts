import { describe, expect, it } from 'vitest';
import { parseDuration } from './duration.js';

describe('a duration', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1.5 s', 1_500],
    ['0s', 0],
  ])('of %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '5', 's', '-5s', '5 minutes', '1h30m', '5S', 'constructor'])('is not "%s"', (text) => {
    expect(parseDuration(text)).toBeNull();
  });
});
