import type { EngineOptions } from '@elasticjob/core';
import { ConfigurableModuleBuilder } from '@nestjs/common';

/** What `ElasticJobModule.forRoot` takes: the registry, and how to start and stop. Only `registry` is required. */
export interface ElasticJobModuleOptions extends Omit<EngineOptions, 'clock' | 'logger'> {
  /**
   * Whether `@UseGuards`, `@UseInterceptors` and `@UseFilters` of jobs' methods and classes, and those of the whole
   * application, apply to runs. Global ones are then asked about runs too: they see `getType() === 'elasticjob'`.
   * Default `false`.
   */
  readonly enhancers?: boolean;
}

/** What a class given to `forRootAsync` as `useClass` or `useExisting` implements. */
export interface ElasticJobOptionsFactory {
  createElasticJobOptions(): ElasticJobModuleOptions | Promise<ElasticJobModuleOptions>;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<ElasticJobModuleOptions>({ moduleName: 'ElasticJob' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createElasticJobOptions')
    .setExtras({ isGlobal: true }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
    .build();
