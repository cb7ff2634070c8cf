import type { TraceEvent, TraceSink } from '@elasticjob/core';
import { type Deferred, deferred } from '@elasticjob/core/testing';

/** Counts finished runs, marks removed and all, so that a measurement can begin and end between two fires. */
export class FireCounter implements TraceSink {
  #runs = 0;
  #goal: { readonly runs: number; readonly reached: Deferred<void> } | null = null;

  emit(event: TraceEvent): void {
    if (event.kind !== 'status' || event.state !== 'TASK_FINISHED') return;
    this.#runs += 1;
    if (this.#runs === this.#goal?.runs) this.#goal.reached.resolve();
  }

  /** Resolves when `runs` more have finished. */
  async finished(runs: number): Promise<void> {
    const reached = deferred();
    this.#goal = { runs: this.#runs + runs, reached };
    await reached.promise;
  }
}
