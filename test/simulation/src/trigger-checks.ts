import type { Check } from './checks.js';
import { hasGone } from './failover-checks.js';
import type { Call } from './process.js';
import type { World } from './world.js';

/** What docs/guarantees.md promises of triggers. */
export function triggerChecks(world: World): Check[] {
  const runs = new Map<string, Call[]>();
  return [onceForEachItem(world, runs), noMoreThanAskedFor(world), oneOutcomeForEachRun(world, runs)];
}

/** The run of a trigger that a call is about, `null` for another call. */
function runOf({ jobName, item, scheduledAt, context }: Call): string | null {
  const id = context.trigger?.id;
  return id ? `${jobName}/${item} for ${scheduledAt} of ${id}` : null;
}

/** What a trigger asks for, by its documentation. */
interface StoredTrigger {
  readonly items: readonly number[];
  readonly fires: readonly (readonly number[])[];
  readonly concurrency: number | null;
}

function stored(world: World, jobName: string, id: string): StoredTrigger | null {
  const text = world.ledger.value(jobName, `extension/triggers/records/${id}`);
  return text === null ? null : (JSON.parse(text) as StoredTrigger);
}

function noMoreThanAskedFor(world: World): Check {
  const calls = new Map<string, Call[]>();
  return {
    promise: 'G4',
    words: 'no more runs of a backfill go on at a time than its concurrency says',
    called(call) {
      const id = call.context.trigger?.id;
      if (!id) return null;
      const inside = (other: Call): boolean => {
        const session = world.ledger.mark(other, other.token)?.session;
        return session !== undefined && world.ensemble.leader.isAlive(session) && !other.context.signal.aborted;
      };
      const open = [...(calls.get(id) ?? []), call].filter(
        ({ settledAt, process }) => settledAt === null && !process.gone,
      );
      calls.set(id, open);
      const concurrency = stored(world, call.jobName, id)?.concurrency ?? Number.POSITIVE_INFINITY;
      const now = open.filter(inside);
      return now.length <= concurrency ? null : `${now.length} runs of ${id} go on, ${concurrency} were asked for`;
    },
  };
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
      // Whoever stood still while its session ended may begin before it knows, as for a fire.
      const own = world.ledger.mark(call, call.token)?.session ?? 0n;
      if (!world.ensemble.leader.isAlive(own)) return null;
      const session = world.ledger.mark(last, last.token)?.session ?? 0n;
      const crashed = hasGone(world, session) || last.process.gone;
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
          const { items, fires } = stored(world, name, id) ?? { items: [], fires: [] };
          for (const [fire, [at]] of fires.entries()) {
            for (const item of items) {
              const told = world.ledger.value(name, `${records}/${id}/${fire}-${item}`);
              const run = `${name}/${item} for ${at} of ${id}`;
              const calls = runs.get(run) ?? [];
              const problem = told === null ? 'has no outcome' : contradiction(told, calls.length);
              if (problem !== null) return `${run} ${problem}`;
            }
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
