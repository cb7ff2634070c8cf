import { describe, expect, it } from 'vitest';
import { DRAINING } from './instance-labels.js';
import { decodeInstance, encodeInstance } from './instance-yaml.js';

const INSTANCE = { instanceId: '10.0.0.1@-@4711', serverIp: '10.0.0.1', labels: null };

describe('encodeInstance', () => {
  it('leaves labels out when there are none', () => {
    expect(encodeInstance(INSTANCE)).toBe('jobInstanceId: 10.0.0.1@-@4711\nserverIp: 10.0.0.1\n');
  });

  it('puts the draining mark between id and address, where Java expects labels', () => {
    expect(encodeInstance({ ...INSTANCE, labels: DRAINING })).toBe(
      'jobInstanceId: 10.0.0.1@-@4711\nlabels: draining\nserverIp: 10.0.0.1\n',
    );
  });
});

describe('decodeInstance', () => {
  it.each([
    ['any order', 'serverIp: 10.0.0.1\njobInstanceId: 10.0.0.1@-@4711\n'],
    ['flow style', '{jobInstanceId: 10.0.0.1@-@4711, serverIp: "10.0.0.1", labels: ~}'],
  ])('reads %s', (_, text) => {
    expect(decodeInstance(text)).toEqual(INSTANCE);
  });

  it('leaves the address open when an old version did not write it', () => {
    expect(decodeInstance('jobInstanceId: 10.0.0.1@-@4711\n')).toEqual({ ...INSTANCE, serverIp: null });
  });

  it.each([
    ['nothing', ''],
    ['the command of version 2', 'TRIGGER'],
    ['broken YAML', 'jobInstanceId: "'],
    ['a foreign key', 'jobInstanceId: a\nx: y\n'],
    ['no id', 'serverIp: 10.0.0.1\n'],
    ['a list', '- a\n'],
  ])('gives null for %s', (_, text) => {
    expect(decodeInstance(text)).toBeNull();
  });
});
