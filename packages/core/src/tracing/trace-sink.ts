import type { TraceEvent } from './trace-event.js';

/**
 * Where trace events go. `emit` must return quickly and never throw for long: a job never waits for its traces. An error
 * thrown here is logged and forgotten.
 */
export interface TraceSink {
  emit(event: TraceEvent): void;
  /** Resolves when everything emitted so far is safe; called at shutdown. */
  flush?(): Promise<void>;
}
