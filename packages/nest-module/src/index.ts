/** Distributed, sharded jobs for Nest applications. What tests need is in `@elasticjob/nestjs/testing`. */

// what users need of the kernel
export {
  type AbortReason,
  ConfigurationError,
  type DataflowJobHandler,
  DeadlineError,
  ElasticJobError,
  type ElasticJobErrorCode,
  Engine,
  ExecutionError,
  type FetchedData,
  type ItemExecutor,
  type ItemOwners,
  type JobDefinition,
  type JobFailure,
  type JobOptions,
  type JobStatus,
  type LogFields,
  type Logger,
  loggingTraceSink,
  MemoryTraceSink,
  type Registry,
  RegistryError,
  type RunContext,
  SessionLostError,
  type ShardingCandidate,
  type ShardingContext,
  type ShardingInput,
  type SimpleJobHandler,
  StoppedError,
  type TraceEvent,
  type TraceSink,
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
