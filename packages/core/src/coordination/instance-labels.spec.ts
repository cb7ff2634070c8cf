import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DRAINING, LABEL_TEXT, parseWeight, readLabels, WAITING, writeLabels } from './instance-labels.js';
import { decodeInstance, encodeInstance } from './instance-yaml.js';

describe('the labels of an instance', () => {
  it('are one text, the same in whichever order they were given', () => {
    expect(writeLabels({ zone: 'a', weight: '3' })).toBe('weight=3,zone=a');
    expect(writeLabels({ weight: '3', zone: 'a' })).toBe('weight=3,zone=a');
  });

  it('stand beside the reason for which an instance withdraws', () => {
    expect(writeLabels({ zone: 'a' }, DRAINING)).toBe('zone=a,draining');
    expect(writeLabels({}, WAITING)).toBe('waiting');
    expect(writeLabels({})).toBeNull();
  });

  it('can be called as the reasons are', () => {
    expect(readLabels(writeLabels({ draining: 'draining' }))).toEqual({
      labels: { draining: 'draining' },
      withdrawn: false,
    });
  });

  it.each<[string, string | null, Record<string, string>]>([
    ['nothing', null, {}],
    ['an empty text', '', {}],
    ['a word of somebody else', 'blue', {}],
    ['a pair among other words', 'blue,zone=a,,=x,y=,a=b=c, b=2', { zone: 'a' }],
    ['a label twice, of which the last counts', 'zone=a,zone=b', { zone: 'b' }],
  ])('are read from %s', (_, text, labels) => expect(readLabels(text)).toEqual({ labels, withdrawn: false }));

  it('come back as they were given, through a node that Java reads in one line', () => {
    const text = fc.stringMatching(LABEL_TEXT);
    const reason = fc.constantFrom(null, DRAINING, WAITING);
    fc.assert(
      fc.property(fc.dictionary(text, text, { noNullPrototype: true }), reason, (labels, withdrawal) => {
        const instance = { instanceId: '10.0.0.1@-@1', serverIp: '10.0.0.1', labels: writeLabels(labels, withdrawal) };
        const yaml = encodeInstance(instance);
        expect(yaml.split('\n')).toHaveLength(instance.labels === null ? 3 : 4);
        const read = readLabels(decodeInstance(yaml)?.labels ?? null);
        expect(read).toEqual({ labels, withdrawn: withdrawal !== null });
      }),
    );
  });

  it.each([
    ['0', 0],
    ['3', 3],
    ['1000000', 1_000_000],
    ['1000001', null],
    ['-1', null],
    ['1.5', null],
    ['1e3', null],
    ['', null],
    ['heavy', null],
  ])('make of "%s" the weight %s', (text, weight) => expect(parseWeight(text)).toBe(weight));
});
