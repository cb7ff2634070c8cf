import type { TraceEvent } from '@elasticjob/core';
import { allChecks, type Check } from './checks.js';
import { type ClientKind, ClientSession } from './client.js';
import { type Closing, drawClosing } from './closing.js';
import { settled } from './determinism.js';
import { Ensemble } from './ensemble.js';
import { History } from './history.js';
import { Ledger, type Span } from './ledger.js';
import type { Pace } from './now-and-then.js';
import { Operator } from './operator.js';
import { drawPausing } from './pausing.js';
import {
  type Call,
  type OnceCall,
  type ProcessParts,
  type SimulatedJob,
  SimulatedProcess,
  type Witness,
} from './process.js';
import { Random } from './random.js';
import { type Actor, type Happening, Timeline } from './timeline.js';
import { drawTriggering } from './triggering.js';

/** A promise that was broken, where and how. */
export interface Violation {
  readonly promise: string;
  readonly words: string;
  readonly seen: string;
}

/** What kind of history this is: drawn once, at its beginning. */
export interface Temper {
  readonly skewed: boolean;
  readonly operators: boolean;
  readonly tampering: boolean;
  readonly reconfiguring: boolean;
  readonly lagging: boolean;
  readonly handlers: { readonly slow: number; readonly hung: number; readonly failing: number };
  /** Mean time between two faults, milliseconds. */
  readonly pace: number;
}

/** What a world is made of. */
export interface WorldOptions {
  readonly seed: number;
  readonly kind: ClientKind;
  /** How many lines of history are kept. */
  readonly keep: number;
}

interface Disturbance {
  readonly at: number;
  readonly jobName: string | null;
  readonly leave: boolean;
}

/** Always there: whose happenings are those of the world around the processes. */
const AROUND: Actor = { paused: false, gone: false };

const START = Date.UTC(2027, 0, 1, 0, 0, 0);
const TICK_MS = 500;
const SESSION_MS = 4000;
/** How long a leaving process goes on firing, less what a message may take. */
const HANDOVER_MS = 2800;
/** No server stays disabled for longer than this. */
const BARRED_MS = 15_000;

/** Everything that exists in one history, and the step from one happening to the next. */
export class World implements Witness {
  readonly random: Random;
  readonly timeline: Timeline;
  readonly history: History;
  readonly ensemble: Ensemble;
  readonly ledger: Ledger;
  readonly operator: Operator;
  readonly temper: Temper;
  readonly jobs: readonly SimulatedJob[];
  readonly processes: SimulatedProcess[] = [];
  readonly start = START;
  readonly removedByOperator = new Set<string>();
  /** Triggers that were accepted: their ids, by jobs. */
  readonly accepted = new Map<string, Set<string>>();
  /** How often somebody triggers, and what: drawn apart, so that a history without is what it was. */
  readonly triggering: Pace;
  /** Likewise of pauses. */
  readonly pausing: Pace;
  /** Commands that have not been answered. */
  readonly commands = new Set<{ readonly asker: SimulatedProcess }>();
  /** When everybody leaves: drawn apart too. */
  readonly closing: Closing;
  /** Jobs whose nodes somebody edited by hand in a way that docs/guarantees.md does not cover. */
  readonly tampered = new Set<string>();
  /** Jobs whose leader an operator deposed, who may not know it yet when it assigns. */
  readonly deposed = new Set<string>();
  violation: Violation | null = null;
  /** When all had come to rest after the last fault. */
  restSince = Number.POSITIVE_INFINITY;
  readonly #kind: ClientKind;
  readonly #checks: readonly Check[];
  readonly #disturbances = new Map<SimulatedProcess, Disturbance[]>();
  readonly #reconfigurations: { readonly at: number; readonly jobName: string }[] = [];
  readonly #barred: { readonly at: number; readonly jobName: string; readonly ip: string }[] = [];
  readonly #cutOff = new Set<SimulatedProcess>();
  /** When processes ended, in order or not. */
  readonly #goneAt = new Map<SimulatedProcess, number>();
  readonly #runs = new Map<string, Map<number, number>>();
  #instances = 0;

  constructor({ seed, kind, keep }: WorldOptions) {
    this.random = new Random(seed);
    this.#kind = kind;
    // Not at a whole second: fires must not coincide with the start.
    this.timeline = new Timeline(START + this.random.between(0, 2000), this.random);
    this.history = new History(this.timeline, START, keep);
    this.temper = drawTemper(this.random);
    this.ensemble = new Ensemble({
      timeline: this.timeline,
      random: this.random,
      tickMs: TICK_MS,
      delay: () => this.#delay(),
    });
    this.ensemble.onCommit((transaction) => {
      for (const { kind: what, path } of transaction.changes) {
        this.history.note('leader', () => `${transaction.zxid} session ${transaction.session} ${what} ${path}`);
      }
      if (transaction.closes)
        this.history.note('leader', () => `${transaction.zxid} session ${transaction.session} ends`);
    });
    this.ledger = new Ledger(this.ensemble, () => this.timeline.now);
    this.triggering = drawTriggering(new Random(seed ^ 0x791663));
    this.pausing = drawPausing(new Random(seed ^ 0xba5e));
    this.closing = drawClosing(new Random(seed ^ 0xc105e));
    this.jobs = drawJobs(this.random, new Random(seed ^ 0xfa11), new Random(seed ^ 0x0ce), new Random(seed ^ 0x3a55));
    this.#checks = allChecks(this);
    this.ensemble.onCommit((transaction) => this.#check((check) => check.committed?.(transaction) ?? null));
    this.operator = this.#makeOperator();
  }

  get skewed(): boolean {
    return this.temper.skewed;
  }

  /** Instances that take part, in the order of their start. */
  get living(): SimulatedProcess[] {
    return this.processes.filter((process) => process.takesPart);
  }

  isOperator(session: bigint): boolean {
    return session === this.operator.sessionId;
  }

  /** Starts a process with a new id, or with one that was used before. */
  join(instanceId = `10.0.0.${this.#instances + 1}@-@${++this.#instances}-0`): SimulatedProcess {
    const { random, timeline, ensemble, history, jobs, temper } = this;
    const parts: ProcessParts = {
      timeline,
      random,
      ensemble,
      history,
      jobs,
      witness: this,
      kind: this.#kind,
      sessionTimeoutMs: SESSION_MS,
      delay: () => this.#delay(),
      temper: temper.handlers,
      skewMs: temper.skewed ? Math.round(random.between(-5000, 5000)) : 0,
      drift: temper.skewed ? random.between(-0.001, 0.001) : 0,
    };
    const process = new SimulatedProcess(instanceId, parts);
    this.processes.push(process);
    this.disturb(process);
    process.start();
    return process;
  }

  /** Notes that something happened to a process (or to one of its jobs) that a fire's owner must not suffer. */
  disturb(process: SimulatedProcess, jobName: string | null = null, leave = false): void {
    const known = this.#disturbances.get(process) ?? [];
    this.#disturbances.set(process, [...known, { at: this.timeline.now, jobName, leave }]);
  }

  /** Notes that a process is gone; what it left behind has no outcome. */
  ended(process: SimulatedProcess): void {
    if (this.#goneAt.has(process)) return;
    this.#goneAt.set(process, this.timeline.now);
    this.disturb(process, null, process.left && process.calls.size === 0);
  }

  reconfigured(jobName: string): void {
    this.#reconfigurations.push({ at: this.timeline.now, jobName });
  }

  /** Notes that an operator disables a server, for a while. */
  barred(ip: string, jobName: string): void {
    this.#barred.push({ ip, jobName, at: this.timeline.now });
  }

  wasReconfigured(jobName: string, from: number, to: number): boolean {
    return this.#reconfigurations.some((one) => one.jobName === jobName && one.at >= from && one.at <= to);
  }

  /** How often each item of a job was run so far. */
  runsOf(jobName: string): ReadonlyMap<number, number> {
    return new Map(this.#runs.get(jobName));
  }

  /** Whether the registry was out of reach of a process at any time since it was asked to leave. */
  wasCutOff(process: SimulatedProcess): boolean {
    return this.#cutOff.has(process);
  }

  /** Whose the items were for a fire, as the assignments tell that came into force before or after it; empty if unclear. */
  ownersFor(jobName: string, at: number): readonly (string | null)[] {
    // A plan whose flags came down too late was never in force, but the next one keeps its span, and so everybody goes by it.
    const known = new Map<number, Span & { readonly since: number }>();
    for (const { since, spans } of this.ledger.plans(jobName)) {
      for (const span of spans) if (!known.has(span.after)) known.set(span.after, { ...span, since });
    }
    const spans = [...known.values()].sort((one, other) => one.after - other.after);
    const near = spans.filter(({ since }) => since > at - 2000 && since < at + 20_000);
    // Members remember only so many spans; who was away for longer than that may forget a fire.
    if (near.length > 16) return [];
    return spans.findLast(({ after }) => after < at)?.owners ?? [];
  }

  /** All spans that ever were the present one, newest first: they reach back further than any plan. */
  presentSpans(jobName: string): readonly Span[] {
    return this.ledger
      .plans(jobName)
      .flatMap((plan) => plan.spans.slice(0, 1))
      .reverse();
  }

  /**
   * The process that had this id all the time, if nothing happened to it. An orderly leave does not count as long as its
   * items were handed over before its patience ended; with `mayLeave` off it always does.
   */
  undisturbed(instanceId: string, jobName: string, from: number, to: number, mayLeave = true): SimulatedProcess | null {
    const candidates = this.processes.filter((process) => process.instanceId === instanceId);
    const isDisturbed = (process: SimulatedProcess): boolean =>
      (this.#disturbances.get(process) ?? []).some((one) => {
        // Who has begun to leave is leaving from then on.
        const past = one.at < from && !one.leave;
        if (past || one.at > to || (one.jobName !== null && one.jobName !== jobName)) return false;
        return !one.leave || !mayLeave || !this.#isHandedOver(process, jobName);
      });
    if (candidates.some(isDisturbed)) return null;
    const process = candidates.findLast(({ startedAt }) => startedAt < from) ?? null;
    // One that waited for its dead predecessor's node and left before it was a member owned nothing.
    if (process?.started === false) return null;
    const goneAt = process === null ? 0 : (this.#goneAt.get(process) ?? Number.POSITIVE_INFINITY);
    return goneAt > from ? process : null;
  }

  /** Whether a leaving process had a successor, and the items were given away in time. */
  #isHandedOver(process: SimulatedProcess, jobName: string): boolean {
    const { instanceId } = process;
    const began = this.#disturbances.get(process)?.find(({ leave, jobName: job }) => leave && job === jobName)?.at;
    if (began === undefined || this.#cutOff.has(process)) return false;
    const plans = this.ledger.plans(jobName);
    const without = plans.find(({ since, members }) => since > began && !members.includes(instanceId));
    if (without === undefined || without.since > began + HANDOVER_MS) return false;
    const before = plans.findLast(({ since }) => since < began)?.members ?? [];
    const successors = before.filter((id) => id !== instanceId);
    return successors.some((id) => {
      const successor = this.undisturbed(id, jobName, began - 1000, without.since, false);
      return successor !== null && !this.#wasBarred(successor.ip, jobName, began - BARRED_MS);
    });
  }

  #wasBarred(ip: string, jobName: string, from: number): boolean {
    return this.#barred.some((one) => one.ip === ip && one.jobName === jobName && one.at > from);
  }

  // ---- what processes do ---------------------------------------------------------------------------------------------

  called(call: Call): void {
    this.history.note(
      call.process.name,
      () => `calls ${call.jobName}/${call.item} for ${call.scheduledAt} with mark ${call.token}`,
    );
    this.history.count('runs');
    const runs = this.#runs.get(call.jobName) ?? new Map<number, number>();
    this.#runs.set(call.jobName, runs.set(call.item, (runs.get(call.item) ?? 0) + 1));
    this.#check((check) => check.called?.(call) ?? null);
  }

  settled(call: Call): void {
    this.history.note(call.process.name, () => `${call.jobName}/${call.item} has settled`);
  }

  calledOnce(call: OnceCall): void {
    const { process, phase, jobName, scheduledAt } = call;
    this.history.note(process.name, () => `calls once for all: ${phase} ${jobName} for ${scheduledAt}`);
    this.history.count(`once ${phase}`);
    this.#check((check) => check.calledOnce?.(call) ?? null);
  }

  traced(process: SimulatedProcess, event: TraceEvent): void {
    if (event.kind !== 'status') this.history.note(process.name, () => `trace: ${describe(event)}`);
    if (event.kind === 'item-finished' && event.source === 'MISFIRE') this.history.count('made up for');
    if (event.kind === 'fire-skipped') this.history.count(`skipped ${event.reason}`, event.items.length);
    if (event.kind === 'coordination' && event.event === 'draining') {
      this.disturb(process, event.jobName, true);
      if (process.registry.session.state !== 'connected') this.#cutOff.add(process);
    }
    if (event.kind === 'coordination' && event.event === 'resharded') this.history.count('reshardings');
    if (isDesertion(event)) this.history.count('given to nobody');
    if (event.kind === 'item-started' && event.source === 'FAILOVER') this.history.count('taken over');
    if (event.kind === 'coordination' && event.event === 'registered') this.disturb(process, event.jobName);
    this.#check((check) => check.traced?.(process, event) ?? null);
  }

  sessionChanged(process: SimulatedProcess, state: string): void {
    this.history.note(process.name, () => `session is ${state}`);
    if (state === 'lost') {
      this.disturb(process);
      this.history.count('sessions lost');
    }
    if (process.leaving && (state === 'suspended' || state === 'lost')) this.#cutOff.add(process);
  }

  // ---- steps ---------------------------------------------------------------------------------------------------------

  /** Lets something happen around the processes. */
  after(delay: number, run: () => void): Happening {
    return this.timeline.after(delay, AROUND, run);
  }

  /** Lets the world go on for `ms`, or until a promise is broken. */
  async goOn(ms: number): Promise<void> {
    const limit = this.timeline.now + ms;
    while (this.violation === null) {
      const happening = this.timeline.next(limit);
      if (happening === null) return;
      happening.run();
      if (happening.actor === null) continue;
      await settled();
      this.#afterStep(happening.actor);
    }
  }

  /** The checks that are made once all is at rest. */
  conclude(): void {
    this.#check((check) => check.ended?.() ?? null);
  }

  fail(promise: string, words: string, seen: string): void {
    if (this.violation !== null) return;
    this.violation = { promise, words, seen };
    this.history.note('CHECK', () => `${promise} is broken: ${seen}`);
  }

  /** What happens around the processes may have made any of them act. */
  #afterStep(actor: Actor): void {
    for (const process of actor instanceof SimulatedProcess ? [actor] : this.processes) this.#lookAt(process);
  }

  #lookAt(actor: SimulatedProcess): void {
    this.#check((check) => check.stepped?.(actor) ?? null);
    if (!actor.gone || this.#goneAt.has(actor)) return;
    this.ended(actor);
    if (actor.left) this.#check((check) => check.left?.(actor) ?? null);
  }

  #check(look: (check: Check) => string | null): void {
    if (this.violation !== null) return;
    for (const check of this.#checks) {
      const seen = look(check);
      if (seen === null) continue;
      this.fail(check.promise, check.words, seen);
      return;
    }
  }

  #delay(): number {
    const { random } = this;
    return random.chance(0.05) ? random.between(1, 60) : random.between(0.1, 3);
  }

  #makeOperator(): Operator {
    const { timeline, random, ensemble, history } = this;
    const host = { paused: false, gone: false, networkCut: false };
    const network = { delay: () => this.#delay(), pause: () => 100 };
    const session = new ClientSession(
      { timeline, random, ensemble, host, kind: 'wire', sessionTimeoutMs: 3_600_000, ...network },
      () => undefined,
    );
    return new Operator(session, history);
  }
}

function drawTemper(random: Random): Temper {
  return {
    skewed: random.chance(0.3),
    operators: random.chance(0.6),
    tampering: random.chance(0.2),
    reconfiguring: random.chance(0.3),
    lagging: random.chance(0.5),
    handlers: { slow: random.pick([0.02, 0.1, 0.3]), hung: random.pick([0, 0.02, 0.06]), failing: 0.05 },
    pace: random.pick([1000, 2500, 5000]),
  };
}

/** What came later is drawn apart, so that a history without it is what it was. */
function drawJobs(random: Random, failover: Random, once: Random, misfire: Random): SimulatedJob[] {
  return Array.from({ length: random.whole(1, 2) }, (_, index) => ({
    name: `job${index + 1}`,
    periodSeconds: random.pick([2, 3, 5]),
    items: random.whole(1, 4),
    strategy: random.pick(['AVG_ALLOCATION', 'ROUND_ROBIN']),
    poolSize: random.pick([1, 8, 8]),
    failover: failover.chance(0.5),
    misfirePolicy: misfire.pick(['skip', 'fire-once', 'fire-once', 'fire-all:3'] as const),
    once: once.chance(0.3),
  }));
}

/** Whether the leader has given the items to nobody, because everybody leaves. */
function isDesertion(event: TraceEvent): boolean {
  if (event.kind !== 'coordination' || event.event !== 'resharded') return false;
  const { members } = event.details;
  return Array.isArray(members) && members.length === 0;
}

function describe(event: TraceEvent): string {
  switch (event.kind) {
    case 'item-started':
      return `started ${event.jobName}/${event.item} for ${event.scheduledAt} ${event.source}`;
    case 'item-finished':
      return `finished ${event.jobName}/${event.item} for ${event.scheduledAt}: ${event.success ? 'success' : event.failureCause?.split('\n')[0]}`;
    case 'fire-skipped':
      return `skipped ${event.jobName}/${event.items} for ${event.scheduledAt}: ${event.reason}`;
    case 'coordination':
      return `${event.jobName} ${event.event} ${JSON.stringify(event.details)}`;
    default:
      return event.kind;
  }
}
