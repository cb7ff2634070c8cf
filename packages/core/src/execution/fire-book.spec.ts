import { describe, expect, it } from 'vitest';
import type { Assignment } from '../coordination/assignment-plan.js';
import { FireBook } from './fire-book.js';

/** Spans as `[after, owners]`, newest first; owners as one letter per item. */
function assignment(...spans: readonly [number, string][]): Assignment {
  return { dated: true, spans: spans.map(([after, owners]) => ({ after, owners: [...owners] })) };
}

const undated = (owners: string): Assignment => ({
  dated: false,
  spans: [{ after: Number.NEGATIVE_INFINITY, owners: [...owners] }],
});

describe('which items an instance runs for which fire', () => {
  it('runs its own items when the assignment is known', () => {
    const book = new FireBook('a');
    book.settled(assignment([0, 'aab']));
    expect(book.due(100)).toEqual([{ scheduledAt: 100, items: [0, 1] }]);
  });

  it('runs nothing for a fire before its first assignment', () => {
    const book = new FireBook('a');
    expect(book.due(100)).toEqual([]);
    expect(book.settled(assignment([200, 'aab']))).toEqual([]);
  });

  it('runs a fire that came during a resharding for the items it had when the fire was planned before it', () => {
    const book = new FireBook('a');
    book.settled(assignment([0, 'aa']));
    book.park(100);
    expect(book.settled(assignment([100, 'bb'], [0, 'aa']))).toEqual([{ scheduledAt: 100, items: [0, 1] }]);
  });

  it('runs a fire that came during a resharding for the items it has now when the fire was planned after it', () => {
    const book = new FireBook('b');
    book.settled(assignment([0, 'aa']));
    book.park(100);
    expect(book.settled(assignment([99, 'ab'], [0, 'aa']))).toEqual([{ scheduledAt: 100, items: [1] }]);
  });

  it('skips what it has for a fire that it missed, and still runs what it turns out to have been given by then', () => {
    const book = new FireBook('a');
    book.settled(assignment([0, 'ab']));
    expect(book.miss(100, 'no-session')).toEqual([{ scheduledAt: 100, items: [0], skip: 'no-session' }]);
    expect(book.settled(assignment([90, 'aa'], [0, 'ab']))).toEqual([{ scheduledAt: 100, items: [1] }]);
  });

  it('runs nothing for a fire that it missed when nobody says since when the items are its own', () => {
    const book = new FireBook('a');
    expect(book.miss(100, 'no-session')).toEqual([]);
    expect(book.settled(undated('aa'))).toEqual([]);
  });

  it('runs gained items for a fire that it ran before it heard of the resharding', () => {
    const book = new FireBook('b');
    book.settled(assignment([0, 'ab']));
    expect(book.due(100)).toEqual([{ scheduledAt: 100, items: [1] }]);
    expect(book.settled(assignment([90, 'bb'], [0, 'ab']))).toEqual([{ scheduledAt: 100, items: [0] }]);
    expect(book.settled(assignment([90, 'bb'], [0, 'ab']))).toEqual([]);
  });

  it('keeps apart two reshardings that one fire fell between', () => {
    const plan = assignment([120, 'c'], [80, 'b'], [0, 'a']);
    const due = (instance: string): unknown[] => {
      const book = new FireBook(instance);
      book.settled(assignment([0, 'a']));
      book.park(100);
      return book.settled(plan);
    };
    expect(due('a')).toEqual([]);
    expect(due('b')).toEqual([{ scheduledAt: 100, items: [0] }]);
    expect(due('c')).toEqual([]);
  });

  it('runs only the last of several fires that waited and records the others as skipped', () => {
    const book = new FireBook('a');
    book.park(100);
    book.park(200);
    expect(book.settled(assignment([50, 'a']))).toEqual([
      { scheduledAt: 100, items: [0], skip: 'superseded' },
      { scheduledAt: 200, items: [0] },
    ]);
  });

  it('gives up the oldest of too many that wait, and says so', () => {
    const book = new FireBook('a');
    book.settled(assignment([0, 'a']));
    for (let fire = 1; fire <= 16; fire++) expect(book.park(fire)).toEqual([]);
    expect(book.park(17)).toEqual([{ scheduledAt: 1, items: [0], skip: 'superseded' }]);
  });

  it('runs waiting fires for what a Java leader assigned, but nothing for fires that were run', () => {
    const book = new FireBook('b');
    book.settled(assignment([0, 'ab']));
    book.due(100);
    book.park(200);
    expect(book.settled(undated('bb'))).toEqual([{ scheduledAt: 200, items: [0, 1] }]);
  });

  it('looks again at items that could not be marked in time, with the next assignment', () => {
    const book = new FireBook('a');
    book.settled(assignment([0, 'aa']));
    book.due(100);
    expect(book.giveBack(100, [0, 1])).toBe(true);
    expect(book.settled(assignment([99, 'ab'], [0, 'aa']))).toEqual([{ scheduledAt: 100, items: [0] }]);
    expect(book.settled()).toEqual([]);
  });

  it('does not remember a run that was asked for', () => {
    expect(new FireBook('a').giveBack(100, [0])).toBe(false);
  });

  it('divides every fire among the instances exactly once, whenever each hears of the plan', () => {
    const before = assignment([0, 'abc']);
    const after = assignment([150, 'bca'], [0, 'abc']);
    for (const heardBeforeFire of [0b000, 0b001, 0b010, 0b100, 0b011, 0b101, 0b110, 0b111]) {
      for (const fire of [149, 150, 151]) {
        const runs = ['a', 'b', 'c'].flatMap((instance, position) => {
          const book = new FireBook(instance);
          book.settled(before);
          const heard = (heardBeforeFire >> position) % 2 === 1;
          // An instance acts without having heard only on fires planned before the resharding was raised.
          if (!heard && fire <= 150) return [...book.due(fire), ...book.settled(after)];
          book.park(fire);
          return book.settled(after);
        });
        expect(runs.flatMap((run) => run.items).sort()).toEqual([0, 1, 2]);
      }
    }
  });
});
