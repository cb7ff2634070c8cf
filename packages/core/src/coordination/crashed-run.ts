/** A node that names the instance it belongs to: the mark of a running item, or the note of a takeover. */
export interface SignedNode {
  readonly instanceId: string;
  readonly czxid: bigint;
  readonly version: number;
  /** When it was made, registry's clock, epoch milliseconds. */
  readonly ctime: number;
  /** It goes with its session by itself. */
  readonly ephemeral: boolean;
}

/** What there is of an instance in the registry. */
export interface Presence {
  /** `instances/{id}` exists. */
  readonly registered: boolean;
  /** `extension/sessions/{id}` exists: the session in which the instance makes lasting marks lives. */
  readonly witnessed: boolean;
  /** What the instance signed before this transaction it signed in a session that has ended; `null` = not known. */
  readonly since: bigint | null;
}

/** What stands below `sharding/{item}`, and about the item below `leader/failover`, that tells of a crashed run. */
export interface ItemState {
  readonly item: number;
  /** `running` */
  readonly mark: SignedNode | null;
  /** `failovering` */
  readonly takeover: SignedNode | null;
  /** `leader/failover/items/{item}` exists: the crashed run waits for somebody. */
  readonly announced: boolean;
  /** An operator switched the item off. */
  readonly disabled: boolean;
}

/** Who looks for crashed runs. */
export interface Searcher {
  readonly instanceId: string;
  readonly itemCount: number;
  /** Whether crashed runs are to be executed again at all. */
  readonly failover: boolean;
  /** Items whose takeover by this instance is under way in this process. */
  readonly underway: Pick<ReadonlySet<number>, 'has'>;
}

/** Why a crashed run is not executed again. */
export type DropReason = 'switched-off' | 'surplus' | 'disabled';

/** What is to be done about an item. */
export type Verdict =
  | { readonly kind: 'nothing' }
  /** Execute the crashed run again. */
  | { readonly kind: 'take' }
  /** It is this instance's already, and nobody executes it: an attempt that was not finished. */
  | { readonly kind: 'resume' }
  /** Take the marks away; nobody is to execute it. */
  | { readonly kind: 'drop'; readonly reason: DropReason }
  /**
   * Look again when the mark, or the note of the takeover, has gone. `isLeaving`: also when the witness of its instance has,
   * which is not registered any more, so that nothing else would tell of its end.
   */
  | { readonly kind: 'wait'; readonly until: 'unmarked' | 'untaken'; readonly isLeaving: boolean };

/**
 * Whether what a node stands for has ended without a word: nobody is there who could remove it. An instance is there as
 * long as it is registered *or* its witness is: an operator who removes `instances/{id}` orders a stop, and what runs
 * there goes on until it has settled. One that came back under its id is not the one that signed before.
 */
export function isDead(node: SignedNode, { registered, witnessed, since }: Presence): boolean {
  if (node.ephemeral) return false;
  if (!registered && !witnessed) return true;
  return since !== null && node.czxid < since;
}

/** What is to be done about an item, given who is there of those that its nodes name. */
export function verdictOn(state: ItemState, presenceOf: (instanceId: string) => Presence, self: Searcher): Verdict {
  const { item, mark, takeover, announced } = state;
  const isOver = (node: SignedNode): boolean => isDead(node, presenceOf(node.instanceId));
  const isLeaving = ({ ephemeral, instanceId }: SignedNode): boolean =>
    !ephemeral && !presenceOf(instanceId).registered;
  const marked = mark !== null && !isOver(mark);
  const untilGone = (until: 'unmarked' | 'untaken', node: SignedNode): Verdict => ({
    kind: 'wait',
    until,
    isLeaving: isLeaving(node),
  });
  if (takeover !== null && !isOver(takeover)) {
    const isOthers = takeover.instanceId !== self.instanceId;
    // What it leaves behind, or gives back, is for others once its note is gone.
    if (isOthers && (announced || isLeaving(takeover))) return untilGone('untaken', takeover);
    if (isOthers || self.underway.has(item)) return { kind: 'nothing' };
    return marked ? untilGone('unmarked', mark) : { kind: 'resume' };
  }
  const crashed = announced || takeover !== null || (mark !== null && !marked);
  if (marked && (crashed || isLeaving(mark))) return untilGone('unmarked', mark);
  if (!crashed) return { kind: 'nothing' };
  const reason = dropReason(state, self);
  return reason === null ? { kind: 'take' } : { kind: 'drop', reason };
}

function dropReason({ item, disabled }: ItemState, { itemCount, failover }: Searcher): DropReason | null {
  if (!failover) return 'switched-off';
  if (item >= itemCount) return 'surplus';
  return disabled ? 'disabled' : null;
}

/**
 * How many crashed runs one instance takes at once: its share of them, as long as there is room, so that one that is first
 * does not take everything from the others.
 */
export function fairShare(crashed: number, instances: number, room: number): number {
  return Math.max(0, Math.min(room, Math.ceil(crashed / Math.max(1, instances))));
}
