import type { z } from 'zod';
import { systemClock } from '../foundation/clock.js';
import { ConfigurationError, messageOf } from '../foundation/errors.js';
import { parseCron } from '../schedule/cron.js';
import { timeZone } from '../schedule/time-zone.js';
import type { JobDefinition } from './definition.js';
import type { JobOptions } from './job-options.js';
import { JOB_SCHEMA, OPTION_SCHEMAS } from './job-schema.js';
import { contradicts, parseMisfirePolicy } from './misfire-policy.js';
import { invalidJob, type Problem, show, suggestion } from './option-problems.js';

/**
 * Checks what a person wrote and gives the complete, deeply frozen definition. Everything that is wrong is reported in one
 * error, one line per problem: `jobs.<name>.<option>: seen …, expected …`.
 *
 * @param context.now the moment after which `cron` has to fire, epoch milliseconds; default: the present.
 * @throws ConfigurationError `INVALID_CONFIGURATION`; `UNSUPPORTED_OPTION` if nothing is wrong except options that this
 *   version would have to ignore.
 * @example defineJob({ name: 'invoice', cron: '0/5 * * * * ?', shardingTotalCount: 3 })
 */
export function defineJob(options: JobOptions, context: { readonly now?: number } = {}): JobDefinition {
  const given = withoutAbsent(options);
  const said = given.name ?? given.jobName ?? '?';
  // What is no text may have no text either.
  const name = typeof said === 'string' ? said : show(said);
  const parsed = JOB_SCHEMA.safeParse(given);
  const problems = [
    ...(parsed.success ? [] : parsed.error.issues.flatMap((issue) => problemsOf(issue, given))),
    ...nameProblems(given),
    ...scheduleProblems(given, context.now ?? systemClock.now()),
    ...failoverProblems(given),
    ...misfireProblems(given),
    ...refusals(given),
  ];
  if (!parsed.success || problems.length > 0) throw invalidJob(name, problems);
  return complete(name, parsed.data);
}

/** Field by field: an object made of another one's rest has a shape of its own, which weighs more than the object. */
function complete(jobName: string, options: z.output<typeof JOB_SCHEMA>): JobDefinition {
  const pool = options.jobExecutorThreadPoolSizeProviderType ?? '';
  return Object.freeze({
    jobName,
    cron: orNull(options.cron),
    timeZone: orNull(options.timeZone),
    shardingTotalCount: options.shardingTotalCount,
    shardingItemParameters: options.shardingItemParameters,
    jobParameter: options.jobParameter,
    monitorExecution: options.monitorExecution,
    failover: options.failover,
    misfire: options.misfire ?? options.misfirePolicy !== 'skip',
    maxTimeDiffSeconds: options.maxTimeDiffSeconds,
    reconcileIntervalMinutes: options.reconcileIntervalMinutes,
    jobShardingStrategyType: orNull(options.jobShardingStrategyType),
    jobExecutorThreadPoolSizeProviderType: typeof pool === 'number' ? null : orNull(pool),
    jobErrorHandlerType: orNull(options.jobErrorHandlerType),
    jobListenerTypes: Object.freeze([...options.jobListenerTypes]),
    description: options.description,
    props: Object.freeze({ ...options.props }),
    disabled: options.disabled,
    overwrite: options.overwrite,
    misfirePolicy: options.misfirePolicy ?? null,
    maxTimeDiffAction: options.maxTimeDiffAction ?? null,
    label: orNull(options.label),
    staticSharding: options.staticSharding,
    className: orNull(options.className),
    dst: options.dst === undefined ? null : Object.freeze({ ...options.dst }),
    timeout: options.timeout ?? null,
    poolSize: typeof pool === 'number' ? pool : null,
  });
}

/** As in ElasticJob's annotation, an empty text for a type, a zone or an expression means "none". */
function orNull(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}

function withoutAbsent(options: unknown): Readonly<Record<string, unknown>> {
  if (typeof options !== 'object' || options === null) return {};
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null));
}

function problemsOf(issue: z.core.$ZodIssue, given: unknown): Problem[] {
  const at = (key: PropertyKey) => {
    const path = [...issue.path, key];
    return { path: path.map(String).join('.'), seen: valueAt(given, path) };
  };
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      ...at(key),
      remedy: `expected no such option${suggestion(key, Object.keys(OPTION_SCHEMAS))}`,
    }));
  return [{ path: issue.path.map(String).join('.'), seen: valueAt(given, issue.path), remedy: issue.message }];
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => {
    return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
  }, root);
}

function nameProblems({ name, jobName }: Readonly<Record<string, unknown>>): Problem[] {
  if (name === undefined && jobName === undefined)
    return [{ path: 'name', seen: undefined, remedy: 'expected the name of the job' }];
  if (name === undefined || jobName === undefined || name === jobName) return [];
  return [{ path: 'jobName', seen: jobName, remedy: `expected the same as name, ${show(name)}: give one of the two` }];
}

/** Who ran what, and did not end it, is told by marks alone. */
function failoverProblems({ failover, monitorExecution }: Readonly<Record<string, unknown>>): Problem[] {
  if (failover !== true || monitorExecution !== false) return [];
  const remedy = 'expected false, or monitorExecution: true: without marks nobody can tell which runs have crashed';
  return [{ path: 'failover', seen: true, remedy }];
}

function misfireProblems({ misfire, misfirePolicy }: Readonly<Record<string, unknown>>): Problem[] {
  const policy = typeof misfirePolicy === 'string' ? parseMisfirePolicy(misfirePolicy) : null;
  if (!contradicts(misfire, policy)) return [];
  const remedy = `expected false, or nothing, with misfirePolicy ${show(policy)}: change one of the two`;
  return [{ path: 'misfire', seen: misfire, remedy }];
}

/** Zone and expression are read apart, so that each has its own problem. */
function scheduleProblems({ cron, timeZone: zone, dst }: Readonly<Record<string, unknown>>, now: number): Problem[] {
  const zoneProblem = typeof zone === 'string' && zone !== '' ? refusal(() => void timeZone(zone)) : undefined;
  const cronProblem =
    typeof cron === 'string' && cron !== ''
      ? refusal(() => checkFires(cron, zoneProblem === undefined ? zone : null, dst, now))
      : undefined;
  return [
    ...(zoneProblem === undefined
      ? []
      : [{ path: 'timeZone', seen: zone, remedy: `expected a known zone: ${zoneProblem}` }]),
    ...(cronProblem === undefined
      ? []
      : [{ path: 'cron', seen: cron, remedy: `expected an expression that fires: ${cronProblem}` }]),
  ];
}

function checkFires(cron: string, zone: unknown, dst: unknown, now: number): void {
  const policy = OPTION_SCHEMAS.dst.safeParse(dst).data ?? null;
  const schedule = parseCron(cron, { timeZone: typeof zone === 'string' && zone !== '' ? zone : null, dst: policy });
  if (schedule.next(now) === null)
    throw new ConfigurationError('INVALID_CRON', `it has no fire after ${new Date(now).toISOString()}`);
}

/** The message of the error that a check throws. */
function refusal(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** What would be accepted and ignored. */
function refusals(given: Readonly<Record<string, unknown>>): Problem[] {
  if (given.jobExtraConfigurations === undefined) return [];
  const remedy = "expected none: Java's stored ones are kept; tracing is configured in the module";
  return [{ path: 'jobExtraConfigurations', seen: given.jobExtraConfigurations, remedy, unsupported: true }];
}
