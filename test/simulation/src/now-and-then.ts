import type { Random } from './random.js';
import type { World } from './world.js';

/** How often something is done that people do, and what it draws from. */
export interface Pace {
  /** Numbers of its own, so that a history in which nobody does it is what it was. */
  readonly random: Random;
  /** Mean time between two times, milliseconds; `null` = never. */
  readonly pace: number | null;
}

/** Does it again and again until `until`, at times that are drawn. */
export function nowAndThen(world: World, { random, pace }: Pace, until: number, act: () => void): void {
  if (pace === null) return;
  const delay = -Math.log(1 - random.next()) * pace;
  if (world.timeline.now + delay > until) return;
  world.after(delay, () => {
    act();
    nowAndThen(world, { random, pace }, until, act);
  });
}
