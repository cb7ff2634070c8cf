/**
 * The kernel for applications: define jobs, run them in an engine, extend what the kernel can do.
 * What tests need is in `@elasticjob/core/testing`.
 */

// operations
export type { Pause } from './coordination/pause.js';
export type {
  ItemOwners,
  ShardingCandidate,
  ShardingInput,
  ShardingStrategy,
} from './coordination/sharding-strategies.js';
export type { JobErrorHandler, JobFailure, JobListener, PoolPolicy, RunContext } from './execution/job-extensions.js';
export type { ItemExecutor, ItemRun, JobKind } from './execution/job-kind.js';
// foundation
export { type AbortReason, DeadlineError, SessionLostError, StoppedError } from './foundation/abort.js';
export { type Clock, systemClock, type Timer } from './foundation/clock.js';
export {
  ConfigurationError,
  ElasticJobError,
  type ElasticJobErrorCode,
  type ElasticJobErrorDetails,
  ExecutionError,
  OperationError,
  RegistryError,
} from './foundation/errors.js';
export type { Lifecycle } from './foundation/lifecycle.js';
export { type LogFields, type Logger, type LogLevel, silentLogger, writeLogger } from './foundation/logger.js';
export type { FireWindow, RunTrigger, ShardingContext } from './job/context.js';
// jobs
export { defineJob } from './job/define-job.js';
export type { ClockDifferenceAction, JobDefinition } from './job/definition.js';
export type { DataflowJobHandler, FetchedData, JobHandler, SimpleJobHandler } from './job/handlers.js';
export { type IdentityOptions, type InstanceIdentity, type InstanceLabels, instanceIdentity } from './job/identity.js';
export type { JobOptions } from './job/job-options.js';
export type { MisfirePolicy } from './job/misfire-policy.js';
export type { BackfillOptions, BackfillReceipt } from './operations/backfill-command.js';
export { ConfigurationConflictError } from './operations/configuration-conflict.js';
export type { ConfigurationDifference } from './operations/configuration-difference.js';
export type { DumpAddress } from './operations/dump-server.js';
export type { ItemExplanation, Reason, ReasonCode } from './operations/item-explanation.js';
export type {
  CommandResult,
  JobCommands,
  PauseOptions,
  RemovalOptions,
  ServerTarget,
  ShutdownTarget,
  SwitchTarget,
  UpdateOptions,
  UpdateResult,
} from './operations/job-commands.js';
export type { ItemStatus, JobHealth } from './operations/job-health.js';
export type {
  JobDetails,
  JobInstance,
  JobItem,
  JobItemMark,
  JobList,
  JobQueries,
  JobServer,
  JobSummary,
  ServerSummary,
  StoredConfiguration,
} from './operations/job-queries.js';
export type { IgnoredNode } from './operations/job-reading.js';
export type { NodeChange } from './operations/node-changes.js';
export { createOperations, type Operations, type OperationsOptions } from './operations/operations.js';
export type { PlannedFire, PlannedFires } from './operations/planned-fires.js';
export type { RegistryDump } from './operations/registry-dump.js';
export type { TriggerCancellation } from './operations/trigger-cancellation.js';
export type { TriggerOptions, TriggerReceipt } from './operations/trigger-command.js';
export type { TriggerReport, TriggerRun, TriggerRunState, TriggerSummary } from './operations/trigger-report.js';
// registry
export type {
  Capabilities,
  ChildList,
  CommitResult,
  CreateMode,
  CreateResult,
  NodeStat,
  Operation,
  Registry,
  RegistryNode,
  Selection,
  Session,
  SessionState,
  TreeListener,
  TreeSnapshot,
  TreeWatch,
  WriteResult,
} from './registry/registry.js';
export type { RegistryOptions } from './registry/registry-options.js';
export type { SaslCredentials, TlsOptions } from './registry/wire-driver.js';
// extension points
export { type ExtensionSet, extensionModule, TYPES } from './runtime/container.js';
// engine
export { createEngine, Engine } from './runtime/engine.js';
export type { EngineOptions, ZooKeeperOptions } from './runtime/engine-options.js';
export { JobHandle } from './runtime/job-handle.js';
export type { JobState, JobStatus } from './runtime/job-state.js';
export type { DrainOptions } from './runtime/orderly-leave.js';
// schedule
export { type CronOptions, CronSchedule, parseCron } from './schedule/cron.js';
export type { DstPolicy } from './schedule/dst-policy.js';
// tracing
export type {
  CoordinationTrace,
  ExecutionSource,
  FireSkippedTrace,
  ItemFinishedTrace,
  ItemStartedTrace,
  SkipReason,
  StatusTrace,
  TaskState,
  TraceEvent,
} from './tracing/trace-event.js';
export type { TraceSink } from './tracing/trace-sink.js';
export { loggingTraceSink, MemoryTraceSink } from './tracing/trace-sinks.js';
