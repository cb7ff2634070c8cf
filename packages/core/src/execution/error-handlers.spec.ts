import { describe, expect, it } from 'vitest';
import { silentLogger, writeLogger } from '../foundation/logger.js';
import { builtInErrorHandlers, ignoreErrorHandler, logErrorHandler, throwErrorHandler } from './error-handlers.js';

const failure = { jobName: 'invoice', item: 2, error: new Error('no paper', { cause: new Error('empty tray') }) };

describe('the error handlers that the kernel brings', () => {
  it('LOG writes job, item and the failure with its causes', async () => {
    const lines: string[] = [];
    await logErrorHandler.handle({ ...failure, logger: writeLogger((line) => lines.push(line)) });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^ERROR job failed /);
    expect(lines[0]).toContain('"job":"invoice","item":2');
    expect(lines[0]).toContain('Error: no paper');
    expect(lines[0]).toContain('Caused by: Error: empty tray');
  });

  it('only THROW makes the whole run fail', () => {
    expect(builtInErrorHandlers.filter((handler) => handler.failsRun)).toEqual([throwErrorHandler]);
  });

  it('IGNORE and THROW write nothing themselves', async () => {
    const lines: string[] = [];
    const logger = writeLogger((line) => lines.push(line), 'debug');
    await ignoreErrorHandler.handle({ ...failure, logger });
    await throwErrorHandler.handle({ ...failure, logger });
    expect(lines).toEqual([]);
  });

  it('any thrown value can be handled, not only errors', async () => {
    for (const error of [undefined, null, 'text', { code: 1 }]) {
      await logErrorHandler.handle({ ...failure, item: undefined, error, logger: silentLogger });
    }
    expect(builtInErrorHandlers.map((handler) => handler.type)).toEqual(['LOG', 'THROW', 'IGNORE']);
  });
});
