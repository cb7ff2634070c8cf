import {
  type Clock,
  ConfigurationError,
  defineJob,
  ElasticJobError,
  type ElasticJobErrorCode,
  Engine,
  type EngineOptions,
  systemClock,
} from '@elasticjob/core';
import type {
  FactoryProvider,
  InjectionToken,
  OnApplicationBootstrap,
  OnModuleDestroy,
  OnModuleInit,
} from '@nestjs/common';
import { DiscoveryService, ExternalContextCreator, ModuleRef, ModulesContainer } from '@nestjs/core';
import { isCronUnset, resolveOptions } from './declared-options.js';
import { type ElasticJobModuleOptions, MODULE_OPTIONS_TOKEN } from './elastic-job.options.js';
import { ENGINE_OVERRIDES } from './engine.provider.js';
import { injectedJobs } from './inject-elastic-job.decorator.js';
import { exploreJobs, type FoundJob } from './job-explorer.js';
import { enhancedCall, type MethodCall, plainCall } from './method-call.js';
import { extensionProblems, withNestRemedy } from './nest-extensions.js';
import { nestLogger } from './nest-logger.js';
import { nameOf, type Wrapper } from './nest-provider.js';

/** One thing that keeps the application from starting. */
interface Problem {
  readonly text: string;
  readonly code: ElasticJobErrorCode;
}

/**
 * Ties the engine to the application's life: finds and checks all jobs when everything else is initialised, starts them
 * last and stops them first, so that what a job uses is there as long as it runs.
 */
export class ElasticJobLifecycle implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly engine: Engine,
    private readonly discovery: DiscoveryService,
    private readonly moduleRef: ModuleRef,
    private readonly call: MethodCall,
    private readonly clock: Clock = systemClock,
  ) {}

  /** Throws one `ConfigurationError` that lists everything that is wrong with the jobs. */
  async onModuleInit(): Promise<void> {
    const wrappers = [...this.discovery.getProviders(), ...this.discovery.getControllers()];
    const { jobs, problems } = exploreJobs(wrappers, this.call);
    const found = [...engineProblems(wrappers), ...extensionProblems(wrappers), ...problems].map(asProblem);
    for (const job of jobs) found.push(...(await this.#add(job)));
    if (found.length === 0) found.push(...this.#unknownHandles(wrappers));
    if (found.length > 0) throw problemsError(found);
  }

  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.engine.start();
    } catch (error) {
      await this.engine.stop();
      throw error;
    }
  }

  /** Resolves when nothing of the engine runs any more. */
  async onModuleDestroy(): Promise<void> {
    await this.engine.stop();
  }

  async #add({ origin, layers, handler }: FoundJob): Promise<Problem[]> {
    try {
      const resolved = await resolveOptions(layers, (token) => this.#lookup(token));
      if (isCronUnset(layers, resolved)) nestLogger().warn(CRON_UNSET, { job: resolved.name, option: 'cron' });
      await this.engine.add(defineJob(resolved, { now: this.clock.now() }), handler, origin);
      return [];
    } catch (error) {
      return [problemOf(origin, error)];
    }
  }

  #lookup(token: InjectionToken): unknown {
    return this.moduleRef.get(token as string | symbol, { strict: false });
  }

  #unknownHandles(wrappers: readonly Wrapper[]): Problem[] {
    return wrappers.flatMap((wrapper) =>
      injectedJobs(wrapper).flatMap((jobName) => {
        try {
          this.engine.job(jobName);
          return [];
        } catch (error) {
          return [problemOf(`${nameOf(wrapper)} injects the handle of a job`, error)];
        }
      }),
    );
  }
}

/** Makes the lifecycle, and moves its module to the end of those that start, which is the front of those that stop. */
export const lifecycleProvider: FactoryProvider<ElasticJobLifecycle> = {
  provide: ElasticJobLifecycle,
  inject: [
    Engine,
    DiscoveryService,
    ModuleRef,
    ModulesContainer,
    MODULE_OPTIONS_TOKEN,
    ExternalContextCreator,
    { token: ENGINE_OVERRIDES, optional: true },
  ],
  useFactory(
    engine: Engine,
    discovery: DiscoveryService,
    moduleRef: ModuleRef,
    modules: ModulesContainer,
    { enhancers = false }: ElasticJobModuleOptions,
    creator: ExternalContextCreator,
    overrides: Partial<EngineOptions> = {},
  ) {
    // Nest calls hooks by the distance of a module from the root, farthest first, and in reverse when it shuts down.
    for (const module of modules.values()) if (module.hasProvider(ElasticJobLifecycle)) module.distance = -1;
    const call = enhancers ? enhancedCall(creator) : plainCall;
    return new ElasticJobLifecycle(engine, discovery, moduleRef, call, overrides.clock);
  },
};

function engineProblems(wrappers: readonly Wrapper[]): string[] {
  const engines = wrappers.filter(({ token }) => token === Engine).length;
  if (engines === 1) return [];
  return [
    `ElasticJobModule.forRoot was imported ${engines} times: each would run all jobs; import it in one module only`,
  ];
}

function asProblem(text: string): Problem {
  return { text, code: 'INVALID_CONFIGURATION' };
}

function problemOf(origin: string, error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error);
  const code = ElasticJobError.is(error) ? error.code : 'INVALID_CONFIGURATION';
  return { text: `${origin}: ${code === 'UNKNOWN_EXTENSION' ? withNestRemedy(message) : message}`, code };
}

const CRON_UNSET =
  'the function for the option cron gave undefined: the job runs only when triggered; give null if that is meant';

function problemsError(problems: readonly Problem[]): ConfigurationError {
  const codes = new Set(problems.map(({ code }) => code));
  const [only] = codes;
  const code = codes.size === 1 && only !== undefined ? only : 'INVALID_CONFIGURATION';
  const list = problems.map(({ text }) => `- ${text.replaceAll('\n', '\n  ')}`).join('\n');
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  return new ConfigurationError(code, `${count} with the jobs of this application:\n${list}`);
}
