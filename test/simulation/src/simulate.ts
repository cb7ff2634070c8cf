import type { ClientKind } from './client.js';
import { closeOnce } from './closing.js';
import { repeatable } from './determinism.js';
import { mend, plague } from './faults.js';
import { pauseNowAndThen, resumeAll } from './pausing.js';
import { idleFlags, membersOf, openRuns, unrest } from './rest.js';
import { triggerNowAndThen } from './triggering.js';
import { type Violation, World } from './world.js';

/** Which history to run. */
export interface HistoryRequest {
  readonly seed: number;
  /** Default: drawn from the seed. */
  readonly client?: ClientKind;
  /** How many of the last lines are told of a violation; default 60. `Infinity` tells all. */
  readonly lines?: number;
}

/** What came of one history. */
export interface HistoryResult {
  readonly seed: number;
  readonly client: ClientKind;
  readonly violation: Violation | null;
  /** The last lines, oldest first. */
  readonly lines: readonly string[];
  /** Happenings by kind. */
  readonly counts: Readonly<Record<string, number>>;
}

const FAULTS_MS = [12_000, 30_000] as const;
const REST_WITHIN_MS = 45_000;

/** Runs one history from its seed: instances come, faults strike, everything is mended, and all has to come to rest. */
export function simulate(request: HistoryRequest): Promise<HistoryResult> {
  const { seed, lines = 60 } = request;
  const client = request.client ?? (seed % 2 === 0 ? 'native' : 'wire');
  return repeatable(seed, async () => {
    const world = new World({ seed, kind: client, keep: lines });
    await live(world);
    const { violation, history } = world;
    return { seed, client, violation, lines: history.lines, counts: history.counts };
  });
}

async function live(world: World): Promise<void> {
  const { random } = world;
  await world.goOn(200);
  for (let count = random.whole(1, 4); count > 0; count--) {
    world.after(random.chance(0.5) ? 0 : random.between(0, 3000), () => void world.join());
  }
  await world.goOn(random.between(500, 4000));
  const faulty = random.between(...FAULTS_MS);
  plague(world, world.timeline.now + faulty);
  triggerNowAndThen(world, world.timeline.now + faulty);
  pauseNowAndThen(world, world.timeline.now + faulty);
  closeOnce(world, faulty);
  await world.goOn(faulty);
  mend(world);
  await comeToRest(world);
  await fireForAll(world);
  world.conclude();
}

/** Everything has to be in order some time after the last fault, whatever happened before. */
async function comeToRest(world: World): Promise<void> {
  let limit = world.timeline.now + REST_WITHIN_MS;
  let open = Number.POSITIVE_INFINITY;
  resumeAll(world);
  for (let problems = ['not looked yet']; problems.length > 0; ) {
    // What people asked for may take its time, with handlers that hang, as long as it becomes less.
    const left = openRuns(world);
    if (left < open && problems.length === left) limit = Math.max(limit, world.timeline.now + REST_WITHIN_MS);
    open = left;
    if (world.timeline.now > limit)
      return world.fail('G5', 'after the last fault all comes to rest', problems.join('; '));
    await world.goOn(1500);
    if (world.violation !== null) return;
    if (world.jobs.some((job) => membersOf(world, job).length === 0)) ensureMember(world);
    // A command may have been under way when the faults ended.
    resumeAll(world);
    problems = unrest(world);
  }
}

/** A job that an operator stopped everywhere, or whose instances all crashed, gets a new one. */
function ensureMember(world: World): void {
  if (world.living.every(({ started }) => started)) world.join();
}

/** Once at rest, every item has to run again and again. */
async function fireForAll(world: World): Promise<void> {
  if (world.violation !== null) return;
  world.restSince = world.timeline.now;
  const before = new Map(world.jobs.map((job) => [job.name, world.runsOf(job.name)]));
  // Longer than any handler hangs and any pause between two fires.
  await world.goOn(14_000);
  if (world.jobs.some(({ once }) => once)) await world.goOn(8_000);
  if (world.violation !== null) return;
  for (const job of world.jobs) {
    const count = world.ledger.present(job.name)?.spans[0]?.owners.length ?? 0;
    for (let item = 0; item < count; item++) {
      const runs = (world.runsOf(job.name).get(item) ?? 0) - (before.get(job.name)?.get(item) ?? 0);
      // With room for one item at a time, one that hangs keeps the others waiting.
      const waits = membersOf(world, job).some(({ handles }) =>
        handles.get(job.name)?.status().runningItems.includes(item),
      );
      if (runs < 1 && !waits)
        world.fail('G5', 'at rest every item runs at its fires', `${job.name}/${item} has not run once`);
    }
  }
  await lookAtFlags(world);
  const problems = unrest(world);
  if (problems.length > 0) world.fail('G5', 'what is at rest stays at rest', problems.join('; '));
}

/** A flag that stays says that somebody holds a fire, and a Java member that got the item would run it once more. */
async function lookAtFlags(world: World): Promise<void> {
  const seen = new Map<string, number>();
  for (let looks = 0; looks < 10 && world.violation === null; looks++) {
    for (const item of idleFlags(world)) seen.set(item, (seen.get(item) ?? 0) + 1);
    await world.goOn(170);
  }
  // More often than by chance, in the moment between a run and what makes up for the fire that fell into it.
  const stale = [...seen].filter(([, count]) => count > 2).map(([item]) => item);
  if (stale.length > 0)
    world.fail('G4', 'a misfire flag is up only while there is something to make up for', stale.join());
}
