import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock, Timer } from '../foundation/clock.js';
import type { Lifecycle } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import type { TraceEvent } from '../tracing/trace-event.js';
import type { TraceSink } from '../tracing/trace-sink.js';

/** How long the event loop stood still. */
export interface LoopDelay {
  start(): void;
  stop(): void;
  /** The longest time since {@link forget}, milliseconds. */
  longestMs(): number;
  forget(): void;
}

const RESOLUTION_MS = 100;

/** The delay of this process's event loop, as Node.js measures it, to a tenth of a second. */
export function machineLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  return {
    start: () => void histogram.enable(),
    stop: () => void histogram.disable(),
    // It measures from one of its ticks to the next, so that the time between them is part of what it says.
    longestMs: () => Math.max(0, histogram.max / 1e6 - RESOLUTION_MS),
    forget: () => histogram.reset(),
  };
}

/** From here on a standstill is told of, milliseconds: pings and fires of all jobs are late by as much. */
export const STANDSTILL_MS = 1000;

/** How often it is looked at while handlers run, milliseconds. */
const LOOK_EVERY_MS = 1000;

interface Call {
  readonly name: string;
  readonly since: number;
}

/**
 * Warns when the event loop stood still, and names the handlers that may be why: those whose calls went on for as long.
 * A handler that computes without a pause keeps this process from hearing of anything, from pinging its session, and from
 * firing any job, and nothing can abort it. Nothing is looked at while no handler runs.
 */
export class LoopWatch implements Lifecycle, TraceSink {
  #started = false;
  #timer: Timer | null = null;
  /** By the id of the call. */
  readonly #calls = new Map<string, Call>();
  /** Calls that have ended since the last look, and how long they took, milliseconds. */
  #ended: { readonly name: string; readonly durationMs: number }[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly delay: LoopDelay,
  ) {}

  async start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    this.delay.start();
  }

  async stop(): Promise<void> {
    if (!this.#started) return;
    this.#started = false;
    this.#timer?.cancel();
    this.#timer = null;
    this.delay.stop();
  }

  emit(event: TraceEvent): void {
    if (!this.#started) return;
    if (event.kind === 'item-started') this.#begin(event.id, `${event.jobName}/${event.item}`);
    if (event.kind === 'item-finished') this.#end(event.id, event.durationMs);
  }

  #begin(id: string, name: string): void {
    this.#calls.set(id, { name, since: this.clock.monotonic() });
    if (this.#timer !== null) return;
    // What was before is no handler's doing.
    if (this.delay.longestMs() >= STANDSTILL_MS) this.delay.forget();
    this.#arm();
  }

  #end(id: string, durationMs: number): void {
    const call = this.#calls.get(id);
    if (!this.#calls.delete(id) || call === undefined) return;
    if (durationMs >= STANDSTILL_MS) this.#ended.push({ name: call.name, durationMs });
  }

  #arm(): void {
    this.#timer = this.clock.setTimer(LOOK_EVERY_MS, () => this.#look());
  }

  #look(): void {
    this.#timer = null;
    const delayMs = this.delay.longestMs();
    if (delayMs >= STANDSTILL_MS) {
      this.delay.forget();
      this.#warn(Math.round(delayMs));
    }
    this.#ended = [];
    if (this.#calls.size > 0) this.#arm();
  }

  #warn(delayMs: number): void {
    const now = this.clock.monotonic();
    const going = [...this.#calls.values()].filter(({ since }) => now - since >= delayMs);
    const handlers = [...this.#ended.filter(({ durationMs }) => durationMs >= delayMs), ...going].map(
      ({ name }) => name,
    );
    if (handlers.length === 0) return;
    this.logger.warn(
      'the event loop stood still while these handlers ran: one that computes for so long cannot be aborted and may ' +
        'cost the session; let it pause, or do the work in a worker thread',
      { delayMs, handlers },
    );
  }
}
