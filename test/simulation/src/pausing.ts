import { ElasticJobError } from '@elasticjob/core';
import { nowAndThen, type Pace } from './now-and-then.js';
import type { SimulatedJob, SimulatedProcess } from './process.js';
import type { Random } from './random.js';
import type { World } from './world.js';

/** In a quarter of the histories somebody pauses jobs. */
export function drawPausing(random: Random): Pace {
  return { random, pace: random.chance(0.25) ? random.pick([2000, 5000]) : null };
}

/** Pauses jobs, resumes them, and has their items assigned anew, until `until`, through instances in any state. */
export function pauseNowAndThen(world: World, until: number): void {
  const { random } = world.pausing;
  nowAndThen(world, world.pausing, until, () => {
    const asker = random.pick(world.living);
    const job = random.pick(world.jobs);
    if (asker !== undefined && job !== undefined) command(world, asker, job);
  });
}

/** Ends all pauses. */
export function resumeAll(world: World): void {
  for (const { name } of world.jobs) {
    if (world.ledger.value(name, 'extension/pause') !== null) world.operator.remove(name, 'extension/pause');
  }
}

function command(world: World, asker: SimulatedProcess, job: SimulatedJob): void {
  const { random } = world.pausing;
  const { commands } = asker.engine.operations;
  if (random.chance(0.2)) {
    follow(world, asker, `asks for a resharding of ${job.name}`, 'reshardings asked for', commands.reshard(job.name));
    return;
  }
  const length = random.chance(0.6) ? Math.round(random.between(500, 8000)) : null;
  const until = length === null ? null : Math.floor(world.timeline.now) + length;
  const told = `pauses ${job.name} ${length === null ? 'without an end' : `for ${length} ms`}`;
  const pausing = commands.pause(job.name, { reason: 'simulated', by: asker.name, until });
  follow(world, asker, told, 'jobs paused', pausing);
  if (!random.chance(0.8)) return;
  world.after(random.between(200, 8000), () => {
    const later = random.pick(world.living);
    if (later === undefined) return;
    follow(world, later, `resumes ${job.name}`, 'jobs resumed', later.engine.operations.commands.resume(job.name));
  });
}

function follow(world: World, asker: SimulatedProcess, told: string, kind: string, asked: Promise<unknown>): void {
  world.history.note(asker.name, () => told);
  world.history.count(kind);
  const command = { asker };
  world.commands.add(command);
  const ended = (): void => void world.commands.delete(command);
  asked.then(ended, (error: unknown) => {
    ended();
    if (!ElasticJobError.is(error)) throw error;
    world.history.note(asker.name, () => `${told}: ${error.code}`);
  });
}
