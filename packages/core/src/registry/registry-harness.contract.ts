import { afterEach, beforeEach } from 'vitest';
import { deferred } from '../foundation/deferred.js';
import type { Registry, Selection, Session, SessionState, TreeListener, TreeSnapshot, TreeWatch } from './registry.js';
import type { RegistryOptions } from './registry-options.js';

/** A server, with the means to break what lies between it and its clients. One is made for each case. */
export interface RegistryHarness {
  /** A registry that is not started; by default in a namespace that all of this harness share and nobody else uses. */
  registry(options?: Partial<RegistryOptions>): Registry;
  /**
   * Cuts the network of a registry, so that neither its session nor a next one reaches the server. Requests in flight
   * may or may not have been applied.
   */
  disconnect(registry: Registry): Promise<void>;
  /** Mends it, and resolves when the registry is connected again. */
  reconnect(registry: Registry): Promise<void>;
  /** Ends the present session of a registry on the server, and resolves when its ephemeral nodes are gone. */
  expire(registry: Registry): Promise<void>;
  /** Lets time pass, for the server and for all registries. */
  elapse(ms: number): Promise<void>;
  /** Stops whatever is left. */
  close(): Promise<void>;
}

/** The harness of the present case, and registries that are stopped after it. */
export interface Bench {
  readonly harness: RegistryHarness;
  /** A started registry. */
  open(options?: Partial<RegistryOptions>): Promise<Registry>;
}

/** Makes a fresh harness for each case. Read the properties of the result only inside a case. */
export function benchOf(createHarness: () => Promise<RegistryHarness>): Bench {
  let harness: RegistryHarness | undefined;
  let opened: Registry[] = [];
  const present = (): RegistryHarness => {
    if (harness === undefined) throw new Error('a harness exists only inside a case');
    return harness;
  };
  beforeEach(async () => {
    harness = await createHarness();
    opened = [];
  });
  afterEach(async () => {
    await Promise.all(opened.map((registry) => registry.stop()));
    await harness?.close();
  });
  return {
    get harness() {
      return present();
    },
    async open(options) {
      const registry = present().registry(options);
      opened.push(registry);
      await registry.start();
      return registry;
    },
  };
}

/** Resolves with the first session, present or later, that satisfies `accept`. */
export async function sessionWhere(registry: Registry, accept: (session: Session) => boolean): Promise<Session> {
  if (accept(registry.session)) return registry.session;
  const found = deferred<Session>();
  const undo = registry.onSession((session) => {
    if (accept(session)) found.resolve(session);
  });
  try {
    return await found.promise;
  } finally {
    undo();
  }
}

/** Resolves when the session is, or gets, in this state. */
export function inState(registry: Registry, state: SessionState): Promise<Session> {
  return sessionWhere(registry, (session) => session.state === state);
}

/** A watch with a record of what its listener heard. */
export interface Observed {
  readonly watch: TreeWatch;
  readonly heard: { readonly before: TreeSnapshot; readonly after: TreeSnapshot }[];
  /** Resolves with the first snapshot, present or later, that satisfies `accept`. */
  until(accept: (snapshot: TreeSnapshot) => boolean): Promise<TreeSnapshot>;
}

/** Watches a tree and keeps what the listener hears. */
export async function observe(
  registry: Registry,
  root: string,
  selection: readonly Selection[] = [{ path: '' }],
): Promise<Observed> {
  const heard: Observed['heard'] = [];
  const listeners = new Set<TreeListener>();
  const watch = await registry.watchTree(root, selection, (before, after) => {
    heard.push({ before, after });
    for (const listener of listeners) listener(before, after);
  });
  return { watch, heard, until: (accept) => snapshotWhere(watch, listeners, accept) };
}

async function snapshotWhere(
  watch: TreeWatch,
  listeners: Set<TreeListener>,
  accept: (snapshot: TreeSnapshot) => boolean,
): Promise<TreeSnapshot> {
  if (accept(watch.snapshot)) return watch.snapshot;
  const found = deferred<TreeSnapshot>();
  const listener: TreeListener = (_before, after) => {
    if (accept(after)) found.resolve(after);
  };
  listeners.add(listener);
  try {
    return await found.promise;
  } finally {
    listeners.delete(listener);
  }
}
