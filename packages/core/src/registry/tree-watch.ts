import { LazyAbort, StoppedError } from '../foundation/abort.js';
import { type Clock, sleep } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import { ElasticJobError, messageOf, RegistryError } from '../foundation/errors.js';
import type { TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import { RareSet } from '../foundation/rare-map.js';
import { backoff, type RetryPolicy } from '../foundation/retry.js';
import type { DriverSession } from './driver.js';
import type { Selection, Session, TreeListener, TreeSnapshot, TreeWatch } from './registry.js';
import { below, validPath } from './registry-path.js';
import type { RegistryRequests } from './registry-requests.js';
import type { Link, SessionKeeper } from './session-keeper.js';
import {
  type Arming,
  type ChildChange,
  OneShotArming,
  type PlacePart,
  RecursiveArming,
  type Touched,
} from './tree-arming.js';
import { Snapshot } from './tree-snapshot.js';
import { lookedAt, Place } from './watched-place.js';

/** What a {@link WatchedTree} works with. */
export interface WatchedTreeParts {
  /** Absolute path of the root. */
  readonly root: string;
  /** Whether one watch of the driver is to cover the tree. */
  readonly recursive: boolean;
  readonly keeper: SessionKeeper;
  readonly requests: RegistryRequests;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tasks: TaskGroup;
  readonly policy: RetryPolicy;
  readonly listener: TreeListener;
  onClose(): void;
}

/**
 * The {@link TreeWatch} over any driver. A notification marks its place stale at once; one loop reads again whatever is
 * due, all of it pipelined, and publishes the next snapshot. Each part is read only when something touched it, so that
 * without changes there are no requests. How changes are told is its {@link Arming}'s business.
 *
 * A node's stat is as of the last read of its *value*: what its children did shows in the stat of its child list.
 */
export class WatchedTree implements TreeWatch {
  #snapshot = new Snapshot(0, new Map(), new Map());
  #selection: readonly Selection[] = [];
  #places = new Map<string, Place>();
  #session: Session;
  readonly #arming: Arming;
  readonly #waiters = new RareSet<Deferred<TreeSnapshot>>();
  readonly #closing = new LazyAbort();
  #reading = false;
  #unfollow: () => void = () => undefined;

  constructor(private readonly parts: WatchedTreeParts) {
    this.#session = parts.keeper.session;
    const touched: Touched = (part, path, child) => this.#touched(part, path, child);
    this.#arming = parts.recursive ? new RecursiveArming(parts.root, touched) : new OneShotArming(touched);
  }

  get snapshot(): TreeSnapshot {
    return this.#snapshot;
  }

  /** Takes the first snapshot. */
  async open(selection: readonly Selection[]): Promise<void> {
    this.#unfollow = this.parts.keeper.onChange((session) => this.#follow(session));
    try {
      await this.select(selection);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  isFresh(path: string): boolean {
    const { state, connection } = this.parts.keeper.session;
    if (state !== 'connected' || connection !== this.#session.connection || this.#closed) return false;
    return this.#places.get(path)?.fresh ?? false;
  }

  async select(selection: readonly Selection[]): Promise<TreeSnapshot> {
    for (const { path } of selection) validPath(path);
    // A copy takes no more memory than it needs.
    this.#selection = selection.slice();
    this.#arrange();
    return this.#next();
  }

  refresh(): Promise<TreeSnapshot> {
    for (const place of this.#places.values()) place.requestAll();
    return this.#next();
  }

  close(): void {
    if (this.#closed) return;
    this.#closing.abort(new StoppedError('the watch was closed'));
    this.#unfollow();
    this.#arming.close();
    this.#fail(new RegistryError('REGISTRY_CLOSED', `${this.parts.root}: the watch was closed`));
    this.parts.onClose();
  }

  get #closed(): boolean {
    return this.#closing.aborted;
  }

  /** The snapshot published after everything due now has been read. */
  #next(): Promise<TreeSnapshot> {
    const waiter = deferred<TreeSnapshot>();
    this.#waiters.add(waiter);
    if (this.#closed) this.#fail(new RegistryError('REGISTRY_CLOSED', `${this.parts.root}: the watch was closed`));
    this.#wake();
    return waiter.promise;
  }

  /** After a reconnect notifications may be missing, in a new session all watches are: everything is read again. */
  #follow(session: Session): void {
    if (session.epoch !== this.#session.epoch) this.#arming.reset();
    if (session.connection !== this.#session.connection) {
      for (const place of this.#places.values()) place.touchAll();
    }
    this.#session = session;
    this.#wake();
  }

  #wake(): void {
    if (this.#reading || this.#closed) return;
    this.#reading = true;
    this.parts.tasks.run('tree watch', () => this.#readOn());
  }

  async #readOn(): Promise<void> {
    // Notifications that arrive together are answered together.
    await Promise.resolve();
    try {
      for (let failures = 0; !this.#closed && this.#hasWork(); ) {
        const link = this.parts.keeper.link;
        if (link === null) break;
        failures = (await this.#readOnce(link)) ? 0 : failures + 1;
        if (failures > 0) await this.#pause(link, failures);
      }
    } finally {
      this.#reading = false;
    }
  }

  /** Reads what is due and publishes it. Resolves to whether that worked. */
  async #readOnce(link: Link): Promise<boolean> {
    const waiters = this.#waiters.values();
    try {
      await this.#arming.prepare(link.driver);
      await this.#readDue(link.driver);
      if (!this.#closed) this.#publish(waiters);
      return true;
    } catch (error) {
      const lost = ElasticJobError.is(error, 'CONNECTION_LOSS') || ElasticJobError.is(error, 'SESSION_LOST');
      if (!lost && !this.#closed) this.#complain(error);
      return false;
    }
  }

  #complain(error: unknown): void {
    this.parts.logger.error('cannot read a watched tree', { root: this.parts.root, error: messageOf(error) });
    this.#fail(error);
  }

  /** Before trying again on the same connection; after a lost one the next connection is what to wait for. */
  async #pause(link: Link, failures: number): Promise<void> {
    if (this.#closed || this.parts.keeper.link !== link) return;
    try {
      await sleep(this.parts.clock, backoff(this.parts.policy, failures), this.#closing.signal);
    } catch (reason) {
      this.parts.logger.debug('reading a watched tree was called off', { reason: messageOf(reason) });
    }
  }

  #hasWork(): boolean {
    return this.#waiters.size > 0 || [...this.#places.values()].some((place) => place.due || place.hasNews);
  }

  /** Lists first: they decide which child values are looked at, and a child that went need not be asked for. */
  async #readDue(driver: DriverSession): Promise<void> {
    const places = [...this.#places.values()].filter((place) => place.due);
    const postponed = new Set(
      places.filter((place) => place.parent !== null && this.#places.get(place.parent)?.list.due),
    );
    await this.#readAll(
      driver,
      places.filter((place) => !postponed.has(place)),
    );
    for (;;) {
      const rest = [...this.#places.values()].filter((place) => place.due && (place.unread || postponed.has(place)));
      if (rest.length === 0) return;
      postponed.clear();
      await this.#readAll(driver, rest);
    }
  }

  async #readAll(driver: DriverSession, places: readonly Place[]): Promise<void> {
    const outcomes = await Promise.allSettled(places.map((place) => this.#read(driver, place)));
    this.#arrange();
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  async #read(driver: DriverSession, place: Place): Promise<void> {
    const full = below(this.parts.root, place.path);
    this.parts.requests.saw(...(await place.read(driver, full, this.#arming)));
  }

  /** Most of what a recursive watch tells is of no interest here. */
  #touched(part: PlacePart, path: string, child?: ChildChange): void {
    const place = this.#places.get(path);
    if (place === undefined || this.#closed) return;
    place.touch(part, child);
    this.#wake();
  }

  /** Fits the places to the selection and to the children now known. */
  #arrange(): void {
    const wanted = lookedAt(this.#selection, (path) => this.#places.get(path)?.list.value?.names ?? []);
    const places = new Map<string, Place>();
    for (const [path, look] of wanted) {
      const place = this.#places.get(path) ?? new Place(path);
      place.look(look);
      places.set(path, place);
    }
    this.#places = places;
  }

  #publish(waiters: readonly Deferred<TreeSnapshot>[]): void {
    const places = [...this.#places.values()];
    const inDoubt = places.some((place) => !place.fresh);
    for (const place of places) place.publish();
    const nodes = new Map(present(places, ({ node }) => node.value));
    const lists = new Map(present(places, (place) => (place.wantsList ? place.list.value : null)));
    const before = this.#snapshot;
    if (before.revision === 0 || !before.shows(nodes, lists))
      this.#snapshot = new Snapshot(before.revision + 1, nodes, lists);
    for (const waiter of waiters) {
      this.#waiters.delete(waiter);
      waiter.resolve(this.#snapshot);
    }
    // Whoever waits for certainty hears of it, also when nothing has changed.
    if (before.revision > 0 && (inDoubt || this.#snapshot !== before)) this.#tell(before, this.#snapshot);
  }

  #tell(before: TreeSnapshot, after: TreeSnapshot): void {
    try {
      this.parts.listener(before, after);
    } catch (error) {
      this.parts.logger.error('a tree listener failed', { root: this.parts.root, error: messageOf(error) });
    }
  }

  #fail(error: unknown): void {
    for (const waiter of this.#waiters.values()) waiter.reject(error);
    this.#waiters.clear();
  }
}

/** What there is in these places, by their paths. */
function present<T>(places: readonly Place[], what: (place: Place) => T | null | undefined): [string, T][] {
  return places.flatMap((place): [string, T][] => {
    const found = what(place);
    return found === null || found === undefined ? [] : [[place.path, found]];
  });
}
