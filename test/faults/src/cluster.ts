import type { Ensemble } from './ensemble.js';
import { SESSION_MS } from './ensemble.js';
import { Instance } from './instance.js';
import { firesOf, type JobPlan } from './job-plan.js';
import { LedgerHost } from './ledger-host.js';
import { NetworkLink } from './network-link.js';
import { Observer } from './observer.js';
import { RegistryWatcher } from './registry-watcher.js';
import type { WorkerMessage } from './worker-message.js';

/** What a cluster is made of. */
export interface ClusterSettings {
  readonly jobs: readonly JobPlan[];
  /** The ZooKeeper client of the instances; the kernel's default if undefined. */
  readonly client?: string | undefined;
  /** Is told everything that an instance tells. */
  readonly onMessage?: ((instance: string, message: WorkerMessage) => void) | undefined;
}

/** How long everything may take to be in order again once nothing is broken any more. */
export const RECOVERY_LIMIT_MS = 60_000;

let clusters = 0;

/** Instances of some jobs, each a process behind a network of its own; the ledger; and a client that watches. */
export class Cluster {
  readonly observer: Observer;
  /** All that were ever started. */
  readonly instances: Instance[] = [];
  readonly namespace = `faults-${process.pid}-${Date.now()}-${clusters++}`;
  readonly #waiting = new Set<() => void>();
  /** Instances whose end somebody asked for. */
  readonly #dismissed = new Set<Instance>();
  #ledger: LedgerHost | null = null;
  #watcher: RegistryWatcher | null = null;

  private constructor(
    readonly ensemble: Ensemble,
    private readonly settings: ClusterSettings,
  ) {
    this.observer = new Observer(settings.jobs, () => this.#announce());
  }

  /**
   * Starts the ledger, the watching client and `count` instances; resolves when these share all items. Rejects when one
   * of them ends instead: it has told why on stderr.
   */
  static async start(ensemble: Ensemble, count: number, settings: ClusterSettings): Promise<Cluster> {
    const cluster = new Cluster(ensemble, settings);
    try {
      await cluster.#start(count);
    } catch (error) {
      await cluster.end();
      throw error;
    }
    return cluster;
  }

  async #start(count: number): Promise<void> {
    this.#ledger = await LedgerHost.start((record) => this.observer.hearLedger(record));
    this.#watcher = new RegistryWatcher(this.ensemble.connectString, this.namespace, this.observer);
    await this.#watcher.start();
    for (let number = 0; number < count; number++) await this.add();
    await this.until(() => this.isShared || this.crashed.length > 0, AbortSignal.timeout(RECOVERY_LIMIT_MS)).catch(
      (error: unknown) => {
        throw new Error(`the instances do not share the items: ${this.describe()}`, { cause: error });
      },
    );
    if (this.crashed.length > 0) throw new Error(`${this.crashed.length} of ${count} instances did not start`);
  }

  get jobs(): readonly JobPlan[] {
    return this.settings.jobs;
  }

  /** The instances whose processes have not ended. */
  get running(): Instance[] {
    return this.instances.filter(({ isRunning }) => isRunning);
  }

  /** Instances that ended although nobody had asked them to, or failed to leave in order. */
  get crashed(): Instance[] {
    return this.instances.filter((instance) => !instance.isRunning && !this.#dismissed.has(instance));
  }

  /** The instance that leads a job. */
  leaderOf(job: string): Instance {
    const leader = this.running.find((instance) => instance.leads(job));
    if (leader === undefined) throw new Error(`nobody leads job ${job}`);
    return leader;
  }

  /**
   * Whether everything is in order: every instance has joined and is connected, and the items that each says it owns are
   * those that the last plan gives it, all of them together.
   */
  get isShared(): boolean {
    return this.jobs.every((job) => {
      const owners = this.observer.spans.get(job.name)?.at(-1)?.owners ?? [];
      const planned = (id: string): string => owners.flatMap((owner, item) => (owner === id ? [item] : [])).join();
      const ids = this.running.map(({ id }) => id);
      return (
        owners.length === job.items &&
        owners.every((owner) => owner !== null && ids.includes(owner)) &&
        this.running.every(
          (instance) =>
            instance.isReady &&
            instance.isConnected(job.name) &&
            instance.itemsOf(job.name).join() === planned(instance.id) &&
            planned(instance.id) !== '',
        )
      );
    });
  }

  /** Starts one more instance; resolves when its process is started, not when it has joined. */
  async add(): Promise<Instance> {
    const number = this.instances.length + 1;
    // Digits alone would be a Java member's, which cannot be asked for single items.
    const id = `10.0.1.${number}@-@${number}-0`;
    const link = await NetworkLink.open(this.ensemble.ports);
    this.observer.lifeOf(id);
    const instance = new Instance(
      {
        id,
        namespace: this.namespace,
        jobs: this.jobs,
        ledgerPort: this.#ledger?.port ?? 0,
        sessionTimeoutMs: SESSION_MS,
        client: this.settings.client,
      },
      link,
      (message) => {
        this.settings.onMessage?.(id, message);
        this.observer.hear(id, message);
      },
    );
    this.instances.push(instance);
    void instance.exited().then(() => this.#announce());
    return instance;
  }

  /** Kills an instance, -9; resolves when its process has ended. */
  async kill(instance: Instance): Promise<void> {
    this.#dismissed.add(instance);
    instance.signal('SIGKILL');
    await instance.exited();
    this.observer.lifeOf(instance.id).killedAt = Date.now();
    this.#announce();
  }

  /** Lets an instance leave in order. If it does not exit with 0, it counts as crashed. */
  async dismiss(instance: Instance): Promise<void> {
    this.#dismissed.add(instance);
    instance.signal('SIGTERM');
    if ((await instance.exited()) !== 0) this.#dismissed.delete(instance);
  }

  /** SIGSTOP: from now on it stands still. */
  freeze(instance: Instance): void {
    this.observer.lifeOf(instance.id).stops.push({ from: Date.now(), to: null });
    instance.signal('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(instance: Instance): void {
    instance.signal('SIGCONT');
    const stop = this.observer.lifeOf(instance.id).stops.at(-1);
    if (stop !== undefined) stop.to ??= Date.now();
  }

  /** Resolves when `predicate` holds; asked again whenever anything is told. Rejects with the reason of `signal`. */
  async until(predicate: () => boolean, signal?: AbortSignal): Promise<void> {
    while (!predicate()) {
      await new Promise<void>((resolve, reject) => {
        const aborted = (): void => reject(signal?.reason);
        if (signal?.aborted) aborted();
        signal?.addEventListener('abort', aborted, { once: true });
        this.#waiting.add(() => {
          signal?.removeEventListener('abort', aborted);
          resolve();
        });
      });
    }
  }

  /**
   * Resolves when everything is in order again and every item was run with success for a fire planned after this call;
   * of a job whose work ends by itself, that is.
   * Resolves to that fire's time of the job that fires most rarely: all earlier ones are over. Rejects when that takes
   * longer than {@link RECOVERY_LIMIT_MS}, telling what is amiss, and with the reason of `signal`.
   */
  async recovered(signal?: AbortSignal): Promise<number> {
    const limit = AbortSignal.timeout(RECOVERY_LIMIT_MS);
    try {
      return await this.#recovered(signal === undefined ? limit : AbortSignal.any([signal, limit]));
    } catch (error) {
      if (!limit.aborted) throw error;
      throw new Error(`not in order again after ${RECOVERY_LIMIT_MS / 1_000} s: ${this.describe()}`);
    }
  }

  async #recovered(signal: AbortSignal): Promise<number> {
    await this.until(() => this.isShared, signal);
    const from = Date.now();
    const fires = this.jobs
      .filter(({ workMs }) => workMs !== null)
      .map((job) => ({ job, at: firesOf(job, from, from + job.everySeconds * 2_000)[0] ?? from }));
    await this.until(() => fires.every(({ job, at }) => this.#idleItems(job, at).length === 0), signal);
    return Math.max(...fires.map(({ at }) => at));
  }

  /** Items of a job that were not run with success for any fire from this one on. */
  #idleItems(job: JobPlan, from: number): number[] {
    const later = firesOf(job, from, Date.now());
    const succeeded = (item: number, at: number): boolean =>
      this.observer.outcomesOf(job.name, item, at).some(({ kind }) => kind === 'success');
    const items = Array.from({ length: job.items }, (_, item) => item);
    return items.filter((item) => !later.some((at) => succeeded(item, at)));
  }

  /** Who owns what, by their own word and by the plan, and what has not been run for a while: for a person. */
  describe(): string {
    const instances = this.running.map((instance) => {
      const jobs = this.jobs.map(({ name }) => {
        const items = instance.itemsOf(name).join(' ') || 'nothing';
        return `${items} of ${name}${instance.isConnected(name) ? '' : ' (not connected)'}`;
      });
      return `${instance.id}${instance.isReady ? '' : ' (not ready)'} owns ${jobs.join(', ')}`;
    });
    const plans = this.jobs.map(({ name }) => {
      const owners = this.observer.spans.get(name)?.at(-1)?.owners ?? [];
      return `the plan of ${name} is ${owners.join(' ') || 'missing'}`;
    });
    return [...instances, ...plans, ...this.jobs.flatMap((job) => this.#describeIdle(job))].join('; ');
  }

  #describeIdle(job: JobPlan): string[] {
    const from = Date.now() - 2_000 - job.everySeconds * 2_000;
    return this.#idleItems(job, from).map((item) => {
      const outcomes = firesOf(job, from, Date.now()).flatMap((at) => this.observer.outcomesOf(job.name, item, at));
      const told = outcomes.map(({ instance, kind, reason }) => `${kind} at ${instance}: ${reason}`);
      return `${job.name}/${item} is not run (${told.join(', ') || 'nothing recorded'})`;
    });
  }

  /** Ends everything that was started here, at once. */
  async end(): Promise<void> {
    for (const instance of this.running) {
      this.#dismissed.add(instance);
      instance.signal('SIGCONT');
      instance.signal('SIGKILL');
    }
    await Promise.all(this.instances.map((instance) => instance.exited()));
    await this.#watcher?.stop();
    await Promise.all(this.instances.map(({ link }) => link.close()));
    await this.#ledger?.end();
  }

  #announce(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}
