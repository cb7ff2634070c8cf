import type { Random } from './random.js';
import type { World } from './world.js';

/** When everybody leaves in order, and somebody comes later. */
export interface Closing {
  readonly random: Random;
  /** At which part of the time of faults, from 0 to 1; `null` = never. */
  readonly at: number | null;
}

/** In one history of five, as where a job is stopped for the night. */
export function drawClosing(random: Random): Closing {
  return { random, at: random.chance(0.2) ? random.between(0.5, 1) : null };
}

/** Has everybody leave, one soon after the other, and somebody come after a while. `lasting`: how long the faults go on. */
export function closeOnce(world: World, lasting: number): void {
  const { random, at } = world.closing;
  if (at === null) return;
  world.after(at * lasting, () => {
    world.history.note('world', () => 'everybody is to leave');
    world.history.count('closings');
    let delay = 0;
    for (const process of world.living) {
      world.after(delay, () => process.leave());
      delay += random.chance(0.5) ? random.between(0, 20) : random.between(0, 1500);
    }
    world.after(delay + random.between(500, 9000), () => void world.join());
  });
}
