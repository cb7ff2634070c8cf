import { describe, expect, it } from 'vitest';

/** What each entry point exports at run time. A change here is a change for users: it belongs into CHANGELOG.md. */
describe('the public API', () => {
  it.each<[string, () => Promise<object>, readonly string[]]>([
    [
      '@elasticjob/core',
      () => import('@elasticjob/core'),
      [
        'ConfigurationConflictError',
        'ConfigurationError',
        'CronSchedule',
        'DeadlineError',
        'ElasticJobError',
        'Engine',
        'ExecutionError',
        'JobHandle',
        'MemoryTraceSink',
        'OperationError',
        'RegistryError',
        'SessionLostError',
        'StoppedError',
        'TYPES',
        'createEngine',
        'createOperations',
        'defineJob',
        'extensionModule',
        'instanceIdentity',
        'loggingTraceSink',
        'parseCron',
        'silentLogger',
        'systemClock',
        'writeLogger',
      ],
    ],
    [
      '@elasticjob/core/driver',
      () => import('@elasticjob/core/driver'),
      ['MAX_REQUEST_BYTES', 'SessionRegistry', 'refusal'],
    ],
    [
      '@elasticjob/core/testing',
      () => import('@elasticjob/core/testing'),
      ['ManualClock', 'MemoryServer', 'MemoryTraceSink', 'deferred', 'settle'],
    ],
    [
      '@elasticjob/nestjs',
      () => import('@elasticjob/nestjs'),
      [
        'ConfigurationError',
        'DataflowJob',
        'DeadlineError',
        'ElasticJobError',
        'ElasticJobHandle',
        'ElasticJobModule',
        'Engine',
        'ExecutionError',
        'InjectElasticJob',
        'JobErrorHandler',
        'JobListener',
        'MemoryTraceSink',
        'RegistryError',
        'ScriptJob',
        'SessionLostError',
        'ShardingStrategy',
        'SimpleJob',
        'StoppedError',
        'getElasticJobToken',
        'loggingTraceSink',
        'nestLogger',
      ],
    ],
    [
      '@elasticjob/nestjs/testing',
      () => import('@elasticjob/nestjs/testing'),
      ['ElasticJobHarness', 'ElasticJobTestingModule', 'ManualClock', 'MemoryTraceSink', 'settle'],
    ],
  ])('of %s is as it is documented', async (_, load, names) => {
    expect(Object.keys(await load()).sort()).toEqual([...names].sort());
  });
});
