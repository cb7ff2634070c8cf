/**
 * A map that is mostly empty and weighs nothing then: an empty `Map` has a table of its own, and a process with a
 * thousand jobs has many thousands of them. Has what is used of `Map`.
 */
export class RareMap<K, V> {
  #entries: Map<K, V> | null = null;

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  has(key: K): boolean {
    return this.#entries?.has(key) ?? false;
  }

  get(key: K): V | undefined {
    return this.#entries?.get(key);
  }

  set(key: K, value: V): void {
    this.#entries ??= new Map();
    this.#entries.set(key, value);
  }

  /** Whether it was there. */
  delete(key: K): boolean {
    const deleted = this.#entries?.delete(key) ?? false;
    if (this.size === 0) this.#entries = null;
    return deleted;
  }

  clear(): void {
    this.#entries = null;
  }

  /** The keys at this moment. */
  keys(): K[] {
    return this.#entries === null ? [] : [...this.#entries.keys()];
  }
}

/** A set that is mostly empty; see {@link RareMap}. */
export class RareSet<T> extends RareMap<T, true> {
  add(member: T): void {
    this.set(member, true);
  }

  /** The members at this moment. */
  values(): T[] {
    return this.keys();
  }
}
