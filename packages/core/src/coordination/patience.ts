import type { Clock, Timer } from '../foundation/clock.js';

/** How long a state has to last the first time, milliseconds; twice as long each further time, up to the last one. */
const FIRST_MS = 2_000;
const LONGEST_MS = 600_000;

/**
 * Waits before something is done about a state that should pass by itself, and longer each time that it did not help.
 * Spread, so that instances in the same state do not all act at once: whoever is first may have mended it for the others.
 */
export class Patience {
  #timer: Timer | null = null;
  #times = 0;
  #isOver = false;

  /** @param onOver called when the state has lasted long enough; then {@link isOver} is to be asked again. */
  constructor(
    private readonly clock: Clock,
    private readonly onOver: () => void,
  ) {}

  /** The state is there. Whether it has lasted long enough: then something is to be done now, and the waiting begins anew. */
  isOver(): boolean {
    if (this.#isOver) {
      this.#isOver = false;
      this.#times += 1;
      return true;
    }
    this.#timer ??= this.clock.setTimer(this.#delay(), () => {
      this.#timer = null;
      this.#isOver = true;
      this.onOver();
    });
    return false;
  }

  /** The state has passed, or may have: what was waited is forgotten. */
  interrupt(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#isOver = false;
  }

  /** The state has passed: next time it begins with the shortest. */
  end(): void {
    this.interrupt();
    this.#times = 0;
  }

  #delay(): number {
    return Math.min(FIRST_MS * 2 ** this.#times, LONGEST_MS) * (1 + Math.random());
  }
}
