import type { DriverSession, TreeChange, Watcher } from './driver.js';
import { relativeTo } from './registry-path.js';

/** What of a place is read, and told to have changed: its value with its existence, or its list of children. */
export type PlacePart = 'node' | 'list';

/** How a watched tree gets to hear of changes to what it has read. */
export interface Arming {
  /** Whether every change is told without being asked for with each read, also the creation of an absent node. */
  readonly standing: boolean;
  /** To be awaited before anything is read from `driver`: from then on no change after a read goes unheard. */
  prepare(driver: DriverSession): Promise<void>;
  /** Sends a read such that a later change of what it reads is told. */
  read<T>(part: PlacePart, path: string, request: (watcher?: Watcher) => Promise<T>): Promise<T>;
  /** The session, and with it all that the server held for it, is gone. */
  reset(): void;
  /** Nothing more is to be told. */
  close(): void;
}

/** A child that came or went. */
export interface ChildChange {
  readonly name: string;
  readonly isThere: boolean;
}

/** Called when a part of a place, given by its relative path, has changed; `child`: and that is all that changed of its list. */
export type Touched = (part: PlacePart, path: string, child?: ChildChange) => void;

/** One watch for each part that was read; it is used up by the first change, and set again by the next read. */
export class OneShotArming implements Arming {
  readonly standing = false;
  /** Watches that the server holds for us and that have not fired, in the present session. */
  readonly #armed = new Map<string, object>();

  constructor(private readonly touched: Touched) {}

  async prepare(): Promise<void> {}

  /** Sends a read with a watcher unless an earlier watch still stands. */
  async read<T>(part: PlacePart, path: string, request: (watcher?: Watcher) => Promise<T>): Promise<T> {
    const key = `${part}:${path}`;
    if (this.#armed.has(key)) return request();
    const token = {};
    this.#armed.set(key, token);
    try {
      return await request(() => {
        if (this.#armed.get(key) !== token) return;
        this.#armed.delete(key);
        this.touched(part, path);
      });
    } catch (error) {
      if (this.#armed.get(key) === token) this.#armed.delete(key);
      throw error;
    }
  }

  reset(): void {
    this.#armed.clear();
  }

  close(): void {
    this.reset();
  }
}

/**
 * One watch for the whole tree, which stands for as long as the session. It tells of every node, looked at or not; what
 * changed while the connection was gone it does not tell.
 */
export class RecursiveArming implements Arming {
  readonly standing = true;
  #armed: DriverSession | null = null;
  #disarm: () => void = () => undefined;
  #closed = false;

  constructor(
    private readonly root: string,
    private readonly touched: Touched,
  ) {}

  async prepare(driver: DriverSession): Promise<void> {
    if (this.#armed === driver) return;
    if (driver.watchTree === undefined) throw new Error('the driver says recursiveWatch but has no watchTree');
    const disarm = await driver.watchTree(this.root, (change) => this.#tell(driver, change));
    if (this.#closed) return disarm();
    this.#armed = driver;
    this.#disarm = disarm;
  }

  read<T>(_part: PlacePart, _path: string, request: (watcher?: Watcher) => Promise<T>): Promise<T> {
    return request();
  }

  reset(): void {
    this.#armed = null;
    this.#disarm = () => undefined;
  }

  close(): void {
    this.#closed = true;
    this.#disarm();
    this.reset();
  }

  #tell(driver: DriverSession, { kind, path }: TreeChange): void {
    if (this.#armed !== driver) return;
    const place = relativeTo(this.root, path);
    this.touched('node', place);
    if (kind === 'changed') return;
    this.touched('list', place);
    if (place === '') return;
    const end = place.lastIndexOf('/');
    this.touched('list', place.slice(0, Math.max(0, end)), { name: place.slice(end + 1), isThere: kind === 'created' });
  }
}
