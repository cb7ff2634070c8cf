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

  it('gives an error of several lines as the stack, so that it prints as it is, and its first line as a field', () => {
    const lines = capture();
    const error = 'Error: no paper\n    at print (printer.js:1:1)';
    nestLogger({ job: 'invoice' }).error('job failed', { error });
    nestLogger().warn('leaving was not orderly', { error });
    expect(lines).toEqual([
      ['error', 'job failed', { job: 'invoice', error: 'Error: no paper' }, error, 'ElasticJob'],
      ['warn', 'leaving was not orderly', { error }, 'ElasticJob'],
    ]);
  });

  it('writes that stack below the line, and as `stack` in JSON', () => {
    const written = vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
    const error = 'Error: no paper\n    at print (printer.js:1:1)';
    for (const json of [false, true]) {
      NestLogger.overrideLogger(new ConsoleLogger({ json, colors: false }));
      nestLogger().error('job failed', { item: 1, error });
    }
    const text = written.mock.calls.map(([chunk]) => String(chunk)).join('');
    written.mockRestore();
    expect(text).toContain(`[ElasticJob] job failed { item: 1, error: 'Error: no paper' }\n${error}\n`);
    expect(text).toContain(`"stack":${JSON.stringify(error)}`);
    expect(text).toContain('"item":1');
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
