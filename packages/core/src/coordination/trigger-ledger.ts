import { ElasticJobError } from '../foundation/errors.js';
import type { CommitResult, Operation, Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';
import { type JointClaim, type RunningMarks, unanswered } from './running-marks.js';
import { decodeHold, encodeHold, entryNamed, runName, type TriggerEntry, type TriggerHold } from './trigger-entry.js';
import {
  decodeOutcome,
  decodeTrigger,
  encodeOutcome,
  type TriggerOutcome,
  type TriggerRecord,
} from './trigger-record.js';

/** An entry as it stands in the registry. */
export interface TriggerState {
  readonly entry: TriggerEntry;
  /** `null`: nobody has begun it. */
  readonly hold: TriggerHold | null;
  /** How it is to end without being begun, which somebody is about to tell: then it is nobody's to begin. */
  readonly ending: TriggerOutcome | null;
  readonly version: number;
}

/** What became of an attempt to begin a run. */
export type TriggerTake =
  | { readonly kind: 'taken'; readonly state: TriggerState; readonly fencingToken: bigint | undefined }
  /** The item's mark is there: somebody runs the item, for whatever reason. */
  | { readonly kind: 'running-elsewhere' }
  /** Another instance has begun it. */
  | { readonly kind: 'held'; readonly hold: TriggerHold }
  /** It has ended, or was called off. */
  | { readonly kind: 'over' };

/**
 * The runs that were asked for, as they stand in the registry. What it does to an entry it does to the version it knows
 * of, so that of several who want the same only one succeeds.
 */
export class TriggerLedger {
  constructor(
    private readonly registry: Registry,
    private readonly jobName: string,
  ) {}

  /** What a trigger asks for; `null` if it is not complete, or forgotten. */
  async record(id: string): Promise<TriggerRecord | null> {
    const node = await this.registry.read(this.#at(layout.triggerRecord(id)));
    return node === null ? null : decodeTrigger(node.value);
  }

  /** The entry as it stands; `null` if it has ended. */
  async state(entry: TriggerEntry): Promise<TriggerState | null> {
    const node = await this.registry.read(this.#path(entry));
    if (node === null) return null;
    const { value, stat } = node;
    return { entry, hold: decodeHold(value), ending: decodeOutcome(value), version: stat.version };
  }

  /**
   * Begins the run, together with the item's mark: whoever has both, alone has them. `marks` is `null` for a job without
   * marks. An entry that `held` holds, and nobody else, is begun anew.
   */
  async take(
    entry: TriggerEntry,
    hold: TriggerHold,
    marks: { readonly marks: RunningMarks; readonly witness: bigint | null } | null,
    from: TriggerState = { entry, hold: null, ending: null, version: 0 },
  ): Promise<TriggerTake> {
    const value = encodeHold(hold);
    for (let state = from; ; ) {
      const change: Operation = { kind: 'write', path: this.#path(entry), value, version: state.version };
      const claim = await this.#claim(entry, change, marks);
      if (claim.claimed) {
        const { fencingToken } = claim;
        return { kind: 'taken', state: { entry, hold, ending: null, version: state.version + 1 }, fencingToken };
      }
      if (claim.reason === 'running-elsewhere') return { kind: 'running-elsewhere' };
      const found = await this.state(entry);
      if (found === null) return { kind: 'over' };
      const isFree = found.hold === null || isSame(found.hold, from.hold) || isSame(found.hold, hold);
      if (found.hold !== null && !isFree) return { kind: 'held', hold: found.hold };
      state = found;
    }
  }

  /**
   * The run has ended: its outcome is told, or that which it was about to end with, and its entry and its mark go, in one
   * transaction if that can be. `marks` is `null` if there is none. Resolves to whether it was told; `false`: somebody
   * else has, or has begun it.
   */
  async conclude(found: TriggerState, outcome: TriggerOutcome, marks: RunningMarks | null = null): Promise<boolean> {
    const state = found.hold === null ? await this.#withdrawn(found, outcome) : found;
    if (state === null) return false;
    const { entry } = state;
    const told: Operation = {
      kind: 'create',
      path: this.#at(layout.triggerOutcome(entry.id, runName(entry))),
      value: encodeOutcome(state.ending ?? outcome),
      mode: 'persistent',
    };
    const gone: Operation = { kind: 'remove', path: this.#path(entry), version: state.version };
    if (await marks?.releaseWith(entry.item, [told, gone])) return true;
    const isTold = await this.#removed(told, gone);
    await marks?.release(entry.item);
    return isTold;
  }

  /** The run was not begun after all: it is anybody's again, and the mark goes. */
  async putBack({ entry, version }: TriggerState, marks: RunningMarks | null): Promise<void> {
    const freed: Operation = { kind: 'write', path: this.#path(entry), value: '', version };
    if (await marks?.releaseWith(entry.item, [freed])) return;
    await this.#commit([[freed]]);
    await marks?.release(entry.item);
  }

  /**
   * Whether there is nothing any more by which a run that was begun could still go on, or be taken over: its instance is
   * not there in the session in which it began, and there is no mark of the item and no crashed run of it.
   */
  async isDead({ item }: TriggerEntry, { instanceId, session }: TriggerHold): Promise<boolean> {
    // In this order: what a takeover makes it makes before it removes what it replaces.
    const nodes = [layout.running(item), layout.failovering(item), layout.failoverItem(item)];
    const [instance, ...signs] = await Promise.all([
      instanceId === '' ? null : this.registry.read(this.#at(layout.instance(instanceId))),
      ...nodes.map((path) => this.registry.read(this.#at(path))),
    ]);
    return instance?.stat.ephemeralOwner !== session && signs.every((node) => node === null);
  }

  /** The entries of an item, as they stand now. */
  async entriesOf(item: number): Promise<TriggerEntry[]> {
    const names = (await this.registry.children(this.#at(layout.openTriggers)))?.names ?? [];
    return names.flatMap((name) => entryNamed(name) ?? []).filter((entry) => entry.item === item);
  }

  /**
   * Without transactions an outcome is told before the entry goes. So that nobody begins the run in between, or after whoever
   * tells has died there, the entry itself first says how it is to end. `null`: somebody has begun it, or it is gone.
   */
  async #withdrawn(state: TriggerState, ending: TriggerOutcome): Promise<TriggerState | null> {
    if (this.registry.capabilities.atomicCommit) return state;
    const { entry, version } = state;
    const change: Operation = { kind: 'write', path: this.#path(entry), value: encodeOutcome(ending), version };
    const { committed } = await this.#commit([[change]]);
    return committed ? { ...state, ending, version: version + 1 } : null;
  }

  /** Without an item of its own an outcome cannot be told: the trigger was forgotten by hand, and only the entry goes. */
  async #removed(told: Operation, gone: Operation): Promise<boolean> {
    const result = await this.#commit([[told], [gone]]);
    if (result.committed || result.operation.path === gone.path) return result.committed;
    return (await this.#commit([[gone]])).committed;
  }

  /** All of it can be asked for again, since it is about versions. */
  async #commit(stages: readonly (readonly Operation[])[]): Promise<CommitResult> {
    try {
      return await this.registry.commit(stages);
    } catch (error) {
      throw ElasticJobError.is(error, 'RESULT_UNKNOWN') ? unanswered(error) : error;
    }
  }

  async #claim(
    { item }: TriggerEntry,
    change: Operation,
    marks: { readonly marks: RunningMarks; readonly witness: bigint | null } | null,
  ): Promise<JointClaim | { readonly claimed: true; readonly fencingToken: undefined }> {
    if (marks !== null) return marks.marks.claimWith(item, marks.witness, change);
    const result = await this.registry.commit([[change]]);
    return result.committed ? { claimed: true, fencingToken: undefined } : { claimed: false, reason: 'refused' };
  }

  #path({ name }: TriggerEntry): string {
    return this.#at(layout.openTrigger(name));
  }

  #at(path: string): string {
    return jobPath(this.jobName, path);
  }
}

function isSame(one: TriggerHold, other: TriggerHold | null): boolean {
  return other !== null && one.instanceId === other.instanceId && one.session === other.session;
}
