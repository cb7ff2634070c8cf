import type { JobPlan } from './job-plan.js';
import {
  type Departure,
  fireKey,
  type LedgerRecord,
  type Life,
  type Observations,
  type Outcome,
  type Run,
  type Span,
} from './observations.js';
import type { WorkerMessage } from './worker-message.js';

/** Writes down everything that is told of one cluster, and calls `onChange` after each entry. */
export class Observer implements Observations {
  readonly runs: Run[] = [];
  readonly outcomes = new Map<string, Outcome[]>();
  readonly lives = new Map<string, Life>();
  readonly departures: Departure[] = [];
  readonly spans = new Map<string, Span[]>();
  readonly refused: LedgerRecord[] = [];
  readonly #open = new Map<string, Run>();
  /** What is told of a takeover before its run begins. */
  readonly #takeovers = new Map<string, Run['takeover']>();
  /** Instances that have noticed that their session is over. */
  readonly #sessionless = new Set<string>();

  constructor(
    readonly jobs: readonly JobPlan[],
    private readonly onChange: () => void,
  ) {}

  /** The life of an instance, begun with its first mention. */
  lifeOf(instance: string): Life {
    const known = this.lives.get(instance);
    if (known !== undefined) return known;
    const life: Life = { instance, killedAt: null, stops: [] };
    this.lives.set(instance, life);
    return life;
  }

  /** What is known of a fire of an item so far. */
  outcomesOf(job: string, item: number, scheduledAt: number): readonly Outcome[] {
    return this.outcomes.get(fireKey(job, item, scheduledAt)) ?? [];
  }

  /** Whether user code of a job is at work in an instance. */
  isRunning(instance: string, job: string): boolean {
    return this.runs.some(
      (run) => run.instance === instance && run.job === job && run.endedAt === null && run.abortedAt === null,
    );
  }

  /** Whether the node of an instance has vanished since it last stood still, from every job. */
  hasDeparted(instance: string): boolean {
    const since = this.lifeOf(instance).stops.at(-1)?.from ?? 0;
    return this.jobs.every(({ name }) =>
      this.departures.some((gone) => gone.instance === instance && gone.job === name && gone.at > since),
    );
  }

  /** Whether an instance has noticed that its session is over, and has none yet in its place. */
  hasLostSession(instance: string): boolean {
    return this.#sessionless.has(instance);
  }

  /** An instance told something. */
  hear(instance: string, message: WorkerMessage): void {
    this.#note(instance, message);
    this.onChange();
  }

  /** The ledger answered a write. */
  hearLedger(record: LedgerRecord): void {
    if (record.accepted) return;
    this.refused.push(record);
    this.onChange();
  }

  /** The node of an instance has vanished. */
  departed(departure: Departure): void {
    this.departures.push(departure);
    this.onChange();
  }

  /** A plan was published: its spans, among them some of those before. */
  planned(job: string, spans: readonly Span[]): void {
    const known = this.spans.get(job) ?? [];
    const news = spans.filter(({ after }) => !known.some((span) => span.after === after));
    this.spans.set(
      job,
      [...known, ...news].sort((one, other) => one.after - other.after),
    );
    this.onChange();
  }

  #note(instance: string, message: WorkerMessage): void {
    switch (message.kind) {
      case 'begin':
        this.#begin(instance, message);
        break;
      case 'taken-over':
        this.#takeovers.set(runKey(message), { from: message.from });
        break;
      case 'end':
        this.#change(message, (run) => {
          run.endedAt = message.at;
        });
        break;
      case 'aborted':
        this.#change(message, (run) => {
          run.abortedAt = message.at;
          run.abortReason = message.reason;
        });
        break;
      case 'finished': {
        const { job, item, scheduledAt, success, cause, at } = message;
        const kind = success ? 'success' : 'failure';
        this.#outcome(job, item, scheduledAt, { instance, kind, reason: cause, at });
        break;
      }
      case 'coordination':
        if (message.event === 'session-lost') this.#sessionless.add(instance);
        if (message.event === 'registered') this.#sessionless.delete(instance);
        break;
      case 'skipped': {
        const { job, items, scheduledAt, reason, at } = message;
        for (const item of items) this.#outcome(job, item, scheduledAt, { instance, kind: 'skipped', reason, at });
        break;
      }
    }
  }

  #begin(instance: string, message: WorkerMessage & { kind: 'begin' }): void {
    const { job, item, scheduledAt, trigger, at } = message;
    const token = BigInt(message.token);
    const takeover = this.#takeovers.get(runKey(message)) ?? null;
    const run: Run = {
      ...{ instance, job, item, scheduledAt, token, beganAt: at, takeover, trigger },
      ...{ endedAt: null, abortedAt: null, abortReason: null },
    };
    this.runs.push(run);
    this.#open.set(runKey(message), run);
  }

  #change(message: Parameters<typeof runKey>[0], change: (run: Run) => void): void {
    const run = this.#open.get(runKey(message));
    if (run !== undefined) change(run);
  }

  #outcome(job: string, item: number, scheduledAt: number, outcome: Outcome): void {
    const key = fireKey(job, item, scheduledAt);
    const others = this.outcomes.get(key);
    if (others === undefined) this.outcomes.set(key, [outcome]);
    else others.push(outcome);
  }
}

/** Tokens tell the runs of one item apart, not those of different items. */
function runKey({ job, item, token }: { readonly job: string; readonly item: number; readonly token: string }): string {
  return `${job}/${item}@${token}`;
}
