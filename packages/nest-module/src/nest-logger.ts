import type { LogFields, Logger } from '@elasticjob/core';
import { Logger as NestLogger } from '@nestjs/common';

/** The kernel's logger on Nest's: context `ElasticJob`, fields as the structured parameter. Follows `app.useLogger`. */
export function nestLogger(fields: LogFields = {}, target: NestLogger = new NestLogger('ElasticJob')): Logger {
  const log = (level: 'debug' | 'log' | 'warn' | 'error') => (message: string, own?: LogFields) => {
    const all = { ...fields, ...own };
    if (Object.keys(all).length === 0) target[level](message);
    else target[level](message, all);
  };
  return {
    debug: log('debug'),
    info: log('log'),
    warn: log('warn'),
    error: log('error'),
    child: (more) => nestLogger({ ...fields, ...more }, target),
  };
}
