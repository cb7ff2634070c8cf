import { describe, expect, it } from 'vitest';
import { endOf, readRecord, withEnded } from './once-record.js';

const ended = (count: number): string =>
  Array.from({ length: count }, (_, index) => index).reduce(
    (text, index) => withEnded(text, 'started', { generation: String(1000 + index), by: 'a' }) ?? text,
    '',
  );

describe('the record of the rounds that ended', () => {
  it('says who called, by phase', () => {
    const record = readRecord(withEnded('', 'started', { generation: '100', by: 'a' }) ?? '');
    expect(endOf(record, 'started', '100')).toEqual({ generation: '100', by: 'a' });
    expect(endOf(record, 'completed', '100')).toBeUndefined();
    expect(endOf(record, 'started', '200')).toBeUndefined();
  });

  it('takes each round once', () => {
    const text = withEnded('', 'completed', { generation: '100', by: 'a' }) ?? '';
    expect(withEnded(text, 'completed', { generation: '100', by: 'b' })).toBeNull();
  });

  it('keeps the last 16, and takes what is older for ended', () => {
    const record = readRecord(ended(20));
    expect(record.started.map(({ generation }) => generation).slice(0, 1)).toEqual(['1004']);
    expect(record.started).toHaveLength(16);
    expect(endOf(record, 'started', '1001')).toEqual({ generation: '1001', by: null });
    expect(endOf(readRecord(ended(3)), 'started', '999')).toBeUndefined();
  });

  it('puts a round that ended late into its place', () => {
    const late = withEnded(ended(2), 'started', { generation: '900', by: null }) ?? '';
    expect(readRecord(late).started.map(({ generation }) => generation)).toEqual(['900', '1000', '1001']);
  });

  it.each(['', 'no JSON', '3', '{"v":2}', '{"v":1,"started":[3,["x"],[1,"a"]]}'])(
    'reads %j as far as it can',
    (text) => {
      expect(readRecord(text).completed).toEqual([]);
    },
  );
});
