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

/** What `@HttpJob` takes. */
export type HttpJobOptions = Configurable<
  JobOptions & {
    /** The address, as the prop `http.uri`. */
    uri: string;
    /** `GET`, `POST`, `PUT`, `DELETE`, `PATCH`, `HEAD` or `OPTIONS`, as the prop `http.method`. */
    method: string;
    /** The body, as the prop `http.data`. */
    data?: string;
    /** The type of the body, as the prop `http.content.type`. */
    contentType?: string;
    /** Until the connection must stand, milliseconds, as the prop `http.connect.timeout.milliseconds`. Default 3000. */
    connectTimeoutMs?: number;
    /** How long the server may say nothing, milliseconds, as the prop `http.read.timeout.milliseconds`. Default 5000. */
    readTimeoutMs?: number;
  }
>;

/**
 * What calls a declared job: `execute` or a named method, the pair `fetchData` and `processData`, or, for a job whose
 * definition describes it whole, nothing.
 */
export type DeclaredKind = 'simple' | 'dataflow' | 'typed';

/** Options as they were declared, before the functions among them are called. Names with a dot are props. */
export type DeclaredOptions = Partial<JobDecoratorOptions>;

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

type TypedJobDecorator = (target: object, member?: string | symbol) => void;

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
export function ScriptJob(options: ScriptJobOptions): TypedJobDecorator {
  return (target, member) => declare('typed', asProps(options, { command: 'script.command.line' }), target, member);
}

/**
 * Sends a request per item and fire, with the context in the header `shardingContext`. On a class, or on a property of a
 * provider, which only gives it a place.
 *
 * @example
 * @HttpJob({ name: 'close-day', cron: '0 0 0 * * ?', shardingTotalCount: 1, method: 'POST', uri: 'https://books.internal/close-day' })
 * export class CloseDayJob {}
 */
export function HttpJob(options: HttpJobOptions): TypedJobDecorator {
  return (target, member) => declare('typed', asProps(options, HTTP_PROPS), target, member);
}

/**
 * A job without a handler of a kind that the application adds with `@JobKind(type)`, or that the kernel brings. The type
 * is stored as its `className`. On a class, or on a property of a provider, which only gives it a place.
 */
export function TypedJob(type: string, options: JobDecoratorOptions): TypedJobDecorator {
  return (target, member) => declare('typed', { ...options, className: type }, target, member);
}

/** The props behind the options of `@HttpJob`. */
const HTTP_PROPS = {
  uri: 'http.uri',
  method: 'http.method',
  data: 'http.data',
  contentType: 'http.content.type',
  connectTimeoutMs: 'http.connect.timeout.milliseconds',
  readTimeoutMs: 'http.read.timeout.milliseconds',
} as const;

/** Options with some of them under the names of the props that they stand for. */
function asProps(options: object, names: Readonly<Record<string, string>>): DeclaredOptions {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [names[name] ?? name, value]));
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
