import { describe, expect, it } from 'vitest';
import { triggerEntry, triggerId } from '../coordination/trigger-entry.js';
import { OpenRuns } from './open-runs.js';

const AT = Date.parse('2027-01-05T00:00:00Z');
const id = (number: number): string => triggerId(AT, number, '00000000');
const HOLD = { instanceId: 'b', session: 7n, since: AT };

/** The names of the runs of a trigger: of each fire, of each item. */
function names(number: number, items: readonly number[], fires: readonly number[] = [0]): string[] {
  return fires.flatMap((fire) => items.map((item) => triggerEntry(id(number), fire, item).name));
}

describe('the open runs', () => {
  it('are those of the list, by their items, in the order of their triggers', () => {
    const runs = new OpenRuns();
    expect([runs.isEmpty, runs.follow([...names(0, [1, 2]), ...names(1, [2])])]).toEqual([true, true]);
    expect(runs.items().sort()).toEqual([1, 2]);
    expect([...runs.ofItem(2)].map((entry) => entry.id)).toEqual([id(0), id(1)]);
    expect([runs.concerns(2), runs.concerns(3)]).toEqual([true, false]);
    expect([runs.hasTrigger(id(1)), runs.hasTrigger(id(2))]).toEqual([true, false]);
  });

  it('become what the list says, whatever comes and goes at once', () => {
    const runs = new OpenRuns();
    const first = [...names(0, [1, 2, 3]), ...names(2, [2]), ...names(3, [9])];
    const then = [...names(0, [2, 4]), ...names(1, [2]), ...names(3, [9])].sort();
    for (const list of [first, then, [], ['what is no entry', ...then], then]) {
      runs.follow(list);
      const known = runs.items().flatMap((item) => [...runs.ofItem(item)].map(({ name }) => name));
      expect(known.sort()).toEqual(list.filter((name) => name !== 'what is no entry').sort());
    }
    expect(runs.follow(then)).toBe(false);
    expect([...runs.ofItem(2)].map((entry) => entry.id)).toEqual([id(0), id(1)]);
  });

  it('of thousands are followed by what has changed of them', () => {
    const runs = new OpenRuns();
    const list = names(0, [0, 1], [...Array(10_000).keys()]);
    runs.follow(list);
    for (let gone = 1; gone <= 500; gone++) runs.follow(list.slice(gone));
    expect([...runs.ofItem(0)]).toHaveLength(9_750);
  });

  it('are without those that are known to have ended, for as long as the list has them', () => {
    const runs = new OpenRuns();
    const [over] = [triggerEntry(id(0), 0, 1)];
    runs.follow(names(0, [1, 2]));
    runs.noteOver(over);
    runs.noteHeld(over, HOLD);
    expect([...runs.ofItem(1)]).toEqual([]);
    runs.follow(names(0, [2]));
    runs.noteOver(over);
    runs.noteHeld(over, HOLD);
    runs.follow(names(0, [1, 2]));
    expect([[...runs.ofItem(1)], runs.holdOf(over)]).toEqual([[over], undefined]);
  });

  it('are somebody’s until that is known to be otherwise', () => {
    const runs = new OpenRuns();
    const entry = triggerEntry(id(0), 0, 1);
    runs.follow([entry.name]);
    runs.noteHeld(entry, HOLD);
    expect(runs.holdOf(entry)).toBe(HOLD);
    runs.noteFree(entry);
    expect(runs.holdOf(entry)).toBeUndefined();
  });

  it('have places by their order within their trigger, and those that have ended take none', () => {
    const runs = new OpenRuns();
    runs.follow([...names(0, [1]), ...names(1, [1, 2, 3, 4])]);
    const places = (): number[] => [1, 2, 3, 4].filter((item) => runs.isAmongFirst(2, triggerEntry(id(1), 0, item)));
    expect(places()).toEqual([1, 2]);
    runs.noteOver(triggerEntry(id(1), 0, 1));
    expect(places()).toEqual([1, 2, 3]);
    runs.follow(names(1, [2, 3, 4]));
    expect(places()).toEqual([2, 3]);
  });
});
