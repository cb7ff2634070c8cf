import { createEngine, Engine, type EngineOptions, extensionModule } from '@elasticjob/core';
import type { FactoryProvider } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { type ElasticJobModuleOptions, MODULE_OPTIONS_TOKEN } from './elastic-job.options.js';
import { nestExtensions } from './nest-extensions.js';
import { nestLogger } from './nest-logger.js';

/** Under this token the testing kit replaces parts of the engine, whatever the application configures. */
export const ENGINE_OVERRIDES = Symbol.for('elasticjob:EngineOverrides');

/** The kernel, made with the application's options and with its extensions. */
export const engineProvider: FactoryProvider<Engine> = {
  provide: Engine,
  inject: [MODULE_OPTIONS_TOKEN, DiscoveryService, { token: ENGINE_OVERRIDES, optional: true }],
  useFactory(options: ElasticJobModuleOptions, discovery: DiscoveryService, overrides: Partial<EngineOptions> = {}) {
    const extensions = extensionModule(nestExtensions(discovery.getProviders()));
    const traceSinks = [...(options.traceSinks ?? []), ...(overrides.traceSinks ?? [])];
    const { enhancers: _, ...engineOptions } = options;
    return createEngine({ logger: nestLogger(), ...engineOptions, ...overrides, traceSinks }, extensions);
  },
};
