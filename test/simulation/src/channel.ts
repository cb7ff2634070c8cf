import type { Actor, Timeline } from './timeline.js';

/** One direction of a connection: messages arrive in the order sent, each after a delay of its own. */
export class Channel {
  #last = 0;
  #sent = 0;
  #arrived = 0;
  #limit = Number.POSITIVE_INFINITY;

  constructor(
    private readonly timeline: Timeline,
    /** Whose code receives. */
    private readonly receiver: Actor | null,
    private readonly delay: () => number,
  ) {}

  get broken(): boolean {
    return this.#limit !== Number.POSITIVE_INFINITY;
  }

  /** Messages that have not arrived. */
  get inFlight(): number {
    return this.#sent - this.#arrived;
  }

  send(message: () => void): void {
    if (this.broken) return;
    const number = this.#sent++;
    this.#last = Math.max(this.#last, this.timeline.now + this.delay());
    this.timeline.at(this.#last, this.receiver, () => {
      if (number >= this.#limit) return;
      this.#arrived++;
      message();
    });
  }

  /** Nothing more is accepted; of what is in flight only the first `arriving` messages still arrive. */
  break(arriving = 0): void {
    this.#limit = Math.min(this.#limit, this.#arrived + arriving);
  }
}
