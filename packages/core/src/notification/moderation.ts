import type { Clock, Timer } from '../foundation/clock.js';
import type { Deliveries, Delivery } from './deliveries.js';

/** How many notifications of one job go out at once, before the hourly limit holds. */
export const BURST = 5;

const HOUR_MS = 3_600_000;

/** What one job may still send through one channel. */
interface Allowance {
  /** May be a part of one. */
  left: number;
  /** When `left` was counted, by the monotonic clock. */
  countedAt: number;
  /** Failures that nobody was told of since the last notification. */
  omitted: number;
  /** Tells of the last of them. */
  latest: ((omitted: number) => Delivery) | null;
  timer: Timer | null;
}

/**
 * Keeps a job that fails again and again from telling so again and again: a few notifications at once, then as many an
 * hour as the application allows, evenly spread. Each says how many failures before it were not told; the last one is
 * always told, as soon as it may.
 */
export class Moderation {
  readonly #allowances = new Map<string, Allowance>();

  /** @param perHour how many a job may send in an hour; `Infinity` for no limit. */
  constructor(
    private readonly clock: Clock,
    private readonly perHour: number,
    private readonly deliveries: Deliveries,
  ) {}

  /** Sends what `make` makes, now or, as the last of its kind, later; it is told how many were left out before it. */
  offer(jobName: string, channel: string, make: (omitted: number) => Delivery): void {
    const allowance = this.#allowanceOf(`${channel} ${jobName}`);
    this.#count(allowance);
    if (allowance.left >= 1) {
      this.#send(allowance, make);
      return;
    }
    allowance.omitted += 1;
    allowance.latest = make;
    allowance.timer ??= this.#sendLater(allowance);
  }

  /** Tells at once of what was left out: nobody will later. */
  flush(): void {
    for (const allowance of this.#allowances.values()) this.#sendLatest(allowance);
    this.#allowances.clear();
  }

  #allowanceOf(key: string): Allowance {
    const known = this.#allowances.get(key);
    if (known !== undefined) return known;
    const fresh = { left: BURST, countedAt: this.clock.monotonic(), omitted: 0, latest: null, timer: null };
    this.#allowances.set(key, fresh);
    return fresh;
  }

  #count(allowance: Allowance): void {
    const now = this.clock.monotonic();
    if (now > allowance.countedAt) {
      allowance.left = Math.min(BURST, allowance.left + ((now - allowance.countedAt) * this.perHour) / HOUR_MS);
    }
    if (this.perHour === Number.POSITIVE_INFINITY) allowance.left = BURST;
    allowance.countedAt = now;
  }

  #send(allowance: Allowance, make: (omitted: number) => Delivery): void {
    allowance.left -= 1;
    const { omitted } = allowance;
    this.#settle(allowance);
    this.deliveries.offer(make(omitted));
  }

  #sendLater(allowance: Allowance): Timer {
    const wait = ((1 - allowance.left) * HOUR_MS) / this.perHour;
    return this.clock.setTimer(Math.ceil(wait), () => {
      this.#count(allowance);
      this.#sendLatest(allowance);
    });
  }

  /** The one that is told is not left out. */
  #sendLatest(allowance: Allowance): void {
    const { latest } = allowance;
    if (latest === null) return;
    allowance.omitted -= 1;
    this.#send(allowance, latest);
  }

  #settle(allowance: Allowance): void {
    allowance.timer?.cancel();
    Object.assign(allowance, { omitted: 0, latest: null, timer: null });
  }
}
