import type { DstPolicy } from '../schedule/dst-policy.js';
import type { MisfirePolicy } from './misfire-policy.js';

export type { DstPolicy };

/** `skip`: the fire is not run. `report`: it is run, and the error handler is told, as in Java. */
export type ClockDifferenceAction = 'skip' | 'report';

/**
 * A job as the kernel sees it: validated, complete, frozen. Names are ElasticJob's; `null` means "the default of the
 * extension point", as Java stores it.
 */
export interface JobDefinition {
  readonly jobName: string;
  /** Cron expression (Quartz dialect with `?`, the dialect of `@nestjs/schedule` without); `null` = only by trigger. */
  readonly cron: string | null;
  /** IANA name or `GMT+8:00`; `null` = the zone of the process. */
  readonly timeZone: string | null;
  readonly shardingTotalCount: number;
  /** `0=a,1=b`. */
  readonly shardingItemParameters: string;
  readonly jobParameter: string;
  readonly monitorExecution: boolean;
  readonly failover: boolean;
  readonly misfire: boolean;
  readonly maxTimeDiffSeconds: number;
  readonly reconcileIntervalMinutes: number;
  readonly jobShardingStrategyType: string | null;
  readonly jobExecutorThreadPoolSizeProviderType: string | null;
  readonly jobErrorHandlerType: string | null;
  readonly jobListenerTypes: readonly string[];
  readonly description: string;
  readonly props: Readonly<Record<string, string>>;
  readonly disabled: boolean;
  readonly overwrite: boolean;
  readonly label: string | null;
  readonly staticSharding: boolean;
  /** What Java calls the job class, stored at the job's root; `null` = adopt what is stored, else the job's name. */
  readonly className: string | null;
  /** `null` = the dialect's own behaviour. */
  readonly dst: DstPolicy | null;
  /** Longest time an item may run before its signal aborts, milliseconds; `null` = none. */
  readonly timeout: number | null;
  /** What becomes of fires that could not be run at their time; `null` = as `misfire` says. */
  readonly misfirePolicy: MisfirePolicy | null;
  /** What a fire meets when the clocks differ by more than `maxTimeDiffSeconds`; `null` = it is skipped. */
  readonly maxTimeDiffAction: ClockDifferenceAction | null;
  /** Items that run at the same time on one instance; `null` = by `jobExecutorThreadPoolSizeProviderType`. */
  readonly poolSize: number | null;
}
