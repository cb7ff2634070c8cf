import { createEngine, defineJob, type LogFields, silentLogger } from '@elasticjob/core';
import { deferred } from '@elasticjob/core/testing';
import { expect, it } from 'vitest';

it('names the handler that keeps the event loop from turning', async () => {
  const warned = deferred<LogFields>();
  const logger = {
    ...silentLogger,
    warn: (message: string, fields: LogFields = {}) => {
      if (message.startsWith('the event loop')) warned.resolve(fields);
    },
    child: () => logger,
  };
  const engine = createEngine({ registry: 'embedded', logger });
  const compute = (): void => {
    for (const since = performance.now(); performance.now() - since < 1200; );
  };
  const job = { cron: '* * * * * *', shardingTotalCount: 1 };
  await engine.add(defineJob({ name: 'idle', ...job }), { execute: () => undefined });
  await engine.add(defineJob({ name: 'busy', ...job }), { execute: compute });
  await engine.start();
  try {
    expect(await warned.promise).toEqual({ delayMs: expect.any(Number), handlers: expect.arrayContaining(['busy/0']) });
  } finally {
    await engine.stop();
  }
});
