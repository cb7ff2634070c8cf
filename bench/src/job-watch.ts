import { systemClock } from '@elasticjob/core';
import { type Deferred, deferred } from '@elasticjob/core/testing';
import { type WatchEvent, ZooKeeper, ZooKeeperError } from '@elasticjob/zookeeper-client';

/** How long a job may take to be shared before it is assigned anew, milliseconds. */
const REST_LIMIT_MS = 15_000;

/** What happened at a job's nodes: the deletion of an instance's node, and the end of a resharding. Monotonic, ms. */
interface Crash {
  readonly instanceId: string;
  deletedAt: number | null;
  readonly assigned: Deferred<number>;
  readonly deleted: Deferred<number>;
}

/**
 * Looks at the nodes of one job, which are the same in both languages: when an instance's node is gone, and from when on
 * nothing of what it owned is its own any more and no resharding is under way.
 */
export class JobWatch {
  #crash: Crash | null = null;
  #changed: Deferred<void> = deferred();

  private constructor(
    private readonly client: ZooKeeper,
    private readonly root: string,
  ) {}

  static async open(connectString: string, namespace: string, job: string): Promise<JobWatch> {
    const client = new ZooKeeper({ connectString });
    await client.connect();
    const watch = new JobWatch(client, `/${namespace}/${job}`);
    await client.addWatch(watch.root, 'recursive', (event) => watch.#hear(event));
    return watch;
  }

  /**
   * Resolves when so many instances are there, each owns some of the items, and no flag is up. A job that does not get
   * there for long is assigned anew, as an operator would do: a Java leader overlooks who comes while it assigns.
   */
  async shared(instances: number, items: number): Promise<void> {
    for (let askAt = systemClock.monotonic() + REST_LIMIT_MS; ; ) {
      const { promise } = this.#changed;
      const [owners, isFlagged] = [await this.#owners(items), await this.#isFlagged()];
      if (!isFlagged && !owners.includes(null) && new Set(owners).size === instances) return;
      const left = askAt - systemClock.monotonic();
      if (left > 0) {
        await withinMs(left, promise);
        continue;
      }
      await this.#askForResharding();
      askAt = systemClock.monotonic() + REST_LIMIT_MS;
    }
  }

  /** From now on waits for the end of this instance. */
  expectEndOf(instanceId: string): void {
    this.#crash = { instanceId, deletedAt: null, assigned: deferred(), deleted: deferred() };
  }

  /** Resolves to when the node of the instance was gone. */
  deleted(): Promise<number> {
    return this.#expected().deleted.promise;
  }

  /**
   * Resolves to how long it took from then until its items were others', milliseconds; to `null` if it takes longer than
   * the limit.
   */
  async assignedAfter(limitMs: number): Promise<number | null> {
    const crash = this.#expected();
    const deletedAt = await crash.deleted.promise;
    const tooLate = deferred<null>();
    const timer = systemClock.setTimer(limitMs, () => tooLate.resolve(null));
    const assignedAt = await Promise.race([crash.assigned.promise, tooLate.promise]);
    timer.cancel();
    return assignedAt === null ? null : assignedAt - deletedAt;
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  #expected(): Crash {
    if (this.#crash === null) throw new Error('no instance is expected to end');
    return this.#crash;
  }

  #hear({ kind, path }: WatchEvent): void {
    const at = systemClock.monotonic();
    const changed = this.#changed;
    this.#changed = deferred();
    changed.resolve();
    const crash = this.#crash;
    if (crash === null || kind !== 'deleted') return;
    if (path === `${this.root}/instances/${crash.instanceId}`) {
      crash.deletedAt = at;
      crash.deleted.resolve(at);
    }
    // Both languages lower it in the transaction that gives the items away.
    if (path === `${this.root}/leader/sharding/necessary` && crash.deletedAt !== null) crash.assigned.resolve(at);
  }

  /** Raises the flag, unless it is up. */
  async #askForResharding(): Promise<void> {
    try {
      await this.client.create(`${this.root}/leader/sharding/necessary`, '');
    } catch (error) {
      if (!(error instanceof ZooKeeperError && error.code === 'NODE_EXISTS')) throw error;
    }
  }

  async #owners(items: number): Promise<(string | null)[]> {
    const paths = Array.from({ length: items }, (_, item) => `${this.root}/sharding/${item}/instance`);
    return Promise.all(paths.map((path) => this.#read(path)));
  }

  async #isFlagged(): Promise<boolean> {
    const flags = ['necessary', 'processing'].map((name) => this.#read(`${this.root}/leader/sharding/${name}`));
    return (await Promise.all(flags)).some((value) => value !== null);
  }

  /** `null` if there is no such node. */
  async #read(path: string): Promise<string | null> {
    try {
      return (await this.client.get(path)).data.toString();
    } catch (error) {
      if (error instanceof ZooKeeperError && error.code === 'NO_NODE') return null;
      throw error;
    }
  }
}

/** Resolves with `promise`, or when the time is over. */
async function withinMs(ms: number, promise: Promise<void>): Promise<void> {
  const over = deferred();
  const timer = systemClock.setTimer(ms, () => over.resolve());
  await Promise.race([promise, over.promise]);
  timer.cancel();
}
