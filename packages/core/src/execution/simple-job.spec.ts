import { describe, expect, it } from 'vitest';
import { silentLogger } from '../foundation/logger.js';
import type { ShardingContext } from '../job/context.js';
import { defineJob } from '../job/define-job.js';
import type { JobHandler } from '../job/handlers.js';
import type { ItemRun } from './job-kind.js';
import { simpleJob } from './simple-job.js';

const definition = defineJob({ name: 'invoice', shardingTotalCount: 1 });
const run: ItemRun = { logger: silentLogger, mayContinue: () => true };
const context: ShardingContext = {
  jobName: 'invoice',
  taskId: 't',
  shardingTotalCount: 1,
  jobParameter: '',
  shardingItem: 0,
  shardingParameter: undefined,
  scheduledAt: 0,
  trigger: undefined,
  window: undefined,
  signal: new AbortController().signal,
  fencingToken: undefined,
};

describe('a simple job', () => {
  it('calls execute of its handler with the context, as a method', async () => {
    class Invoice {
      seen: ShardingContext | undefined;
      execute(given: ShardingContext): void {
        this.seen = given;
      }
    }
    const handler = new Invoice();
    await simpleJob.prepare(definition, handler)(context, run);
    expect(handler.seen).toBe(context);
  });

  it('fails as its handler does, thrown or rejected', async () => {
    const throwing = simpleJob.prepare(definition, {
      execute: () => {
        throw new Error('thrown');
      },
    });
    const rejecting = simpleJob.prepare(definition, { execute: () => Promise.reject(new Error('rejected')) });
    await expect(throwing(context, run)).rejects.toThrow('thrown');
    await expect(rejecting(context, run)).rejects.toThrow('rejected');
  });

  it('takes a class whose method is inherited', () => {
    class Base {
      execute(): void {}
    }
    class Derived extends Base {}
    expect(simpleJob.accepts(definition, new Derived())).toBe(true);
  });

  it('refuses a class without the method, naming job, class and method', () => {
    class Forgetful {}
    const handler = new Forgetful() as JobHandler;
    expect(simpleJob.accepts(definition, handler)).toBe(false);
    const prepare = () => simpleJob.prepare(definition, handler);
    expect(prepare).toThrow("job 'invoice' is a simple job, but the class 'Forgetful' has no method 'execute'");
    expect(prepare).toThrow(expect.objectContaining({ code: 'INVALID_CONFIGURATION', jobName: 'invoice' }));
  });

  it('refuses to be without a handler, or with one without a prototype', () => {
    const bare = Object.create(null) as JobHandler;
    expect(() => simpleJob.prepare(definition, undefined)).toThrow('it was given no handler; add execute(context)');
    expect(() => simpleJob.prepare(definition, bare)).toThrow("its handler has no method 'execute'");
  });
});
