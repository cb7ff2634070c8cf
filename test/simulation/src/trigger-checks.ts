import type { Check } from './checks.js';
import type { Call } from './process.js';
import type { World } from './world.js';

/** What docs/guarantees.md promises of triggers. */
export function triggerChecks(world: World): Check[] {
  const runs = new Map<string, Call[]>();
  return [onceForEachItem(world, runs), oneOutcomeForEachRun(world, runs)];
}

/** The run of a trigger that a call is about, `null` for another call. */
function runOf({ jobName, item, context }: Call): string | null {
  const id = context.trigger?.id;
  return id ? `${jobName}/${item} of ${id}` : null;
}

function onceForEachItem(world: World, runs: Map<string, Call[]>): Check {
  const withFailover = new Set(world.jobs.filter(({ failover }) => failover).map(({ name }) => name));
  return {
    promise: 'G4',
    words: 'each item is run once for a trigger; once more only where the former run has crashed, with failover',
    called(call) {
      const run = runOf(call);
      if (run === null) return null;
      const former = runs.get(run) ?? [];
      runs.set(run, [...former, call]);
      const last = former.at(-1);
      if (last === undefined) return null;
      const session = world.ledger.mark(last, last.token)?.session ?? 0n;
      const crashed = !world.ensemble.leader.isAlive(session) || last.process.gone;
      if (withFailover.has(call.jobName) && crashed) return null;
      return `${call.process.name} runs ${run}, which ${last.process.name} has run`;
    },
  };
}

function oneOutcomeForEachRun(world: World, runs: ReadonlyMap<string, readonly Call[]>): Check {
  return {
    promise: 'G4',
    words: 'each run of a trigger that was accepted has one outcome, which tells what has happened',
    ended() {
      for (const { name } of world.jobs) {
        const records = 'extension/triggers/records';
        for (const id of world.accepted.get(name) ?? []) {
          if (world.ledger.value(name, `${records}/${id}`) === null) return `the trigger ${id} of ${name} is not there`;
        }
        for (const id of world.ledger.children(name, records)) {
          const { items } = JSON.parse(world.ledger.value(name, `${records}/${id}`) ?? '') as { items: number[] };
          for (const item of items) {
            const told = world.ledger.value(name, `${records}/${id}/0-${item}`);
            const calls = runs.get(`${name}/${item} of ${id}`) ?? [];
            const problem = told === null ? 'has no outcome' : contradiction(told, calls.length);
            if (problem !== null) return `${name}/${item} of ${id} ${problem}`;
          }
        }
      }
      return null;
    },
  };
}

/** What an outcome says against what was seen, `null` if they agree. */
function contradiction(told: string, calls: number): string | null {
  const { end, reason } = JSON.parse(told) as { end: string; reason: string | null };
  if (end === 'skipped' && (calls > 0 || reason === null)) return `was skipped (${reason}), and run ${calls} times`;
  const isRun = end === 'done' || end === 'failed';
  return isRun && calls === 0 ? `is ${end}, and was never run` : null;
}
