/** A job that both sides run the same way. */
export interface ContestJob {
  readonly name: string;
  readonly items: number;
  /** Quartz. */
  readonly cron: string;
  readonly monitorExecution: boolean;
  readonly failover: boolean;
  /** How long the handler of an item works, milliseconds. */
  readonly workMs: number;
}

/** Where a member is to stand. */
export interface ContestPlace {
  readonly connectString: string;
  readonly namespace: string;
  readonly sessionTimeoutMs: number;
  /** Of the instance, beginning with 1; decides its address. */
  readonly number: number;
  /** The handler of an item was called here. */
  onBegin(job: string, item: number): void;
}

/** A process that takes part in jobs. */
export interface ContestMember {
  readonly instanceId: string;
  readonly pid: number;
  /**
   * Takes part in jobs as its applications do at their start; resolves when it has joined all of them. Alone, ours also
   * waits until it owns all their items, which Java assigns at their first fire.
   */
  join(jobs: readonly ContestJob[], company?: 'alone'): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
}

/** One of the two sides of a comparison. */
export interface Contender {
  readonly name: 'ours' | 'java';
  /** Starts a process that is connected and has joined no job. */
  start(place: ContestPlace): Promise<ContestMember>;
}
