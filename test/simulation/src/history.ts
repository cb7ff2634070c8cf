import type { Timeline } from './timeline.js';

/** What happened, for people: who, when, what. The texts are made only when somebody reads them. */
export class History {
  readonly counts: Record<string, number> = {};
  readonly #entries: Entry[] = [];

  constructor(
    private readonly timeline: Timeline,
    private readonly start: number,
    /** How many of the latest lines are kept. */
    private readonly keep: number,
  ) {}

  /** The latest lines, oldest first. */
  get lines(): string[] {
    return this.#entries.slice(-this.keep).map(({ at, who, what }) => {
      const seconds = ((at - this.start) / 1000).toFixed(4);
      return `${seconds.padStart(9)}  ${who.padEnd(10)} ${what()}`;
    });
  }

  note(who: string, what: () => string): void {
    this.#entries.push({ at: this.timeline.now, who, what });
    if (this.#entries.length > this.keep * 2) this.#entries.splice(0, this.#entries.length - this.keep);
  }

  count(what: string, by = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + by;
  }
}

interface Entry {
  readonly at: number;
  readonly who: string;
  readonly what: () => string;
}
