import type { Check } from './checks.js';
import type { World } from './world.js';

/** What docs/guarantees.md promises of crashed runs. */
export function failoverChecks(world: World): Check[] {
  return [
    marksOutliveTheirSession(world),
    sweptInsideTheLatch(world),
    onlyTheTakerExecutes(world),
    oncePerCrash(world),
  ];
}

/** Whether whoever acted in this session is no longer in it: it has ended, or its process knows that it has lost it. */
export function hasGone(world: World, session: bigint): boolean {
  if (!world.ensemble.leader.isAlive(session)) return true;
  const process = world.processes.find(({ sessions }) => sessions.has(session));
  return process !== undefined && process.registry.session.id !== session;
}

/** Parts of `/{namespace}/{job}/sharding/{item}/{node}`, `null` for another path. */
function itemNode(path: string): { readonly jobName: string; readonly item: string; readonly node: string } | null {
  const [, , jobName = '', first, item, node, ...more] = path.split('/');
  if (first !== 'sharding' || item === undefined || node === undefined || more.length > 0) return null;
  return { jobName, item, node };
}

/** Within so long the answer to a request has come, or the connection has ended, milliseconds. */
const ANSWERED_WITHIN = 2000;

function marksOutliveTheirSession(world: World): Check {
  const withFailover = new Set(world.jobs.filter(({ failover }) => failover).map(({ name }) => name));
  /** When a witness was made, by its path. */
  const witnessedAt = new Map<string, number>();
  /** A mark may have been asked for before it was known that the witness stands. */
  const isNew = (witness: string): boolean => world.timeline.now - (witnessedAt.get(witness) ?? 0) < ANSWERED_WITHIN;
  return {
    promise: 'G5',
    words: 'with failover a mark tells of a crash: it outlives its session, which has a witness',
    committed({ session, changes }) {
      for (const change of changes) {
        if (change.kind === 'created' && isWitness(change.path)) witnessedAt.set(change.path, world.timeline.now);
        const at = itemNode(change.path);
        if (change.kind !== 'created' || at?.node !== 'running' || !withFailover.has(at.jobName)) continue;
        const process = world.processes.find(({ sessions }) => sessions.has(session));
        const place = `extension/sessions/${process?.instanceId}`;
        const witness = world.ledger.owner(at.jobName, place);
        const isSettled = !isNew(`/${change.path.split('/')[1]}/${at.jobName}/${place}`);
        if (witness === session && change.owner !== 0n && isSettled)
          return `${change.path} goes with session ${session}`;
        if (witness !== session && change.owner === 0n) return `${change.path} outlives session ${session} unwitnessed`;
      }
      return null;
    },
  };
}

function isWitness(path: string): boolean {
  return path.includes('/extension/sessions/');
}

function sweptInsideTheLatch(world: World): Check {
  const makers = new Map<string, bigint>();
  return {
    promise: 'G5',
    words: 'what somebody else signed is taken away inside the latch only',
    committed({ session, changes, closes }) {
      for (const { kind, path } of changes) {
        const at = itemNode(path);
        if (at === null || (at.node !== 'running' && at.node !== 'failovering')) continue;
        const maker = makers.get(path);
        if (kind === 'created') makers.set(path, session);
        if (kind !== 'deleted' || closes || maker === session || world.isOperator(session)) continue;
        const [first] = latchOrder(world.ledger.children(at.jobName, 'leader/failover/latch'));
        const holder = first === undefined ? null : world.ledger.owner(at.jobName, `leader/failover/latch/${first}`);
        if (holder !== session) return `session ${session} removes ${path}, the latch is ${holder}'s`;
      }
      return null;
    },
  };
}

function latchOrder(names: readonly string[]): string[] {
  const sequence = (name: string): string => name.slice(name.lastIndexOf('-') + 1);
  return names.toSorted((one, other) => (sequence(one) < sequence(other) ? -1 : 1));
}

function onlyTheTakerExecutes(world: World): Check {
  return {
    promise: 'G5',
    words: 'a crashed run is executed by the instance that has signed for it',
    traced(process, event) {
      if (event.kind !== 'item-started' || event.source !== 'FAILOVER') return null;
      const mark = world.ledger.mark(event, event.fencingToken);
      if (mark !== undefined && mark.takenBy === mark.session) return null;
      return `${process.name} executes ${event.jobName}/${event.item}, which session ${mark?.takenBy} has taken over`;
    },
  };
}

/**
 * Each crash of a run, told by a dead node that somebody takes away, allows for one takeover, and each takeover for one
 * execution.
 */
function oncePerCrash(world: World): Check {
  /** The crashed runs of each item that nobody has taken, by the sessions that they were signed in. */
  const crashed = new Map<string, Set<bigint>>();
  const taken = new Map<string, { readonly session: bigint; executed: boolean }>();
  const makers = new Map<string, bigint>();
  /** Operators and a changed count may make somebody drop what has crashed. */
  const lenient = world.temper.operators || world.temper.reconfiguring || world.temper.tampering;

  // A takeover and the mark made for it are of one session, and of one run.
  const crash = (key: string, session: bigint): void =>
    void crashed.set(key, (crashed.get(key) ?? new Set()).add(session));
  const marked = (key: string, kind: string, session: bigint): void => {
    const maker = makers.get(key);
    if (kind === 'created') makers.set(key, session);
    if (kind === 'deleted' && maker !== undefined && maker !== session) crash(key, maker);
  };
  const signed = (key: string, kind: string, session: bigint): string | null => {
    const former = taken.get(key);
    if (kind === 'deleted') {
      taken.delete(key);
      // Given back, or not ended: to be taken again.
      if (former !== undefined && (former.session !== session || !former.executed)) crash(key, former.session);
      return null;
    }
    taken.set(key, { session, executed: false });
    const [one] = crashed.get(key) ?? [];
    if (one !== undefined) crashed.get(key)?.delete(one);
    return one !== undefined ? null : `session ${session} takes ${key} over, of which no run has crashed`;
  };

  return {
    promise: 'G5',
    words: 'a crashed run is executed once more, and only once',
    committed({ session, changes, closes }) {
      for (const { kind, path } of changes) {
        const at = itemNode(path);
        if (at === null || closes) continue;
        const key = `${at.jobName}/${at.item}`;
        if (at.node === 'running') marked(key, kind, session);
        const problem = at.node === 'failovering' ? signed(key, kind, session) : null;
        if (problem !== null) return problem;
      }
      return null;
    },
    traced(process, event) {
      if (event.kind !== 'item-started' || event.source !== 'FAILOVER') return null;
      const key = `${event.jobName}/${event.item}`;
      const takeover = taken.get(key);
      // Its session may have ended by the time it is told that it may start, and another have taken the run over since.
      if (takeover === undefined || hasGone(world, takeover.session)) return null;
      if (!process.sessions.has(takeover.session)) return null;
      if (takeover.executed) return `${process.name} executes ${key} once more than it has crashed`;
      takeover.executed = true;
      return null;
    },
    ended() {
      const left = [...crashed].filter(([, runs]) => runs.size > 0).map(([key]) => key);
      return lenient || left.length === 0 ? null : `the crashed runs of ${left} were never executed again`;
    },
  };
}
