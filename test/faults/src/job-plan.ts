/** A job of the instances, in the words that its definition and the reckoning of its fires need. */
export interface JobPlan {
  readonly name: string;
  readonly items: number;
  /** Seconds from one fire to the next; a divisor of 60. */
  readonly everySeconds: number;
  /** How long an item works, milliseconds; `null` for work that ends only when it is aborted. */
  readonly workMs: number | null;
  /** Whether a run that crashes is executed again by another instance. */
  readonly failover?: boolean;
}

/** Twelve items each second, done quickly: what tells how soon an item runs again. */
export const TICKS: JobPlan = { name: 'ticks', items: 12, everySeconds: 1, workMs: 120 };

/** Four items that work two seconds out of three: what a crash meets in mid-run. */
export const HAULS: JobPlan = { name: 'hauls', items: 4, everySeconds: 3, workMs: 2_000 };

/** The job's expression in the dialect with six fields. */
export function cronOf({ everySeconds }: JobPlan): string {
  return `*/${everySeconds} * * * * *`;
}

/** The planned times of a job's fires in `[from, to]`, epoch milliseconds. */
export function firesOf({ everySeconds }: JobPlan, from: number, to: number): number[] {
  const step = everySeconds * 1_000;
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, n) => first + n * step);
}
