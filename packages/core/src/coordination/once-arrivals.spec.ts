import { describe, expect, it } from 'vitest';
import {
  type Attendance,
  arrivalAt,
  generationOf,
  LATER,
  missingItems,
  type Slot,
  standingOf,
  withArrival,
  withoutGeneration,
} from './once-arrivals.js';

const slot = (item: number, value: string, mzxid: number): Slot => ({ item, value, version: 0, mzxid: BigInt(mzxid) });
const everybody: Attendance = { isThere: () => true, sessionOf: () => null, isOrphan: () => false };
const round = { generation: '100', itemCount: 2 };

describe('the arrivals of an item', () => {
  it('are kept for several fires at a time, each once', () => {
    const first = withArrival('', { generation: '100', by: 'a' });
    const both = withArrival(first, { generation: '200', by: null });
    expect([first, both]).toEqual(['100=a', '100=a 200=']);
    expect(withArrival(both, { generation: '100', by: 'b' })).toBe(both);
    expect(arrivalAt(both, '200')).toEqual({ generation: '200', by: null });
    expect(arrivalAt(both, '300')).toBeUndefined();
  });

  it('that were put off come at last, or do not', () => {
    const later = withArrival('100=a', { generation: '200', by: LATER });
    expect(withArrival(later, { generation: '200', by: 'b' })).toBe('100=a 200=b');
    expect(withArrival(later, { generation: '200', by: null })).toBe('100=a 200=');
    expect(withArrival('100=a', { generation: '100', by: LATER })).toBe('100=a');
  });

  it('go fire by fire', () => {
    expect(withoutGeneration('100=a 200=', '100')).toBe('200=');
    expect(withoutGeneration('100=a', '100')).toBe('');
    expect(withoutGeneration('100=a', '200')).toBe('100=a');
  });

  it('give the oldest up when a fire after the other does not end', () => {
    const fires = Array.from({ length: 9 }, (_, index) => String(index));
    const text = fires.reduce((so, generation) => withArrival(so, { generation, by: 'a' }), '');
    expect([arrivalAt(text, '0'), arrivalAt(text, '1')]).toEqual([undefined, { generation: '1', by: 'a' }]);
  });

  it.each(['', 'what somebody else wrote'])('without a word about the fire stand for any: %j', (text) => {
    expect(arrivalAt(text, '100')).toEqual({ by: undefined });
  });

  it('of triggered runs have one name', () => {
    expect([generationOf(100, true), generationOf(100, false)]).toEqual(['100', 'trigger']);
  });
});

describe('a round', () => {
  it('waits for every item', () => {
    const slots = [slot(0, '100=a', 1)];
    expect(missingItems(slots, round)).toEqual([1]);
    expect(standingOf(slots, round, everybody)).toEqual({ reached: false });
  });

  it('does not take the arrival for another fire', () => {
    expect(standingOf([slot(0, '100=a', 1), slot(1, '200=b', 2)], round, everybody)).toEqual({ reached: false });
  });

  it('is called for by who has the highest item, whatever came last at other fires', () => {
    const slots = [slot(0, '100=a 200=a', 2), slot(1, '100=b', 1)];
    expect(standingOf(slots, round, everybody)).toEqual({ reached: true, caller: 'b' });
  });

  it('is called for by the next one, if that one is gone', () => {
    const slots = [slot(0, '100=a', 2), slot(1, '100=b', 1)];
    const without = { ...everybody, isThere: (session: string) => session !== 'b' };
    expect(standingOf(slots, round, without)).toEqual({ reached: true, caller: 'a' });
  });

  it('is not called for by who skipped its item', () => {
    const slots = [slot(0, '100=', 2), slot(1, '100=b', 1)];
    expect(standingOf(slots, round, everybody)).toEqual({ reached: true, caller: 'b' });
    expect(standingOf([slot(0, '100=', 2), slot(1, '100=', 1)], round, everybody)).toEqual({
      reached: true,
      caller: null,
    });
  });

  it('does not wait for what was put off, and is not called for by who did so', () => {
    const slots = [slot(0, '100=a', 1), slot(1, '100=later', 2)];
    const attendance = { ...everybody, isThere: (session: string) => session === 'a' };
    expect(standingOf(slots, round, attendance)).toEqual({ reached: true, caller: 'a' });
  });

  it('does not wait for items that nobody will bring', () => {
    const orphan = { ...everybody, isOrphan: (item: number) => item === 1 };
    expect(standingOf([slot(0, '100=a', 2)], round, orphan)).toEqual({ reached: true, caller: 'a' });
  });

  it('is the Java member’s to call for that came last', () => {
    const slots = [slot(0, '100=a', 1), slot(1, '', 2)];
    const java = { ...everybody, sessionOf: () => 'java' };
    expect(standingOf(slots, round, java)).toEqual({ reached: true, caller: 'java' });
    expect(standingOf(slots, round, { ...java, isThere: (session) => session !== 'java' })).toEqual({
      reached: true,
      caller: 'a',
    });
  });

  it('leaves items beyond its count aside', () => {
    const slots = [slot(0, '100=a', 1), slot(1, '100=b', 2), slot(7, '100=c', 9)];
    expect(standingOf(slots, round, everybody)).toEqual({ reached: true, caller: 'b' });
  });
});
