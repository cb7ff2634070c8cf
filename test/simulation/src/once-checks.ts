import { type Check, isForAFire } from './checks.js';
import type { Call, OnceCall } from './process.js';
import type { World } from './world.js';

/** How long before a fire whoever runs it must have been undisturbed, milliseconds. */
const CALM_BEFORE = 1000;

/** How long all of a fire may take at rest: the patience at its begin, a handler that hangs, and what is told of both. */
const FIRE_WITHIN = 12_000;

/** What docs/guarantees.md promises of listeners that are called once for all instances. */
export function onceChecks(world: World): Check[] {
  return [notTwice(world), betweenTheItems(world), neverLost(world)];
}

const fireOf = ({ jobName, scheduledAt }: { jobName: string; scheduledAt: number }): string =>
  `${jobName} for ${scheduledAt}`;

/** Whether whoever made the call could not go on with it. */
function isCut(world: World, { process, session }: OnceCall): boolean {
  return process.gone || !world.ensemble.leader.isAlive(session) || process.registry.session.id !== session;
}

/** How a round ended, as the record says: by whom, `null` if it was given up, `undefined` if it is not in there. */
function recordedEnd(world: World, { jobName, phase, scheduledAt }: Omit<OnceCall, 'process' | 'session' | 'settled'>) {
  const text = world.ledger.value(jobName, 'extension/once') ?? '';
  if (text === '') return undefined;
  const rounds: [string, string | null][] = JSON.parse(text)[phase];
  return rounds.find(([generation]) => generation === String(scheduledAt))?.[1];
}

function notTwice(world: World): Check {
  const calls = new Map<string, OnceCall>();
  return {
    promise: 'once',
    words: 'a listener is called once for a fire, and again only if whoever called it was gone before that was known',
    calledOnce(call) {
      const key = `${call.phase} ${fireOf(call)}`;
      const former = calls.get(key);
      calls.set(key, call);
      // Whoever stood still while its session ended may call before it knows, as it may run an item.
      if (!world.ensemble.leader.isAlive(call.session)) return null;
      const end = recordedEnd(world, call);
      if (typeof end === 'string') return `${call.process.name} calls ${key}, which ${end} has called to its end`;
      if (former === undefined || isCut(world, former)) return null;
      return `${call.process.name} calls ${key}, which ${former.process.name} has called`;
    },
  };
}

function betweenTheItems(world: World): Check {
  const running = new Map<string, Set<Call>>();
  const begins = new Map<string, OnceCall>();
  const skipped = new Set<string>();
  const takenOver = new Set<string>();
  const madeUp = new Set<string>();
  const givenUp = (fire: { jobName: string; scheduledAt: number }): boolean =>
    recordedEnd(world, { ...fire, phase: 'started' }) === null;
  return {
    promise: 'once',
    words:
      'what is called once at the begin has settled before any item of the fire starts, what is called at the end comes after all',
    traced(_process, event) {
      if (event.kind === 'fire-skipped') for (const item of event.items) skipped.add(`${fireOf(event)}/${item}`);
      if (event.kind !== 'item-started') return null;
      const run = `${event.jobName}/${event.item}@${event.fencingToken}`;
      if (event.source === 'FAILOVER') takenOver.add(run);
      if (event.source === 'MISFIRE') madeUp.add(run);
      return null;
    },
    called(call) {
      // What somebody asked for is no fire, also if it is for the time of one.
      if (call.context.trigger !== undefined) return null;
      const calls = running.get(fireOf(call)) ?? new Set();
      running.set(fireOf(call), calls.add(call));
      const begin = begins.get(fireOf(call));
      if (begin === undefined || begin.settled || isCut(world, begin) || givenUp(call)) return null;
      return `${call.process.name} starts item ${call.item} of ${fireOf(call)} while ${begin.process.name} still calls at its begin`;
    },
    calledOnce(call) {
      // Where clocks differ, an item that moves may be run by two for one fire, of which one skips it as the other's.
      // A definition may be changed long before it is in force everywhere: then items of the fire are no longer the job's.
      const changedSince = call.scheduledAt - FIRE_WITHIN;
      const isExact = !world.skewed && !world.wasReconfigured(call.jobName, changedSince, world.timeline.now);
      const calls = isExact ? [...(running.get(fireOf(call)) ?? [])] : [];
      if (call.phase === 'started') {
        begins.set(fireOf(call), call);
        return null;
      }
      // Who was told by an operator to go counts as gone.
      const isDismissed = ({ process, jobName }: Call): boolean =>
        world.removedByOperator.has(`${jobName}/${process.instanceId}`);
      // A run that crashed before its handler was called is executed by two where its item was just being given away.
      const isDone = (item: number): boolean => calls.some((one) => one.item === item && one.settledAt !== null);
      const isOpen = (one: Call): boolean =>
        one.settledAt === null && !one.process.gone && !one.context.signal.aborted && !isDismissed(one);
      // A crashed run counts for the fire before its mark, also where its item had been skipped for that one.
      const isOfAnother = (one: Call, run: string): boolean =>
        skipped.has(`${fireOf(one)}/${one.item}`) && takenOver.has(run);
      // Whoever lost its session counted as gone, and makes up for the fire all the same when it is back.
      const isBack = ({ process, jobName, scheduledAt }: Call, run: string): boolean =>
        madeUp.has(run) &&
        world.undisturbed(process.instanceId, jobName, scheduledAt - CALM_BEFORE, world.timeline.now) === null;
      const isAwaited = (one: Call): boolean => {
        const run = `${one.jobName}/${one.item}@${one.token}`;
        return !isOfAnother(one, run) && !isBack(one, run);
      };
      const open = calls.find((one) => isOpen(one) && !isDone(one.item) && isAwaited(one));
      if (open === undefined || !world.ensemble.leader.isAlive(sessionOf(world, open))) return null;
      return `${call.process.name} calls at the end of ${fireOf(call)} while ${open.process.name} still runs item ${open.item}`;
    },
  };
}

function sessionOf(world: World, call: Call): bigint {
  return world.ledger.mark(call, call.token)?.session ?? 0n;
}

function neverLost(world: World): Check {
  const called = new Map<string, number>();
  const started = new Map<string, number>();
  const ended = new Map<string, Set<number>>();
  const end = (key: string, items: readonly number[]): void => {
    ended.set(key, new Set([...(ended.get(key) ?? []), ...items]));
  };
  const count = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);
  return {
    promise: 'once',
    words: 'at rest a listener is called once at the begin and once at the end of every fire of which something runs',
    calledOnce(call) {
      count(called, `${call.phase} ${fireOf(call)}`);
      return null;
    },
    traced(_process, event) {
      if (event.kind === 'item-started' && isForAFire(event.source)) count(started, fireOf(event));
      if (event.kind === 'item-finished') end(fireOf(event), [event.item]);
      if (event.kind === 'fire-skipped') end(fireOf(event), event.items);
      return null;
    },
    ended() {
      if (world.skewed) return null;
      for (const job of world.jobs.filter(({ once }) => once)) {
        const period = job.periodSeconds * 1000;
        for (
          let at = Math.ceil(world.restSince / period) * period;
          at < world.timeline.now - FIRE_WITHIN;
          at += period
        ) {
          const fire = fireOf({ jobName: job.name, scheduledAt: at });
          if (!started.has(fire)) continue;
          for (const phase of ['started', 'completed'] as const) {
            const times = called.get(`${phase} ${fire}`) ?? 0;
            // What is put off may take its time, and the end is called after it.
            if (times === 0 && phase === 'completed' && (ended.get(fire)?.size ?? 0) < job.items) continue;
            if (times !== 1) return `${phase} ${fire} was called ${times} times`;
          }
        }
      }
      return null;
    },
  };
}
