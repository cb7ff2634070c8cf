import { ElasticJobError } from '@elasticjob/core';
import { nowAndThen, type Pace } from './now-and-then.js';
import type { SimulatedJob, SimulatedProcess } from './process.js';
import type { Random } from './random.js';
import type { World } from './world.js';

/** In a third of the histories somebody triggers. */
export function drawTriggering(random: Random): Pace {
  return { random, pace: random.chance(0.35) ? random.pick([1000, 2500, 5000]) : null };
}

/** Triggers jobs until `until`, through instances that may be in any state. */
export function triggerNowAndThen(world: World, until: number): void {
  nowAndThen(world, world.triggering, until, () => {
    const asker = world.triggering.random.pick(world.living);
    if (asker !== undefined) trigger(world, asker);
  });
}

function trigger(world: World, asker: SimulatedProcess): void {
  const { random } = world.triggering;
  const job = random.pick(world.jobs);
  if (job === undefined) return;
  if (random.chance(0.15)) {
    backfill(world, asker, job);
    return;
  }
  const items = random.chance(0.5) ? undefined : [random.whole(0, job.items - 1)];
  const key = random.chance(0.3) ? `key${random.whole(0, 2)}` : undefined;
  const told = `${items === undefined ? 'all items' : `item ${items}`}${key === undefined ? '' : ` with ${key}`}`;
  world.history.note(asker.name, () => `triggers ${job.name}, ${told}`);
  follow(world, asker, job, asker.engine.operations.commands.trigger(job.name, { items, key, by: asker.name }));
}

/** Of the fires of the last seconds, as the asker's clock has them. */
function backfill(world: World, asker: SimulatedProcess, job: SimulatedJob): void {
  const concurrency = world.triggering.random.pick([1, 2, null]);
  const from = Math.floor(world.timeline.now) - 9000;
  world.history.note(asker.name, () => `backfills ${job.name}, ${concurrency ?? 'any number of'} runs at a time`);
  world.history.count('backfills');
  follow(world, asker, job, asker.engine.operations.commands.backfill(job.name, { from, concurrency }));
}

function follow(
  world: World,
  asker: SimulatedProcess,
  job: SimulatedJob,
  asked: Promise<{ readonly id: string; readonly isNew: boolean }>,
): void {
  asked.then(
    ({ id, isNew }) => {
      world.history.note(asker.name, () => `${job.name}: the trigger ${id} is ${isNew ? 'accepted' : 'known'}`);
      world.history.count(isNew ? 'triggers' : 'triggers known');
      const accepted = world.accepted.get(job.name) ?? new Set();
      world.accepted.set(job.name, accepted.add(id));
    },
    (error: unknown) => {
      if (!ElasticJobError.is(error)) throw error;
      world.history.note(asker.name, () => `${job.name}: the trigger was not accepted: ${error.code}`);
      world.history.count('triggers in doubt');
    },
  );
}
