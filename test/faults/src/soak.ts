import { Cluster } from './cluster.js';
import { Ensemble } from './ensemble.js';
import { FAULTS, type Fault, type Scene } from './fault-catalogue.js';
import { accountForFires, SETTLE_MS } from './fire-accounts.js';
import { HAULS, TICKS } from './job-plan.js';
import { fireKey } from './observations.js';
import { Random } from './random.js';
import { openSoakLog, type SoakLog } from './soak-log.js';
import { HELP, readSoakOptions, type SoakOptions } from './soak-options.js';
import { judgeSoak, type SoakFacts } from './soak-verdict.js';
import { TriggerAsker } from './trigger-asker.js';

const OUTAGE_MS = 60_000;
const PROGRESS_MS = 10_000;
/** How many of the things that are wrong are shown one by one. */
const SHOWN = 20;

/** Breaks things until the time is over or somebody interrupts. */
class Soak {
  readonly #faults = new Map<string, number>();
  readonly #startedAt = Date.now();
  #now = 'nothing is broken';
  #from = 0;
  #to = 0;
  #notRecoveredFrom: string | null = null;

  constructor(
    private readonly cluster: Cluster,
    private readonly asker: TriggerAsker,
    private readonly options: SoakOptions,
    private readonly log: SoakLog,
    private readonly interrupted: AbortSignal,
  ) {}

  async run(): Promise<void> {
    const progress = setInterval(() => this.#tell(), PROGRESS_MS);
    try {
      this.#from = await this.cluster.recovered(this.interrupted);
      this.#to = this.#from;
      await this.#breakThings();
      await Promise.all([this.#settle(), this.asker.settle()]);
    } catch (error) {
      if (!this.interrupted.aborted) throw error;
      this.#tell('interrupted');
    } finally {
      clearInterval(progress);
    }
  }

  /** Prints the verdict; resolves to the exit code. */
  conclude(): number {
    const { cluster, options } = this;
    const facts: SoakFacts = {
      minutes: Math.round((Date.now() - this.#startedAt) / 600) / 100,
      seed: options.seed,
      client: options.client ?? 'default',
      processes: options.processes,
      failover: options.failover,
      faults: Object.fromEntries([...this.#faults].sort()),
      crashedInstances: cluster.crashed.length,
      notRecoveredFrom: this.#notRecoveredFrom,
      interrupted: this.interrupted.aborted,
      from: this.#from,
      to: this.#to,
      asked: this.asker.asked,
    };
    const { verdict, lost, forbidden, crashes, wrongTriggers } = judgeSoak(cluster.observer, facts);
    for (const { earlier, later } of forbidden.slice(0, SHOWN)) tell(`overlap: ${show(earlier)} and ${show(later)}`);
    for (const fire of lost.slice(0, SHOWN)) tell(`lost: ${show(fire)}`);
    for (const { run } of crashes.missing.slice(0, SHOWN)) tell(`crashed and not executed again: ${show(run)}`);
    for (const run of crashes.unfounded.slice(0, SHOWN)) tell(`executed again without a crash: ${show(run)}`);
    for (const run of wrongTriggers.slice(0, SHOWN)) tell(`asked for: ${JSON.stringify(run)}`);
    process.stdout.write(`${JSON.stringify(verdict)}\n`);
    return verdict.ok ? 0 : 1;
  }

  async #breakThings(): Promise<void> {
    const random = new Random(this.options.seed);
    const chosen = FAULTS.filter(({ name }) => this.options.faults.includes(name));
    const deadline = Date.now() + this.options.minutes * 60_000;
    let deck: Fault[] = [];
    while (Date.now() < deadline && this.#notRecoveredFrom === null) {
      // Dealt like cards, so that a short soak also meets as many kinds as it can.
      if (deck.length === 0) deck = random.shuffled(chosen);
      const fault = deck.pop();
      if (fault !== undefined) await this.#strike(fault, random);
    }
  }

  async #strike(fault: Fault, random: Random): Promise<void> {
    const { cluster, interrupted } = this;
    const scene: Scene = {
      ...{ cluster, random, outageMs: OUTAGE_MS, signal: interrupted },
      tell: (text) => this.#tell(`${fault.name}: ${text}`),
    };
    this.#faults.set(fault.name, (this.#faults.get(fault.name) ?? 0) + 1);
    await fault.strike(scene);
    const mendedAt = Date.now();
    this.#now = `recovering from ${fault.name}`;
    try {
      this.#to = await cluster.recovered(interrupted);
    } catch (error) {
      if (interrupted.aborted) throw error;
      this.#notRecoveredFrom = fault.name;
      // Nothing is broken and something is amiss: what was planned meanwhile has to be accounted for all the same.
      this.#to = Date.now() - SETTLE_MS;
      this.#tell(`NOT RECOVERED from ${fault.name}: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    this.#tell(`nothing is broken; recovered in ${((Date.now() - mendedAt) / 1_000).toFixed(1)} s`);
  }

  /** Waits until the last fires that count are accounted for, or have had all the time they may take. */
  async #settle(): Promise<void> {
    const { observer } = this.cluster;
    const recent = Math.max(this.#from, this.#to - SETTLE_MS);
    const settled = (): boolean => accountForFires(observer, recent, this.#to).lost.length === 0;
    const limit = AbortSignal.timeout(SETTLE_MS);
    await this.cluster.until(settled, AbortSignal.any([this.interrupted, limit])).catch((error: unknown) => {
      // What is still open then is lost; the verdict tells.
      if (!limit.aborted) throw error;
    });
  }

  #tell(now = this.#now): void {
    this.#now = now;
    const seconds = Math.round((Date.now() - this.#startedAt) / 1_000);
    this.log.told(now);
    tell(`${String(seconds).padStart(5)} s  ${this.cluster.observer.runs.length} runs  ${now}`);
  }
}

async function soak(options: SoakOptions): Promise<number> {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interruption.abort());
  tell(`seed ${options.seed}; starting three ZooKeeper servers and ${options.processes} instances`);
  const log = openSoakLog(options.log);
  const ensemble = await Ensemble.start();
  try {
    const { processes, client, failover } = options;
    const jobs = [TICKS, HAULS].map((job) => ({ ...job, failover }));
    const onMessage: SoakLog['heard'] = (instance, message) => log.heard(instance, message);
    const cluster = await Cluster.start(ensemble, processes, { jobs, client, onMessage });
    // Numbers of its own, so that the faults of a seed are the same with and without it.
    const asker = new TriggerAsker(ensemble.connectString, cluster.namespace, jobs, new Random(~options.seed));
    try {
      await asker.start();
      const run = new Soak(cluster, asker, options, log, interruption.signal);
      await run.run();
      return run.conclude();
    } finally {
      await asker.end();
      await cluster.end();
    }
  } finally {
    await ensemble.end();
    await log.end();
  }
}

function show({ job, item, scheduledAt, ...more }: { job: string; item: number; scheduledAt: number }): string {
  const text = JSON.stringify(more, (_, value) => (typeof value === 'bigint' ? String(value) : value));
  return `${fireKey(job, item, scheduledAt)} ${text}`;
}

function tell(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 23)} ${text}\n`);
}

const options = readSoakOptions(process.argv.slice(2));
if (options === 'help') process.stdout.write(HELP);
else if ('problem' in options) {
  process.stderr.write(`${options.problem}\n\n${HELP}`);
  process.exitCode = 2;
} else process.exitCode = await soak(options);
