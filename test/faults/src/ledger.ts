/** What a run writes to the ledger: once when it begins, once when its work is to be made final. */
export interface LedgerWrite {
  readonly what: 'begin' | 'end';
  readonly job: string;
  readonly item: number;
  /** Planned time of the fire, epoch milliseconds. */
  readonly scheduledAt: number;
  /** The run's fencing token, decimal. */
  readonly token: string;
  readonly instance: string;
}

/** What the ledger answers. */
export interface LedgerAnswer {
  readonly accepted: boolean;
  /** The greatest token the item was written with so far, decimal. */
  readonly greatest: string;
}

/**
 * The database of a careful user: it keeps the greatest fencing token of each item. A run begins only with a token
 * greater than that, and ends only if no greater one was seen since; anything else is a late writer and is refused.
 */
export class Ledger {
  readonly #greatest = new Map<string, bigint>();

  write({ what, job, item, token }: LedgerWrite): LedgerAnswer {
    const key = `${job}/${item}`;
    const offered = BigInt(token);
    const before = this.#greatest.get(key) ?? 0n;
    const accepted = what === 'begin' ? offered > before : offered >= before;
    if (accepted) this.#greatest.set(key, offered);
    return { accepted, greatest: String(this.#greatest.get(key) ?? 0n) };
  }
}
