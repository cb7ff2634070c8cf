import type { TraceEvent, TraceSink } from '@elasticjob/nestjs';

/** Counts the successful runs of each item of each job, from the kernel's trace. */
export class Tally implements TraceSink {
  readonly #runs = new Map<string, number>();

  /** @param items how many items each job has. */
  constructor(private readonly items: Readonly<Record<string, number>>) {}

  emit(event: TraceEvent): void {
    if (event.kind !== 'item-finished' || !event.success) return;
    const item = `${event.jobName}/${event.item}`;
    this.#runs.set(item, (this.#runs.get(item) ?? 0) + 1);
  }

  /** Items that never ran, as `job/item`. */
  get missing(): string[] {
    const all = Object.entries(this.items).flatMap(([job, count]) =>
      Array.from({ length: count }, (_, item) => `${job}/${item}`),
    );
    return all.filter((item) => !this.#runs.has(item));
  }

  toString(): string {
    return [...this.#runs.keys()]
      .sort()
      .map((item) => `${item} ×${this.#runs.get(item)}`)
      .join('  ');
  }
}
