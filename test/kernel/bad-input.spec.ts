import {
  createEngine,
  defineJob,
  type Engine,
  type EngineOptions,
  type JobHandler,
  type JobOptions,
  type LogFields,
  type Logger,
  type ShardingContext,
} from '@elasticjob/core';
import { deferred, ManualClock, MemoryServer, MemoryTraceSink, settle } from '@elasticjob/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SECOND = 1000;
const GOOD = { name: 'good', cron: '* * * * * *', shardingTotalCount: 1, timeZone: 'UTC' } as const;

let clock = new ManualClock();
let server = new MemoryServer({ clock });
let lines: string[] = [];
let traces = new MemoryTraceSink();
let goodRuns = 0;
const engines: Engine[] = [];

/** Keeps what it is told, `level text {fields}`. */
function keepingLogger(fields: LogFields = {}): Logger {
  const keep =
    (level: string) =>
    (text: string, more: LogFields = {}): void =>
      void lines.push(`${level} ${text} ${JSON.stringify({ ...fields, ...more })}`);
  return {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    child: (more) => keepingLogger({ ...fields, ...more }),
  };
}

const good: JobHandler = {
  execute: () => {
    goodRuns += 1;
  },
};

/** An engine with a good job beside whatever a test adds. */
async function start(options: Partial<EngineOptions> = {}): Promise<Engine> {
  const registry = server.registry({ namespace: 'test', sessionTimeoutMilliseconds: 10_000 });
  const engine = createEngine({
    registry,
    instanceId: `10.0.0.${engines.length + 1}@-@bad`,
    clock,
    logger: keepingLogger(),
    traceSinks: [traces],
    ...options,
  });
  engines.push(engine);
  await engine.start();
  await engine.add(define(GOOD), good, 'GoodJob');
  await settle();
  return engine;
}

function define(options: Partial<JobOptions>): ReturnType<typeof defineJob> {
  const common = { name: 'bad', cron: '* * * * * *', shardingTotalCount: 1, timeZone: 'UTC' };
  return defineJob({ ...common, ...options }, { now: clock.now() });
}

async function failure(work: () => unknown): Promise<unknown> {
  try {
    await work();
    return 'no error';
  } catch (error) {
    return error;
  }
}

/** Lets a fire come; the good job has to run for it whatever happens to the others. */
async function fire(): Promise<void> {
  const before = goodRuns;
  await clock.advanceTo(Math.floor(clock.now() / SECOND) * SECOND + SECOND);
  expect(goodRuns).toBe(before + 1);
}

async function stop(engine: Engine): Promise<void> {
  let stopped = false;
  const stopping = engine.stop().finally(() => {
    stopped = true;
  });
  for (let left = 500; left > 0 && !stopped; left--) await clock.advance(100);
  await stopping;
}

const told = (text: string): string[] => lines.filter((line) => line.includes(text));

beforeEach(() => {
  clock = new ManualClock('2027-01-01T00:00:00.500Z');
  server = new MemoryServer({ clock });
  lines = [];
  traces = new MemoryTraceSink();
  goodRuns = 0;
});
afterEach(async () => {
  for (const engine of engines.splice(0)) await stop(engine);
});

describe('a definition that cannot be', () => {
  it.each<[string, Partial<JobOptions>, string[]]>([
    [
      'an invalid cron',
      { cron: '61 * * * * *' },
      ['jobs.bad.cron', "'61 * * * * *'", 'expected an expression that fires'],
    ],
    ['a cron that never fires', { cron: '0 0 0 30 2 ?' }, ['jobs.bad.cron', "'0 0 0 30 2 ?'"]],
    ['a cron of the past', { cron: '0 0 0 1 1 ? 2020' }, ['jobs.bad.cron', 'no fire after 2027']],
    [
      'an unknown time zone',
      { timeZone: 'Mars/Olympus' },
      ['jobs.bad.timeZone', "'Mars/Olympus'", 'expected a known zone'],
    ],
    ['no items', { shardingTotalCount: 0 }, ['jobs.bad.shardingTotalCount', 'seen 0', 'whole number from 1']],
    ['fewer than no items', { shardingTotalCount: -3 }, ['jobs.bad.shardingTotalCount', 'seen -3']],
    ['half an item', { shardingTotalCount: 1.5 }, ['jobs.bad.shardingTotalCount', 'seen 1.5']],
    ['malformed item parameters', { shardingItemParameters: '0=a,b' }, ['jobs.bad.shardingItemParameters', "'0=a,b'"]],
    ['item parameters of no item', { shardingItemParameters: 'x=a' }, ['jobs.bad.shardingItemParameters', "'x=a'"]],
    ['a name that is no node', { name: 'a/b' }, ['jobs.a/b.name', "'/'"]],
  ])('is refused for %s, naming the option, what was seen and what was expected', async (_, options, texts) => {
    const error = await failure(() => define(options));
    expect(error).toMatchObject({ name: 'ConfigurationError', code: 'INVALID_CONFIGURATION' });
    for (const text of texts) expect(String(error)).toContain(text);
  });

  it('is refused with all its problems at once', async () => {
    const error = await failure(() => define({ cron: 'x', timeZone: 'y', shardingTotalCount: 0 }));
    for (const option of ['cron', 'timeZone', 'shardingTotalCount'])
      expect(String(error)).toContain(`jobs.bad.${option}`);
  });

  it.each<[string, Partial<JobOptions>, string[]]>([
    [
      'strategy',
      { jobShardingStrategyType: 'NOPE' },
      ["sharding strategy 'NOPE'", 'AVG_ALLOCATION', 'jobShardingStrategyType'],
    ],
    ['error handler', { jobErrorHandlerType: 'NOPE' }, ["error handler 'NOPE'", 'LOG', 'jobErrorHandlerType']],
    ['listener', { jobListenerTypes: ['NOPE'] }, ["listener 'NOPE'", 'known are none', 'jobListenerTypes']],
    ['pool policy', { jobExecutorThreadPoolSizeProviderType: 'NOPE' }, ["pool policy 'NOPE'", 'CPU, SINGLE_THREAD']],
  ])('is refused for an unknown %s, with the known ones', async (_, options, texts) => {
    const engine = await start();
    const error = await failure(() => engine.add(define(options), good));
    expect(error).toMatchObject({ code: 'UNKNOWN_EXTENSION', jobName: 'bad' });
    for (const text of ["job 'bad'", ...texts]) expect(String(error)).toContain(text);
    expect(engine.jobs.map(({ jobName }) => jobName)).toEqual(['good']);
    await fire();
  });

  it('is refused without a handler that fits', async () => {
    const engine = await start();
    const error = await failure(() => engine.add(define({}), {} as JobHandler));
    expect(error).toMatchObject({ code: 'INVALID_CONFIGURATION' });
    for (const text of ['jobs.bad', 'execute', 'fetchData', 'script.command.line'])
      expect(String(error)).toContain(text);
    await fire();
  });

  it('is refused when its name is taken, naming both who declared it', async () => {
    const engine = await start();
    const error = await failure(() => engine.add(define(GOOD), good, 'OtherJob in other.module'));
    expect(error).toMatchObject({ code: 'DUPLICATE_JOB' });
    for (const text of ["'good'", 'GoodJob', 'OtherJob in other.module', 'rename'])
      expect(String(error)).toContain(text);
    await fire();
  });

  it('is refused when the registry knows the job as another class, and nothing is overwritten', async () => {
    const engine = await start();
    await engine.registry.put('bad', 'com.x.TheirJob');
    const error = await failure(() => engine.add(define({ className: 'MyJob', overwrite: true }), good));
    expect(error).toMatchObject({ code: 'JOB_CLASS_CONFLICT' });
    for (const text of ['com.x.TheirJob', 'MyJob', 'className']) expect(String(error)).toContain(text);
    expect((await engine.registry.read('bad'))?.value).toBe('com.x.TheirJob');
    expect(await engine.registry.read('bad/config')).toBeNull();
    await fire();
  });
});

describe('what others wrote into the registry', () => {
  const TEXTS: [string, string, string][] = [
    ['no YAML', 'cron: [', 'bad/config: not YAML'],
    ['an unknown option', 'jobName: bad\nshardingTotalCount: 1\ncrom: x\n', 'bad/config: crom: unknown option'],
    ['a tag of a class', 'jobName: !!java.io.File [x]\nshardingTotalCount: 1\n', 'bad/config: jobName'],
    ['a count that is none', 'jobName: bad\nshardingTotalCount: many\n', 'bad/config: shardingTotalCount'],
    ['no items', 'jobName: bad\nshardingTotalCount: 0\n', 'bad/config: shardingTotalCount'],
    ['an invalid cron', 'jobName: bad\nshardingTotalCount: 1\ncron: nonsense\n', 'bad/config'],
    [
      'a strategy unknown here',
      'jobName: bad\nshardingTotalCount: 1\njobShardingStrategyType: X\n',
      "sharding strategy 'X'",
    ],
    ['nothing', '', 'bad/config: seen no options'],
  ];

  it.each(TEXTS)('as definition, %s: the job waits and says so, nothing is overwritten', async (_, text, problem) => {
    const engine = await start();
    await engine.registry.put('bad/config', text);
    let runs = 0;
    const handle = await engine.add(define({}), { execute: () => void runs++ });
    await settle();
    expect(handle.status()).toMatchObject({ state: 'waiting', nextFire: null, items: [] });
    expect(handle.status().problem).toContain(problem);
    expect(told('the stored definition cannot be followed')[0]).toContain('"job":"bad"');
    expect(traces.of('coordination').map(({ event }) => event)).toContain('waiting');
    await fire();
    expect(runs).toBe(0);
    expect((await engine.registry.read('bad/config'))?.value).toBe(text);
  });

  it('as definition, unreadable, is not overwritten even by an instance that is told to overwrite', async () => {
    const engine = await start();
    await engine.registry.put('bad/config', 'cron: [');
    const handle = await engine.add(define({ overwrite: true }), good);
    expect(handle.status()).toMatchObject({ state: 'waiting' });
    expect((await engine.registry.read('bad/config'))?.value).toBe('cron: [');
  });

  it.each(TEXTS)(
    'as definition of a running job, %s: it stops firing until somebody mends it',
    async (_, text, problem) => {
      const engine = await start();
      let runs = 0;
      const handle = await engine.add(define({}), { execute: () => void runs++ });
      await settle();
      await fire();
      const mended = (await engine.registry.read('bad/config'))?.value ?? '';
      await engine.registry.put('bad/config', text);
      await settle();
      expect(handle.status()).toMatchObject({ state: 'waiting', problem: expect.stringContaining(problem) });
      await fire();
      expect(runs).toBe(1);
      await engine.registry.put('bad/config', mended);
      await settle();
      await fire();
      expect(handle.status()).toMatchObject({ state: 'active', problem: null });
      expect(runs).toBe(2);
    },
  );

  it('as junk below the nodes of the job: it is left alone and does no harm', async () => {
    const engine = await start();
    const items: number[] = [];
    const execute = ({ shardingItem }: ShardingContext): void => void items.push(shardingItem);
    const handle = await engine.add(define({ shardingTotalCount: 2 }), { execute });
    await settle();
    const { registry } = engine;
    const junk: [string, string][] = [
      ['bad/sharding/foo', 'x'],
      ['bad/sharding/-1', ''],
      ['bad/sharding/1.5', ''],
      ['bad/sharding/1e400', ''],
      ['bad/instances/somebody', 'not: [yaml'],
      ['bad/instances/10.0.0.9@-@9', ''],
      ['bad/servers/not-an-address', 'MAYBE'],
      ['bad/leader/sharding/todo', 'x'],
      ['bad/leader/election/instance2', 'x'],
      ['bad/trigger/10.0.0.9@-@9', 'x'],
      ['bad/extension/foo', 'x'],
      ['bad/sharding/0/foo', 'x'],
    ];
    for (const [path, text] of junk) await registry.put(path, text);
    await settle();
    await fire();
    expect(items.sort()).toEqual([0, 1]);
    await registry.put('bad/extension/plan', '{"v":1,"changes":-1,"members":');
    await settle();
    await fire();
    expect(items.sort()).toEqual([0, 0, 1, 1]);
    const other = await start();
    await other.add(define({ shardingTotalCount: 2 }), { execute });
    await settle();
    expect(handle.status().items).toHaveLength(1);
    for (const [path, text] of junk) expect((await registry.read(path))?.value).toBe(text);
    expect(told('error ')).toEqual([]);
  });

  it.each([
    'not a plan',
    '{"v":2}',
    '{"v":1,"changes":0,"strategy":"AVG_ALLOCATION","members":9,"names":[],"spans":[]}',
  ])('as a plan, %s, before anybody starts: items are assigned as ever', async (text) => {
    const engine = await start();
    await engine.registry.put('bad/extension/plan', text);
    const handle = await engine.add(define({ shardingTotalCount: 2 }), good);
    await settle();
    expect(handle.status().items).toEqual([0, 1]);
  });
});

describe('a registry that cannot be reached', () => {
  const unreachable = (waitForRegistry: boolean): Engine => {
    server.stop();
    const registry = server.registry({
      namespace: 'test',
      connectionTimeoutMilliseconds: 5_000,
      waitForRegistry,
      logger: keepingLogger(),
    });
    const engine = createEngine({ registry, clock, logger: keepingLogger(), instanceId: '10.0.0.1@-@bad' });
    engines.push(engine);
    return engine;
  };

  it('fails the start after the timeout, naming the registry and what to do', async () => {
    const engine = unreachable(false);
    const outcome = failure(() => engine.start());
    await clock.advance(5_000);
    expect(await outcome).toMatchObject({ code: 'CONNECTION_TIMEOUT', message: expect.stringContaining('5000 ms') });
    expect(String(await outcome)).toContain('waitForRegistry');
  });

  it('is waited for as long as it takes when told so, with a warning per timeout', async () => {
    const engine = unreachable(true);
    const started = engine.start();
    const added = engine.add(define(GOOD), good);
    await clock.advance(16_000);
    expect(told('still waiting for the registry')).toHaveLength(3);
    server.restart();
    await clock.advance(5_000);
    await Promise.all([started, added]);
    await fire();
  });
});

describe('a handler that', () => {
  it.each<[string, JobHandler, string]>([
    [
      'throws',
      {
        execute: () => {
          throw new Error('thrown');
        },
      },
      'thrown',
    ],
    ['rejects', { execute: () => Promise.reject(new Error('rejected')) }, 'rejected'],
    ['rejects with no error', { execute: () => Promise.reject('just a text') }, 'just a text'],
    ['rejects with nothing', { execute: () => Promise.reject() }, 'undefined'],
  ])('%s fails its own run and nothing else, and runs again', async (_, handler, text) => {
    const engine = await start();
    await engine.add(define({ shardingTotalCount: 2 }), handler);
    await settle();
    await fire();
    const failed = traces.of('item-finished').filter(({ jobName }) => jobName === 'bad');
    expect(failed).toMatchObject([{ success: false }, { success: false }]);
    expect(failed[0]?.failureCause).toContain(text);
    expect(told('error job failed').filter((line) => line.includes('"job":"bad"'))).toHaveLength(2);
    await fire();
    expect(traces.of('item-finished').filter(({ jobName }) => jobName === 'bad')).toHaveLength(4);
  });

  it('returns at once, without a promise, has run', async () => {
    const engine = await start();
    await engine.add(define({}), { execute: () => undefined });
    await settle();
    await fire();
    expect(traces.of('item-finished').filter(({ jobName }) => jobName === 'bad')).toMatchObject([{ success: true }]);
  });

  it('never ends is waited for, then aborted, then left behind with warnings; everything else goes on', async () => {
    const engine = await start({ drainTimeoutMs: 3_000, abortGraceMs: 500 });
    const signals: AbortSignal[] = [];
    await engine.add(define({}), {
      execute: ({ signal }) => {
        signals.push(signal);
        return deferred().promise;
      },
    });
    await settle();
    await fire();
    await fire();
    expect(signals).toHaveLength(1);
    const removed = engine.remove('bad');
    await clock.advance(2_900);
    expect(signals[0]?.aborted).toBe(false);
    await clock.advance(200);
    expect(signals[0]?.reason).toMatchObject({ code: 'STOPPED', message: expect.stringContaining('3000 ms') });
    await clock.advance(600);
    await removed;
    expect(told('items still run after the drain timeout')[0]).toContain('"items":[0]');
    expect(told('left behind')[0]).toContain('"items":[0]');
    expect(engine.jobs.map(({ jobName }) => jobName)).toEqual(['good']);
    await fire();
  });
});

describe('a script that', () => {
  const script = async (line: string, options: Partial<JobOptions> = {}): Promise<string | undefined> => {
    const engine = await start();
    const props = {
      'script.command.line': line,
      'elasticjob.ts.script.kill.grace.milliseconds': '0',
      ...options.props,
    };
    await engine.add(define({ ...options, props }), undefined);
    await settle();
    await fire();
    const ended = (): MemoryTraceSink['events'] =>
      traces.of('item-finished').filter(({ jobName }) => jobName === 'bad');
    if (options.timeout !== undefined) await clock.advance(Number(options.timeout));
    while (ended().length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [end] = traces.of('item-finished').filter(({ jobName }) => jobName === 'bad');
    expect(end?.success).toBe(false);
    await fire();
    return end?.failureCause;
  };

  it('does not exist fails, naming it', async () => {
    expect(await script('/nowhere/at-all.sh')).toContain("'/nowhere/at-all.sh'");
  });

  it('fails is reported with its exit code and what it wrote last', async () => {
    const cause = await script(`node -e "console.error('no space left'); process.exit(3)"`);
    for (const text of ["job 'bad'", 'item 0', 'code 3', 'no space left']) expect(cause).toContain(text);
  });

  it('ignores SIGTERM is killed when its time is over', async () => {
    const cause = await script(`node -e "process.on('SIGTERM', () => 0); setInterval(() => 0, 1000)"`, {
      timeout: 300,
    });
    expect(cause).toContain("item 0 of job 'bad' ran longer than 300 ms");
  });

  it('has no command line is refused, naming the prop', async () => {
    const engine = await start();
    const error = await failure(() => engine.add(define({ props: { 'script.command.line': ' ' } }), undefined));
    expect(error).toMatchObject({
      code: 'INVALID_CONFIGURATION',
      message: expect.stringContaining('script.command.line'),
    });
  });
});
