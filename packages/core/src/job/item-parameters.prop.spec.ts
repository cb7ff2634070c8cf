import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ElasticJobError } from '../foundation/errors.js';
import { parseItemParameters } from './item-parameters.js';

const value = fc.stringMatching(/^[^,=\s]([^,=]*[^,=\s])?$/).filter((text) => text === text.trim());
const item = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

describe('item parameters', () => {
  it('give back what was put together from them', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(item, value), { selector: ([key]) => key }), (entries) => {
        const text = entries.map(([key, parameter]) => `${key}=${parameter}`).join(',');
        const javaTrims = (parameter: string) => parameter.replace(/^[\0-\x20]+|[\0-\x20]+$/g, '');
        fc.pre(entries.every(([, parameter]) => javaTrims(parameter) === parameter));
        expect([...parseItemParameters(text)]).toEqual(entries);
      }),
    );
  });

  it('are read or refused with an error for the person who wrote them', () => {
    const text = fc.string({ unit: fc.constantFrom('0', '1', '=', ',', ' ', 'a', '-') });
    fc.assert(
      fc.property(text, (any) => {
        try {
          for (const key of parseItemParameters(any).keys()) expect(Number.isInteger(key)).toBe(true);
        } catch (error) {
          expect(ElasticJobError.is(error, 'INVALID_CONFIGURATION')).toBe(true);
        }
      }),
    );
  });
});
