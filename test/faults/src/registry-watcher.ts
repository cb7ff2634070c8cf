import { createEngine, type Engine, silentLogger, type TreeSnapshot } from '@elasticjob/core';
import type { Span } from './observations.js';
import type { Observer } from './observer.js';

const INSTANCES = 'instances';
const PLAN = 'extension/plan';
/** After this long in connection, milliseconds, everything that happened before it has been read. */
const CAUGHT_UP_MS = 1_000;

/**
 * A client of the registry that takes no part: sees the nodes of instances vanish, and which instance owns what by the
 * plans that leaders publish. It talks to the servers directly, whatever is done to the network of the instances.
 */
export class RegistryWatcher {
  readonly #engine: Engine;
  /** When it was connected last, epoch milliseconds. */
  #connectedAt = 0;

  constructor(
    connectString: string,
    namespace: string,
    private readonly observer: Observer,
  ) {
    this.#engine = createEngine({
      registry: { connectString, namespace, sessionTimeoutMilliseconds: 4_000, baseSleepTimeMilliseconds: 100 },
      instanceId: '10.0.0.1@-@watcher',
      logger: silentLogger,
    });
  }

  async start(): Promise<void> {
    const { registry } = this.#engine;
    registry.onSession(({ state }) => {
      if (state === 'connected') this.#connectedAt = Date.now();
    });
    await this.#engine.start();
    await Promise.all(this.observer.jobs.map(({ name }) => this.#watch(name)));
  }

  async stop(): Promise<void> {
    await this.#engine.stop();
  }

  async #watch(job: string): Promise<void> {
    const { registry } = this.#engine;
    const selection = [{ path: INSTANCES, children: 'nodes' as const }, { path: PLAN }];
    await registry.watchTree(job, selection, (before, after) => this.#look(job, before, after));
  }

  #look(job: string, before: TreeSnapshot, after: TreeSnapshot): void {
    const at = Date.now();
    const exact = at - this.#connectedAt > CAUGHT_UP_MS;
    const here = registrations(after);
    const gone = [...registrations(before)].flatMap(([name, made]) => (isSame(made, here.get(name)) ? [] : [name]));
    const zxid = after.children(INSTANCES)?.stat.pzxid ?? 0n;
    // By the plan before this look: if a leader was as fast as we, the new one already names somebody else.
    const owners = readSpans(before.node(PLAN)?.value).at(0)?.owners ?? [];
    for (const instance of gone) {
      const items = owners.flatMap((owner, item) => (owner === instance ? [item] : []));
      this.observer.departed({ instance, job, at, zxid: here.get(instance) ?? zxid, items, exact });
    }
    const plan = after.node(PLAN);
    if (plan !== null && plan !== before.node(PLAN)) this.observer.planned(job, readSpans(plan.value));
  }
}

/** Which instances are there, and the transaction that made the node of each; `null` if that went while it was read. */
function registrations(snapshot: TreeSnapshot): Map<string, bigint | null> {
  const names = snapshot.children(INSTANCES)?.names ?? [];
  return new Map(names.map((name) => [name, snapshot.node(`${INSTANCES}/${name}`)?.stat.czxid ?? null]));
}

/** Whether an instance is still registered by the same node: one that came back in another session has another. */
function isSame(before: bigint | null, now: bigint | null | undefined): boolean {
  return now !== undefined && (before === null || now === null || before === now);
}

/** The spans of `extension/plan`, newest first; the format is told in docs/znodes.md. */
function readSpans(text: string | undefined): Span[] {
  if (text === undefined || text === '') return [];
  const { names, spans } = JSON.parse(text) as PlanDocument;
  return spans.map(({ after, owners }) => ({ after, owners: owners.map((position) => names[position] ?? null) }));
}

interface PlanDocument {
  readonly names: readonly string[];
  readonly spans: readonly { readonly after: number; readonly owners: readonly number[] }[];
}
