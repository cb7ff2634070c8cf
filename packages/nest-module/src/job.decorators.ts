import 'reflect-metadata';
import type { JobOptions, ShardingContext } from '@elasticjob/core';
import type { InjectionToken } from '@nestjs/common';

/**
 * Options of which each value may be a function: called once when the application starts, with what `inject` names, it
 * gives the value. It may be asynchronous.
 *
 * @example
 * @SimpleJob({ name: 'report', cron: (config: ConfigService) => config.get('REPORT_CRON'), inject: [ConfigService], shardingTotalCount: 1 })
 */
export type Configurable<T> = {
  readonly [K in keyof T]: T[K] | ((...injected: never[]) => T[K] | Promise<T[K]>);
} & {
  /** What the functions among the values are called with, in this order. Static providers of any module. */
  readonly inject?: readonly InjectionToken[];
};

/** What `@SimpleJob` and `@DataflowJob` take: ElasticJob's options, see `JobOptions`. */
export type JobDecoratorOptions = Configurable<JobOptions>;

/** What `@ScriptJob` takes. */
export type ScriptJobOptions = Configurable<
  JobOptions & {
    /** The command line, as the prop `script.command.line`: a program with arguments, started without a shell. */
    command: string;
  }
>;

/** What calls a declared job: `execute` or a named method, the pair `fetchData` and `processData`, or a command. */
export type DeclaredKind = 'simple' | 'dataflow' | 'script';

/** Options as they were declared, before the functions among them are called. */
export type DeclaredOptions = Partial<ScriptJobOptions>;

/** One decorator on a class or on one of its members. */
export interface JobDeclaration {
  readonly kind: DeclaredKind;
  readonly options: DeclaredOptions;
  /** The decorated member, `null` if the class itself is decorated. */
  readonly member: string | symbol | null;
}

type ClassOf<T> = abstract new (...dependencies: never[]) => T;
type ItemMethod = (context: ShardingContext) => unknown;

interface SimpleJobDecorator {
  (target: ClassOf<{ execute: ItemMethod }>): void;
  <T extends ItemMethod>(target: object, member: string | symbol, descriptor: TypedPropertyDescriptor<T>): void;
}

type DataflowJobDecorator = (
  target: ClassOf<{
    fetchData(context: ShardingContext): unknown;
    processData(context: ShardingContext, data: readonly never[]): unknown;
  }>,
) => void;

type ScriptJobDecorator = (target: object, member?: string | symbol) => void;

const DECLARATIONS = Symbol.for('elasticjob:jobs');

/**
 * Runs a provider's `execute(context)`, or the decorated method, once per item and fire in the whole cluster.
 *
 * @example
 * @Injectable()
 * @SimpleJob({ name: 'invoice', cron: '0/5 * * * * ?', shardingTotalCount: 3 })
 * export class InvoiceJob implements SimpleJobHandler {
 *   async execute(context: ShardingContext) {}
 * }
 * @example
 * @SimpleJob({ name: 'tidy', cron: '0 3 * * *', shardingTotalCount: 1 })
 * async tidy(context: ShardingContext) {}
 */
export function SimpleJob(options: JobDecoratorOptions): SimpleJobDecorator {
  return (target: object, member?: string | symbol): void => declare('simple', options, target, member);
}

/**
 * Runs a provider's `fetchData(context)` and gives what it brings to `processData(context, data)`, per item and fire.
 * With the prop `streaming.process` = `'true'` again and again until nothing comes.
 */
export function DataflowJob(options: JobDecoratorOptions): DataflowJobDecorator {
  return (target) => declare('dataflow', options, target);
}

/**
 * Runs a command per item and fire. On a class, or on a property of a provider, which only gives it a place.
 *
 * @example
 * @ScriptJob({ name: 'backup', cron: '0 0 2 * * ?', shardingTotalCount: 1, command: './backup.sh --full' })
 * export class BackupJob {}
 */
export function ScriptJob(options: ScriptJobOptions): ScriptJobDecorator {
  return (target, member) => declare('script', options, target, member);
}

/** The jobs that a class declares or inherits; a subclass's declaration replaces the one on the same member. */
export function declarationsOf(type: object): readonly JobDeclaration[] {
  const declared: unknown = Reflect.getMetadata(DECLARATIONS, type);
  return Array.isArray(declared) ? declared : [];
}

function declare(kind: DeclaredKind, options: DeclaredOptions, target: object, member: string | symbol | null = null) {
  const owner = typeof target === 'function' ? target : target.constructor;
  const others = declarationsOf(owner).filter((declaration) => declaration.member !== member);
  Reflect.defineMetadata(DECLARATIONS, [...others, { kind, options, member }], owner);
}
