import type { DataflowJobHandler, JobHandler, ShardingContext, SimpleJobHandler } from '@elasticjob/core';
import type { DeclaredKind } from './job.decorators.js';
import type { MethodCall } from './method-call.js';
import type { ProvidedInstance } from './nest-provider.js';

/** Gives the provider's instance that is to work on this item of this run. */
export type JobInstance = (context: ShardingContext) => Promise<ProvidedInstance>;

/** The methods that the kernel will call on a provider. */
export function methodsOfKind(kind: DeclaredKind, member: string | symbol | null): readonly (string | symbol)[] {
  if (kind === 'typed') return [];
  return kind === 'dataflow' ? ['fetchData', 'processData'] : [member ?? 'execute'];
}

/** Makes a provider what the kernel calls; `undefined` for a typed job, which its definition describes whole. */
export function nestJobHandler(
  kind: DeclaredKind,
  member: string | symbol | null,
  instance: JobInstance,
  call: MethodCall,
): JobHandler {
  if (kind === 'typed') return undefined;
  return kind === 'dataflow' ? dataflowHandler(instance, call) : simpleHandler(member ?? 'execute', instance, call);
}

function simpleHandler(method: string | symbol, instance: JobInstance, call: MethodCall): SimpleJobHandler {
  return {
    async execute(context) {
      await call(await instance(context), method, [context]);
    },
  };
}

function dataflowHandler(instance: JobInstance, call: MethodCall): DataflowJobHandler {
  return {
    fetchData: async (context) =>
      (await call(await instance(context), 'fetchData', [context])) as ReturnType<DataflowJobHandler['fetchData']>,
    processData: async (context, data) => {
      await call(await instance(context), 'processData', [context, data]);
    },
  };
}
