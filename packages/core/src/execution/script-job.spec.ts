import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StoppedError } from '../foundation/abort.js';
import { type Clock, ManualClock, systemClock } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import type { LogFields, Logger } from '../foundation/logger.js';
import { contextAsJson, type ShardingContext } from '../job/context.js';
import { defineJob } from '../job/define-job.js';
import type { JobDefinition } from '../job/definition.js';
import { SCRIPT_COMMAND_LINE, SCRIPT_KILL_GRACE, SCRIPT_SHELL, scriptJob } from './script-job.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'elasticjob script '));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** A shell script in a folder whose name has blanks; returns its path, quoted for a command line. */
async function shellScript(...lines: string[]): Promise<string> {
  const path = join(folder, 'run.sh');
  await writeFile(path, ['#!/bin/sh', ...lines, ''].join('\n'));
  await chmod(path, 0o755);
  return `'${path}'`;
}

/** What a script wrote, and the line to wait for. */
class Output implements Logger {
  readonly lines: string[] = [];
  readonly #awaited = new Map<string, Deferred<string>>();

  /** Resolves to the first line that starts with `prefix`, once it has come. */
  line(prefix: string): Promise<string> {
    const seen = deferred<string>();
    this.#awaited.set(prefix, seen);
    for (const line of this.lines) this.#offer(line);
    return seen.promise;
  }

  debug(): void {}
  error(): void {}
  child(): Logger {
    return this;
  }

  info(message: string, fields?: LogFields): void {
    this.#take('out', message, 'script output', fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#take('err', message, 'script error output', fields);
  }

  #take(stream: string, message: string, expected: string, fields?: LogFields): void {
    expect(message).toBe(expected);
    const line = `${stream}: ${String(fields?.line)}`;
    this.lines.push(line);
    this.#offer(line);
  }

  #offer(line: string): void {
    for (const [prefix, seen] of this.#awaited) if (line.startsWith(prefix)) seen.resolve(line);
  }
}

interface Given {
  readonly props?: Readonly<Record<string, string>>;
  readonly context?: Partial<ShardingContext>;
  readonly clock?: Clock;
  readonly output?: Output;
}

function scriptDefinition(props: Readonly<Record<string, string>>): JobDefinition {
  return { ...defineJob({ name: 'report', shardingTotalCount: 2 }), props };
}

function contextOf(changes: Partial<ShardingContext> = {}): ShardingContext {
  return {
    jobName: 'report',
    taskId: 'report@-@1@-@READY@-@i',
    shardingTotalCount: 2,
    jobParameter: 'a "b" c=1',
    shardingItem: 1,
    shardingParameter: 'Shang hai',
    scheduledAt: 1_700_000_000_000,
    trigger: undefined,
    window: undefined,
    signal: new AbortController().signal,
    fencingToken: 42n,
    ...changes,
  };
}

async function run(commandLine: string, given: Given = {}): Promise<readonly string[]> {
  const { props = {}, context, clock = systemClock, output = new Output() } = given;
  const definition = scriptDefinition({ [SCRIPT_COMMAND_LINE]: commandLine, ...props });
  const execute = scriptJob(clock).prepare(definition, undefined);
  await execute(contextOf(context), { logger: output, mayContinue: () => true });
  return output.lines;
}

/** Whether a process runs; one that is dead but not yet buried by its parent does not. */
async function isRunning(pid: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return !/^\d+ \(.*\) Z/.test(stat);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return false;
    throw error;
  }
}

const pidIn = (line: string): number => Number(line.split('=')[1]);

describe('a script job', () => {
  it('gets the context as its last argument and in the environment', async () => {
    const code = 'console.log(JSON.stringify([process.argv.slice(1), process.env]))';
    const [line = ''] = await run(`'${process.execPath}' -e '${code}' -- first 'second one'`);
    const [args, env] = JSON.parse(line.slice('out: '.length));
    const json = contextAsJson(contextOf());
    expect(args).toEqual(['first', 'second one', json]);
    expect(env).toMatchObject({
      ELASTICJOB_JOB_NAME: 'report',
      ELASTICJOB_TASK_ID: 'report@-@1@-@READY@-@i',
      ELASTICJOB_SHARDING_ITEM: '1',
      ELASTICJOB_SHARDING_PARAMETER: 'Shang hai',
      ELASTICJOB_SHARDING_TOTAL_COUNT: '2',
      ELASTICJOB_JOB_PARAMETER: 'a "b" c=1',
      ELASTICJOB_FENCING_TOKEN: '42',
      ELASTICJOB_SCHEDULED_AT: '1700000000000',
      ELASTICJOB_CONTEXT: json,
      PATH: process.env.PATH,
    });
  });

  it('does not see what an outer script job left in the environment', async () => {
    vi.stubEnv('ELASTICJOB_FENCING_TOKEN', '1');
    const script = await shellScript('echo "[$ELASTICJOB_FENCING_TOKEN][$ELASTICJOB_SHARDING_PARAMETER]"');
    const lines = await run(script, { context: { fencingToken: undefined, shardingParameter: undefined } });
    expect(lines).toEqual(['out: [][]']);
  });

  it('has its output logged line by line, the last line without an end as well', async () => {
    const script = await shellScript('echo one', 'echo two', 'printf "three\\r\\nfour"', 'echo oops >&2');
    const lines = await run(script);
    expect(lines.filter((line) => line.startsWith('out'))).toEqual(['out: one', 'out: two', 'out: three', 'out: four']);
    expect(lines.filter((line) => line.startsWith('err'))).toEqual(['err: oops']);
  });

  it('loses no output, however much there is', async () => {
    const lines = await run(`'${process.execPath}' -e 'for (let i = 0; i < 20000; i++) console.log(i)'`);
    expect(lines).toHaveLength(20_000);
    expect(lines.at(-1)).toBe('out: 19999');
  });

  it('has an empty standard input', async () => {
    expect(await run(await shellScript('cat', 'echo done'))).toEqual(['out: done']);
  });

  it('is started without a shell', async () => {
    expect(await run("/bin/echo '$HOME' * ;")).toEqual([`out: $HOME * ; ${contextAsJson(contextOf())}`]);
  });

  it('is given to a shell if asked for, with the context as first parameter', async () => {
    const lines = await run('echo "$1" | tr a-z A-Z', { props: { [SCRIPT_SHELL]: 'true' } });
    expect(lines).toEqual([`out: ${contextAsJson(contextOf()).toUpperCase()}`]);
  });

  it('fails when it exits with another code than 0, saying what it said last', async () => {
    const script = await shellScript('for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "problem $i" >&2; done', 'exit 3');
    const failing = run(script);
    await expect(failing).rejects.toThrow(
      "the script of job 'report', item 1, exited with code 3, expected 0; its last lines on stderr:\nproblem 3\n",
    );
    await expect(failing).rejects.toThrow(/problem 12$/);
    await expect(failing).rejects.toMatchObject({ code: 'SCRIPT_FAILED', jobName: 'report', item: 1 });
  });

  it('fails when somebody kills it', async () => {
    await expect(run(await shellScript('kill -9 $$'))).rejects.toThrow(
      'item 1, was killed by SIGKILL; it wrote nothing',
    );
  });
});

describe('a script that cannot be started', () => {
  it('is named when it does not exist', async () => {
    const failing = run('no-such-program --now');
    await expect(failing).rejects.toThrow(
      "the script of job 'report' could not be started: the command 'no-such-program' was not found",
    );
    await expect(failing).rejects.toMatchObject({ code: 'SCRIPT_FAILED', cause: { code: 'ENOENT' } });
  });

  it('is named when it may not be executed', async () => {
    const script = await shellScript('echo never');
    await chmod(join(folder, 'run.sh'), 0o644);
    await expect(run(script)).rejects.toThrow(/run\.sh' may not be executed; make it executable \(chmod \+x\)/);
  });

  it('is named when its interpreter does not exist', async () => {
    const path = join(folder, 'run.sh');
    await writeFile(path, '#!/no/such/interpreter\n', { mode: 0o755 });
    await expect(run(`'${path}'`)).rejects.toThrow('check the interpreter named in its first line');
  });

  it.each([
    ['a context with a zero byte', '\0'],
    ['a context that is too long for the system', 'x'.repeat(4_000_000)],
  ])('fails because of %s', async (_what, jobParameter) => {
    await expect(run('/bin/echo', { context: { jobParameter } })).rejects.toMatchObject({
      code: 'SCRIPT_FAILED',
      message: expect.stringContaining("could not be started: the command '/bin/echo': "),
    });
  });
});

describe('a script that has to stop', () => {
  it('is not started when that is known before', async () => {
    const output = new Output();
    const signal = AbortSignal.abort(new StoppedError());
    await expect(run('/bin/echo', { output, context: { signal } })).rejects.toBeInstanceOf(StoppedError);
    expect(output.lines).toEqual([]);
  });

  it('is asked to, and fails with the reason even if it then exits well', async () => {
    const output = new Output();
    const abort = new AbortController();
    const script = await shellScript('trap "echo bye; exit 0" TERM', 'echo ready', 'while :; do sleep 0.05; done');
    const running = run(script, { output, context: { signal: abort.signal } });
    await output.line('out: ready');
    abort.abort(new StoppedError('going down'));
    await expect(running).rejects.toThrow('going down');
    expect(output.lines).toContain('out: bye');
  });

  it('is killed after the grace when it ignores being asked', async () => {
    const output = new Output();
    const clock = new ManualClock();
    const abort = new AbortController();
    const code =
      'process.on("SIGTERM", () => console.log("asked")); setInterval(() => 0, 1000); console.log("pid=" + process.pid)';
    const running = run(`'${process.execPath}' -e '${code}'`, { output, clock, context: { signal: abort.signal } });
    const pid = pidIn(await output.line('out: pid='));
    abort.abort(new StoppedError('going down'));
    await output.line('out: asked');
    await clock.advance(4_999);
    expect(await isRunning(pid)).toBe(true);
    const ended = expect(running).rejects.toThrow('going down');
    await clock.advance(1);
    await ended;
    expect(await isRunning(pid)).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it('takes what it has started with it', async () => {
    const output = new Output();
    const abort = new AbortController();
    const script = await shellScript('sleep 1000 &', 'echo pid=$!', 'wait');
    const running = run(script, { output, context: { signal: abort.signal } });
    const grandchild = pidIn(await output.line('out: pid='));
    expect(await isRunning(grandchild)).toBe(true);
    abort.abort(new StoppedError('going down'));
    await expect(running).rejects.toThrow('going down');
    expect(await isRunning(grandchild)).toBe(false);
  });

  it('takes even those with it that ignore being asked, though it has gone before', async () => {
    const output = new Output();
    const abort = new AbortController();
    const script = await shellScript(
      '(trap "" TERM; echo pid=$(exec sh -c "echo \\$PPID"); while :; do sleep 0.05; done) &',
      'wait',
    );
    const props = { [SCRIPT_KILL_GRACE]: '150' };
    const running = run(script, { output, props, context: { signal: abort.signal } });
    const grandchild = pidIn(await output.line('out: pid='));
    abort.abort(new StoppedError('going down'));
    await expect(running).rejects.toThrow('going down');
    expect(await isRunning(grandchild)).toBe(false);
  });
});

describe('a script that leaves something running behind', () => {
  it('is over when it exits, though its output is still held open', async () => {
    const atOnce: Clock = { ...systemClock, setTimer: (_ms, callback) => systemClock.setTimer(0, callback) };
    const pidFile = join(folder, 'pid');
    await run(await shellScript('sleep 1000 &', `echo $! > '${pidFile}'`), { clock: atOnce });
    const left = Number(await readFile(pidFile, 'utf8'));
    expect(await isRunning(left)).toBe(true);
    process.kill(left, 'SIGKILL');
  });
});

describe('the definition of a script job', () => {
  const prepare = (props: Readonly<Record<string, string>>) => () =>
    scriptJob(systemClock).prepare(scriptDefinition(props), undefined);

  it('is known by its command line, or by its class name in Java', () => {
    const kind = scriptJob(systemClock);
    const script = scriptDefinition({ [SCRIPT_COMMAND_LINE]: 'x' });
    expect(kind.accepts(script, undefined)).toBe(true);
    expect(kind.accepts({ ...scriptDefinition({}), className: 'SCRIPT' }, undefined)).toBe(true);
    expect(kind.accepts(scriptDefinition({}), undefined)).toBe(false);
    expect(kind.accepts(script, { execute: () => undefined })).toBe(false);
    expect(kind.storedClassName).toBe('SCRIPT');
  });

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['without a command line', {}, "property 'script.command.line': no command line to run"],
    ['with an empty command line', { [SCRIPT_COMMAND_LINE]: ' ' }, 'no command line to run'],
    ['with an empty program', { [SCRIPT_COMMAND_LINE]: "'' --now" }, 'no command line to run'],
    ['in a shell without a command line', { [SCRIPT_SHELL]: 'true' }, 'no command line to run'],
    ['with an open quote', { [SCRIPT_COMMAND_LINE]: 'echo "a' }, 'the quote " at position 6'],
    [
      'with neither yes nor no',
      { [SCRIPT_COMMAND_LINE]: 'x', [SCRIPT_SHELL]: 'yes' },
      "'yes' is neither 'true' nor 'false'",
    ],
    ['with a grace in words', { [SCRIPT_COMMAND_LINE]: 'x', [SCRIPT_KILL_GRACE]: '5s' }, "'5s' is not a whole number"],
    ['with a negative grace', { [SCRIPT_COMMAND_LINE]: 'x', [SCRIPT_KILL_GRACE]: '-1' }, "'-1' is not a whole number"],
  ])('%s is refused', (_what, props, message) => {
    expect(prepare(props)).toThrow(`script job 'report', property '`);
    expect(prepare(props)).toThrow(message);
    expect(prepare(props)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIGURATION', jobName: 'report' }));
  });

  it('with a shell may have a command line that only the shell can read', () => {
    const props = { [SCRIPT_COMMAND_LINE]: `echo it\\'s`, [SCRIPT_SHELL]: 'true' };
    expect(prepare(props)).not.toThrow();
  });
});
