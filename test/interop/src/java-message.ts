interface OfJob {
  readonly job: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

/** The call of an item's handler, or its end. */
export interface JavaRun extends OfJob {
  readonly item: number;
  /** The item's parameter, `null` if it has none. */
  readonly parameter: string | null;
  readonly jobParameter: string;
  readonly taskId: string;
  readonly thread: string;
}

/** What a Java member tells, one JSON text per line. */
export type JavaEvent =
  /** It is connected and obeys. */
  | { readonly kind: 'ready'; readonly instanceId: string; readonly at: number }
  /** Curator's state of its connection. */
  | {
      readonly kind: 'connection';
      readonly state: 'CONNECTED' | 'SUSPENDED' | 'RECONNECTED' | 'LOST';
      readonly at: number;
    }
  /** The handler of an item was called. */
  | ({ readonly kind: 'begin' } & JavaRun)
  /** It has ended. */
  | ({ readonly kind: 'end'; readonly outcome: 'done' | 'failed' | 'interrupted' } & JavaRun)
  /** The listener `REPORTING` was called. */
  | ({ readonly kind: 'before' | 'after'; readonly items: readonly number[] } & OfJob)
  /** The listener `ONCE` was called. */
  | ({ readonly kind: 'once-before' | 'once-after' } & OfJob)
  /** A command was performed, or failed. */
  | { readonly kind: 'answer'; readonly number: number; readonly value?: unknown; readonly error?: string };
