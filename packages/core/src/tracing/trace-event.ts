/** Why a run takes place: a fire, a person or program, a crash of another instance, or a fire that was missed. */
export type ExecutionSource = 'NORMAL_TRIGGER' | 'MANUAL_TRIGGER' | 'FAILOVER' | 'MISFIRE';

/** ElasticJob's states of a run. */
export type TaskState = 'TASK_STAGING' | 'TASK_RUNNING' | 'TASK_FINISHED' | 'TASK_ERROR';

/** Why a planned fire of an item was not executed by this instance. */
export type SkipReason =
  /** The item's former call on this instance has not settled yet. */
  | 'overlap'
  /** Another instance holds the item's `running` mark. */
  | 'running-elsewhere'
  /** The assignment changed while the mark of a triggered run was being made. */
  | 'resharded'
  /** Several fires fell into one resharding, or into one run of the item; only the last of them are run. */
  | 'superseded'
  /** The registry was not reachable, or the session was lost. */
  | 'no-session'
  /** An operator disabled the item or the server. */
  | 'disabled'
  /** The instance that ran it is gone, and there is no such item any more. */
  | 'surplus'
  /** Nobody owned the item at that time: no instance took part in the job. */
  | 'no-owner'
  /** The job is paused. */
  | 'paused'
  /** The clocks of this machine and of the registry differ by more than the job allows. */
  | 'clock'
  /** The timer woke so late that the next fire was already due, or more than a minute late. */
  | 'late';

interface TraceBase {
  readonly jobName: string;
  readonly instanceId: string;
  /** When it happened, epoch milliseconds. */
  readonly at: number;
}

/** A run as a whole changed its state. */
export interface StatusTrace extends TraceBase {
  readonly kind: 'status';
  readonly taskId: string;
  readonly items: readonly number[];
  readonly state: TaskState;
  readonly message: string;
}

/** An item's handler was called. */
export interface ItemStartedTrace extends TraceBase {
  readonly kind: 'item-started';
  /** Shared with the event of the item's end. */
  readonly id: string;
  readonly taskId: string;
  readonly item: number;
  readonly source: ExecutionSource;
  readonly scheduledAt: number;
  readonly fencingToken: bigint | undefined;
}

/** An item's handler settled, or its outcome no longer counts because the session was lost. */
export interface ItemFinishedTrace extends TraceBase {
  readonly kind: 'item-finished';
  readonly id: string;
  readonly taskId: string;
  readonly item: number;
  readonly source: ExecutionSource;
  readonly scheduledAt: number;
  readonly durationMs: number;
  readonly success: boolean;
  /** Stack trace with causes when `success` is false. */
  readonly failureCause: string | undefined;
}

/** A fire that this instance was responsible for was not executed. */
export interface FireSkippedTrace extends TraceBase {
  readonly kind: 'fire-skipped';
  /** What would have run: a fire of its schedule, or what somebody asked for, perhaps for the same planned time. */
  readonly source: ExecutionSource;
  readonly items: readonly number[];
  readonly scheduledAt: number;
  readonly reason: SkipReason;
}

/** Something about who does what changed. */
export interface CoordinationTrace extends TraceBase {
  readonly kind: 'coordination';
  readonly event:
    | 'registered'
    | 'elected'
    | 'abdicated'
    | 'resharded'
    | 'assigned'
    | 'taken-over'
    | 'suspended'
    | 'session-lost'
    | 'reconnected'
    | 'draining'
    | 'left'
    | 'shut-down-remotely'
    | 'waiting';
  /** Constant keys per event: `items`, `reason`, `instances`, … */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Everything the kernel tells about what it does. */
export type TraceEvent = StatusTrace | ItemStartedTrace | ItemFinishedTrace | FireSkippedTrace | CoordinationTrace;
