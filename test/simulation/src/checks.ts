import type { ExecutionSource, TraceEvent } from '@elasticjob/core';
import { failoverChecks, hasGone } from './failover-checks.js';
import { ownerOf } from './ledger.js';
import { onceChecks } from './once-checks.js';
import { pauseChecks } from './pause-checks.js';
import type { Call, OnceCall, SimulatedJob, SimulatedProcess } from './process.js';
import type { Transaction } from './protocol.js';
import { triggerChecks } from './trigger-checks.js';
import type { World } from './world.js';

/** A promise of docs/guarantees.md as something that can be seen to be broken. Each method tells what it saw, or `null`. */
export interface Check {
  readonly promise: 'G1' | 'G2' | 'G3' | 'G4' | 'G5' | 'G6' | 'G7' | 'G8' | 'once';
  readonly words: string;
  /** A handler is called. */
  called?(call: Call): string | null;
  /** A listener is called once for all instances. */
  calledOnce?(call: OnceCall): string | null;
  /** An instance emitted a trace event. */
  traced?(process: SimulatedProcess, event: TraceEvent): string | null;
  /** The leader decided a transaction. */
  committed?(transaction: Transaction): string | null;
  /** Code of this process ran, and all it could do without time passing is done. */
  stepped?(process: SimulatedProcess): string | null;
  /** An orderly leave is over. */
  left?(process: SimulatedProcess): string | null;
  /** The history is over, and all is at rest. */
  ended?(): string | null;
}

const nameOf = ({ jobName, item }: { jobName: string; item: number }): string => `${jobName}/${item}`;

/** All checks, each with the state it needs; made anew for each history. */
export function allChecks(world: World): Check[] {
  return [
    noOverlap(world),
    noOverlapInProcess(),
    marksAreTheirMakers(world),
    nothingStartedWithoutSession(),
    abortedAtLoss(),
    noSuccessAfterLoss(world),
    tokensGrow(world),
    oneRunPerFire(world),
    oneOutcomePerFire(world),
    madeUpForAsThePolicySays(world),
    noActingOnHalfAnAssignment(world),
    planAndNodesAgree(world),
    onlyTheMarkedLeaderAssigns(world),
    onlyTheLeaderPlans(world),
    noShutDownUnasked(world),
    leavesNothing(world),
    ...failoverChecks(world),
    ...pauseChecks(world),
    ...triggerChecks(world),
    ...onceChecks(world),
  ];
}

function noOverlap(world: World): Check {
  const running = new Map<string, Set<Call>>();
  const inside = (call: Call): boolean => {
    const session = world.ledger.mark(call, call.token)?.session;
    return session !== undefined && world.ensemble.leader.isAlive(session);
  };
  return {
    promise: 'G1',
    words: 'two runs of one item never overlap while both are inside the session that made their mark',
    called(call) {
      const calls = running.get(nameOf(call)) ?? new Set();
      running.set(nameOf(call), calls);
      for (const other of calls) if (other.settledAt !== null || other.process.gone) calls.delete(other);
      const others = [...calls].filter((other) => !other.context.signal.aborted && inside(other));
      calls.add(call);
      if (!inside(call) || others.length === 0) return null;
      const where = others.map((other) => `${other.process.name} (mark ${other.token})`).join(', ');
      return `${call.process.name} starts ${nameOf(call)} (mark ${call.token}) while it runs on ${where}`;
    },
  };
}

function noOverlapInProcess(): Check {
  return {
    promise: 'G1',
    words: 'an instance never starts an item whose earlier call in the same engine has not settled',
    called(call) {
      const same = [...call.process.calls].some((other) => nameOf(other) === nameOf(call));
      return same ? `${call.process.name} starts ${nameOf(call)} although its former call has not settled` : null;
    },
  };
}

function marksAreTheirMakers(world: World): Check {
  const owners = new Map<string, bigint>();
  return {
    promise: 'G1',
    words: 'only who made a mark removes it, and whoever takes a crashed run over',
    committed({ session, changes, closes }) {
      for (const change of changes) {
        if (!change.path.endsWith('/running')) continue;
        if (change.kind === 'created') owners.set(change.path, session);
        if (change.kind !== 'deleted') continue;
        const owner = owners.get(change.path);
        owners.delete(change.path);
        if (closes || owner === session || world.isOperator(session)) continue;
        if (owner !== undefined && hasGone(world, owner)) continue;
        return `session ${session} removes ${change.path}, which session ${owner} made`;
      }
      return null;
    },
  };
}

function nothingStartedWithoutSession(): Check {
  return {
    promise: 'G2',
    words: 'while the session is suspended or lost nothing is started',
    called(call) {
      const { state } = call.process.registry.session;
      return state === 'connected' ? null : `${call.process.name} starts ${nameOf(call)} while its session is ${state}`;
    },
  };
}

function abortedAtLoss(): Check {
  return {
    promise: 'G2',
    words: 'when the session is lost, the signals of all running items abort',
    stepped(process) {
      const { state, epoch } = process.registry.session;
      for (const call of process.calls) {
        const over = call.epoch < epoch || state === 'lost';
        if (over && !call.context.signal.aborted) return `${process.name} lost its session and ${nameOf(call)} runs on`;
      }
      return null;
    },
  };
}

function noSuccessAfterLoss(world: World): Check {
  const latest = new Map<SimulatedProcess, Map<string, Call>>();
  return {
    promise: 'G2',
    words: 'nothing counts as success whose session was lost before it ended',
    called(call) {
      const calls = latest.get(call.process) ?? new Map<string, Call>();
      latest.set(call.process, calls.set(nameOf(call), call));
      return null;
    },
    traced(process, event) {
      if (event.kind !== 'item-finished' || !event.success) return null;
      const call = latest.get(process)?.get(nameOf(event));
      if (call === undefined) return `${process.name} records a success of ${nameOf(event)}, which it never called`;
      const { state, epoch } = process.registry.session;
      if (epoch !== call.epoch || state === 'lost') {
        return `${process.name} records success of ${nameOf(event)} after it lost the session of the run`;
      }
      const session = world.ledger.mark(call, call.token)?.session ?? 0n;
      const ended = world.ledger.ended.get(session);
      if (ended === undefined || ended >= (call.settledAt ?? 0)) return null;
      return `${process.name} records success of ${nameOf(event)}, whose session had ended before the handler did`;
    },
  };
}

function tokensGrow(world: World): Check {
  const greatest = new Map<string, bigint>();
  return {
    promise: 'G3',
    words: 'the fencing token is greater than that of every earlier run of the item',
    called(call) {
      const session = world.ledger.mark(call, call.token)?.session ?? 0n;
      if (!world.ensemble.leader.isAlive(session)) return null;
      const former = greatest.get(nameOf(call)) ?? 0n;
      if (call.token <= former) return `${nameOf(call)} starts with token ${call.token} after ${former}`;
      greatest.set(nameOf(call), call.token);
      return null;
    },
  };
}

/** Whether a run is a fire's own, at its time or to make up for it; not one that was asked for, or had crashed. */
export const isForAFire = (source: ExecutionSource): boolean => source === 'NORMAL_TRIGGER' || source === 'MISFIRE';

function oneRunPerFire(world: World): Check {
  const runs = new Map<string, SimulatedProcess>();
  return {
    promise: 'G4',
    words: 'no item is run twice for one fire',
    traced(process, event) {
      if (event.kind !== 'item-started' || !isForAFire(event.source)) return null;
      const key = `${nameOf(event)} for ${event.scheduledAt}`;
      const former = runs.get(key);
      runs.set(key, process);
      if (former === undefined || (former !== process && (world.skewed || world.tampered.has(event.jobName))))
        return null;
      return `${process.name} runs ${key}, which ${former.name} has run`;
    },
  };
}

/** How long before a fire its owner must have been undisturbed, and how long after it its outcome must be there, milliseconds. */
const CALM_BEFORE = 1000;
const OUTCOME_WITHIN = 20_000;

function oneOutcomePerFire(world: World): Check {
  const outcomes = new Map<string, string[]>();
  const started = new Map<string, number>();
  /** With little room in the pool, or a handler that hangs, a run may not have ended although the fire is long past. */
  const isUnderWay = (process: SimulatedProcess, jobName: string, item: number, at: number): boolean => {
    const isBusy = process.handles.get(jobName)?.status().runningItems.includes(item) ?? false;
    return isBusy && (started.get(`${jobName}/${item}@${process.instanceId}`) ?? 0) <= at;
  };
  const note = (
    event: { jobName: string; scheduledAt: number },
    process: SimulatedProcess,
    item: number,
    what: string,
  ) => {
    const key = `${event.jobName}/${item}@${event.scheduledAt}@${process.instanceId}`;
    outcomes.set(key, [...(outcomes.get(key) ?? []), what]);
  };
  const calls: Call[] = [];
  /** How long the item was running since: other fires of it wait in line for that time, whoever holds them. */
  const busySince = (jobName: string, item: number, at: number): number =>
    calls
      .filter(
        (call) => call.jobName === jobName && call.item === item && !(call.process.gone && call.settledAt === null),
      )
      .filter(({ settledAt }) => settledAt === null || settledAt > at)
      .reduce((sum, { startedAt, settledAt }) => sum + (settledAt ?? world.timeline.now) - Math.max(startedAt, at), 0);
  return {
    promise: 'G4',
    words: 'each fire of an item with a live owner has exactly one outcome',
    called(call) {
      calls.push(call);
      return null;
    },
    traced(process, event) {
      if (event.kind === 'item-started') started.set(`${nameOf(event)}@${process.instanceId}`, event.scheduledAt);
      if (event.kind === 'item-finished' && isForAFire(event.source)) {
        note(event, process, event.item, event.success ? 'success' : 'failure');
      }
      if (event.kind === 'fire-skipped' && isForAFire(event.source)) {
        for (const item of event.items) note(event, process, item, event.reason);
      }
      return null;
    },
    ended() {
      if (world.skewed) return null;
      for (const job of world.jobs) {
        if (world.tampered.has(job.name)) continue;
        const period = job.periodSeconds * 1000;
        const last = world.timeline.now - OUTCOME_WITHIN;
        for (let at = Math.ceil(world.start / period) * period; at < last; at += period) {
          if (world.wasReconfigured(job.name, at - 3000, at + OUTCOME_WITHIN)) continue;
          const owners = world.ownersFor(job.name, at);
          for (const [item, owner] of owners.entries()) {
            const process =
              owner === null ? null : world.undisturbed(owner, job.name, at - CALM_BEFORE, at + OUTCOME_WITHIN);
            if (process === null) continue;
            const found = outcomes.get(`${job.name}/${item}@${at}@${process.instanceId}`) ?? [];
            if (found.length !== 1) {
              if (found.length === 0 && isUnderWay(process, job.name, item, at)) continue;
              const inLine = world.timeline.now - at - busySince(job.name, item, at) < OUTCOME_WITHIN;
              if (found.length === 0 && inLine) continue;
              const seconds = ((at - world.start) / 1000).toFixed(3);
              return `${job.name}/${item} for ${at} (${seconds} s), owned by ${process.name}, has ${found.length} outcomes: ${found}`;
            }
          }
        }
        for (const { at, item, heir } of firesOfNobody(world, job)) {
          const found = outcomes.get(`${job.name}/${item}@${at}@${heir.instanceId}`) ?? [];
          world.history.count('fires of nobody');
          if (found.length === 1 || (found.length === 0 && isUnderWay(heir, job.name, item, at))) continue;
          return `${job.name}/${item} for ${at}, which nobody owned, has ${found.length} outcomes by ${heir.name}: ${found}`;
        }
      }
      return null;
    },
  };
}

/** The fires planned for a time in which nobody owned the items, and who got them then, if that had time to see to them. */
function firesOfNobody(
  world: World,
  { name, periodSeconds }: SimulatedJob,
): { readonly at: number; readonly item: number; readonly heir: SimulatedProcess }[] {
  const plans = world.ledger.plans(name);
  const period = periodSeconds * 1000;
  return plans.flatMap(({ spans: [present, former], since }) => {
    const seen = since + OUTCOME_WITHIN;
    if (present === undefined || former === undefined || seen > world.timeline.now) return [];
    if (world.wasReconfigured(name, former.after - 3000, seen)) return [];
    return present.owners.flatMap((owner, item) => {
      if (owner === null || former.owners[item] !== null) return [];
      const heir = world.undisturbed(owner, name, since, seen);
      if (heir === null) return [];
      const first = Math.floor(former.after / period) + 1;
      const count = Math.max(0, Math.floor(present.after / period) - first + 1);
      return Array.from({ length: count }, (_, fire) => ({ at: (first + fire) * period, item, heir }));
    });
  });
}

function madeUpForAsThePolicySays(world: World): Check {
  const policies = new Map(world.jobs.map(({ name, misfirePolicy }) => [name, misfirePolicy]));
  return {
    promise: 'G4',
    words: 'what was missed is made up for as the misfire policy says',
    traced(process, event) {
      if (event.kind === 'item-started' && event.source === 'MISFIRE' && policies.get(event.jobName) === 'skip') {
        return `${process.name} makes up for ${nameOf(event)} at ${event.scheduledAt}, which its policy skips`;
      }
      // An overlap is held until its run has ended, or until its instance has to go.
      const isDropped = event.kind === 'fire-skipped' && event.reason === 'overlap' && !process.leaving;
      if (!isDropped || policies.get(event.jobName) === 'skip') return null;
      if (world.removedByOperator.has(`${event.jobName}/${process.instanceId}`)) return null;
      return `${process.name} skips ${event.jobName}/${event.items} for ${event.scheduledAt} as an overlap`;
    },
  };
}

function noActingOnHalfAnAssignment(world: World): Check {
  return {
    promise: 'G6',
    words: 'nobody starts an item that the assignment in force when the mark was made does not give to it',
    traced(process, event) {
      if (event.kind !== 'item-started') return null;
      const mark = world.ledger.mark(event, event.fencingToken);
      if (mark === undefined)
        return `${process.name} starts ${nameOf(event)} with a token nobody made: ${event.fencingToken}`;
      // A crashed run is whoever's took it over, whatever the assignment.
      if (event.source === 'FAILOVER') return null;
      if (mark.flagged)
        return `${process.name} starts ${nameOf(event)} under mark ${event.fencingToken}, made while a flag was up`;
      if (world.tampered.has(event.jobName) || mark.plan === null) return null;
      const at = isForAFire(event.source) ? event.scheduledAt : Number.POSITIVE_INFINITY;
      // A fire that was held through several reshardings is its former owner's, also when no plan reaches back to it.
      const reaches = mark.plan.spans.some(({ after }) => after < at);
      const spans = reaches ? mark.plan.spans : world.presentSpans(event.jobName);
      const owner = ownerOf(spans, event.item, at);
      if (owner === process.instanceId) return null;
      return `${process.name} starts ${nameOf(event)} for ${event.scheduledAt}, which is ${owner}'s`;
    },
  };
}

function planAndNodesAgree(world: World): Check {
  return {
    promise: 'G6',
    words: 'an assignment that is in force is complete: the plan and the nodes of the items say the same',
    committed({ changes }) {
      for (const { path } of changes) {
        const [, , jobName = '', first] = path.split('/');
        if (first !== 'leader' && first !== 'sharding' && first !== 'extension') continue;
        if (path.endsWith('/running') || world.tampered.has(jobName)) continue;
        const plan = world.ledger.present(jobName);
        for (const [item, owner] of plan?.spans[0]?.owners.entries() ?? []) {
          const node = world.ledger.value(jobName, `sharding/${item}/instance`);
          if (node !== owner) return `${jobName}/${item} is ${owner}'s by the plan in force, and ${node}'s by its node`;
        }
      }
      return null;
    },
  };
}

function onlyTheMarkedLeaderAssigns(world: World): Check {
  return {
    promise: 'G6',
    words: 'whoever assigns holds the mark of the resharding',
    committed({ session, changes }) {
      if (world.isOperator(session)) return null;
      const freed = new Set(changes.filter(({ kind }) => kind === 'deleted').map(({ path }) => path));
      for (const { path } of changes) {
        const [, , jobName = '', first, second, third] = path.split('/');
        const assigns = (first === 'sharding' && third === 'instance') || (first === 'extension' && second === 'plan');
        if (!assigns || world.tampered.has(jobName)) continue;
        const mark = `${path.split('/').slice(0, 3).join('/')}/leader/sharding/processing`;
        // Within one transaction the mark goes last; `plan` is also created empty, by whoever comes first.
        if (freed.has(mark) || world.ensemble.leader.tree.value(path) === '') continue;
        const holder = world.ledger.owner(jobName, 'leader/sharding/processing');
        if (holder !== session && !path.includes('/sharding/'))
          return `session ${session} writes ${path} without the mark`;
        if (holder !== session && holder !== null) return `session ${session} writes ${path}, the mark is ${holder}'s`;
      }
      return null;
    },
  };
}

function onlyTheLeaderPlans(world: World): Check {
  return {
    promise: 'G6',
    words: 'a former leader cannot change the assignment',
    committed({ session, changes }) {
      for (const { path, kind } of changes) {
        const [, , jobName = '', first, second] = path.split('/');
        if (kind !== 'changed' || first !== 'extension' || second !== 'plan' || world.deposed.has(jobName)) continue;
        const leader = world.ledger.owner(jobName, 'leader/election/instance');
        if (leader !== session) return `session ${session} writes ${path}, the leader's is ${leader}`;
      }
      return null;
    },
  };
}

function noShutDownUnasked(world: World): Check {
  return {
    promise: 'G7',
    words: 'a job never shuts itself down unless an operator removed the node of its instance',
    traced(process, event) {
      if (event.kind !== 'coordination' || event.event !== 'shut-down-remotely') return null;
      if (world.removedByOperator.has(`${event.jobName}/${process.instanceId}`)) return null;
      return `${process.name} shuts ${event.jobName} down, and nobody asked for it`;
    },
  };
}

function leavesNothing(world: World): Check {
  return {
    promise: 'G8',
    words: 'an orderly leave leaves nothing of the instance in the registry',
    left(process) {
      if (world.wasCutOff(process)) return null;
      // What it signed in a session that it lost has crashed: it goes with that, or is for others to execute again.
      const last = [...process.sessions].at(-1) ?? 0n;
      const lost = new Set([...process.sessions].filter((session) => session !== last));
      const { leader } = world.ensemble;
      const former = leader.ownedBy(lost).filter((path) => !path.endsWith('/running'));
      const left = [...former, ...leader.ownedBy(new Set([last])), ...world.ledger.signedBy(last)];
      return left.length === 0 ? null : `${process.name} has left, and left behind ${left}`;
    },
  };
}
