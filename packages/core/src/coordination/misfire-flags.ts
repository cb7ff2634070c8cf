import { messageOf } from '../foundation/errors.js';
import { TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import { RareMap } from '../foundation/rare-map.js';
import type { Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';

/** A flag to be raised, or lowered. */
interface Change {
  readonly item: number;
  readonly raise: boolean;
}

/** How many flags are changed at the same time. */
const AT_ONCE = 100;

/**
 * The nodes `sharding/{item}/misfire`, by which Java members and consoles see that a fire fell into a run of the item and
 * is still to be made up for. They follow what this instance holds, many requests at once; what it holds is decided by
 * itself, not by them. They are ephemeral, because what is held is gone with whoever holds it. A request that fails is
 * tried again with the next change.
 */
export class MisfireFlags {
  /** Flags that may be up, and the session in which this instance raised them; `null` = somebody else did. */
  readonly #raised = new RareMap<number, bigint | null>();
  #wanted: readonly number[] = [];
  #working = false;
  readonly #tasks: TaskGroup;

  constructor(
    private readonly registry: Registry,
    private readonly jobName: string,
    private readonly logger: Logger,
  ) {
    this.#tasks = new TaskGroup(logger);
  }

  /** The items whose flags are to be up; all others that this object has raised are lowered. */
  follow(items: readonly number[]): void {
    this.#wanted = items;
    if (this.#working || this.#changes().length === 0) return;
    this.#working = true;
    this.#tasks.run('misfire flags', () => this.#work());
  }

  /** Lowers the flags of these items, whoever raised them. */
  clear(items: readonly number[]): void {
    for (const item of items) if (!this.#raised.has(item)) this.#raised.set(item, null);
    this.follow(this.#wanted);
  }

  /** Resolves when there is nothing to do, or what is to do has failed. */
  settled(): Promise<void> {
    return this.#tasks.drained();
  }

  async #work(): Promise<void> {
    try {
      for (let changes = this.#changes(); changes.length > 0; changes = this.#changes()) {
        await Promise.all(changes.map((change) => this.#change(change)));
      }
    } catch (error) {
      this.logger.warn('a misfire flag was not changed', { error: messageOf(error) });
    } finally {
      this.#working = false;
    }
  }

  #changes(): Change[] {
    const { id } = this.registry.session;
    const raise = this.#wanted.filter((item) => this.#raised.get(item) !== id);
    const lower = this.#raised.keys().filter((item) => !this.#wanted.includes(item));
    return [...raise.map((item) => ({ item, raise: true })), ...lower.map((item) => ({ item, raise: false }))].slice(
      0,
      AT_ONCE,
    );
  }

  async #change({ item, raise }: Change): Promise<void> {
    const path = jobPath(this.jobName, layout.misfire(item));
    if (raise) {
      // Noted first: of a request whose answer is lost it is not known whether the flag is up.
      this.#raised.set(item, this.registry.session.id);
      await this.registry.create(path, '', 'ephemeral');
      return;
    }
    await this.registry.remove(path);
    this.#raised.delete(item);
  }
}
