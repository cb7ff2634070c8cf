import { ConsoleLogger, Logger as NestLogger } from '@nestjs/common';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nestLogger } from './nest-logger.js';

function capture() {
  const lines: unknown[][] = [];
  const write =
    (level: string) =>
    (...parameters: unknown[]): void =>
      void lines.push([level, ...parameters]);
  const target = { log: write('log'), warn: write('warn'), error: write('error'), debug: write('debug') };
  NestLogger.overrideLogger(target);
  return lines;
}

afterEach(() => NestLogger.overrideLogger(new ConsoleLogger()));

describe('the logger of the kernel in an application', () => {
  it("writes through the application's logger, fields as one object, under the context ElasticJob", () => {
    const logger = nestLogger();
    const lines = capture();
    logger.info('registry session', { state: 'connected' });
    logger.warn('late');
    logger.child({ job: 'invoice' }).child({ item: 1 }).error('job failed', { error: 'no paper' });
    logger.debug('idle', {});
    expect(lines).toEqual([
      ['log', 'registry session', { state: 'connected' }, 'ElasticJob'],
      ['warn', 'late', 'ElasticJob'],
      ['error', 'job failed', { job: 'invoice', item: 1, error: 'no paper' }, 'ElasticJob'],
      ['debug', 'idle', 'ElasticJob'],
    ]);
  });

  it('gives fields as structured parameters to loggers that write JSON', () => {
    const written = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    NestLogger.overrideLogger(new ConsoleLogger({ json: true }));
    nestLogger({ job: 'invoice' }).info('registry session', { state: 'connected' });
    const line = String(written.mock.calls[0]?.[0]);
    written.mockRestore();
    expect(line).toContain('"context":"ElasticJob"');
    expect(line).toContain('"message":"registry session"');
    expect(line).toContain('"state":"connected"');
  });
});
