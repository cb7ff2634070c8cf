import type { DataflowJobHandler, JobHandler, ShardingContext, SimpleJobHandler } from '@elasticjob/core';
import type { DeclaredKind } from './job.decorators.js';

/** Gives the provider's instance that is to work on this item of this run. */
export type JobInstance = (context: ShardingContext) => Promise<object>;

type ItemMethod = (this: object, context: ShardingContext) => unknown;

/** The methods that the kernel will call on a provider. */
export function methodsOfKind(kind: DeclaredKind, member: string | symbol | null): readonly (string | symbol)[] {
  if (kind === 'script') return [];
  return kind === 'dataflow' ? ['fetchData', 'processData'] : [member ?? 'execute'];
}

/** Makes a provider what the kernel calls; `undefined` for a script, which its definition describes whole. */
export function nestJobHandler(kind: DeclaredKind, member: string | symbol | null, instance: JobInstance): JobHandler {
  if (kind === 'script') return undefined;
  return kind === 'dataflow' ? dataflowHandler(instance) : simpleHandler(member ?? 'execute', instance);
}

function simpleHandler(method: string | symbol, instance: JobInstance): SimpleJobHandler {
  return {
    async execute(context) {
      const target = await instance(context);
      await (Reflect.get(target, method) as ItemMethod).call(target, context);
    },
  };
}

function dataflowHandler(instance: JobInstance): DataflowJobHandler {
  const handlerOf = async (context: ShardingContext) => (await instance(context)) as DataflowJobHandler;
  return {
    fetchData: async (context) => (await handlerOf(context)).fetchData(context),
    processData: async (context, data) => (await handlerOf(context)).processData(context, data),
  };
}
