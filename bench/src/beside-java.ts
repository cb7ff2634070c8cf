import { systemClock } from '@elasticjob/core';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import { javaClassPath } from '@elasticjob/interop';
import { startZooKeeper, type ZooKeeper } from '@elasticjob/test-support';
import type { Contender, ContestJob, ContestMember } from './contender.js';
import { java } from './contender-java.js';
import { ours } from './contender-ours.js';
import { JobWatch } from './job-watch.js';
import { usageOf } from './process-usage.js';
import type { Figure, Question } from './question.js';
import { LoadMeter, PING_BYTES, type ServerLoad } from './server-load.js';
import { amount, figure, median } from './statistics.js';

const JOBS = 100;
const ITEMS = 3;
const IDLE_SECONDS = 30;
const BUSY_JOBS = 10;
const BUSY_SECONDS = 5;
const INSTANCES = 10;
const SIZES = [100, 1000] as const;
const DEATHS = 3;
/** Long enough for a leader that assigns at the next fire, which is a second away. */
const RE_OWN_LIMIT_MS = 30_000;
const CRASH_INSTANCES = 5;
/** So that even the last to be killed has no more items than places in its pool: each is in mid-run. */
const CRASH_ITEMS = 16;
const CRASHES = 2;
const CRASH_WORK_MS = 3_000;
/** What the server grants at most with its ticks of 2 s, so that pings are few; and at least, so that crashes are seen soon. */
const LONG_SESSION_MS = 40_000;
const SHORT_SESSION_MS = 4_000;
const NEVER = '0 0 0 1 1 ? 2099';
const EACH_SECOND = '0/1 * * * * ?';

type Say = (progress: string) => void;

/** What one side took for one subject: in words, and the number of it that the sides are compared by. */
interface Took {
  readonly figures: string;
  readonly number: number;
}

/** What one side took for each of the subjects, in the order of the subjects. */
type Answers = ReadonlyMap<string, Took>;

/**
 * How does the Java ElasticJob stand beside ours? The same jobs on the same server, one side after the other, each process
 * one of its own that begins cold. What is measured is seen from outside: the server's counters, the job's nodes, the
 * operating system's account of the processes, and the calls of handlers, told by both sides in the same way.
 *
 * - **Start-up**: from the order to join until all jobs have joined, in a process that is connected. Java joins one after
 *   the other, as Spring makes its beans; ours all together, and has their items assigned by then. Java assigns at the
 *   first fire.
 * - **Re-own**: from the deletion of a dead instance's node until the flag is lowered in the transaction that gives its
 *   items away. Jobs fire every second, since Java assigns at the next fire: half a second of it is the wait for that.
 *   Without `monitorExecution`, for which Java waits. Both sizes at once, in the same processes.
 * - **Takeover with failover**: from the deletion of the node to the call of the handler elsewhere for each item that was
 *   cut, while nobody else is at work.
 */
export const besideJava: Question = {
  name: 'java',
  asks: 'How does the ElasticJob for Java stand beside ours, on the same server?',
  isApart: true,
  async answer(say) {
    await javaClassPath();
    const zookeeper = await startZooKeeper({ own: true, tickTime: 2_000, durable: true });
    try {
      const mine = await answersOf(zookeeper, ours, say);
      const theirs = await answersOf(zookeeper, java, say);
      return [...mine].map(([subject, took]) => besideEachOther(subject, took, theirs.get(subject)));
    } finally {
      await zookeeper.stop();
    }
  },
};

async function answersOf(zookeeper: ZooKeeper, side: Contender, say: Say): Promise<Answers> {
  const tell: Say = (progress) => say(`${side.name}: ${progress}`);
  const answers = new Map<string, Took>();
  for (const part of [beingThere, running, losingRuns, losingInstances]) {
    for (const [subject, took] of await part(zookeeper, side, tell)) {
      tell(`  ${subject}: ${took.figures}`);
      answers.set(subject, took);
    }
  }
  return answers;
}

function besideEachOther(subject: string, { figures, number }: Took, theirs: Took | undefined): Figure {
  const factor = theirs === undefined ? Number.NaN : theirs.number / number;
  return { subject, figures, java: theirs?.figures ?? '', factor: Number.isFinite(factor) ? figure(factor) : '' };
}

// ---- one process -----------------------------------------------------------------------------------------------------

async function beingThere(zookeeper: ZooKeeper, side: Contender, say: Say): Promise<Answers> {
  say(`starting ${JOBS} jobs in one process`);
  const crew = new Crew(zookeeper, side, 'idle', LONG_SESSION_MS);
  try {
    const member = await crew.hire();
    const [meter, before, from] = [await LoadMeter.of(zookeeper), usageOf(member.pid), systemClock.monotonic()];
    await member.join(jobs(JOBS, { cron: NEVER }), 'alone');
    const seconds = (systemClock.monotonic() - from) / 1_000;
    const [load, after] = [await meter.load(), usageOf(member.pid)];
    say(`idle for ${IDLE_SECONDS} s`);
    const idleMeter = await LoadMeter.of(zookeeper);
    await pause(IDLE_SECONDS * 1_000);
    const [idle, rested] = [await idleMeter.load(), usageOf(member.pid)];
    const processor = (rested.processorMs - after.processorMs) / (IDLE_SECONDS * 10);
    const subject = `${JOBS} jobs × ${ITEMS} items in one process`;
    const startUpMs = after.processorMs - before.processorMs;
    return new Map([
      [`${subject}, start-up, new jobs`, took(seconds, 's', perUnit(load, JOBS, 'each'))],
      [`${subject}, processor of the start-up`, took(startUpMs, 'ms')],
      [`${subject}, idle, per minute`, { figures: idleness(idle), number: idle.packets }],
      [`${subject}, idle, processor`, took(processor, '%')],
      [`${subject}, memory (RSS) then`, took(rested.residentMiB, 'MiB')],
      ['memory (RSS) of a process that is connected and has no job', took(before.residentMiB, 'MiB')],
    ]);
  } finally {
    await crew.dismiss();
  }
}

async function running(zookeeper: ZooKeeper, side: Contender, say: Say): Promise<Answers> {
  const marked = await costOfRunning(zookeeper, side, true, say);
  const free = await costOfRunning(zookeeper, side, false, say);
  return new Map([
    ['per item and run', marked.requests],
    ['per item and run, processor', marked.processor],
    ['per item and run, monitorExecution off', free.requests],
    ['per item and run, monitorExecution off, processor', free.processor],
  ]);
}

async function costOfRunning(
  zookeeper: ZooKeeper,
  side: Contender,
  monitorExecution: boolean,
  say: Say,
): Promise<{ readonly requests: Took; readonly processor: Took }> {
  say(`${BUSY_JOBS} jobs every second, ${monitorExecution ? 'with' : 'without'} marks`);
  const crew = new Crew(zookeeper, side, monitorExecution ? 'marked' : 'free', LONG_SESSION_MS);
  try {
    const member = await crew.hire();
    await member.join(jobs(BUSY_JOBS, { cron: EACH_SECOND, monitorExecution }));
    await crew.begun(3 * BUSY_JOBS * ITEMS);
    await betweenFires();
    const [meter, before, calls] = [await LoadMeter.of(zookeeper), usageOf(member.pid), crew.calls];
    await pause(BUSY_SECONDS * 1_000);
    const [load, after] = [await meter.load(), usageOf(member.pid)];
    const runs = crew.calls - calls;
    return {
      requests: { figures: `${perUnit(load, runs, '')} (${figure(runs)} runs)`, number: load.packets / runs },
      processor: took((after.processorMs - before.processorMs) / runs, 'ms'),
    };
  } finally {
    await crew.dismiss();
  }
}

// ---- several processes -----------------------------------------------------------------------------------------------

async function losingInstances(zookeeper: ZooKeeper, side: Contender, say: Say): Promise<Answers> {
  say(`${INSTANCES} processes, of which ${DEATHS} are killed`);
  const crew = new Crew(zookeeper, side, 're-own', SHORT_SESSION_MS);
  const shared = SIZES.map((items): ContestJob => {
    return { ...JOB, name: `job-${items}`, items, cron: EACH_SECOND, monitorExecution: false };
  });
  const watches: JobWatch[] = [];
  try {
    for (const { name } of shared) watches.push(await crew.watch(name));
    for (let count = 0; count < INSTANCES; count++) await (await crew.hire()).join(shared);
    const times: (number | null)[][] = SIZES.map(() => []);
    // The leader goes last: if nobody gives its items away there is nothing more to be measured.
    for (let death = 1; death <= DEATHS && !times.flat().includes(null); death++) {
      const left = INSTANCES + 1 - death;
      await Promise.all(watches.map((watch, index) => watch.shared(left, SIZES[index] ?? 0)));
      const victim = crew.members[death === DEATHS ? 0 : left - 1];
      if (victim === undefined) throw new Error('nobody is left to be killed');
      for (const watch of watches) watch.expectEndOf(victim.instanceId);
      await crew.lose(victim);
      const round = await Promise.all(watches.map((watch) => watch.assignedAfter(RE_OWN_LIMIT_MS)));
      for (const [index, ms] of round.entries()) times[index]?.push(ms);
    }
    return new Map(
      SIZES.map((items, index) => [`re-own ${figure(items)} items, 1 of 10 dies`, deaths(times[index] ?? [])]),
    );
  } finally {
    for (const watch of watches) await watch.close();
    await crew.dismiss();
  }
}

async function losingRuns(zookeeper: ZooKeeper, side: Contender, say: Say): Promise<Answers> {
  say(`${CRASH_INSTANCES} processes, of which ${CRASHES} are killed in mid-run`);
  const crew = new Crew(zookeeper, side, 'failover', SHORT_SESSION_MS);
  const job = { ...JOB, items: CRASH_ITEMS, cron: '0/20 * * * * ?', failover: true, workMs: CRASH_WORK_MS };
  let watch: JobWatch | null = null;
  try {
    watch = await crew.watch(job.name);
    for (let count = 0; count < CRASH_INSTANCES; count++) await (await crew.hire()).join([job]);
    const waits: number[] = [];
    for (let crash = 0; crash < CRASHES; crash++) {
      await watch.shared(CRASH_INSTANCES - crash, CRASH_ITEMS);
      await crew.allBegun(CRASH_ITEMS);
      const victim = crew.members.at(-1);
      if (victim === undefined) throw new Error('nobody is left to be killed');
      const cut = crew.begunBy(victim);
      watch.expectEndOf(victim.instanceId);
      await crew.lose(victim);
      const begun = cut.map((item) => crew.nextBegin(item));
      const deletedAt = await watch.deleted();
      waits.push(...(await Promise.all(begun)).map((at) => at - deletedAt));
    }
    const subject = `takeover of cut runs with failover, 1 of ${CRASH_INSTANCES} dies, work of ${CRASH_WORK_MS / 1_000} s`;
    return new Map([[subject, spread(waits)]]);
  } finally {
    await watch?.close();
    await crew.dismiss();
  }
}

/** The processes of one side at one job, and the calls of its handler. */
class Crew {
  members: ContestMember[] = [];
  calls = 0;
  readonly #namespace: string;
  /** Who began each item last. */
  readonly #lastBegin = new Map<number, number>();
  readonly #waiting = new Map<number, Deferred<number>>();
  #goal: { readonly isReached: () => boolean; readonly reached: Deferred<void> } | null = null;
  #fresh = new Set<number>();
  #hired = 0;
  readonly #numbers = new Map<ContestMember, number>();

  constructor(
    private readonly zookeeper: ZooKeeper,
    private readonly side: Contender,
    phase: string,
    private readonly sessionTimeoutMs: number,
  ) {
    this.#namespace = `contest-${phase}-${side.name}`;
  }

  async hire(): Promise<ContestMember> {
    this.#hired += 1;
    const { sessionTimeoutMs, zookeeper } = this;
    const number = this.#hired;
    const member = await this.side.start({
      ...{ connectString: zookeeper.connectString, namespace: this.#namespace, sessionTimeoutMs, number },
      onBegin: (_, item) => this.#begun(number, item),
    });
    this.#numbers.set(member, number);
    this.members.push(member);
    return member;
  }

  async lose(member: ContestMember): Promise<void> {
    this.members = this.members.filter((other) => other !== member);
    await member.kill();
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.members.map((member) => this.lose(member)));
  }

  watch(job: string): Promise<JobWatch> {
    return JobWatch.open(this.zookeeper.connectString, this.#namespace, job);
  }

  /** Resolves when the handler was called so many times more. */
  async begun(calls: number): Promise<void> {
    const goal = this.calls + calls;
    await this.#until(() => this.calls >= goal);
  }

  /** Resolves when each of the items has begun from now on. */
  async allBegun(items: number): Promise<void> {
    this.#fresh = new Set();
    await this.#until(() => this.#fresh.size === items);
  }

  /** The items that this member began last. */
  begunBy(member: ContestMember): number[] {
    const number = this.#numbers.get(member);
    return [...this.#lastBegin].flatMap(([item, by]) => (by === number ? [item] : []));
  }

  /** Resolves to when the item begins the next time, monotonic. */
  nextBegin(item: number): Promise<number> {
    const begin = deferred<number>();
    this.#waiting.set(item, begin);
    return begin.promise;
  }

  async #until(isReached: () => boolean): Promise<void> {
    const reached = deferred();
    this.#goal = { isReached, reached };
    await reached.promise;
  }

  #begun(by: number, item: number): void {
    this.calls += 1;
    this.#fresh.add(item);
    this.#lastBegin.set(item, by);
    this.#waiting.get(item)?.resolve(systemClock.monotonic());
    this.#waiting.delete(item);
    if (this.#goal?.isReached()) this.#goal.reached.resolve();
  }
}

const JOB: ContestJob = { name: 'job', items: ITEMS, cron: NEVER, monitorExecution: true, failover: false, workMs: 0 };

function jobs(count: number, options: Partial<ContestJob>): ContestJob[] {
  return Array.from({ length: count }, (_, number) => ({ ...JOB, ...options, name: `job-${number}` }));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimer(ms, resolve));
}

/** Resolves half a second after a fire of jobs that fire every second. */
function betweenFires(): Promise<void> {
  return pause(1_500 - (systemClock.now() % 1_000));
}

function perUnit({ packets, reads, writes }: ServerLoad, units: number, each: string): string {
  const parts = [amount(writes / units, 'write'), amount(reads / units, 'read')];
  return `${amount(packets / units, 'request')} ${each}`.trim().concat(` (${parts.join(', ')})`);
}

function idleness({ packets, bytes, writes }: ServerLoad): string {
  const perMinute = figure((packets * 60) / IDLE_SECONDS);
  if (bytes === packets * PING_BYTES && writes === 0) return `0 requests but ${perMinute} pings`;
  return `${perMinute} packets, not only pings (${bytes} bytes, ${writes} writes in ${IDLE_SECONDS} s)`;
}

/** Of several deaths, in the order in which they came. */
function deaths(times: readonly (number | null)[]): Took {
  const known = times.filter((ms) => ms !== null);
  const missing = times.indexOf(null);
  if (missing < 0) return spread(known);
  const late = `death ${missing + 1} of ${DEATHS} not within ${RE_OWN_LIMIT_MS / 1_000} s`;
  if (known.length === 0) return { figures: late, number: Number.NaN };
  const { figures, number } = spread(known);
  return { figures: `${figures}; ${late}`, number };
}

function spread(times: readonly number[]): Took {
  const middle = median(times);
  return took(middle, 'ms', `slowest of ${times.length}: ${figure(Math.max(...times))} ms`);
}

function took(number: number, unit: string, more = ''): Took {
  return { figures: `${figure(number)} ${unit}${more === '' ? '' : `; ${more}`}`, number };
}
