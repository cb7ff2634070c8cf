import type { Clock } from '../foundation/clock.js';
import type { Registry } from '../registry/registry.js';

/** How far this machine's wall clock is from the registry's. */
export interface ClockDifference {
  /** Milliseconds by which ours is ahead; negative if it is behind. */
  readonly aheadMs: number;
  /** By how much that may be wrong, milliseconds: half of the time that the measurement took. */
  readonly errorMs: number;
}

/** How long a measurement is good for, milliseconds: until then two clocks of machines drift apart by some 30 ms. */
export const MEASURED_FOR_MS = 600_000;

interface Measurement {
  /** By the monotonic clock. */
  readonly at: number;
  /** Registry's time less our monotonic one. */
  readonly offset: number;
  readonly errorMs: number;
}

/**
 * The registry's clock, as far as it is known here. It is asked at most every ten minutes, with one write, however many
 * jobs and runs want to know. In between its time is counted on by the monotonic clock, so that a wall clock that somebody
 * sets is noticed at once, without a request.
 */
export class RegistryTime {
  #measured: Measurement | null = null;
  #measuring: Promise<Measurement> | null = null;

  constructor(
    private readonly registry: Registry,
    private readonly clock: Clock,
  ) {}

  /** The difference now. Rejects as {@link Registry.time} does if it has to be measured and cannot be. */
  async difference(): Promise<ClockDifference> {
    const { offset, errorMs } = await this.#measurement();
    return { aheadMs: this.clock.now() - (this.clock.monotonic() + offset), errorMs };
  }

  async #measurement(): Promise<Measurement> {
    const known = this.#measured;
    if (known !== null && this.clock.monotonic() - known.at < MEASURED_FOR_MS) return known;
    this.#measuring ??= this.#measure().finally(() => {
      this.#measuring = null;
    });
    return this.#measuring;
  }

  async #measure(): Promise<Measurement> {
    const asked = this.clock.monotonic();
    const time = await this.registry.time();
    const at = this.clock.monotonic();
    this.#measured = { at, offset: time - (asked + at) / 2, errorMs: (at - asked) / 2 };
    return this.#measured;
  }
}
