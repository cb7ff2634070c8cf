import { describe, expect, it } from 'vitest';
import { SessionLostError, StoppedError } from '../foundation/abort.js';
import { ManualClock, settle } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import { RegistryError } from '../foundation/errors.js';
import { silentLogger } from '../foundation/logger.js';
import type { ShardingContext } from '../job/context.js';
import { defineJob } from '../job/define-job.js';
import type { JobOptions } from '../job/job-options.js';
import { MemoryTraceSink } from '../tracing/trace-sinks.js';
import { ignoreErrorHandler, throwErrorHandler } from './error-handlers.js';
import { ItemPool } from './item-pool.js';
import type { JobErrorHandler, JobListener } from './job-extensions.js';
import type { ItemExecutor } from './job-kind.js';
import { JobRuns, type Ownership, type RunnableJob } from './job-run.js';

const AT = Date.parse('2027-01-01T00:00:00Z');

/** One job on one instance, with everything around it in the test's hand. */
class Bench {
  readonly clock = new ManualClock(AT);
  readonly trace = new MemoryTraceSink();
  readonly runs: JobRuns;
  readonly contexts: ShardingContext[] = [];
  readonly released: number[] = [];
  /** Items that were released without having been executed. */
  readonly spared: number[] = [];
  /** Whether somebody decides anew about what is not executed. */
  takesBack: (reason: string) => boolean = (reason) => reason === 'resharded';
  /** Items of which a call has settled, in this order. */
  readonly free: number[] = [];
  readonly returned: number[] = [];
  readonly session = new AbortController();
  connected = true;
  readonly listeners: JobListener[] = [];
  errorHandler: JobErrorHandler = ignoreErrorHandler;
  claim: Ownership['claim'] = async () => ({ claimed: true, fencingToken: 7n });
  release: () => Promise<void> = async () => undefined;
  work: (context: ShardingContext) => void | Promise<void> = () => undefined;

  constructor(poolSize = 8) {
    const { clock, trace } = this;
    const pool = new ItemPool(() => poolSize);
    this.runs = new JobRuns({ clock, trace, pool, logger: silentLogger, instanceId: '10.0.0.1@-@1' });
  }

  run(items: readonly number[], options: Partial<JobOptions> = {}): Promise<void> {
    const definition = defineJob({ name: 'job', shardingTotalCount: 4, ...options }, { now: AT });
    const executor: ItemExecutor = async (context) => {
      this.contexts.push(context);
      await this.work(context);
    };
    const { errorHandler, listeners } = this;
    const job: RunnableJob = { definition, executor, errorHandler, listeners, itemParameters: new Map([[0, 'zero']]) };
    return this.runs.run({ scheduledAt: AT, source: 'NORMAL_TRIGGER', items }, job, this.#ownership());
  }

  states(): string[] {
    return this.trace.of('status').map(({ state }) => state);
  }

  outcomes(): string[] {
    return this.trace
      .of('item-finished')
      .map(({ item, success }) => `${item}:${success ? 'done' : 'failed'}`)
      .sort();
  }

  skips(): string[] {
    return this.trace.of('fire-skipped').map(({ reason, items }) => `${reason}:${items}`);
  }

  #ownership(): Ownership {
    return {
      session: this.session.signal,
      claim: (item) => this.claim(item),
      giveBack: (_, items, reason) => {
        if (this.takesBack(reason)) this.returned.push(...items);
        return this.takesBack(reason);
      },
      settled: (item) => void this.free.push(item),
      mayContinue: () => true,
      barrier: () => (this.connected ? null : 'no-session'),
      release: async (item, executed) => {
        await this.release();
        this.released.push(item);
        if (!executed) this.spared.push(item);
      },
    };
  }
}

/** A handler that goes on until it is let go or told to end. */
function hanging(): { work: Bench['work']; release: Deferred<void>; reasons: unknown[] } {
  const release = deferred();
  const reasons: unknown[] = [];
  const work = async ({ signal }: ShardingContext): Promise<void> => {
    signal.addEventListener('abort', () => {
      reasons.push(signal.reason);
      release.reject(signal.reason);
    });
    await release.promise;
  };
  return { work, release, reasons };
}

describe('one run', () => {
  it('tells its handler everything about the item', async () => {
    const bench = new Bench();
    await bench.run([0, 3], { jobParameter: 'p' });
    expect(bench.contexts[0]).toMatchObject({
      jobName: 'job',
      taskId: 'job@-@0,3@-@READY@-@10.0.0.1@-@1',
      shardingTotalCount: 4,
      jobParameter: 'p',
      shardingItem: 0,
      shardingParameter: 'zero',
      scheduledAt: AT,
      fencingToken: 7n,
    });
    expect(bench.contexts[1]?.shardingParameter).toBeUndefined();
    expect(bench.contexts[1]?.signal.aborted).toBe(false);
  });

  it('traces staging, running, each item, and the end', async () => {
    const bench = new Bench();
    await bench.run([0, 1]);
    expect(bench.states()).toEqual(['TASK_STAGING', 'TASK_RUNNING', 'TASK_FINISHED']);
    expect(bench.outcomes()).toEqual(['0:done', '1:done']);
    expect(bench.released).toEqual([0, 1]);
  });

  it('lets the other items go on when one fails, and says which', async () => {
    const bench = new Bench();
    bench.work = ({ shardingItem }) => {
      if (shardingItem === 1) throw new Error('no paper');
    };
    await bench.run([0, 1, 2]);
    expect(bench.outcomes()).toEqual(['0:done', '1:failed', '2:done']);
    expect(bench.trace.of('status').at(-1)).toMatchObject({ state: 'TASK_ERROR', message: 'item 1: no paper' });
    expect(bench.released.sort()).toEqual([0, 1, 2]);
  });

  it('fails as a whole with THROW, after all items have settled', async () => {
    const bench = new Bench();
    bench.errorHandler = throwErrorHandler;
    bench.work = async ({ shardingItem }) => {
      if (shardingItem === 0) throw new Error('no paper');
      await settle();
    };
    await expect(bench.run([0, 1])).rejects.toMatchObject({ code: 'JOB_FAILED', jobName: 'job' });
    expect(bench.outcomes()).toEqual(['0:failed', '1:done']);
  });

  it('survives an error handler that fails itself', async () => {
    const bench = new Bench();
    const broken = { type: 'BROKEN', handle: () => Promise.reject(new Error('handler')) };
    bench.errorHandler = broken;
    bench.work = () => Promise.reject(new Error('work'));
    await bench.run([0]);
    expect(bench.states().at(-1)).toBe('TASK_ERROR');
  });

  it('tells listeners before and after, and hands their failures to the error handler', async () => {
    const bench = new Bench();
    const heard: string[] = [];
    bench.listeners.push({
      type: 'AUDIT',
      beforeJobExecuted: ({ items }) => {
        heard.push(`before ${items}`);
        throw new Error('audit');
      },
      afterJobExecuted: () => void heard.push('after'),
    });
    bench.errorHandler = { type: 'HEAR', handle: ({ item, error }) => void heard.push(`${item} ${error}`) };
    await bench.run([0, 1]);
    expect(heard).toEqual(['before 0,1', 'undefined Error: audit', 'after']);
    expect(bench.outcomes()).toHaveLength(2);
  });

  it('skips an item whose turn in the pool comes while the registry is out of reach', async () => {
    const bench = new Bench(1);
    const { work, release } = hanging();
    bench.work = work;
    const run = bench.run([0, 1]);
    await settle();
    bench.connected = false;
    release.resolve();
    await run;
    expect(bench.contexts.map(({ shardingItem }) => shardingItem)).toEqual([0]);
    expect(bench.outcomes()).toEqual(['0:done']);
    expect(bench.skips()).toEqual(['no-session:1']);
    expect(bench.released).toEqual([0, 1]);
  });

  it('tells listeners at its end of what has ended here, not of what was given back', async () => {
    const bench = new Bench(1);
    const told: number[][] = [];
    bench.listeners.push({ type: 'X', afterJobExecuted: ({ items }) => void told.push([...items]) });
    bench.takesBack = () => true;
    const { work, release } = hanging();
    bench.work = work;
    const run = bench.run([0, 1]);
    await settle();
    bench.connected = false;
    release.resolve();
    await run;
    expect([told, bench.returned, bench.skips()]).toEqual([[[0]], [1], []]);
  });

  it('marks nothing once the session is lost: the mark would be made in the next one', async () => {
    const bench = new Bench();
    const claimed: number[] = [];
    bench.claim = async (item) => {
      claimed.push(item);
      return { claimed: true, fencingToken: 7n };
    };
    bench.session.abort(new SessionLostError());
    await bench.run([0]);
    expect(claimed).toEqual([]);
    expect(bench.skips()).toEqual(['no-session:0']);
  });

  it('runs as many items at the same time as the pool allows', async () => {
    const bench = new Bench(2);
    const { work, release } = hanging();
    bench.work = work;
    const run = bench.run([0, 1, 2, 3]);
    await settle();
    expect(bench.contexts).toHaveLength(2);
    release.resolve();
    await run;
    expect(bench.contexts).toHaveLength(4);
  });

  it('aborts an item that runs longer than its timeout, and counts it as failed even if it then returns', async () => {
    const bench = new Bench();
    const { work, reasons, release } = hanging();
    bench.work = (context) => Promise.resolve(work(context)).catch(() => undefined);
    const run = bench.run([0], { timeout: 5000 });
    await bench.clock.advance(5000);
    await run;
    expect(reasons).toMatchObject([{ code: 'DEADLINE' }]);
    expect(bench.outcomes()).toEqual(['0:failed']);
    release.resolve();
    expect(bench.clock.pendingTimers).toBe(0);
  });
});

describe('items that must not be started', () => {
  it('are those whose former call has not settled', async () => {
    const bench = new Bench();
    const { work, release } = hanging();
    bench.work = work;
    const first = bench.run([0, 1]);
    await settle();
    await bench.run([0]);
    expect(bench.skips()).toEqual(['overlap:0']);
    expect(bench.runs.runningItems).toEqual([0, 1]);
    release.resolve();
    await first;
    expect(bench.runs.runningItems).toEqual([]);
  });

  it('are those that another instance runs', async () => {
    const bench = new Bench();
    bench.claim = async (item) =>
      item === 0 ? { claimed: false, reason: 'running-elsewhere' } : { claimed: true, fencingToken: 1n };
    await bench.run([0, 1]);
    expect(bench.skips()).toEqual(['running-elsewhere:0']);
    expect(bench.outcomes()).toEqual(['1:done']);
  });

  it('are given back when the items changed hands while they were marked', async () => {
    const bench = new Bench();
    bench.claim = async () => ({ claimed: false, reason: 'resharded' });
    await bench.run([2, 3]);
    expect(bench.returned).toEqual([2, 3]);
    expect(bench.skips()).toEqual([]);
    expect(bench.states()).toEqual(['TASK_STAGING', 'TASK_FINISHED']);
  });

  it('are those whose mark is unknown, and a mark that may be there is taken away', async () => {
    const bench = new Bench();
    bench.claim = () => Promise.reject(new RegistryError('CONNECTION_LOSS', 'gone', { retryable: true }));
    await bench.run([0]);
    expect(bench.skips()).toEqual(['no-session:0']);
    expect(bench.released).toEqual([0]);
  });
});

describe('a run whose session is lost', () => {
  it('is aborted, counts as failed, and touches no mark any more', async () => {
    const bench = new Bench();
    const { work, reasons } = hanging();
    bench.work = work;
    const run = bench.run([0]);
    await settle();
    bench.session.abort(new SessionLostError());
    await run;
    expect(reasons).toMatchObject([{ code: 'SESSION_LOST' }]);
    expect(bench.outcomes()).toEqual(['0:failed']);
    expect(bench.released).toEqual([]);
  });

  it('is not called when the session was lost while other items were still being marked', async () => {
    const bench = new Bench();
    await bench.run([0]);
    const slow = deferred<{ claimed: false; reason: 'running-elsewhere' }>();
    bench.claim = (item) => (item === 0 ? Promise.resolve({ claimed: true, fencingToken: 8n }) : slow.promise);
    const run = bench.run([0, 1]);
    await settle();
    bench.session.abort(new SessionLostError());
    slow.resolve({ claimed: false, reason: 'running-elsewhere' });
    await run;
    expect(bench.contexts).toHaveLength(1);
    expect(bench.outcomes()).toEqual(['0:done', '0:failed']);
  });

  it('counts as failed when its session turns out to be lost as its mark is taken away', async () => {
    const bench = new Bench();
    bench.release = async () => {
      bench.session.abort(new SessionLostError());
      throw new RegistryError('SESSION_LOST', 'gone', { retryable: true });
    };
    const run = bench.run([0]);
    await bench.clock.advance(5_000);
    await run;
    expect(bench.contexts).toHaveLength(1);
    expect(bench.outcomes()).toEqual(['0:failed']);
  });

  it('counts as failed although its handler returned without looking', async () => {
    const bench = new Bench();
    const release = deferred();
    bench.work = () => release.promise;
    const run = bench.run([0]);
    await settle();
    bench.session.abort(new SessionLostError());
    release.resolve();
    await run;
    expect(bench.trace.of('item-finished')).toMatchObject([
      { success: false, failureCause: expect.stringContaining('SessionLostError') },
    ]);
  });
});

describe('a mark that cannot be removed', () => {
  it('is tried again until it is', async () => {
    const bench = new Bench();
    let attempts = 0;
    bench.release = async () => {
      if (++attempts < 3) throw new RegistryError('CONNECTION_LOSS', 'gone', { retryable: true });
    };
    const run = bench.run([0]);
    await bench.clock.advance(2000);
    await run;
    expect(bench.released).toEqual([0]);
    expect(attempts).toBe(3);
  });

  it('is left to the end of its session', async () => {
    const bench = new Bench();
    bench.release = () => Promise.reject(new RegistryError('CONNECTION_LOSS', 'gone', { retryable: true }));
    const run = bench.run([0]);
    await settle();
    bench.session.abort(new SessionLostError());
    await bench.clock.advance(1000);
    await run;
    expect(bench.runs.runningItems).toEqual([]);
  });
});

describe('stopping', () => {
  it('resolves when nothing runs, and aborts what does when told to', async () => {
    const bench = new Bench();
    const { work, reasons } = hanging();
    bench.work = work;
    const run = bench.run([0, 1]);
    await settle();
    let idle = false;
    const ended = bench.runs.idle().then(() => {
      idle = true;
    });
    await settle();
    expect(idle).toBe(false);
    bench.runs.abort(new StoppedError('enough'));
    await run;
    await ended;
    expect(reasons).toMatchObject([{ code: 'STOPPED', message: 'enough' }, { code: 'STOPPED' }]);
  });

  it('waits for the listeners that hear of the end', async () => {
    const bench = new Bench();
    const told = deferred();
    bench.listeners.push({ type: 'SLOW', afterJobExecuted: () => told.promise });
    const run = bench.run([0]);
    await settle();
    let idle = false;
    const ended = bench.runs.idle().then(() => {
      idle = true;
    });
    await settle();
    expect(bench.runs.runningItems).toEqual([]);
    expect(idle).toBe(false);
    told.resolve();
    await Promise.all([run, ended]);
  });

  it('starts nothing that was still on its way', async () => {
    const bench = new Bench();
    const claimed = deferred();
    bench.claim = async () => {
      await claimed.promise;
      return { claimed: true, fencingToken: 1n };
    };
    const run = bench.run([0]);
    bench.runs.abort(new StoppedError());
    claimed.resolve();
    await run;
    expect(bench.contexts).toEqual([]);
    expect(bench.outcomes()).toEqual(['0:failed']);
    expect(bench.released).toEqual([0]);
  });
});

describe('an item that is offered back', () => {
  it('is not recorded as skipped when somebody decides about it anew, whatever the reason', async () => {
    const bench = new Bench();
    bench.takesBack = () => true;
    const { work, release } = hanging();
    bench.work = work;
    const first = bench.run([0]);
    await settle();
    bench.claim = async () => ({ claimed: false, reason: 'running-elsewhere' });
    await bench.run([0, 1]);
    expect([bench.returned, bench.skips()]).toEqual([[0, 1], []]);
    release.resolve();
    await first;
  });

  it('is released as one that was not executed', async () => {
    const bench = new Bench();
    bench.connected = false;
    bench.takesBack = () => true;
    await bench.run([0]);
    expect([bench.returned, bench.released, bench.spared]).toEqual([[0], [0], [0]]);
    bench.connected = true;
    await bench.run([0]);
    expect(bench.spared).toEqual([0]);
  });
});
