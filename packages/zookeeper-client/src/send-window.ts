/**
 * So many frames are under way at most; what comes beyond them waits. A server that has a thousand, of all its clients
 * together (`globalOutstandingLimit`), stops reading and starts again for each that it answers, which costs it more than
 * the requests themselves.
 */
const MOST_UNDER_WAY = 512;

/** What waits is sent when so few are under way: a few large writes cost both sides less than one for each answer. */
const REFILL_AT = MOST_UNDER_WAY / 2;

/** Frames that were written together. */
interface Burst {
  readonly sentAt: number;
  unanswered: number;
}

/** How many frames may be written now, and when those were written whose answers come: in the same order. */
export class SendWindow {
  #underWay = 0;
  readonly #bursts: Burst[] = [];

  /** How many frames may be written now. */
  get room(): number {
    return this.#underWay > REFILL_AT ? 0 : MOST_UNDER_WAY - this.#underWay;
  }

  /** When the oldest frame that is still without an answer was written, `undefined` if there is none. */
  get oldestSentAt(): number | undefined {
    return this.#bursts[0]?.sentAt;
  }

  /** That many frames have been written. */
  sent(frames: number, now: number): void {
    this.#underWay += frames;
    this.#bursts.push({ sentAt: now, unanswered: frames });
  }

  /** The oldest frame under way has been answered; when it was written. */
  answered(): number | undefined {
    const oldest = this.#bursts[0];
    if (oldest === undefined) return undefined;
    this.#underWay -= 1;
    oldest.unanswered -= 1;
    if (oldest.unanswered === 0) this.#bursts.shift();
    return oldest.sentAt;
  }
}
