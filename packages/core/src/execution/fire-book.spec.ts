import { describe, expect, it } from 'vitest';
import type { Assignment } from '../coordination/assignment-plan.js';
import { FireBook } from './fire-book.js';

/** Spans as `[after, owners]`, newest first; owners as one letter per item, `-` for nobody. */
function assignment(...spans: readonly [number, string][]): Assignment {
  const ownersOf = (letters: string) => [...letters].map((owner) => (owner === '-' ? null : owner));
  return { dated: true, spans: spans.map(([after, owners]) => ({ after, owners: ownersOf(owners) })) };
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

  it('still runs what it turns out to have been given by then', () => {
    const book = new FireBook('a');
    book.settled(assignment([0, 'ab']));
    book.due(100);
    expect(book.settled(assignment([90, 'aa'], [0, 'ab']))).toEqual([{ scheduledAt: 100, items: [1] }]);
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
    for (let fire = 1; fire <= 128; fire++) expect(book.park(fire)).toEqual([]);
    expect(book.park(129)).toEqual([{ scheduledAt: 1, items: [0], skip: 'superseded' }]);
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

/** A book of instance `a` that owns all items of `owners`, and makes up for `makeUps` missed fires. */
function bookOf(makeUps: number, owners = 'aa'): FireBook {
  const book = new FireBook('a', () => makeUps);
  book.settled(assignment([0, owners]));
  return book;
}

describe('a fire that was missed', () => {
  it('is recorded with its reason once it is known whose it is, where nothing is made up for', () => {
    const book = bookOf(0, 'ab');
    expect(book.park(100, 'no-session')).toEqual([]);
    expect(book.settled()).toEqual([{ scheduledAt: 100, items: [0], skip: 'no-session' }]);
    expect(book.settled()).toEqual([]);
  });

  it('is not recorded by its former owner when it turns out to be another one', () => {
    const book = bookOf(1);
    book.park(100, 'no-session');
    expect(book.settled(assignment([90, 'bb'], [0, 'aa']))).toEqual([]);
  });

  it('is recorded by whoever had it last when the plan does not reach back to it any more', () => {
    const book = bookOf(1, 'ab');
    book.park(100, 'no-session');
    book.park(350, 'no-session');
    expect(book.settled(assignment([400, 'bb'], [300, 'ba']))).toEqual([
      { scheduledAt: 100, items: [0], skip: 'no-session' },
      { scheduledAt: 350, items: [1], madeUp: true },
    ]);
    expect(book.settled(assignment([500, 'aa'], [400, 'bb']))).toEqual([]);
  });

  it('is not recorded by who had been told of no assignment when it came', () => {
    const book = new FireBook('a', () => 1);
    book.park(100, 'no-session');
    expect(book.settled(assignment([400, 'aa']))).toEqual([]);
  });

  it('is made up for, the latest of several, and the others are recorded', () => {
    const book = bookOf(1);
    for (const at of [100, 200, 300]) book.park(at, 'no-session');
    expect(book.settled()).toEqual([
      { scheduledAt: 100, items: [0, 1], skip: 'no-session' },
      { scheduledAt: 200, items: [0, 1], skip: 'no-session' },
      { scheduledAt: 300, items: [0, 1], madeUp: true },
    ]);
  });

  it('is not made up for when a later one is run anyway', () => {
    const book = bookOf(1);
    book.park(100, 'late');
    expect(book.due(200)).toEqual([
      { scheduledAt: 100, items: [0, 1], skip: 'late' },
      { scheduledAt: 200, items: [0, 1] },
    ]);
  });

  it('is made up for in its turn when that is wanted for several: the next one waits', () => {
    const book = bookOf(2, 'a');
    for (const at of [100, 200, 300]) book.park(at, 'no-session');
    expect(book.settled()).toEqual([
      { scheduledAt: 100, items: [0], skip: 'no-session' },
      { scheduledAt: 200, items: [0], madeUp: true },
      { scheduledAt: 300, items: [0], putOff: true },
    ]);
    expect(book.heldItems).toEqual([0]);
    expect(book.free(0)).toEqual([{ scheduledAt: 300, items: [0], madeUp: true }]);
    expect(book.free(0)).toEqual([]);
  });
});

describe('a fire of a time in which nobody owned an item', () => {
  const inherited = assignment([250, 'ab'], [50, '--']);

  it('is made up for by its next owner, the latest, unless a later one is run anyway', () => {
    const book = new FireBook('a', () => 1);
    book.inherit([100, 200], [0]);
    expect(book.settled(inherited)).toEqual([
      { scheduledAt: 100, items: [0], skip: 'no-owner' },
      { scheduledAt: 200, items: [0], madeUp: true },
    ]);
    const other = new FireBook('a', () => 1);
    other.park(300);
    other.inherit([100], [0]);
    expect(other.settled(inherited)).toEqual([
      { scheduledAt: 100, items: [0], skip: 'no-owner' },
      { scheduledAt: 300, items: [0] },
    ]);
  });

  it('is run in time by who was waiting for the items', () => {
    const book = new FireBook('a', () => 1);
    book.park(200);
    book.inherit([100, 200], [0]);
    expect(book.settled(inherited)).toEqual([
      { scheduledAt: 100, items: [0], skip: 'no-owner' },
      { scheduledAt: 200, items: [0] },
    ]);
  });

  it('is not looked at twice when it comes by its own clock too', () => {
    const book = new FireBook('a', () => 1);
    book.inherit([200], [0]);
    expect(book.settled(inherited)).toEqual([{ scheduledAt: 200, items: [0], madeUp: true }]);
    expect(book.due(200)).toEqual([]);
    expect(book.due(300)).toEqual([{ scheduledAt: 300, items: [0] }]);
  });

  it('is missed by who looked on without owning them', () => {
    const book = new FireBook('a');
    expect(book.settled(assignment([50, '--']))).toEqual([]);
    expect(book.due(100)).toEqual([]);
    book.inherit([100], [0]);
    expect(book.settled(inherited)).toEqual([{ scheduledAt: 100, items: [0], skip: 'no-owner' }]);
  });

  it('does not bring back what others of its items were run for', () => {
    const book = new FireBook('a', () => 1);
    expect(book.settled(assignment([50, 'a-']))).toEqual([]);
    const fires = Array.from({ length: 40 }, (_, fire) => 60 + fire);
    for (const at of fires) book.due(at);
    book.inherit(fires, [1]);
    expect(book.settled(assignment([250, 'aa'], [50, 'a-']))).toEqual([
      ...fires.slice(0, -1).map((scheduledAt) => ({ scheduledAt, items: [1], skip: 'no-owner' })),
      { scheduledAt: 99, items: [1], madeUp: true },
    ]);
  });

  it('is held and given back like any other, also when the item moves', () => {
    const book = new FireBook('a', () => 1);
    book.inherit([100], [0]);
    book.settled(inherited);
    expect(book.hold(100, [0])).toEqual([]);
    expect(book.settled(assignment([300, 'b-'], [250, 'a-'], [50, '--']))).toEqual([]);
    expect(book.free(0)).toEqual([{ scheduledAt: 100, items: [0], madeUp: true }]);
  });
});

describe('a fire that falls into a run of its item', () => {
  it('is not held where nothing is made up for', () => {
    const book = bookOf(0);
    book.due(100);
    expect(book.hold(100, [0])).toBeNull();
  });

  it('is not held if it is none, but a run that was asked for', () => {
    expect(bookOf(1).hold(100, [0])).toBeNull();
  });

  it('is due when the run has ended', () => {
    const book = bookOf(1);
    book.due(100);
    expect(book.hold(100, [1])).toEqual([]);
    expect(book.heldItems).toEqual([1]);
    expect(book.free(0)).toEqual([]);
    expect(book.free(1)).toEqual([{ scheduledAt: 100, items: [1], madeUp: true }]);
    expect(book.heldItems).toEqual([]);
  });

  it('takes the place of an earlier one', () => {
    const book = bookOf(1);
    book.due(100);
    book.hold(100, [0, 1]);
    // The next one queues behind it.
    expect(book.due(200)).toEqual([
      { scheduledAt: 100, items: [0], skip: 'superseded' },
      { scheduledAt: 100, items: [1], skip: 'superseded' },
      { scheduledAt: 200, items: [0, 1], putOff: true },
    ]);
    expect(book.free(0)).toEqual([{ scheduledAt: 200, items: [0], madeUp: true }]);
  });

  it('is run in its turn where several are made up for', () => {
    const book = bookOf(2, 'a');
    for (const at of [100, 200, 300]) {
      book.due(at);
      book.hold(at, [0]);
    }
    const order = [book.free(0), book.free(0), book.free(0)].flat().map(({ scheduledAt }) => scheduledAt);
    expect(order).toEqual([200, 300]);
  });

  it('is remembered however long the run takes', () => {
    const book = bookOf(1, 'a');
    book.due(100);
    book.hold(100, [0]);
    for (let at = 101; at < 200; at++) book.park(at);
    expect(book.free(0)).toEqual([{ scheduledAt: 100, items: [0], madeUp: true }]);
  });

  it('is left to its owner when it turns out to be another', () => {
    const book = bookOf(1, 'a');
    book.due(100);
    book.hold(100, [0]);
    expect(book.settled(assignment([99, 'b'], [0, 'a']))).toEqual([]);
    expect(book.free(0)).toEqual([]);
  });

  it('stays with its owner when the item moves after it, also when nobody remembers the span any more', () => {
    const book = bookOf(1, 'a');
    book.due(100);
    book.hold(100, [0]);
    expect(book.settled(assignment([150, 'b'], [0, 'a']))).toEqual([]);
    expect(book.settled(assignment([400, 'c'], [300, 'b']))).toEqual([]);
    expect(book.free(0)).toEqual([{ scheduledAt: 100, items: [0], madeUp: true }]);
  });

  it('is left to its owner also when that was told between the fire and the attempt to run it', () => {
    const book = bookOf(1, 'a');
    book.due(100);
    book.settled(assignment([99, 'b'], [0, 'a']));
    expect(book.hold(100, [0])).toEqual([]);
    expect(book.heldItems).toEqual([]);
  });

  it('is recorded when it is not known any more whose it was', () => {
    const book = bookOf(1, 'a');
    book.due(100);
    book.hold(100, [0]);
    expect(book.settled(assignment([400, 'a'], [300, 'b']))).toEqual([
      { scheduledAt: 100, items: [0], skip: 'resharded' },
    ]);
    expect(book.free(0)).toEqual([]);
  });

  it('is recorded when a Java leader moved the item, and kept when it did not', () => {
    const book = bookOf(1, 'aa');
    book.due(100);
    book.hold(100, [0, 1]);
    expect(book.settled(undated('ab'))).toEqual([{ scheduledAt: 100, items: [1], skip: 'resharded' }]);
    expect(book.free(0)).toEqual([{ scheduledAt: 100, items: [0], madeUp: true }]);
  });
});

describe('when the instance leaves', () => {
  it('what is held is recorded, and what was missed and waits', () => {
    const book = bookOf(1, 'a');
    book.due(100);
    book.hold(100, [0]);
    book.park(200, 'late');
    expect(book.close()).toEqual([
      { scheduledAt: 100, items: [0], skip: 'overlap' },
      { scheduledAt: 200, items: [0], skip: 'late' },
    ]);
    expect(book.heldItems).toEqual([]);
  });

  it('a fire is recorded that waits to be known whose it is, for the items it had last been told of', () => {
    const book = bookOf(0, 'ab');
    book.park(100);
    expect(book.close()).toEqual([{ scheduledAt: 100, items: [0], skip: 'no-session' }]);
    expect(book.close()).toEqual([]);
  });

  it('nothing is put off any more', () => {
    const book = bookOf(1, 'aa');
    book.due(100);
    expect(book.close()).toEqual([]);
    expect(book.hold(100, [0])).toBeNull();
    expect(book.giveBack(100, [1])).toBe(false);
  });

  it('what it is given for a fire that is past is recorded, not begun', () => {
    const book = bookOf(1, 'ab');
    book.due(100);
    book.close();
    expect(book.settled(assignment([90, 'aa'], [0, 'ab']))).toEqual([
      { scheduledAt: 100, items: [1], skip: 'no-session' },
    ]);
  });
});
