import type { TraceEvent, TraceSink } from '@elasticjob/nestjs';
import { Injectable } from '@nestjs/common';

/** How many items each job of this sample has. */
export const ITEMS = { digest: 3, reindex: 4 } as const;

/** Counts the successful runs of each item of each job. A provider, so that `forRootAsync` can inject it as a trace sink. */
@Injectable()
export class Tally implements TraceSink {
  readonly #runs = new Map<string, number>();

  emit(event: TraceEvent): void {
    if (event.kind !== 'item-finished' || !event.success) return;
    const item = `${event.jobName}/${event.item}`;
    this.#runs.set(item, (this.#runs.get(item) ?? 0) + 1);
  }

  runsOf(jobName: keyof typeof ITEMS): number {
    return itemsOf(jobName).reduce((sum, item) => sum + (this.#runs.get(item) ?? 0), 0);
  }

  /** Items that never ran, as `job/item`. */
  get missing(): string[] {
    return [...itemsOf('digest'), ...itemsOf('reindex')].filter((item) => !this.#runs.has(item));
  }

  toString(): string {
    return [...this.#runs.keys()]
      .sort()
      .map((item) => `${item} ×${this.#runs.get(item)}`)
      .join('  ');
  }
}

function itemsOf(jobName: keyof typeof ITEMS): string[] {
  return Array.from({ length: ITEMS[jobName] }, (_, item) => `${jobName}/${item}`);
}
