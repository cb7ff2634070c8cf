import { describe, expect, it } from 'vitest';
import { decodeJobConfig } from './job-yaml.js';
import { MOST_LEVELS, yamlDocument } from './yaml-document.js';

const lines = (count: number, line: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => line(at)).join('\n');

describe('a text that is nested', () => {
  it.each<[string, (levels: number) => string]>([
    ['by brackets', (levels) => '['.repeat(levels) + ']'.repeat(levels)],
    ['by braces', (levels) => '{a: '.repeat(levels) + '}'.repeat(levels)],
    ['by dashes', (levels) => `${'- '.repeat(levels)}x`],
    ['by question marks', (levels) => `${'? '.repeat(levels)}x`],
    ['line by line', (levels) => lines(levels, (at) => `${' '.repeat(at)}a:`)],
  ])('%s is read up to a depth, and no deeper', (_, nested) => {
    expect(yamlDocument(nested(MOST_LEVELS))?.errors).toEqual([]);
    expect(yamlDocument(nested(MOST_LEVELS + 1))).toBeNull();
    expect(yamlDocument(nested(100_000 / MOST_LEVELS))).toBeNull();
  });

  it.each<[string, string]>([
    ['brackets beside one another', `[${'[], '.repeat(500)}]`],
    ['brackets in a text', `a: '${'['.repeat(500)}'`],
    ['a text that stands far in', `a: |\n${' '.repeat(500)}x\n`],
  ])('is not confused with %s', (_, text) => expect(yamlDocument(text)?.errors).toEqual([]));

  it('is no definition of a job, and says why', () =>
    expect(decodeJobConfig('['.repeat(100_000))).toEqual({
      readable: false,
      problem: 'seen values nested more than 100 deep, expected one option per line: name: value',
    }));
});
