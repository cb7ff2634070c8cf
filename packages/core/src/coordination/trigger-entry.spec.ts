import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHold, encodeHold, entryNamed, triggerEntry, triggeredAt, triggerId } from './trigger-entry.js';

const NOW = Date.UTC(2027, 0, 1);

describe('an id of a trigger', () => {
  it('tells when it was asked for, and stands in the order of asking', () => {
    const ids = [triggerId(NOW, 0, 'ffffffff'), triggerId(NOW, 1, '00000000'), triggerId(NOW + 1, 0, '00000000')];
    expect([...ids].sort()).toEqual(ids);
    expect(ids.map(triggeredAt)).toEqual([NOW, NOW, NOW + 1]);
  });
});

describe('the name of an entry', () => {
  it('says which run it is, and stands in the order in which runs are begun', () => {
    const run = fc.record({ fire: fc.nat({ max: 99_999 }), item: fc.nat({ max: 2_000_000_000 }) });
    fc.assert(
      fc.property(run, run, (one, other) => {
        const id = triggerId(NOW, 7, '1a2b3c4d');
        const [first, second] = [one, other].map(({ fire, item }) => triggerEntry(id, fire, item));
        expect(entryNamed(first?.name ?? '')).toEqual(first);
        const byName = (first?.name ?? '') < (second?.name ?? '');
        expect(byName).toBe(one.fire < other.fire || (one.fire === other.fire && one.item < other.item));
      }),
    );
  });

  it('is none if it looks otherwise', () => {
    for (const name of ['', 'x', '0myc87t57-000000000000', '0myc87t57-000000000000-0-0']) {
      expect(entryNamed(name)).toBeNull();
    }
  });
});

describe('what stands in an entry', () => {
  it('says who runs it, in which session', () => {
    const hold = { instanceId: '10.0.0.1@-@7-1a2b3c4d', session: 0x1000a8fn, since: NOW };
    expect(decodeHold(encodeHold(hold))).toEqual(hold);
    expect(decodeHold('')).toBeNull();
  });

  it('means somebody who is not known if nobody can read it', () => {
    const nobodyKnown = { instanceId: '', session: 0n, since: 0 };
    for (const text of ['x', '{}', '[1]', '{"instance":"a","session":"zz"}']) {
      expect(decodeHold(text)).toEqual(nobodyKnown);
    }
  });
});
