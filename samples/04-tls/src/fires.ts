/** What can be said of the fires of a stretch of time. */
export interface Findings {
  readonly fires: number;
  /** Item → runs. */
  readonly runsPerItem: Readonly<Record<string, number>>;
  /** How often an item did not run for a fire. */
  readonly missed: number;
  /** How often an item ran more than once for a fire. */
  readonly runTwice: number;
}

/** How often each item ran for each fire, as the processes told. */
export class Fires {
  readonly #runs = new Map<string, number>();

  constructor(
    private readonly itemCount: number,
    private readonly stepMs: number,
  ) {}

  ran(item: number, scheduledAt: number): void {
    const key = `${item}@${scheduledAt}`;
    this.#runs.set(key, (this.#runs.get(key) ?? 0) + 1);
  }

  /** What happened for the fires planned in `[from, to)`. */
  between(from: number, to: number): Findings {
    const times = Array.from({ length: (to - from) / this.stepMs }, (_, n) => from + n * this.stepMs);
    const items = Array.from({ length: this.itemCount }, (_, item) => item);
    const countsOf = (item: number): number[] => times.map((time) => this.#runs.get(`${item}@${time}`) ?? 0);
    const counts = items.flatMap(countsOf);
    return {
      fires: times.length,
      runsPerItem: Object.fromEntries(items.map((item) => [item, countsOf(item).reduce((sum, n) => sum + n, 0)])),
      missed: counts.filter((count) => count === 0).length,
      runTwice: counts.filter((count) => count > 1).length,
    };
  }
}
