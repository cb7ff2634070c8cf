import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AssignmentPlan,
  decodePlan,
  encodePlan,
  estatesOf,
  followingSpans,
  itemsOf,
  ownerAt,
} from './assignment-plan.js';

const plan = (spans: AssignmentPlan['spans']): AssignmentPlan => ({
  changes: 4,
  strategy: 'AVG_ALLOCATION',
  members: ['a', 'b'],
  labels: [null, null],
  spans,
});

describe('the plan of an assignment', () => {
  it('reads back what it wrote', () => {
    const owner = fc.option(fc.constantFrom('10.0.0.1@-@1', '10.0.0.2@-@2', 'gone'));
    const by = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
    const span = fc.record({ after: fc.nat(), owners: fc.array(owner), by }, { requiredKeys: ['after', 'owners'] });
    const spans = fc.tuple(span, fc.array(span)).map(([first, more]) => [first, ...more] as const);
    const said = fc.tuple(fc.string(), fc.option(fc.string()));
    const instances = fc.uniqueArray(said, { selector: ([id]) => id });
    fc.assert(
      fc.property(fc.nat(), fc.string(), instances, spans, (changes, strategy, list, given) => {
        const [members, labels] = [list.map(([id]) => id), list.map(([, text]) => text)];
        const written = { changes, strategy, members, labels, spans: given };
        expect(decodePlan(encodePlan(written))).toEqual(written);
      }),
    );
  });

  it('has no labels in its text where no instance has any', () => {
    expect(encodePlan(plan([{ after: 1, owners: [] }]))).not.toContain('labels');
  });

  it.each([
    '',
    'null',
    '[]',
    '{"v":2}',
    '{"v":1,"changes":-1}',
    '{"v":1,"changes":1,"strategy":"X","members":0,"names":[],"spans":[]}',
    '{"v":1,"changes":1,"strategy":"X","members":0,"names":[],"spans":[{"after":1,"owners":[],"by":"x"}]}',
    '…',
  ])('takes %j for no plan', (text) => expect(decodePlan(text)).toBeNull());

  it('names an instance once, however many items it owns', () => {
    const text = encodePlan(
      plan([{ after: 1, owners: Array.from({ length: 1000 }, () => '10.0.0.1@-@4711-12ab34cd') }]),
    );
    expect(text.length).toBeLessThan(2_200);
  });

  it('tells who owned an item at a planned time', () => {
    const assignment = {
      dated: true,
      spans: [
        { after: 100, owners: ['b'] },
        { after: 50, owners: ['a'] },
      ],
    };
    expect(itemsOf(assignment, 'a', 100)).toEqual([0]);
    expect(itemsOf(assignment, 'b', 101)).toEqual([0]);
    expect(itemsOf(assignment, 'a', 50)).toEqual([]);
    expect(itemsOf(assignment, 'b')).toEqual([0]);
  });

  it('tells of each span which transaction wrote it', () => {
    const former = decodePlan(encodePlan(plan([{ after: 1, owners: ['a'] }])), 7n);
    expect(former?.spans).toEqual([{ after: 1, owners: ['a'], by: 7n }]);
    const next = encodePlan(plan(followingSpans({ after: 2, owners: ['b'] }, former)));
    expect(decodePlan(next, 9n)?.spans.map(({ by }) => by)).toEqual([9n, 7n]);
  });

  describe('of a time in which nobody owned an item', () => {
    const spans = [
      { after: 300, owners: ['c', 'b', 'b', 'a'], by: 4n },
      { after: 200, owners: ['a', 'b', 'a'], by: 3n },
      { after: 100, owners: [null, 'b', null], by: 2n },
      { after: 50, owners: [null, 'b', 'x'], by: 1n },
    ];
    const assignment = { dated: true, spans };

    it('gives the fires to whoever was given the item next', () => {
      expect([60, 150, 250, 350].map((at) => ownerAt(assignment, 0, at))).toEqual(['a', 'a', 'a', 'c']);
      expect(itemsOf(assignment, 'a', 60)).toEqual([0]);
      expect(itemsOf(assignment, 'a', 150)).toEqual([0, 2]);
      expect(itemsOf(assignment, 'c', 150)).toEqual([]);
      expect(ownerAt({ dated: true, spans: spans.slice(2) }, 0, 150)).toBeNull();
    });

    it('tells that one, and nobody else, what it was left', () => {
      expect(estatesOf(assignment, 'a', 2n)).toEqual([
        { items: [0, 2], after: 100, until: 200 },
        { items: [0], after: 50, until: 100 },
      ]);
      for (const other of ['b', 'c', 'x']) expect(estatesOf(assignment, other, 0n)).toEqual([]);
    });

    it('tells nothing to who came after the plan, or if nobody knows when that was written', () => {
      expect(estatesOf(assignment, 'a', 3n)).toEqual([]);
      const undated = spans.map(({ after, owners }) => ({ after, owners }));
      expect(estatesOf({ dated: true, spans: undated }, 'a', 0n)).toEqual([]);
    });
  });

  it('keeps the spans that fires may still be asked about, and no more', () => {
    const span = (after: number, items = 1) => ({ after, owners: Array.from({ length: items }, () => 'a') });
    const many = Array.from({ length: 20 }, (_, age) => span(900_000 - age));
    expect(followingSpans(span(1_000_000), plan([span(950_000), ...many]))).toHaveLength(1 + 16);
    const old = followingSpans(span(2_000_000), plan([span(1_500_000), span(1_400_000), span(1_000_000)]));
    expect(old.map((each) => each.after)).toEqual([2_000_000, 1_500_000, 1_400_000]);
    const wide = followingSpans(span(5, 15_000), plan([span(4, 15_000), span(3, 15_000), span(2, 15_000)]));
    expect(wide.map((each) => each.after)).toEqual([5, 4, 3]);
    expect(followingSpans(span(5), null)).toEqual([span(5)]);
  });
});
