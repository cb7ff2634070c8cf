import { entryNamed, type TriggerEntry, type TriggerHold } from '../coordination/trigger-entry.js';
import { RareMap, RareSet } from '../foundation/rare-map.js';
import { placeOf } from '../foundation/sorted.js';

/** Shared by all jobs that nobody triggers, so that they weigh nothing for it. */
const NO_NAMES: readonly string[] = [];
const NO_ENTRIES: readonly TriggerEntry[] = [];

/**
 * The runs that were asked for and have not ended, as far as this instance knows: by the list of their names, which may be
 * late, and by what it has learned of single ones beyond. Of a list of thousands only what has changed is looked at.
 */
export class OpenRuns {
  #names = NO_NAMES;
  /** Those of each item, and those of each trigger, in the order in which they are to be begun. */
  readonly #byItem = new RareMap<number, TriggerEntry[]>();
  readonly #byTrigger = new RareMap<string, TriggerEntry[]>();
  /** Entries that are known to have ended, although the list may still have them. */
  readonly #over = new RareSet<string>();
  /** Entries that others have begun. */
  readonly #held = new RareMap<string, TriggerHold>();

  get isEmpty(): boolean {
    return this.#byItem.size === 0;
  }

  /** Takes the list over: names in ascending order. Returns whether it is another one than before. */
  follow(names: readonly string[]): boolean {
    const former = this.#names;
    if (names === former) return false;
    this.#names = names;
    for (let [old, now] = [0, 0]; old < former.length || now < names.length; ) {
      const [gone, come] = [former[old], names[now]];
      if (gone === come) {
        old += 1;
        now += 1;
      } else if (come === undefined || (gone !== undefined && gone < come)) {
        if (gone !== undefined) this.#remove(gone);
        old += 1;
      } else {
        this.#add(come);
        now += 1;
      }
    }
    return true;
  }

  /** The items of which runs are open. */
  items(): number[] {
    return this.#byItem.keys();
  }

  /** Whether a run of the item is open. */
  concerns(item: number): boolean {
    return this.#byItem.has(item);
  }

  /** Whether a run of the trigger is open. */
  hasTrigger(id: string): boolean {
    return this.#byTrigger.has(id);
  }

  /** The open runs of an item in their order, without those that are known to have ended. */
  *ofItem(item: number): Generator<TriggerEntry> {
    for (const entry of this.#byItem.get(item) ?? NO_ENTRIES) if (!this.#over.has(entry.name)) yield entry;
  }

  /**
   * Whether the run is among the first `count` of its trigger. All of them were there before the first was begun, and they
   * only become fewer: so there are never more among the first than `count`, however old the list is that each instance
   * goes by.
   */
  isAmongFirst(count: number, { id, name }: TriggerEntry): boolean {
    let before = 0;
    for (const other of this.#byTrigger.get(id) ?? NO_ENTRIES) {
      if (other.name === name) return true;
      if (!this.#over.has(other.name)) before += 1;
      if (before >= count) return false;
    }
    return false;
  }

  /** Who has begun the run, if it is known to be somebody else's. */
  holdOf({ name }: TriggerEntry): TriggerHold | undefined {
    return this.#held.get(name);
  }

  /** The run is somebody else's. */
  noteHeld(entry: TriggerEntry, hold: TriggerHold): void {
    if (this.#isListed(entry)) this.#held.set(entry.name, hold);
  }

  /** The run is nobody's any more. */
  noteFree({ name }: TriggerEntry): void {
    this.#held.delete(name);
  }

  /** The run has ended. */
  noteOver(entry: TriggerEntry): void {
    if (this.#isListed(entry)) this.#over.add(entry.name);
  }

  /** What the list does not have (any more) need not be remembered. */
  #isListed({ id, name }: TriggerEntry): boolean {
    const entries = this.#byTrigger.get(id) ?? NO_ENTRIES;
    return entries[placeOf(name, entries, nameOf)]?.name === name;
  }

  #add(name: string): void {
    const entry = entryNamed(name);
    if (entry === null) return;
    insert(this.#byItem, entry.item, entry);
    insert(this.#byTrigger, entry.id, entry);
  }

  #remove(name: string): void {
    this.#over.delete(name);
    this.#held.delete(name);
    const entry = entryNamed(name);
    if (entry === null) return;
    remove(this.#byItem, entry.item, name);
    remove(this.#byTrigger, entry.id, name);
  }
}

const nameOf = ({ name }: TriggerEntry): string => name;

function insert<K>(index: RareMap<K, TriggerEntry[]>, key: K, entry: TriggerEntry): void {
  const entries = index.get(key);
  if (entries === undefined) index.set(key, [entry]);
  else entries.splice(placeOf(entry.name, entries, nameOf), 0, entry);
}

function remove<K>(index: RareMap<K, TriggerEntry[]>, key: K, name: string): void {
  const entries = index.get(key) ?? [];
  const at = placeOf(name, entries, nameOf);
  if (entries[at]?.name === name) entries.splice(at, 1);
  if (entries.length === 0) index.delete(key);
}
