interface OfRun {
  readonly job: string;
  readonly item: number;
  /** Planned time of the fire, epoch milliseconds. */
  readonly scheduledAt: number;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** What an instance tells on its output, one JSON text per line. */
export type WorkerMessage =
  /** All its jobs have joined. */
  | { readonly kind: 'ready' }
  /** Its event loop stood still for `sleptMs` and turns again. */
  | { readonly kind: 'woke'; readonly sleptMs: number; readonly at: number }
  /** User code was called; `trigger`: the id of the trigger that asked for it, `null` for a fire. */
  | (OfRun & { readonly kind: 'begin'; readonly token: string; readonly trigger: string | null })
  /** The next `begin` with this token executes a run again that crashed elsewhere; `null` if nobody knows where. */
  | (OfRun & { readonly kind: 'taken-over'; readonly token: string; readonly from: string | null })
  /** User code is done and the ledger has accepted its work. */
  | (OfRun & { readonly kind: 'end'; readonly token: string })
  /** The signal of a run was aborted. */
  | (OfRun & { readonly kind: 'aborted'; readonly token: string; readonly reason: string })
  /** The kernel's outcome of a run. */
  | (OfRun & { readonly kind: 'finished'; readonly success: boolean; readonly cause: string | undefined })
  /** The kernel recorded that a fire was not run, and why. */
  | {
      readonly kind: 'skipped';
      readonly job: string;
      readonly items: readonly number[];
      readonly scheduledAt: number;
      readonly reason: string;
      readonly at: number;
    }
  /** Something about who does what changed. */
  | {
      readonly kind: 'coordination';
      readonly job: string;
      readonly event: string;
      readonly items: readonly number[] | undefined;
      readonly details: Readonly<Record<string, unknown>>;
      readonly at: number;
    };
