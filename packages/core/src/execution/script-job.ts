import type { Clock } from '../foundation/clock.js';
import { ConfigurationError, ExecutionError, messageOf } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import { contextAsJson, type ShardingContext } from '../job/context.js';
import type { JobDefinition } from '../job/definition.js';
import { splitCommandLine } from './command-line.js';
import type { JobKind } from './job-kind.js';
import { type Command, type ProcessEnd, runProcessGroup } from './process-group.js';

/** The prop with the command line of a script job; {@link splitCommandLine} tells how it is split. */
export const SCRIPT_COMMAND_LINE = 'script.command.line';
/**
 * `'true'` gives the command line to `sh -c` instead. The context is then not appended to it: it is the shell's `$1`.
 * Default `'false'`.
 */
export const SCRIPT_SHELL = 'elasticjob.ts.script.shell';
/** Milliseconds between SIGTERM and SIGKILL when a script has to stop; 0 leaves it no time. Default 5000. */
export const SCRIPT_KILL_GRACE = 'elasticjob.ts.script.kill.grace.milliseconds';

const DEFAULT_KILL_GRACE_MS = 5_000;
const LAST_LINES = 10;

/** How the script of one job is started and stopped; the context comes with each item. */
interface Script {
  readonly jobName: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly killGraceMs: number;
}

/**
 * SCRIPT: runs a command per item and run, in the working directory of this process. The context is its last argument,
 * as JSON, and in the environment variables `ELASTICJOB_*`. Its output goes to the run's logger line by line: stdout as
 * info, stderr as warnings.
 *
 * The item fails with `SCRIPT_FAILED` when the command cannot be started, exits with another code than 0, or is killed;
 * and with the signal's reason when the context's signal aborts: the whole process group is ended then.
 *
 * @param clock measures the grace between SIGTERM and SIGKILL.
 */
export function scriptJob(clock: Clock): JobKind {
  return {
    type: 'SCRIPT',
    storedClassName: 'SCRIPT',
    accepts: ({ className, props }, handler) =>
      handler === undefined && (className === 'SCRIPT' || (className !== 'HTTP' && SCRIPT_COMMAND_LINE in props)),
    prepare(definition) {
      const script = readScript(definition);
      return (context, { logger }) => runScript(script, context, logger, clock);
    },
  };
}

function readScript({ jobName, props }: JobDefinition): Script {
  const killGraceMs = readMilliseconds(jobName, SCRIPT_KILL_GRACE, props[SCRIPT_KILL_GRACE]);
  const line = props[SCRIPT_COMMAND_LINE] ?? '';
  const inShell = readFlag(jobName, SCRIPT_SHELL, props[SCRIPT_SHELL]);
  const [file = '', ...args] = inShell ? ['sh', '-c', line, 'sh'] : splitFor(jobName, line);
  if (file === '' || line.trim() === '') {
    throw invalidProp(jobName, SCRIPT_COMMAND_LINE, 'no command line to run; name the program and its arguments');
  }
  return { jobName, file, args, killGraceMs };
}

function splitFor(jobName: string, line: string): readonly string[] {
  try {
    return splitCommandLine(line);
  } catch (error) {
    throw invalidProp(jobName, SCRIPT_COMMAND_LINE, messageOf(error));
  }
}

function readFlag(jobName: string, prop: string, value = 'false'): boolean {
  if (value === 'true' || value === 'false') return value === 'true';
  throw invalidProp(jobName, prop, `'${value}' is neither 'true' nor 'false'`);
}

function readMilliseconds(jobName: string, prop: string, value = String(DEFAULT_KILL_GRACE_MS)): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw invalidProp(jobName, prop, `'${value}' is not a whole number of milliseconds`);
}

function invalidProp(jobName: string, prop: string, problem: string): ConfigurationError {
  return new ConfigurationError('INVALID_CONFIGURATION', `script job '${jobName}', property '${prop}': ${problem}`, {
    jobName,
    path: `props.${prop}`,
  });
}

async function runScript(script: Script, context: ShardingContext, logger: Logger, clock: Clock): Promise<void> {
  const lastErrors: string[] = [];
  const end = await started(script, context, () =>
    runProcessGroup(commandFor(script, context), {
      clock,
      signal: context.signal,
      killGraceMs: script.killGraceMs,
      onLine(stream, line) {
        if (stream === 'stdout') return logger.info('script output', { line });
        logger.warn('script error output', { line });
        lastErrors.push(line);
        if (lastErrors.length > LAST_LINES) lastErrors.shift();
      },
    }),
  );
  if (end.code !== 0) throw scriptFailed(script, context, end, lastErrors);
}

function commandFor({ file, args }: Script, context: ShardingContext): Command {
  const json = contextAsJson(context);
  return { file, args: [...args, json], env: { ...process.env, ...contextVariables(context, json) } };
}

/** What the context does not have is removed, should this process itself run in a script job. */
function contextVariables(context: ShardingContext, json: string): Readonly<Record<string, string | undefined>> {
  return {
    ELASTICJOB_JOB_NAME: context.jobName,
    ELASTICJOB_TASK_ID: context.taskId,
    ELASTICJOB_SHARDING_ITEM: String(context.shardingItem),
    ELASTICJOB_SHARDING_PARAMETER: context.shardingParameter,
    ELASTICJOB_SHARDING_TOTAL_COUNT: String(context.shardingTotalCount),
    ELASTICJOB_JOB_PARAMETER: context.jobParameter,
    ELASTICJOB_FENCING_TOKEN: context.fencingToken?.toString(),
    ELASTICJOB_SCHEDULED_AT: String(context.scheduledAt),
    ELASTICJOB_CONTEXT: json,
  };
}

async function started(script: Script, context: ShardingContext, run: () => Promise<ProcessEnd>): Promise<ProcessEnd> {
  try {
    return await run();
  } catch (error) {
    if (context.signal.aborted) throw error;
    throw scriptNotStarted(script, context, error);
  }
}

function scriptNotStarted(
  { jobName, file }: Script,
  { shardingItem }: ShardingContext,
  cause: unknown,
): ExecutionError {
  return new ExecutionError(
    'SCRIPT_FAILED',
    `the script of job '${jobName}' could not be started: ${startProblem(file, cause)}`,
    { jobName, item: shardingItem, cause },
  );
}

function startProblem(file: string, cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code === 'ENOENT') {
    return `the command '${file}' was not found from ${process.cwd()}; give its absolute path or a name on PATH, and check the interpreter named in its first line`;
  }
  if (code === 'EACCES') {
    return `the command '${file}' may not be executed; make it executable (chmod +x) or name its interpreter before it`;
  }
  return `the command '${file}': ${messageOf(cause)}`;
}

function scriptFailed(
  { jobName }: Script,
  { shardingItem }: ShardingContext,
  { code, signal }: ProcessEnd,
  lastErrors: readonly string[],
): ExecutionError {
  const how = signal === null ? `exited with code ${code}, expected 0` : `was killed by ${signal}`;
  const said =
    lastErrors.length === 0 ? 'it wrote nothing to stderr' : `its last lines on stderr:\n${lastErrors.join('\n')}`;
  return new ExecutionError('SCRIPT_FAILED', `the script of job '${jobName}', item ${shardingItem}, ${how}; ${said}`, {
    jobName,
    item: shardingItem,
  });
}
