import { describe, expect, it } from 'vitest';
import { silentLogger, writeLogger } from '../foundation/logger.js';
import type { CoordinationTrace, SkipReason, TraceEvent } from './trace-event.js';
import { changeLog, fanOut, loggingTraceSink, MemoryTraceSink } from './trace-sinks.js';

const base = { jobName: 'invoice', instanceId: 'i', at: 0 };
const run = { taskId: 't', source: 'NORMAL_TRIGGER', scheduledAt: 0 } as const;

const status = (state: 'TASK_RUNNING' | 'TASK_ERROR'): TraceEvent => ({
  ...base,
  kind: 'status',
  taskId: 't',
  items: [0],
  state,
  message: '',
});
const started = (item: number): TraceEvent => ({
  ...base,
  ...run,
  kind: 'item-started',
  id: 'e',
  item,
  fencingToken: 7n,
});
const finished = (item: number, success = true): TraceEvent => ({
  ...base,
  ...run,
  kind: 'item-finished',
  id: 'e',
  item,
  durationMs: 1,
  success,
  failureCause: success ? undefined : 'Error: no',
});
const skipped = (reason: SkipReason): TraceEvent => ({
  ...base,
  kind: 'fire-skipped',
  source: 'NORMAL_TRIGGER',
  items: [0],
  scheduledAt: 0,
  reason,
});
const coordination = (event: CoordinationTrace['event']): TraceEvent => ({
  ...base,
  kind: 'coordination',
  event,
  details: {},
});

describe('traces in memory', () => {
  it('are kept in their order and given by kind', () => {
    const sink = new MemoryTraceSink();
    for (const event of [started(0), started(1), finished(0)]) sink.emit(event);
    expect(sink.events.map(({ kind }) => kind)).toEqual(['item-started', 'item-started', 'item-finished']);
    expect(sink.of('item-started').map(({ item }) => item)).toEqual([0, 1]);
  });

  it('are bounded: the oldest go first', () => {
    const sink = new MemoryTraceSink(2);
    for (const item of [0, 1, 2, 3]) sink.emit(started(item));
    expect(sink.of('item-started').map(({ item }) => item)).toEqual([2, 3]);
  });

  it('can be waited for, before and after they come', async () => {
    const sink = new MemoryTraceSink();
    const isSecond = (event: TraceEvent) => event.kind === 'item-finished' && event.item === 1;
    const coming = sink.waitFor(isSecond);
    sink.emit(finished(0));
    sink.emit(finished(1));
    expect(await coming).toMatchObject({ item: 1 });
    expect(await sink.waitFor(isSecond)).toMatchObject({ item: 1 });
  });

  it('can be waited for among those to come only', async () => {
    const sink = new MemoryTraceSink();
    sink.emit(finished(0));
    const next = sink.next((event) => event.kind === 'item-finished');
    sink.emit(finished(1));
    expect(await next).toMatchObject({ item: 1 });
  });

  it('tell who waits, not who emits, that the condition fails', async () => {
    const sink = new MemoryTraceSink();
    const waiting = sink.waitFor(() => {
      throw new Error('bad condition');
    });
    sink.emit(finished(0));
    await expect(waiting).rejects.toThrow('bad condition');
  });
});

describe('traces in the log', () => {
  it.each<[string, TraceEvent, string]>([
    ['the routine of a run', status('TASK_RUNNING'), 'DEBUG run changed its state'],
    ['a failed run', status('TASK_ERROR'), 'ERROR run changed its state'],
    ['a started item', started(0), 'DEBUG item started'],
    ['a finished item', finished(0), 'DEBUG item finished'],
    ['a failed item', finished(0, false), 'WARN item finished'],
    ['a fire skipped on purpose', skipped('disabled'), 'DEBUG fire skipped'],
    ['a fire missed', skipped('no-session'), 'WARN fire skipped'],
    ['an election', coordination('elected'), 'DEBUG job is led from here'],
    ['an assignment', coordination('assigned'), 'INFO items of this instance changed'],
    ['a lost session', coordination('session-lost'), 'WARN registry session lost: running items are aborted'],
    ['waiting', coordination('waiting'), 'DEBUG job waits: its stored definition cannot be followed'],
  ])('%s', (_what, event, expected) => {
    const lines: string[] = [];
    loggingTraceSink(writeLogger((line) => lines.push(line), 'debug')).emit(event);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(`${expected} {`);
    expect(lines[0]).toContain('"jobName":"invoice"');
  });
});

describe('what the log is told without being asked', () => {
  const linesOf = (...events: TraceEvent[]): string[] => {
    const lines: string[] = [];
    const sink = changeLog(writeLogger((line) => lines.push(line), 'debug'));
    for (const event of events) sink.emit(event);
    return lines;
  };

  it('is who owns what, and which fires were skipped for a reason that may be a fault', () => {
    const [assigned, skip, ...more] = linesOf(coordination('assigned'), skipped('overlap'));
    expect(assigned).toBe('INFO items of this instance changed {"job":"invoice"}');
    expect(skip).toMatch(/^WARN fire skipped .*"reason":"overlap","scheduledAt":"\d{4}-/);
    expect(more).toEqual([]);
  });

  it('is neither the routine nor what the error handler tells', () => {
    const routine = [coordination('elected'), coordination('waiting'), skipped('disabled')];
    expect(linesOf(...routine, started(0), finished(0, false), status('TASK_ERROR'))).toEqual([]);
  });
});

describe('several sinks', () => {
  it('all get each event, though one of them throws', () => {
    const lines: string[] = [];
    const [first, last] = [new MemoryTraceSink(), new MemoryTraceSink()];
    const broken = {
      emit: () => {
        throw new Error('disk full');
      },
    };
    fanOut(
      [first, broken, last],
      writeLogger((line) => lines.push(line)),
    ).emit(started(0));
    expect([first.events.length, last.events.length]).toEqual([1, 1]);
    expect(lines).toEqual(['ERROR a trace sink failed {"kind":"item-started","error":"disk full"}']);
  });

  it('are all flushed, though one of them fails or has nothing to flush', async () => {
    const lines: string[] = [];
    let flushed = false;
    const emit = () => undefined;
    const sinks = [
      { emit },
      { emit, flush: () => Promise.reject(new Error('no database')) },
      {
        emit,
        flush: async () => {
          flushed = true;
        },
      },
    ];
    await fanOut(
      sinks,
      writeLogger((line) => lines.push(line)),
    ).flush?.();
    expect(flushed).toBe(true);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('no database');
  });

  it('may be none', async () => {
    const sink = fanOut([], silentLogger);
    sink.emit(started(0));
    await expect(sink.flush?.()).resolves.toBeUndefined();
  });
});
