import { readDocument } from './json-document.js';

/** The owners of all items for the fires after one moment, until the next span begins. */
export interface OwnerSpan {
  /** Fires planned later than this belong to the span. Epoch milliseconds by the registry's clock. */
  readonly after: number;
  /** Owner of each item, `null` for an item nobody owns. */
  readonly owners: readonly (string | null)[];
  /** The transaction that wrote it; left out if that is not known (yet). */
  readonly by?: bigint;
}

/**
 * One resharding as a document, written by a TypeScript leader to `extension/plan` before it lowers the flags. The nodes
 * `sharding/{item}/instance` say the same to Java; the document says it in one read, and adds what they cannot: who was
 * considered, and which fires belong to whom.
 *
 * **Which fires.** Fires are planned instants, the same on every instance, so they can be divided exactly: a fire belongs
 * to the owners of the span that its planned time falls into, whenever anybody gets to hear of it. A span begins at the
 * registry's time at which its resharding was raised: an owner that had not heard of it yet acted on fires that were
 * planned for that moment or earlier. This is exact as far as the instances' clocks agree with the registry's. The spans
 * before the present one are kept for fires that are still on their way through several reshardings. A fire of a time in
 * which nobody owned its item is for whoever was given it next to see to.
 *
 * **Whether it is the present one.** `changes` is the child version that `leader/sharding` has once both flags are gone.
 * Any later resharding, also one by a Java leader, which knows nothing of this document, moves that version on.
 */
export interface AssignmentPlan {
  readonly changes: number;
  /** The strategy that was used, as asked for by the definition. */
  readonly strategy: string;
  /** Instances that were considered, in the order the strategy saw them. */
  readonly members: readonly string[];
  /** What each of these said about itself, `null` for nothing. */
  readonly labels: readonly (string | null)[];
  /** Newest first; the first one is the present assignment. */
  readonly spans: readonly [OwnerSpan, ...OwnerSpan[]];
}

/**
 * How many former spans a plan keeps, and for how long after they ended, milliseconds: as long as an instance may be out of
 * reach and still be told which of the fires of that time were its own. `FORMER_OWNERS` bounds the size of the document,
 * which has to fit into a node, where there are very many items.
 */
const FORMER_SPANS = 16;
const FORMER_SPAN_AGE_MS = 600_000;
const FORMER_OWNERS = 40_000;

/** The spans of a plan that follows `former`, of which only what late fires may still need is kept. */
export function followingSpans(
  present: OwnerSpan,
  former: AssignmentPlan | null,
): readonly [OwnerSpan, ...OwnerSpan[]] {
  const spans = former?.spans ?? [];
  let owners = 0;
  const kept = spans.filter((span, index) => {
    const end = spans[index - 1]?.after ?? present.after;
    owners += span.owners.length;
    return index < FORMER_SPANS && owners <= FORMER_OWNERS && end > present.after - FORMER_SPAN_AGE_MS;
  });
  return [present, ...kept];
}

/**
 * Who owns which item, as far as this instance knows. `spans` is empty before the first resharding. After a resharding
 * by a Java leader nobody says since when its only span holds: `after` is then `-Infinity` and `dated` false.
 */
export interface Assignment {
  readonly spans: readonly OwnerSpan[];
  readonly dated: boolean;
}

/** Before the first resharding. */
export const NO_ASSIGNMENT: Assignment = { spans: [], dated: true };

/** The items whose fires of a planned time are for `instanceId` to see to, by default now and later; ascending. */
export function itemsOf(assignment: Assignment, instanceId: string, at = Number.POSITIVE_INFINITY): number[] {
  const span = assignment.spans.find(({ after }) => after < at);
  const isMine = (owner: string | null, item: number): boolean =>
    owner === null ? ownerAt(assignment, item, at) === instanceId : owner === instanceId;
  return span?.owners.flatMap((owner, item) => (isMine(owner, item) ? [item] : [])) ?? [];
}

/** Whether it is still known whose a fire of this planned time was. */
export function reachesBackTo({ spans }: Assignment, at: number): boolean {
  return spans.some(({ after }) => after < at);
}

/**
 * Who is to see to a fire of an item: its owner at the planned time, or, if it was nobody's, whoever was given it next.
 * `null` if nobody was yet, or if that is longer ago than the spans reach.
 */
export function ownerAt({ spans }: Assignment, item: number, at: number): string | null {
  for (let index = spans.findIndex(({ after }) => after < at); index >= 0; index--) {
    const owner = spans[index]?.owners[item];
    if (owner !== null) return owner ?? null;
  }
  return null;
}

/** A time in which nobody owned items that an instance was given then. */
export interface Estate {
  readonly items: readonly number[];
  /** Fires planned later than this, and not later than `until`. */
  readonly after: number;
  readonly until: number;
}

/** What `instanceId` was left by plans that were written after the transaction `since`. */
export function estatesOf({ spans }: Assignment, instanceId: string, since: bigint): Estate[] {
  return spans.flatMap((span, index) => {
    if (span.by === undefined || span.by <= since) return [];
    const items = span.owners.flatMap((owner, item) => (owner === instanceId ? [item] : []));
    return leftBefore(span, items, spans.slice(index + 1));
  });
}

function leftBefore({ after: until }: OwnerSpan, items: readonly number[], earlier: readonly OwnerSpan[]): Estate[] {
  const [span, ...more] = earlier;
  const left = items.filter((item) => span?.owners[item] === null);
  if (span === undefined || left.length === 0) return [];
  return [{ items: left, after: span.after, until }, ...leftBefore(span, left, more)];
}

/** The document's text: instances once, owners as indices into them, `-1` for nobody. */
export function encodePlan({ changes, strategy, members, labels, spans }: AssignmentPlan): string {
  const owners = spans.flatMap((span) => span.owners).filter((owner) => owner !== null);
  const names = [...new Set([...members, ...owners])];
  const index = new Map(names.map((name, position) => [name, position]));
  const indices = (span: OwnerSpan): number[] =>
    span.owners.map((owner) => (owner === null ? -1 : (index.get(owner) ?? -1)));
  const written = spans.map((span) => ({
    after: span.after,
    owners: indices(span),
    ...(span.by === undefined ? {} : { by: String(span.by) }),
  }));
  const said = labels.some((text) => text !== null) ? { labels } : {};
  return JSON.stringify({ v: 1, changes, strategy, members: members.length, names, ...said, spans: written });
}

/** Reads what {@link encodePlan} wrote; `null` for anything else. `by`: the transaction that wrote it, as its node tells. */
export function decodePlan(text: string, by?: bigint): AssignmentPlan | null {
  // Written by somebody else: the nodes of the items are read instead.
  const raw = readDocument(text);
  if (raw === null) return null;
  const { changes, strategy, members, names, labels = [], spans } = raw;
  if (!isCount(changes) || typeof strategy !== 'string' || !isCount(members)) return null;
  if (!isListOf(names, isText) || !isListOf(labels, isTextOrNull) || !isListOf(spans, isSpan)) return null;
  const [present, ...former] = spans.map((span) => ({
    after: span.after,
    owners: span.owners.map((position) => names[position] ?? null),
    ...(span.by === undefined ? {} : { by: BigInt(span.by) }),
  }));
  if (present === undefined) return null;
  const considered = names.slice(0, members);
  const said = considered.map((_, position) => labels[position] ?? null);
  return {
    changes,
    strategy,
    members: considered,
    labels: said,
    spans: [by === undefined ? present : { ...present, by }, ...former],
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isIndex = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= -1;
const isText = (value: unknown): value is string => typeof value === 'string';
const isTextOrNull = (value: unknown): value is string | null => value === null || isText(value);
const isTransaction = (value: unknown): value is string => isText(value) && /^\d{1,20}$/.test(value);
const isSpan = (value: unknown): value is { after: number; owners: number[]; by?: string } =>
  isRecord(value) &&
  isCount(value.after) &&
  isListOf(value.owners, isIndex) &&
  (value.by === undefined || isTransaction(value.by));

function isListOf<T>(value: unknown, is: (entry: unknown) => entry is T): value is T[] {
  return Array.isArray(value) && value.every(is);
}
