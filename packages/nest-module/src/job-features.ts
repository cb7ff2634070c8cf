import {
  ConfigurationError,
  type DataflowJobHandler,
  Engine,
  type ShardingContext,
  type SimpleJobHandler,
} from '@elasticjob/core';
import { type DynamicModule, Inject, Module, type ModuleMetadata, type OnModuleInit, type Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { JobDecoratorOptions } from './job.decorators.js';

type PartialOptions = Partial<JobDecoratorOptions>;

/** A job made of a function or of an object with `execute`, or with `fetchData` and `processData`. */
export type HandlerFeature = JobDecoratorOptions & {
  readonly handler: ((context: ShardingContext) => unknown) | SimpleJobHandler | DataflowJobHandler;
};

/**
 * A job made of a class. Options given here are laid over those of the class's own decorator, which it need not have.
 */
export type ClassFeature = PartialOptions &
  (
    | {
        /** The class becomes a provider of this feature; what it injects must be global or in `imports`. */
        readonly useClass: Type;
        readonly useExisting?: never;
      }
    | {
        /** The class is a provider of one of the application's modules already. */
        readonly useExisting: Type;
        readonly useClass?: never;
      }
  );

/** One job of `ElasticJobModule.forFeature`. */
export type JobFeature = HandlerFeature | ClassFeature;

/** Under this token a feature module holds its jobs for the explorer. */
export const JOB_FEATURES = Symbol.for('elasticjob:JobFeatures');

/** Holds the jobs of one call of `ElasticJobModule.forFeature`. */
@Module({})
export class ElasticJobFeatureModule implements OnModuleInit {
  constructor(@Inject(ModulesContainer) private readonly modules: ModulesContainer) {}

  /** Throws a `ConfigurationError` if no module of the application runs the jobs. */
  onModuleInit(): void {
    if ([...this.modules.values()].some((module) => module.hasProvider(Engine))) return;
    throw new ConfigurationError(
      'INVALID_CONFIGURATION',
      'ElasticJobModule.forFeature is imported, but neither forRoot nor forRootAsync: no job would ever run; ' +
        'import one of them in the root module, in tests ElasticJobTestingModule.forTest()',
    );
  }
}

/** The module that `ElasticJobModule.forFeature` gives. */
export function featureModule(jobs: readonly JobFeature[], imports: ModuleMetadata['imports'] = []): DynamicModule {
  const classes = jobs.flatMap((job) => ('useClass' in job && job.useClass !== undefined ? [job.useClass] : []));
  return {
    module: ElasticJobFeatureModule,
    imports,
    providers: [{ provide: JOB_FEATURES, useValue: jobs }, ...classes],
    exports: classes,
  };
}
