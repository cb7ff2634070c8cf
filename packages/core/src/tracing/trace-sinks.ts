import { type Deferred, deferred } from '../foundation/deferred.js';
import { messageOf } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import type { CoordinationTrace, SkipReason, TraceEvent } from './trace-event.js';
import type { TraceSink } from './trace-sink.js';

/** The events of one kind. */
export type TraceOf<K extends TraceEvent['kind']> = Extract<TraceEvent, { readonly kind: K }>;

interface Waiter {
  readonly matches: (event: TraceEvent) => boolean;
  readonly seen: Deferred<TraceEvent>;
}

/**
 * Keeps the latest events in memory, for tests and for a look at a running process.
 *
 * @example
 * const traces = new MemoryTraceSink();
 * await traces.waitFor((event) => event.kind === 'item-finished' && event.item === 1);
 */
export class MemoryTraceSink implements TraceSink {
  readonly #events: TraceEvent[] = [];
  readonly #waiters = new Set<Waiter>();

  /** @param capacity how many events are kept; the oldest go first. */
  constructor(private readonly capacity = 10_000) {}

  /** The events kept, oldest first. */
  get events(): readonly TraceEvent[] {
    return [...this.#events];
  }

  /** The events kept of one kind, oldest first. */
  of<K extends TraceEvent['kind']>(kind: K): readonly TraceOf<K>[] {
    return this.#events.filter((event): event is TraceOf<K> => event.kind === kind);
  }

  emit(event: TraceEvent): void {
    this.#events.push(event);
    if (this.#events.length > this.capacity) this.#events.shift();
    for (const waiter of this.#waiters) this.#offer(waiter, event);
  }

  /**
   * The first event that `matches`, of those kept or of those to come. Rejects only with what `matches` throws: who
   * waits sets the limit.
   */
  waitFor(matches: (event: TraceEvent) => boolean): Promise<TraceEvent> {
    const kept = this.#events.find(matches);
    return kept === undefined ? this.next(matches) : Promise.resolve(kept);
  }

  /** Like {@link waitFor}, but of the events to come only. */
  next(matches: (event: TraceEvent) => boolean): Promise<TraceEvent> {
    const waiter = { matches, seen: deferred<TraceEvent>() };
    this.#waiters.add(waiter);
    return waiter.seen.promise;
  }

  #offer(waiter: Waiter, event: TraceEvent): void {
    try {
      if (!waiter.matches(event)) return;
      waiter.seen.resolve(event);
    } catch (error) {
      waiter.seen.reject(error);
    }
    this.#waiters.delete(waiter);
  }
}

/**
 * Writes events to a log, one constant message per kind with the event's own fields: failures as warnings or errors,
 * what changes who does what as info, the routine as debug.
 */
export function loggingTraceSink(logger: Logger): TraceSink {
  return {
    emit(event) {
      const { kind, ...fields } = event;
      const message = event.kind === 'coordination' ? CHANGES[event.event] : MESSAGES[kind];
      logger[levelOf(event)](message, fields);
    },
  };
}

/**
 * Writes to a log what an operator wants to know without asking: who leads, who owns what, and which fires were skipped
 * for a reason that may be a fault. Failures of items are the job's error handler's to tell.
 */
export function changeLog(logger: Logger): TraceSink {
  return {
    emit(event) {
      const level = levelOf(event);
      if (level === 'debug') return;
      if (event.kind === 'coordination') logger[level](CHANGES[event.event], { job: event.jobName, ...event.details });
      if (event.kind !== 'fire-skipped') return;
      const { jobName: job, items, reason, scheduledAt } = event;
      logger[level](MESSAGES[event.kind], { job, items, reason, scheduledAt: new Date(scheduledAt).toISOString() });
    },
  };
}

/**
 * One sink that gives every event to all of `sinks`. What one of them throws is logged and keeps nothing from the
 * others; `flush` waits for all, and logs those that fail.
 */
export function fanOut(sinks: readonly TraceSink[], logger: Logger): TraceSink {
  return {
    emit(event) {
      for (const sink of sinks) {
        try {
          sink.emit(event);
        } catch (error) {
          logger.error('a trace sink failed', { kind: event.kind, error: messageOf(error) });
        }
      }
    },
    async flush() {
      const flushed = await Promise.allSettled(sinks.map(async (sink) => sink.flush?.()));
      for (const outcome of flushed) {
        if (outcome.status === 'fulfilled') continue;
        logger.error('traces may be lost: a trace sink could not be flushed', { error: messageOf(outcome.reason) });
      }
    },
  };
}

type Level = 'debug' | 'info' | 'warn' | 'error';

const MESSAGES: Readonly<Record<TraceEvent['kind'], string>> = {
  status: 'run changed its state',
  'item-started': 'item started',
  'item-finished': 'item finished',
  'fire-skipped': 'fire skipped',
  coordination: 'coordination changed',
};

const CHANGES: Readonly<Record<CoordinationTrace['event'], string>> = {
  registered: 'job registered',
  elected: 'job is led from here',
  abdicated: 'job is no longer led from here',
  resharded: 'items were assigned to the instances',
  assigned: 'items of this instance changed',
  'taken-over': 'runs of an instance that is gone are executed again here',
  suspended: 'registry connection lost: nothing is started',
  'session-lost': 'registry session lost: running items are aborted',
  reconnected: 'registry connected again',
  draining: 'job is leaving: its items are given away',
  left: 'job has left',
  'shut-down-remotely': 'job was shut down by an operator',
  waiting: 'job waits: its stored definition cannot be followed',
};

const ALARMING_SKIPS: ReadonlySet<SkipReason> = new Set<SkipReason>(['overlap', 'no-session', 'late', 'clock']);

/** Part of every start and every resharding; what they come to is told by `assigned`. */
const ROUTINE_CHANGES: ReadonlySet<CoordinationTrace['event']> = new Set<CoordinationTrace['event']>([
  'registered',
  'elected',
  'resharded',
  // The log has it as an error already, with the remedy.
  'waiting',
]);

const ALARMING_CHANGES: ReadonlySet<CoordinationTrace['event']> = new Set<CoordinationTrace['event']>([
  'taken-over',
  'suspended',
  'session-lost',
  'shut-down-remotely',
]);

function levelOf(event: TraceEvent): Level {
  switch (event.kind) {
    case 'status':
      return event.state === 'TASK_ERROR' ? 'error' : 'debug';
    case 'item-started':
      return 'debug';
    case 'item-finished':
      return event.success ? 'debug' : 'warn';
    case 'fire-skipped':
      return ALARMING_SKIPS.has(event.reason) ? 'warn' : 'debug';
    case 'coordination':
      if (ROUTINE_CHANGES.has(event.event)) return 'debug';
      return ALARMING_CHANGES.has(event.event) ? 'warn' : 'info';
  }
}
