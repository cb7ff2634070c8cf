import { describe, expect, it } from 'vitest';
import { javaHash } from './java-hash.js';

describe('javaHash', () => {
  it.each([
    ['', 0],
    ['0', 48],
    ['1', 49],
    ['hello', 99162322],
    ['test_job', -1146456432],
    ['polygenelubricants', -2147483648],
    ['发票', 696247],
    ['😀', 1772899],
  ])('gives the number that Java gives for "%s"', (text, hash) => {
    expect(javaHash(text)).toBe(hash);
  });
});
