import type { ClockDifferenceAction, DstPolicy } from './definition.js';
import type { MisfirePolicy } from './misfire-policy.js';

/**
 * What a person writes to define a job. Names and defaults are ElasticJob's; an option that is left out, `undefined` or
 * `null` has its default. See {@link defineJob} for what is refused.
 *
 * @example
 * const options: JobOptions = {
 *   name: 'invoice', cron: '0/5 * * * * ?', timeZone: 'Asia/Shanghai',
 *   shardingTotalCount: 3, shardingItemParameters: '0=Beijing,1=Shanghai,2=Guangzhou',
 * };
 */
export interface JobOptions {
  /**
   * The job's name, one node of the registry below the namespace and the same for all members. Required (here or as
   * `jobName`). Not allowed: `/`, `@`, `\ ^ $ | ? * + ( ) [ ] { }`, control characters, blanks at either end, the names
   * `.` and `..`. A changed name is a new job, the old one's nodes stay.
   *
   * @example 'invoice'
   */
  name?: string;
  /** ElasticJob's word for `name`. If both are given they must be equal. */
  jobName?: string;
  /**
   * When the job fires. With a `?` it is a Quartz expression (1 = Sunday), without it the dialect of `@nestjs/schedule`
   * (0 and 7 = Sunday, five or six fields). Default: none, then the job runs only when triggered. An expression that
   * never fires again is refused.
   *
   * @example '0/5 * * * * ?'
   */
  cron?: string | null;
  /**
   * The zone in which `cron` is read: an IANA name or `GMT±h:mm`. Default: the zone of the process, which must then be
   * the same on every machine. Java members understand only `GMT±h:mm`.
   *
   * @example 'Asia/Shanghai'
   */
  timeZone?: string | null;
  /**
   * Into how many items the job is split. Required, 1 to 2147483647. With 1 one instance works at a time; with more items
   * than instances each has several; with fewer, some instances stand by. All items of a plan must fit into one request
   * to the registry (1,000,000 bytes), which some thousands do.
   *
   * @example 3
   */
  shardingTotalCount: number;
  /**
   * A parameter per item as `item=text,item=text`, given to the handler as `context.shardingParameter`. Default `''`: no
   * item has one. Values cannot contain `,` or `=`; items that are not listed have none; of one listed twice the last
   * counts; numbers outside of the count are kept for the day when the count grows.
   *
   * @example '0=Beijing,1=Shanghai'
   */
  shardingItemParameters?: string;
  /**
   * A text for all items, given to the handler as `context.jobParameter`. Default `''`.
   *
   * @example 'table=orders'
   */
  jobParameter?: string;
  /**
   * Whether each running item is marked in the registry. Default `true`. The mark keeps two instances from running the
   * same item at once and carries the fencing token; it costs two writes per item and run. `false` is for jobs that fire
   * every few seconds and bear an overlap.
   */
  monitorExecution?: boolean;
  /**
   * Whether another instance executes an item once more, at once, whose instance died while running it: a crashed run is
   * executed elsewhere after the session timeout. Default `false`: the item runs again at its next fire. Needs
   * `monitorExecution`. For jobs whose work bears being done twice, in whole or in part, since nobody knows how far the
   * dead instance came; its late writes can be told by `context.fencingToken`.
   */
  failover?: boolean;
  /**
   * Whether a fire is made up for that could not be run at its time, because the former run of its item was still going
   * on, the process slept, or the registry was away: once for all of them, as soon as it is possible. Default `true`,
   * unless {@link misfirePolicy} is `skip`. With `false` such fires are recorded as skipped.
   */
  misfire?: boolean;
  /**
   * The same in more detail, for TypeScript members: `skip`, `fire-once` (the latest of the missed fires), `fire-all:n`
   * (the latest n, 1 to 100, one after the other; `fire-all` is `fire-all:100`). Default: `fire-once` with `misfire`, else
   * `skip`. `misfire: true` and `skip` contradict each other and are refused.
   *
   * @example 'fire-all:5'
   */
  misfirePolicy?: MisfirePolicy | 'fire-all' | null;
  /**
   * The largest difference between this machine's clock and the registry's, whole seconds. A fire that finds a larger one
   * is not run. Default `-1`: not checked. With 0 nothing runs unless the clocks agree to the millisecond.
   *
   * @example 30
   */
  maxTimeDiffSeconds?: number;
  /**
   * What a fire meets then: `skip` (it is recorded as skipped, and the error handler is told) or `report` (it is run, and
   * the error handler is told, as in Java). Default `skip`.
   *
   * @example 'report'
   */
  maxTimeDiffAction?: ClockDifferenceAction | null;
  /**
   * How often the assignment is compared with the instances that are there, minutes. Default `10`. 0 and less switch it
   * off, then only changes that were noticed lead to a new assignment.
   *
   * @example 1
   */
  reconcileIntervalMinutes?: number;
  /**
   * How items are given to instances: `AVG_ALLOCATION`, `ODEVITY`, `ROUND_ROBIN`, `SINGLE_SHARDING_BALANCE`, `STICKY`, `WEIGHTED`, or the type of a strategy that the
   * application adds; capitals do not matter. Default: `AVG_ALLOCATION`. All members need it, since any may lead.
   * `SINGLE_SHARDING_BALANCE` lets the instances take turns at a job with one item.
   *
   * @example 'ROUND_ROBIN'
   */
  jobShardingStrategyType?: string | null;
  /**
   * How many items of the job run at the same time on one instance: `CPU` (twice the processors), `SINGLE_THREAD` (one
   * after another), the type of a policy that the application adds, or a number from 1 to 2147483647. Default: `CPU`.
   * With 1 a slow item delays all others of its instance.
   *
   * @example 4
   */
  jobExecutorThreadPoolSizeProviderType?: string | number | null;
  /**
   * What happens with the error of a failed item: `LOG`, `THROW` (the run fails after all items have settled), `IGNORE`,
   * `EMAIL`, `WEBHOOK`, `DINGTALK`, `WECHAT` (which tell people or programs, as the `props` that begin with their name
   * say), or the type of a handler that the application adds; capitals do not matter. Default: `LOG`.
   *
   * @example 'THROW'
   */
  jobErrorHandlerType?: string | null;
  /**
   * The types of the listeners called before and after each run, in this order. Default `[]`.
   *
   * @example ['AUDIT']
   */
  jobListenerTypes?: readonly string[];
  /** Java's own tracing configuration. Not supported: what Java members stored is kept, ours belongs to the module. */
  jobExtraConfigurations?: readonly unknown[];
  /** A sentence for people. Default `''`. */
  description?: string;
  /**
   * More settings by name, texts only: those of the job's kind (`streaming.process`, `script.command.line`, `http.uri`),
   * of its error handler (`email.host`), and your own. `{secret:NAME}` in one of an HTTP job or of an error handler stands
   * for an entry of the engine's option `secrets`. Default `{}`. Names that begin with `elasticjob.ts.` are reserved.
   *
   * @example { 'streaming.process': 'true' }
   */
  props?: Readonly<Record<string, string>>;
  /** Whether a server that registers for the first time starts disabled, until a person enables it. Default `false`. */
  disabled?: boolean;
  /**
   * Whether this definition replaces the stored one at start. Default `false`: the first member's definition stays and
   * later differences are ignored, with a warning that names them. `true` on members that differ makes them overwrite each other at every
   * start.
   */
  overwrite?: boolean;
  /**
   * A word to find jobs by. Default: none.
   *
   * @example 'billing'
   */
  label?: string | null;
  /**
   * Whether items stay where they are when instances come and go. Default `false`. With `true` they are given away at the
   * first fire, among the instances that are there by then, and again only when `shardingTotalCount` changes or an operator
   * asks for it; items of an instance that is gone do not run until one of the same `instanceId` comes.
   */
  staticSharding?: boolean;
  /**
   * The job class as Java members know it, stored at the job's root, so that a TypeScript class can join a Java job. All
   * members must agree. Default: what is stored there, else the job's name.
   *
   * @example 'com.example.InvoiceJob'
   */
  className?: string | null;
  /**
   * What happens to fires at local times that daylight saving removes (`gap`) or repeats (`overlap`). Default: as the
   * dialect of `cron` has it. No effect in zones without daylight saving.
   *
   * @example { gap: 'run-after', overlap: 'first' }
   */
  dst?: DstPolicy | null;
  /**
   * The longest time that one item may run before its signal aborts: milliseconds or a text like `500ms`, `30s`, `5m`,
   * `2h`, `1d`; 1 to 2147483647 ms. Default: none. A handler that ignores its signal is not stopped by it, and its item
   * starts no new run until it has settled.
   *
   * @example '30s'
   */
  timeout?: number | string | null;
}
