import { setTimeout as sleep } from 'node:timers/promises';
import { createEngine, ElasticJobError, type Engine, silentLogger } from '@elasticjob/core';
import type { JobPlan } from './job-plan.js';
import type { Random } from './random.js';
import type { AskedRun } from './trigger-accounts.js';

/** How often a run is asked for, and the pause after an attempt that failed, milliseconds. */
const EVERY_MS = 1_500;
const AGAIN_MS = 500;

/** How long the last that was asked for may take, milliseconds. */
const PATIENCE_MS = 30_000;

/**
 * Asks for runs of single items all the time, whatever is broken, and follows each that was accepted to its end. It talks
 * to the servers directly. Each is asked for with a key, so that an answer that was lost is asked for again.
 */
export class TriggerAsker {
  readonly asked: AskedRun[] = [];
  readonly #engine: Engine;
  readonly #over = new AbortController();
  readonly #stopped = new AbortController();
  readonly #following = new Set<Promise<void>>();
  #asking: Promise<void> = Promise.resolve();
  #count = 0;

  constructor(
    connectString: string,
    namespace: string,
    private readonly jobs: readonly JobPlan[],
    private readonly random: Random,
  ) {
    const registry = { connectString, namespace, sessionTimeoutMilliseconds: 8_000, baseSleepTimeMilliseconds: 100 };
    this.#engine = createEngine({ registry, logger: silentLogger });
  }

  async start(): Promise<void> {
    await this.#engine.start();
    this.#asking = this.#ask();
  }

  /** Asks for nothing more, and waits until all has ended that was accepted, or for a while. */
  async settle(): Promise<void> {
    this.#over.abort();
    await this.#asking;
    const limit = sleep(PATIENCE_MS, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#following), limit]);
  }

  async end(): Promise<void> {
    this.#over.abort();
    this.#stopped.abort();
    await Promise.all([this.#asking, ...this.#following]);
    await this.#engine.stop();
  }

  async #ask(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      const job = this.random.pick(this.jobs);
      const item = this.random.between(0, job.items - 1);
      const key = `soak-${this.#count++}`;
      const { commands } = this.#engine.operations;
      const receipt = await this.#untilDone(signal, () => commands.trigger(job.name, { items: [item], key }));
      if (receipt !== null) this.#follow({ job: job.name, item, trigger: receipt.id, state: 'open', reason: null });
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #follow(run: AskedRun): void {
    this.asked.push(run);
    const following = this.#track(run).finally(() => this.#following.delete(following));
    this.#following.add(following);
  }

  async #track(run: AskedRun): Promise<void> {
    const { signal } = this.#stopped;
    const { queries } = this.#engine.operations;
    const report = await this.#untilDone(signal, () => queries.waitForTrigger(run.job, run.trigger, signal));
    const [told] = report?.runs ?? [];
    if (told === undefined || told.state === 'pending' || told.state === 'running') return;
    run.state = told.state;
    run.reason = told.reason;
  }

  /** Again and again while the registry is out of reach; `null` once that is no longer wanted. */
  async #untilDone<T>(signal: AbortSignal, attempt: () => Promise<T>): Promise<T | null> {
    while (!signal.aborted) {
      try {
        return await attempt();
      } catch (error) {
        if (signal.aborted) break;
        if (!ElasticJobError.is(error)) throw error;
        await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined);
      }
    }
    return null;
  }
}
