import { describe, expect, it } from 'vitest';
import { parseItemParameters } from './item-parameters.js';

const parsed = (text: string | null) => Object.fromEntries(parseItemParameters(text));

describe('item parameters', () => {
  it.each([
    ['0=Beijing,1=Shanghai,2=Guangzhou', { 0: 'Beijing', 1: 'Shanghai', 2: 'Guangzhou' }],
    [' 0 = a b , 1=c ', { 0: 'a b', 1: 'c' }],
    ['0=a,0=b', { 0: 'b' }],
    ['-1=a,+7=b,007=c,99=d', { '-1': 'a', 7: 'c', 99: 'd' }],
    ['0=a,', { 0: 'a' }],
    ['0=发票', { 0: '发票' }],
    [',', {}],
    ['', {}],
  ])('of "%s"', (text, expected) => {
    expect(parsed(text)).toEqual(expected);
  });

  it('of null are none', () => {
    expect(parsed(null)).toEqual({});
  });

  it.each(['0', '0=', '0=a=b', '=', '0=a,,1=b', ' ', '0=a;1=b,2'])('cannot be read from "%s"', (text) => {
    expect(() => parseItemParameters(text)).toThrow(
      `Sharding item parameters '${text}' format error, should be int=xx,int=xx`,
    );
  });

  it.each([
    ['a=b', 'a'],
    ['=b', ''],
    ['1.0=b', '1.0'],
    ['2147483648=b', '2147483648'],
    ['0x1=b', '0x1'],
  ])('have integer keys, unlike "%s"', (text, key) => {
    expect(() => parseItemParameters(text)).toThrow(`Sharding item parameters key '${key}' is not an integer.`);
  });

  it('keep items apart in a map, in the order written', () => {
    expect([...parseItemParameters('2=c,0=a')]).toEqual([
      [2, 'c'],
      [0, 'a'],
    ]);
  });
});
