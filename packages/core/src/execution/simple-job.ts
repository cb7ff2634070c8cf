import type { JobHandler, SimpleJobHandler } from '../job/handlers.js';
import { hasMethod, missingMethod } from './handler-methods.js';
import type { JobKind } from './job-kind.js';

/** SIMPLE: one call of `execute` per item and run. */
export const simpleJob: JobKind = {
  type: 'SIMPLE',
  storedClassName: null,
  accepts: (_definition, handler) => isSimple(handler),
  prepare({ jobName }, handler) {
    if (!isSimple(handler)) throw missingMethod(jobName, 'simple', handler, 'execute');
    return async (context) => {
      await handler.execute(context);
    };
  },
};

function isSimple(handler: JobHandler): handler is SimpleJobHandler {
  return hasMethod(handler, 'execute');
}
