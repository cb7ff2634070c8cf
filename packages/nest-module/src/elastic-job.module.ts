import { Engine } from '@elasticjob/core';
import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { lifecycleProvider } from './elastic-job.lifecycle.js';
import { ASYNC_OPTIONS_TYPE, ConfigurableModuleClass, OPTIONS_TYPE } from './elastic-job.options.js';
import { engineProvider } from './engine.provider.js';
import { handleProviders, handleTokens } from './inject-elastic-job.decorator.js';
import { featureModule, type JobFeature } from './job-features.js';

/**
 * Runs the application's decorated providers as jobs of a cluster.
 *
 * @example
 * @Module({
 *   imports: [ElasticJobModule.forRoot({ registry: { connectString: '127.0.0.1:2181', namespace: 'shop' } })],
 *   providers: [InvoiceService, InvoiceJob],
 * })
 * export class AppModule {}
 */
@Module({ imports: [DiscoveryModule], providers: handleProviders, exports: handleTokens })
export class ElasticJobModule extends ConfigurableModuleClass {
  /** Configures the module, once per application; global unless `isGlobal: false`. */
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    // biome-ignore lint/complexity/noThisInStatic: the parent must see this class, which is the module to be
    return withEngine(super.forRoot(options));
  }

  /** Like {@link forRoot}, with options from `useFactory` and `inject`, from `useClass` or from `useExisting`. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    // biome-ignore lint/complexity/noThisInStatic: the parent must see this class, which is the module to be
    return withEngine(super.forRootAsync(options));
  }

  /**
   * Adds jobs without decorators, or lays options over those of decorators.
   *
   * @param context.imports modules whose providers the classes given as `useClass` inject.
   * @example
   * ElasticJobModule.forFeature([
   *   { name: 'ping', cron: '* * * * *', shardingTotalCount: 1, handler: () => ping() },
   *   { useExisting: InvoiceJob, cron: '0 0 4 * * ?' },
   * ])
   */
  static forFeature(jobs: readonly JobFeature[], context: Pick<ModuleMetadata, 'imports'> = {}): DynamicModule {
    return featureModule(jobs, context.imports);
  }
}

function withEngine(definition: DynamicModule): DynamicModule {
  const { providers = [], exports = [] } = definition;
  return {
    ...definition,
    providers: [...providers, engineProvider, lifecycleProvider],
    exports: [...exports, Engine],
  };
}
