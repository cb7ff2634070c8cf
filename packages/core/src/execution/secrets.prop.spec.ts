import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hideSecrets, unknownSecrets, withSecrets } from './secrets.js';

const name = fc.stringMatching(/^[\w.-]{1,8}$/);
/** Long enough to be hidden, and of letters that stand in no reference. */
const secret = fc.stringMatching(/^[0-9$&]{6,12}$/);
const text = fc.stringMatching(/^[A-Z ]{0,8}$/);

describe('references to secrets', () => {
  it('are replaced by the secrets, and the secrets by the references, whatever stands around them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, name, secret), { maxLength: 4 }), text, (parts, end) => {
        const secrets = Object.fromEntries(parts.map(([, key, value]) => [key, value]));
        // Two names of one secret, or a secret within another, cannot be told apart again.
        const values = Object.values(secrets);
        fc.pre(values.every((one, at) => values.every((other, place) => at === place || !one.includes(other))));
        const given = `${parts.map(([before, key]) => `${before}{secret:${key}}`).join('|')}|${end}`;
        const expected = `${parts.map(([before, key]) => before + secrets[key]).join('|')}|${end}`;
        expect(withSecrets(given, secrets)).toBe(expected);
        expect(hideSecrets(expected, secrets)).toBe(given);
        expect(unknownSecrets(given, secrets)).toEqual([]);
        expect(unknownSecrets(given, {})).toEqual(parts.map(([, key]) => key));
      }),
    );
  });

  it('are hidden whole, also where one begins as another does, and where the text was cut', () => {
    const secrets = { SHORT: 'shop-prod', LONG: 'shop-prod-9f3c' };
    expect(hideSecrets('key shop-prod-9f3c, user shop-prod.', secrets)).toBe('key {secret:LONG}, user {secret:SHORT}.');
    expect(hideSecrets('the key is shop-prod-9f', secrets)).toBe('the key is {secret:LONG}');
    expect(hideSecrets('the user is shop-prod', secrets)).toBe('the user is {secret:SHORT}');
    expect(hideSecrets('the key is shop-pr', secrets)).toBe('the key is {secret:LONG}');
    expect(hideSecrets('the sho', secrets)).toBe('the sho');
  });

  it('are no way to what every object has', () => {
    expect(withSecrets('{secret:constructor}', {})).toBe('{secret:constructor}');
    expect(unknownSecrets('{secret:constructor}{secret:__proto__}', {})).toEqual(['constructor', '__proto__']);
  });
});
