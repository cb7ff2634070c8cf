import type { LogFields, Logger } from '@elasticjob/core';
import { Logger as NestLogger } from '@nestjs/common';

/**
 * The kernel's logger on Nest's: context `ElasticJob`, fields as the structured parameter. Follows `app.useLogger`. An
 * error's text of several lines is also given as Nest's stack parameter, so that people can read it.
 *
 * @example
 * ElasticJobModule.forRoot({ registry, traceSinks: [loggingTraceSink(nestLogger())] })
 */
export function nestLogger(fields: LogFields = {}, target: NestLogger = new NestLogger('ElasticJob')): Logger {
  const log = (level: 'debug' | 'log' | 'warn' | 'error') => (message: string, own?: LogFields) => {
    target[level](message, ...parametersOf(level, { ...fields, ...own }));
  };
  return {
    debug: log('debug'),
    info: log('log'),
    warn: log('warn'),
    error: log('error'),
    child: (more) => nestLogger({ ...fields, ...more }, target),
  };
}

function parametersOf(level: string, fields: LogFields): unknown[] {
  const { error } = fields;
  // Only Nest's `error` knows a stack.
  if (level === 'error' && typeof error === 'string' && error.includes('\n')) {
    return [{ ...fields, error: error.slice(0, error.indexOf('\n')) }, error];
  }
  return Object.keys(fields).length === 0 ? [] : [fields];
}
