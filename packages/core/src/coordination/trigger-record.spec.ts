import { describe, expect, it } from 'vitest';
import { decodeOutcome, decodeTrigger, encodeOutcome, encodeTrigger, type TriggerRecord } from './trigger-record.js';

const RECORD: TriggerRecord = {
  kind: 'backfill',
  at: 1_801_161_005_200,
  by: 'ann',
  key: 'month-end',
  jobParameter: 'again',
  items: [0, 3],
  fires: [
    { at: 100, window: { from: 50, to: 100 } },
    { at: 150, window: null },
  ],
  concurrency: 4,
  javaInstances: ['10.0.0.1@-@7'],
};

describe('the document of a trigger', () => {
  it('says all that was asked for', () => {
    expect(decodeTrigger(encodeTrigger(RECORD))).toEqual(RECORD);
    const plain = { ...RECORD, kind: 'manual' as const, key: null, jobParameter: null, concurrency: null };
    expect(decodeTrigger(encodeTrigger(plain))).toEqual(plain);
  });

  it('is none if nobody can read it', () => {
    for (const text of ['', 'x', '{}', '[]', '{"kind":"manual","at":1,"items":["0"],"fires":[]}']) {
      expect(decodeTrigger(text)).toBeNull();
    }
  });
});

describe('the document of an outcome', () => {
  it('says how a run ended', () => {
    const done = {
      end: 'failed' as const,
      instanceId: 'a',
      startedAt: 1,
      endedAt: 2,
      reason: null,
      message: 'no invoice',
    };
    expect(decodeOutcome(encodeOutcome(done))).toEqual(done);
    const skipped = { ...done, end: 'skipped' as const, instanceId: null, startedAt: null, reason: 'paused' as const };
    expect(decodeOutcome(encodeOutcome(skipped))).toEqual(skipped);
  });

  it('is none if nobody can read it, and has no reason that is not known', () => {
    for (const text of ['', '{}', '{"v":1,"end":"gone","endedAt":1}', '{"end":"done","endedAt":1}'])
      expect(decodeOutcome(text)).toBeNull();
    expect(decodeOutcome('{"v":1,"end":"skipped","endedAt":1,"reason":"weather"}')?.reason).toBeNull();
  });
});
