import { RegistryTime } from '../coordination/registry-time.js';
import 'reflect-metadata';
import { Container, ContainerModule, type ResolutionContext } from 'inversify';
import { BUILT_IN_STRATEGIES, type ShardingStrategy } from '../coordination/sharding-strategies.js';
import { dataflowJob } from '../execution/dataflow-job.js';
import { builtInErrorHandlers } from '../execution/error-handlers.js';
import { httpJob } from '../execution/http-job.js';
import type { JobErrorHandler, JobListener, PoolPolicy } from '../execution/job-extensions.js';
import type { JobKind } from '../execution/job-kind.js';
import { builtInPoolPolicies } from '../execution/pool-policies.js';
import { scriptJob } from '../execution/script-job.js';
import { simpleJob } from '../execution/simple-job.js';
import { type Clock, systemClock } from '../foundation/clock.js';
import { type Logger, writeLogger } from '../foundation/logger.js';
import type { JobDefinition } from '../job/definition.js';
import type { JobHandler } from '../job/handlers.js';
import { type InstanceIdentity, instanceIdentity } from '../job/identity.js';
import { CHANNELS } from '../notification/channels.js';
import { Deliveries } from '../notification/deliveries.js';
import { Moderation } from '../notification/moderation.js';
import { type NotifyingServices, notifyingHandler } from '../notification/notifying-handler.js';
import { DumpServer } from '../operations/dump-server.js';
import { createOperations, type Operations } from '../operations/operations.js';
import { MemoryServer } from '../registry/memory-server.js';
import { nativeDriver } from '../registry/native-driver.js';
import type { Registry } from '../registry/registry.js';
import { REGISTRY_DEFAULTS } from '../registry/registry-options.js';
import { SessionRegistry } from '../registry/session-registry.js';
import { wireDriver } from '../registry/wire-driver.js';
import { AlarmClock } from '../schedule/alarm-clock.js';
import type { TraceSink } from '../tracing/trace-sink.js';
import { changeLog, fanOut } from '../tracing/trace-sinks.js';
import { type EngineOptions, isRegistry, NOTIFICATIONS_PER_HOUR, type ZooKeeperOptions } from './engine-options.js';
import { JobRuntime, type JobServices } from './job-runtime.js';
import { LoopWatch, machineLoopDelay } from './loop-watch.js';
import type { DrainOptions } from './orderly-leave.js';
import type { Extensions } from './runnable-job.js';

/**
 * What the kernel's container binds. The first group are extension points: bind as many as you like, in a
 * `ContainerModule` given to `createEngine`. The others can be rebound.
 *
 * @example
 * const mine = new ContainerModule(({ bind }) => {
 *   bind(TYPES.ShardingStrategy).toConstantValue({ type: 'FIRST_ONLY', assign: ({ instances, itemCount }) => … });
 * });
 */
export const TYPES = {
  ShardingStrategy: Symbol.for('elasticjob:ShardingStrategy'),
  JobKind: Symbol.for('elasticjob:JobKind'),
  JobErrorHandler: Symbol.for('elasticjob:JobErrorHandler'),
  JobListener: Symbol.for('elasticjob:JobListener'),
  PoolPolicy: Symbol.for('elasticjob:PoolPolicy'),
  TraceSink: Symbol.for('elasticjob:TraceSink'),

  Clock: Symbol.for('elasticjob:Clock'),
  Logger: Symbol.for('elasticjob:Logger'),
  Registry: Symbol.for('elasticjob:Registry'),
  AlarmClock: Symbol.for('elasticjob:AlarmClock'),
  InstanceIdentity: Symbol.for('elasticjob:InstanceIdentity'),
  Extensions: Symbol.for('elasticjob:Extensions'),
  Tracing: Symbol.for('elasticjob:Tracing'),
  Operations: Symbol.for('elasticjob:Operations'),
  DumpServer: Symbol.for('elasticjob:DumpServer'),
  Deliveries: Symbol.for('elasticjob:Deliveries'),
  LoopWatch: Symbol.for('elasticjob:LoopWatch'),
  Moderation: Symbol.for('elasticjob:Moderation'),
  JobServices: Symbol.for('elasticjob:JobServices'),
  JobFactory: Symbol.for('elasticjob:JobFactory'),
} as const;

/** What can be added to the kernel by value. */
export interface ExtensionSet {
  readonly shardingStrategies?: readonly ShardingStrategy[];
  readonly jobKinds?: readonly JobKind[];
  readonly errorHandlers?: readonly JobErrorHandler[];
  readonly listeners?: readonly JobListener[];
  readonly poolPolicies?: readonly PoolPolicy[];
  readonly traceSinks?: readonly TraceSink[];
}

/** A container module that adds the given extensions. */
export function extensionModule(set: ExtensionSet): ContainerModule {
  return new ContainerModule(({ bind }) => {
    for (const strategy of set.shardingStrategies ?? []) bind(TYPES.ShardingStrategy).toConstantValue(strategy);
    for (const kind of set.jobKinds ?? []) bind(TYPES.JobKind).toConstantValue(kind);
    for (const handler of set.errorHandlers ?? []) bind(TYPES.JobErrorHandler).toConstantValue(handler);
    for (const listener of set.listeners ?? []) bind(TYPES.JobListener).toConstantValue(listener);
    for (const policy of set.poolPolicies ?? []) bind(TYPES.PoolPolicy).toConstantValue(policy);
    for (const sink of set.traceSinks ?? []) bind(TYPES.TraceSink).toConstantValue(sink);
  });
}

/** The kernel's container: one per engine, the only place where its parts are put together. */
export function createContainer(options: EngineOptions, modules: readonly ContainerModule[]): Container {
  const container = new Container({ defaultScope: 'Singleton' });
  container.load(
    foundationModule(options),
    registryModule(options),
    operationsModule(options),
    builtInModule(),
    notificationModule(options),
    jobsModule(options),
    ...modules,
  );
  return container;
}

/** Makes what belongs to one job. */
export type JobFactory = (definition: JobDefinition, handler: JobHandler) => JobRuntime;

function foundationModule(options: EngineOptions): ContainerModule {
  const stderr = (line: string): void => void process.stderr.write(`${line}\n`);
  return new ContainerModule(({ bind }) => {
    bind<Clock>(TYPES.Clock).toConstantValue(options.clock ?? systemClock);
    bind<Logger>(TYPES.Logger).toConstantValue(options.logger ?? writeLogger(stderr, 'warn'));
    bind(TYPES.InstanceIdentity).toDynamicValue(() => instanceIdentity(options));
    bind(TYPES.AlarmClock).toDynamicValue(
      (context) => new AlarmClock(context.get(TYPES.Clock), context.get(TYPES.Logger)),
    );
  });
}

function registryModule({ registry }: EngineOptions): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind<Registry>(TYPES.Registry).toDynamicValue((context) => {
      const common = { clock: context.get<Clock>(TYPES.Clock), logger: context.get<Logger>(TYPES.Logger) };
      if (registry === 'embedded') return new MemoryServer(common).registry({ namespace: 'embedded', ...common });
      return isRegistry(registry) ? registry : zooKeeperRegistry(registry, common);
    });
  });
}

function operationsModule({ dumpPort, dumpHost = '127.0.0.1' }: EngineOptions): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind<Operations>(TYPES.Operations).toDynamicValue((context) =>
      createOperations(context.get<Registry>(TYPES.Registry), {
        clock: context.get<Clock>(TYPES.Clock),
        logger: context.get<Logger>(TYPES.Logger),
      }),
    );
    bind<DumpServer | null>(TYPES.DumpServer).toDynamicValue((context) => {
      if (dumpPort === undefined) return null;
      const { dump } = context.get<Operations>(TYPES.Operations);
      const services = { dump, clock: context.get<Clock>(TYPES.Clock), logger: context.get<Logger>(TYPES.Logger) };
      return new DumpServer(services, { host: dumpHost, port: dumpPort });
    });
  });
}

function builtInModule(): ContainerModule {
  return extensionModule({
    shardingStrategies: BUILT_IN_STRATEGIES,
    errorHandlers: builtInErrorHandlers,
    poolPolicies: builtInPoolPolicies,
  });
}

function notificationModule(options: EngineOptions): ContainerModule {
  const services = (context: ResolutionContext): NotifyingServices => ({
    clock: context.get(TYPES.Clock),
    logger: context.get(TYPES.Logger),
    moderation: context.get(TYPES.Moderation),
    instanceId: context.get<InstanceIdentity>(TYPES.InstanceIdentity).instanceId,
    secrets: options.secrets ?? {},
  });
  return new ContainerModule(({ bind }) => {
    bind(TYPES.Deliveries).toDynamicValue(
      (context) => new Deliveries(context.get(TYPES.Clock), context.get(TYPES.Logger), drainOptions(options)),
    );
    bind(TYPES.Moderation).toDynamicValue(
      (context) =>
        new Moderation(
          context.get(TYPES.Clock),
          options.notificationsPerHour ?? NOTIFICATIONS_PER_HOUR,
          context.get(TYPES.Deliveries),
        ),
    );
    for (const channel of CHANNELS) {
      bind<JobErrorHandler>(TYPES.JobErrorHandler).toDynamicValue((context) =>
        notifyingHandler(channel, services(context)),
      );
    }
  });
}

function jobsModule(options: EngineOptions): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind<JobKind>(TYPES.JobKind).toDynamicValue((context) => scriptJob(context.get(TYPES.Clock)));
    bind<JobKind>(TYPES.JobKind).toDynamicValue((context) => httpJob(context.get(TYPES.Clock), options.secrets));
    bind<JobKind>(TYPES.JobKind).toConstantValue(dataflowJob);
    bind<JobKind>(TYPES.JobKind).toConstantValue(simpleJob);
    for (const sink of options.traceSinks ?? []) bind<TraceSink>(TYPES.TraceSink).toConstantValue(sink);
    bind<LoopWatch | null>(TYPES.LoopWatch).toDynamicValue((context) =>
      // Under another clock it is not the machine's time that handlers take.
      options.clock === undefined
        ? new LoopWatch(context.get(TYPES.Clock), context.get(TYPES.Logger), machineLoopDelay())
        : null,
    );
    bind<TraceSink>(TYPES.Tracing).toDynamicValue((context) => {
      const logger = context.get<Logger>(TYPES.Logger);
      const watch = context.get<LoopWatch | null>(TYPES.LoopWatch);
      const own = watch === null ? [changeLog(logger)] : [changeLog(logger), watch];
      return fanOut([...own, ...all<TraceSink>(context, TYPES.TraceSink)], logger);
    });
    bind<Extensions>(TYPES.Extensions).toDynamicValue((context) => ({
      kinds: all<JobKind>(context, TYPES.JobKind),
      strategies: all<ShardingStrategy>(context, TYPES.ShardingStrategy),
      errorHandlers: all<JobErrorHandler>(context, TYPES.JobErrorHandler),
      listeners: all<JobListener>(context, TYPES.JobListener),
      poolPolicies: all<PoolPolicy>(context, TYPES.PoolPolicy),
    }));
    bind<JobServices>(TYPES.JobServices).toDynamicValue((context) => ({
      registry: context.get(TYPES.Registry),
      registryTime: new RegistryTime(context.get(TYPES.Registry), context.get(TYPES.Clock)),
      clock: context.get(TYPES.Clock),
      alarms: context.get(TYPES.AlarmClock),
      logger: context.get(TYPES.Logger),
      trace: context.get(TYPES.Tracing),
      identity: context.get(TYPES.InstanceIdentity),
      extensions: context.get(TYPES.Extensions),
      drain: drainOptions(options),
    }));
    bind<JobFactory>(TYPES.JobFactory).toDynamicValue((context) => {
      const services = context.get<JobServices>(TYPES.JobServices);
      return (definition, handler) => new JobRuntime(services, definition, handler);
    });
  });
}

function all<T>(context: ResolutionContext, type: symbol): T[] {
  return context.getAll<T>(type, { optional: true });
}

function drainOptions(options: EngineOptions): DrainOptions {
  const { drainTimeoutMs = 20_000, abortGraceMs = 2_000, handoverTimeoutMs = 3_000 } = options;
  return { drainTimeoutMs, abortGraceMs, handoverTimeoutMs };
}

function zooKeeperRegistry(options: ZooKeeperOptions, common: { clock: Clock; logger: Logger }): Registry {
  const { connectString } = options;
  const { sessionTimeoutMilliseconds = REGISTRY_DEFAULTS.sessionTimeoutMilliseconds } = options;
  const open = options.client === 'native' ? nativeDriver : wireDriver;
  const driver = open({ ...options, ...common, sessionTimeoutMilliseconds });
  return new SessionRegistry({ ...options, ...common, driver, describe: connectString, wantsFirstNode: true });
}
