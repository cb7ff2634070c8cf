import { type Deferred, deferred } from '../foundation/deferred.js';
import type { ChildList, Registry, RegistryNode } from '../registry/registry.js';

/** What looking needs of a registry. */
export type NodeReader = Pick<Registry, 'read' | 'children'>;

/** How many requests are under way at most. More would only queue at the server, in front of what the jobs ask for. */
const READS_AT_ONCE = 64;

/** Reads of a registry, however many are asked for at a time, a few at a time, in the order in which they were asked for. */
export class BoundedReader implements NodeReader {
  #running = 0;
  readonly #waiting: Deferred<void>[] = [];

  constructor(
    private readonly registry: NodeReader,
    private readonly limit: number = READS_AT_ONCE,
  ) {}

  read(path: string): Promise<RegistryNode | null> {
    return this.#run(() => this.registry.read(path));
  }

  children(path: string): Promise<ChildList | null> {
    return this.#run(() => this.registry.children(path));
  }

  async #run<T>(request: () => Promise<T>): Promise<T> {
    // Who goes hands its place to the first who waits, so that nobody can come in between.
    if (this.#running < this.limit) this.#running += 1;
    else await this.#turn();
    try {
      return await request();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next.resolve();
    }
  }

  #turn(): Promise<void> {
    const turn = deferred();
    this.#waiting.push(turn);
    return turn.promise;
  }
}

/** Like `Promise.all(values.map(work))`, with at most `limit` at work at a time; ends at the first failure. */
export async function mapBounded<T, R>(
  values: readonly T[],
  limit: number,
  work: (value: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const entries = values.entries();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const [index, value] of entries) {
      if (failed) return;
      try {
        results[index] = await work(value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, values.length) }, worker));
  return results;
}
