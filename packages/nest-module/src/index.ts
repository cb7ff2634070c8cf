/** Distributed, sharded jobs for Nest applications. What tests need is in `@elasticjob/nestjs/testing`. */

// what users need of the kernel
export {
  type AbortReason,
  type CommandResult,
  ConfigurationConflictError,
  type ConfigurationDifference,
  ConfigurationError,
  createOperations,
  type DataflowJobHandler,
  DeadlineError,
  ElasticJobError,
  type ElasticJobErrorCode,
  Engine,
  ExecutionError,
  type ExecutionSource,
  type FetchedData,
  type ItemExecutor,
  type ItemExplanation,
  type ItemOwners,
  type JobCommands,
  type JobDefinition,
  type JobDetails,
  type JobFailure,
  type JobHealth,
  type JobList,
  type JobOptions,
  type JobQueries,
  type JobStatus,
  type JobSummary,
  type LogFields,
  type Logger,
  loggingTraceSink,
  MemoryTraceSink,
  OperationError,
  type Operations,
  type OperationsOptions,
  type Pause,
  type Registry,
  RegistryError,
  type RunContext,
  type ServerSummary,
  SessionLostError,
  type ShardingCandidate,
  type ShardingContext,
  type ShardingInput,
  type SimpleJobHandler,
  type SkipReason,
  StoppedError,
  type StoredConfiguration,
  type TraceEvent,
  type TraceSink,
  type UpdateResult,
  type ZooKeeperOptions,
} from '@elasticjob/core';
export { ElasticJobModule } from './elastic-job.module.js';
export type { ElasticJobModuleOptions, ElasticJobOptionsFactory } from './elastic-job.options.js';
export { ElasticJobHandle } from './elastic-job-handle.js';
export { JobErrorHandler, JobKind, JobListener, PoolPolicy, ShardingStrategy } from './extension.decorators.js';
export { getElasticJobToken, InjectElasticJob } from './inject-elastic-job.decorator.js';
export {
  type Configurable,
  DataflowJob,
  HttpJob,
  type HttpJobOptions,
  type JobDecoratorOptions,
  ScriptJob,
  type ScriptJobOptions,
  SimpleJob,
  TypedJob,
} from './job.decorators.js';
export type { ClassFeature, HandlerFeature, JobFeature } from './job-features.js';
export { ELASTIC_JOB_CONTEXT, shardingContextOf } from './method-call.js';
export { nestLogger } from './nest-logger.js';
