import { describe, expect, it } from 'vitest';
import { makeUps, parseMisfirePolicy } from './misfire-policy.js';

describe('a misfire policy', () => {
  it.each([
    ['skip', 'skip'],
    ['fire-once', 'fire-once'],
    ['fire-all', 'fire-all:100'],
    ['fire-all:1', 'fire-all:1'],
    ['fire-all:100', 'fire-all:100'],
  ])('is written as %s', (text, policy) => expect(parseMisfirePolicy(text)).toBe(policy));

  it.each([
    '',
    'SKIP',
    'fire',
    'fire-all:',
    'fire-all:0',
    'fire-all:101',
    'fire-all:-1',
    'fire-all:1.5',
    'fire-all:01',
  ])("is not '%s'", (text) => expect(parseMisfirePolicy(text)).toBeNull());

  it('says for how many fires of an item a job makes up, and leaves it to the flag of Java when there is none', () => {
    expect(makeUps({ misfire: true, misfirePolicy: null })).toBe(1);
    expect(makeUps({ misfire: false, misfirePolicy: null })).toBe(0);
    expect(makeUps({ misfire: false, misfirePolicy: 'skip' })).toBe(0);
    expect(makeUps({ misfire: false, misfirePolicy: 'fire-once' })).toBe(1);
    expect(makeUps({ misfire: true, misfirePolicy: 'fire-all:7' })).toBe(7);
  });
});
