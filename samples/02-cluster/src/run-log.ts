/** One call of an item's handler, as its process told it. */
export interface Run {
  readonly worker: string;
  readonly item: number;
  readonly scheduledAt: number;
  readonly beganAt: number;
  /** `null` while it runs, and for ever if its process was killed. */
  endedAt: number | null;
}

/** What can be said of the runs of a stretch of time. */
export interface Findings {
  readonly fires: number;
  /** Item → runs. */
  readonly runsPerItem: Readonly<Record<string, number>>;
  /** Fires for which an item ran more than once. */
  readonly firesWithItemRunTwice: number;
  /** Pairs of runs of one item that overlapped in time. */
  readonly overlappingRuns: number;
  /** Item → planned times for which it did not run. */
  readonly firesMissed: Readonly<Record<string, readonly string[]>>;
}

/** All runs that the processes told of, and the questions asked of them. */
export class RunLog {
  readonly #runs: Run[] = [];

  constructor(private readonly itemCount: number) {}

  begin(run: Omit<Run, 'endedAt'>): void {
    this.#runs.push({ ...run, endedAt: null });
  }

  end(worker: string, item: number, scheduledAt: number, endedAt: number): void {
    const run = this.#runs.find(
      (each) =>
        each.worker === worker && each.item === item && each.scheduledAt === scheduledAt && each.endedAt === null,
    );
    if (run !== undefined) run.endedAt = endedAt;
  }

  /** When each item first began after `after`; `null` for an item that has not. */
  firstRunsAfter(after: number): (number | null)[] {
    return this.#items().map((item) => {
      const begins = this.#of(item).filter((run) => run.beganAt > after);
      return begins.length === 0 ? null : Math.min(...begins.map((run) => run.beganAt));
    });
  }

  /** What happened for the fires planned in `[from, to)`, every `stepMs`. */
  findings(from: number, to: number, stepMs: number): Findings {
    const fires = Array.from({ length: Math.max(0, Math.ceil((to - from) / stepMs)) }, (_, n) => from + n * stepMs);
    const runs = this.#runs.filter((run) => run.scheduledAt >= from && run.scheduledAt < to);
    const count = (item: number, fire: number): number =>
      runs.filter((run) => run.item === item && run.scheduledAt === fire).length;
    const missed = this.#items().map((item): [string, string[]] => [
      String(item),
      fires.filter((fire) => count(item, fire) === 0).map((fire) => new Date(fire).toISOString()),
    ]);
    return {
      fires: fires.length,
      runsPerItem: Object.fromEntries(
        this.#items().map((item) => [item, runs.filter((run) => run.item === item).length]),
      ),
      firesWithItemRunTwice: fires.filter((fire) => this.#items().some((item) => count(item, fire) > 1)).length,
      overlappingRuns: this.#items().reduce((sum, item) => sum + overlaps(this.#of(item)), 0),
      firesMissed: Object.fromEntries(missed.filter(([, times]) => times.length > 0)),
    };
  }

  #items(): number[] {
    return Array.from({ length: this.itemCount }, (_, item) => item);
  }

  #of(item: number): Run[] {
    return this.#runs.filter((run) => run.item === item);
  }
}

/** Pairs of neighbours of which the later began before the earlier ended. A killed run ended when it was killed. */
function overlaps(runs: readonly Run[]): number {
  const ordered = [...runs].sort((one, other) => one.beganAt - other.beganAt);
  return ordered.filter((run, index) => {
    const before = ordered[index - 1];
    return before !== undefined && (before.endedAt ?? before.beganAt) > run.beganAt;
  }).length;
}
