import type { Ensemble } from './ensemble.js';
import { NAMESPACE } from './process.js';
import type { Transaction } from './protocol.js';

/** Owners of the items for the fires after one moment. */
export interface Span {
  readonly after: number;
  readonly owners: readonly (string | null)[];
}

/** An assignment from the moment on in which the flags were lowered over it. */
export interface PlanInForce {
  /** True time at which it came into force. */
  readonly since: number;
  readonly members: readonly string[];
  readonly spans: readonly Span[];
}

/** A `running` mark, as the leader decided it. */
export interface Mark {
  readonly jobName: string;
  readonly item: number;
  readonly session: bigint;
  /** Whether a flag of resharding was up when it was made. */
  readonly flagged: boolean;
  /** The assignment in force then. */
  readonly plan: PlanInForce | null;
  /** The session of whoever had taken a crashed run of the item over then. */
  readonly takenBy: bigint | null;
}

/** What every server will agree on, kept for the checks: marks, assignments, the ends of sessions. */
export class Ledger {
  readonly #marks = new Map<string, Mark>();
  /** True time at which each session ended. */
  readonly ended = new Map<bigint, number>();
  readonly #plans = new Map<string, PlanInForce[]>();
  readonly #signed = new Map<string, bigint>();

  constructor(
    private readonly ensemble: Ensemble,
    private readonly now: () => number,
  ) {
    ensemble.onCommit((transaction) => this.#note(transaction));
  }

  /** The mark that a run of this token made, `undefined` if nobody made it. */
  mark(run: { readonly jobName: string; readonly item: number }, token: bigint | undefined): Mark | undefined {
    return this.#marks.get(markKey(run.jobName, run.item, token));
  }

  /** The assignments of a job in the order in which they came into force. */
  plans(jobName: string): readonly PlanInForce[] {
    return this.#plans.get(jobName) ?? [];
  }

  /** Value of a node of a job, `null` if it is absent. */
  value(jobName: string, path: string): string | null {
    return this.ensemble.leader.tree.value(`/${NAMESPACE}/${jobName}/${path}`);
  }

  children(jobName: string, path: string): string[] {
    return this.ensemble.leader.tree.names(`/${NAMESPACE}/${jobName}/${path}`);
  }

  owner(jobName: string, path: string): bigint | null {
    return this.ensemble.leader.tree.owner(`/${NAMESPACE}/${jobName}/${path}`);
  }

  /** Nodes in which this session said that it runs an item, or takes a crashed run over, and which are still there. */
  signedBy(session: bigint): string[] {
    return [...this.#signed].filter(([, maker]) => maker === session).map(([path]) => path);
  }

  /** Whether a flag of resharding is up. */
  flagged(jobName: string): boolean {
    return this.children(jobName, 'leader/sharding').length > 0;
  }

  /** The assignment that the nodes say is in force now. */
  present(jobName: string): PlanInForce | null {
    const stat = this.ensemble.leader.tree.stat(`/${NAMESPACE}/${jobName}/leader/sharding`);
    const text = this.value(jobName, 'extension/plan');
    if (stat === null || !text || this.flagged(jobName)) return null;
    const plan = readPlan(text, this.now());
    return plan.changes === stat.cversion ? plan : null;
  }

  #note({ zxid, session, changes, closes }: Transaction): void {
    if (closes) this.ended.set(session, this.now());
    for (const { kind, path } of changes) {
      const [, , jobName = '', first, second, third] = path.split('/');
      if (kind === 'deleted' && first === 'leader' && second === 'sharding') this.#lowered(jobName);
      const signs = third === 'running' || third === 'failovering';
      if (signs && kind === 'created') this.#signed.set(path, session);
      if (signs && kind === 'deleted') this.#signed.delete(path);
      if (kind === 'created' && first === 'sharding' && third === 'running') {
        const flagged = this.flagged(jobName);
        const plan = this.plans(jobName).at(-1) ?? null;
        const item = Number(second);
        const takenBy = this.owner(jobName, `sharding/${item}/failover`);
        this.#marks.set(markKey(jobName, item, zxid), { jobName, item, session, flagged, plan, takenBy });
      }
    }
  }

  #lowered(jobName: string): void {
    const plan = this.present(jobName);
    if (plan === null) return;
    const plans = this.#plans.get(jobName) ?? [];
    this.#plans.set(jobName, [...plans, plan]);
  }
}

/** Marks of different items may be made by one transaction. */
function markKey(jobName: string, item: number, zxid: bigint | undefined): string {
  return `${jobName}/${item}@${zxid}`;
}

interface StoredPlan {
  readonly changes: number;
  readonly members: number;
  readonly names: readonly string[];
  readonly spans: readonly { readonly after: number; readonly owners: readonly number[] }[];
}

/** Reads `extension/plan` by its documentation, not with the code that is under test. */
function readPlan(text: string, since: number): PlanInForce & { readonly changes: number } {
  const { changes, members, names, spans } = JSON.parse(text) as StoredPlan;
  return {
    changes,
    since,
    members: names.slice(0, members),
    spans: spans.map(({ after, owners }) => ({ after, owners: owners.map((index) => names[index] ?? null) })),
  };
}

/**
 * Who is to see to a fire of an item: its owner then or, if it was nobody's, whose it was next; `null` for nobody, or if
 * the spans, newest first, do not reach back so far.
 */
export function ownerOf(spans: readonly Span[], item: number, scheduledAt: number): string | null {
  const then = spans.findIndex(({ after }) => after < scheduledAt);
  const known = spans.slice(0, then + 1).map(({ owners }) => owners[item]);
  return known.findLast((owner) => owner !== null) ?? null;
}
