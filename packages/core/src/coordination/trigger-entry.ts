import { readDocument } from './json-document.js';

/**
 * A run that was asked for and has not ended: one item of one fire of one trigger. It is a node of
 * `extension/triggers/open`, whose name says which run it is. Its value says whose it is: nobody's yet if it is empty,
 * else whoever holds it. Whoever makes the item's mark writes its hold in the same transaction, and takes the node away
 * in the one that removes the mark: so each run is somebody's once.
 */
export interface TriggerEntry {
  /** The trigger. */
  readonly id: string;
  /** Which of the trigger's fires; 0 where there is only one. */
  readonly fire: number;
  readonly item: number;
  /** The name of its node. The names of all are in the order in which the runs are to be begun. */
  readonly name: string;
}

/** Who runs an entry. */
export interface TriggerHold {
  readonly instanceId: string;
  /** The session in which it was taken: when that has ended, so has the run. */
  readonly session: bigint;
  /** When it was taken, epoch milliseconds by that instance's clock. */
  readonly since: number;
}

/** Digits of a fire and of an item, so that the order of names is that of numbers. */
const DIGITS = { time: 9, fire: 5, item: 10 } as const;

const ID = /^[0-9a-z]{9}-[0-9a-f]{12}$/;
const NAME = /^([0-9a-z]{9}-[0-9a-f]{12})-(\d{5})-(\d{10})$/;

/**
 * An id for a trigger: ids are in the order of their times and, where these are equal, of their numbers. `random`: eight
 * hexadecimal digits.
 */
export function triggerId(now: number, number: number, random: string): string {
  const count = (number % 0x10000).toString(16).padStart(4, '0');
  return `${now.toString(36).padStart(DIGITS.time, '0')}-${count}${random}`;
}

/** Whether it looks like an id of a trigger. */
export function isTriggerId(text: string): boolean {
  return typeof text === 'string' && ID.test(text);
}

/** When a trigger was asked for, epoch milliseconds by the clock of whoever asked. */
export function triggeredAt(id: string): number {
  return Number.parseInt(id.slice(0, DIGITS.time), 36);
}

/** The entry of a run. */
export function triggerEntry(id: string, fire: number, item: number): TriggerEntry {
  const name = `${id}-${String(fire).padStart(DIGITS.fire, '0')}-${String(item).padStart(DIGITS.item, '0')}`;
  return { id, fire, item, name };
}

/** The entry that a node's name tells of; `null` for a name that means none. */
export function entryNamed(name: string): TriggerEntry | null {
  const [, id, fire, item] = NAME.exec(name) ?? [];
  return id === undefined ? null : { id, fire: Number(fire), item: Number(item), name };
}

/** How a run is called within its trigger, as the name of the node that tells its outcome. */
export function runName({ fire, item }: Pick<TriggerEntry, 'fire' | 'item'>): string {
  return `${fire}-${item}`;
}

/** What stands in an entry that is held. */
export function encodeHold({ instanceId, session, since }: TriggerHold): string {
  return JSON.stringify({ v: 1, instance: instanceId, session: session.toString(16), since });
}

/** Reads who holds an entry; `null` for nobody. Whatever else stands there means somebody who is not known. */
export function decodeHold(text: string): TriggerHold | null {
  if (text === '') return null;
  const { instance, session, since } = readDocument(text) ?? {};
  const isHold = typeof instance === 'string' && typeof session === 'string' && /^[0-9a-f]+$/.test(session);
  if (!isHold) return { instanceId: '', session: 0n, since: 0 };
  return { instanceId: instance, session: BigInt(`0x${session}`), since: typeof since === 'number' ? since : 0 };
}
