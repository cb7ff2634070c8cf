import { ZooKeeperError } from './errors.js';
import { ANY_WATCH, OP, WATCH_MODES } from './protocol.js';
import type { Requests } from './request.js';
import type { Session } from './session.js';
import type { Watcher, WatchMode, WatchTable } from './watch-table.js';

/** A watch that stands, until it is removed or the session ends. */
export interface WatchHandle {
  readonly path: string;
  readonly mode: WatchMode;
  /** Ends it. Its watcher hears nothing more from this call on; it may be called twice, and without a connection. */
  remove(): Promise<void>;
}

/** Sets and removes standing watches on the server, so that each path has there the widest of those wanted here. */
export class StandingWatches {
  constructor(
    private readonly requests: Requests,
    private readonly session: Session,
    private readonly watches: WatchTable,
    private readonly full: (path: string) => string,
  ) {}

  async add(path: string, mode: WatchMode, watcher: Watcher): Promise<WatchHandle> {
    const full = this.full(path);
    // Each call has an entry of its own, also for the same function.
    const own: Watcher = (event) => watcher(event);
    // Known from the sending on, so that another one that ends meanwhile does not take it along.
    this.watches.addStanding(mode, full, own);
    try {
      await this.#set(path, mode);
    } catch (error) {
      this.watches.removeStanding(mode, full, own);
      throw error;
    }
    return { path, mode, remove: () => this.#remove(path, mode, own).catch(unlessGone) };
  }

  #set(path: string, mode: WatchMode): Promise<void> {
    const full = this.full(path);
    const wider = this.watches.modeOf(full) ?? mode;
    return this.requests.send({
      name: 'addWatch',
      path,
      op: OP.addWatch,
      write: (out) => {
        out.string(full);
        out.int(WATCH_MODES[wider]);
      },
      read: nothing,
    });
  }

  async #remove(path: string, mode: WatchMode, watcher: Watcher): Promise<void> {
    const full = this.full(path);
    const before = this.watches.modeOf(full);
    this.watches.removeStanding(mode, full, watcher);
    const after = this.watches.modeOf(full);
    // Without a connection there is nothing to remove: the next one is told of what is left only.
    if (before === after || this.session.channel === null) return;
    if (after !== null) return this.#set(path, after);
    // The server would remove those, too; what it tells beyond them is of no interest to anybody.
    if (this.watches.hasOneShot(full)) return;
    await this.requests.send<void>({
      name: 'removeWatches',
      path,
      op: OP.removeWatches,
      write: (out) => {
        out.string(full);
        out.int(ANY_WATCH);
      },
      read: nothing,
      // None there: it came to nothing with a connection, and that is what was wanted.
      outcome: () => ({ value: undefined }),
    });
  }
}

function nothing(): void {}

/** A connection or session that is gone has taken its watches along. */
function unlessGone(error: unknown): void {
  const isGone = (['CONNECTION_LOSS', 'SESSION_EXPIRED', 'CLOSED'] as const).some((code) =>
    ZooKeeperError.is(error, code),
  );
  if (!isGone) throw error;
}
