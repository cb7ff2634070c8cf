import { z } from 'zod';
import { systemClock } from '../foundation/clock.js';
import { ConfigurationError, messageOf } from '../foundation/errors.js';
import type { JobDefinition } from './definition.js';
import { parseDuration } from './duration.js';
import { parseItemParameters } from './item-parameters.js';
import type { JobOptions } from './job-options.js';
import { unsupportedOptions } from './unsupported-options.js';

const INT_MAX = 2 ** 31 - 1;

/** Props with this prefix hold our own options in the stored configuration; nobody else may use it. */
export const OWN_PROPS_PREFIX = 'elasticjob.ts.';

const text = z.string({ error: 'expected a text' });
const flag = z.boolean({ error: 'expected true or false' });
const number = (min: number, what: string) => {
  const error = `expected a whole number from ${min} to ${INT_MAX}: ${what}`;
  return z.int({ error }).min(min, { error }).max(INT_MAX, { error });
};
const oneOf = <const T extends readonly string[]>(...values: T) =>
  z.enum(values, { error: `expected ${values.map((value) => `'${value}'`).join(' or ')}` });

const timeout = z
  .union([z.number(), z.string()], { error: 'expected milliseconds, or a text such as 30s, 5m or 2h' })
  .transform((value) => (typeof value === 'string' ? parseDuration(value) : value))
  .refine((ms) => ms !== null && Number.isInteger(ms) && ms >= 1 && ms <= INT_MAX, {
    error: `expected 1 to ${INT_MAX} whole milliseconds, or a text such as 30s, 5m or 2h`,
  });

const itemParameters = text.superRefine((value, check) => {
  try {
    parseItemParameters(value);
  } catch (error) {
    check.addIssue({ code: 'custom', message: `expected item=text,item=text: ${messageOf(error)}` });
  }
});

const props = z
  .record(
    z.string(),
    z.string({ error: 'expected a text, as everything in props is: put the value into quotation marks' }),
    { error: 'expected an object of texts' },
  )
  .superRefine((value, check) => {
    for (const key of Object.keys(value).filter((name) => name.startsWith(OWN_PROPS_PREFIX)))
      check.addIssue({ code: 'custom', path: [key], message: 'expected a name without this reserved prefix' });
  });

const jobName = text.superRefine((value, check) => {
  const message = nameProblem(value);
  if (message !== undefined) check.addIssue({ code: 'custom', message });
});

const FIELDS = {
  name: jobName.optional(),
  jobName: jobName.optional(),
  cron: text.optional(),
  timeZone: text.optional(),
  shardingTotalCount: number(1, 'into how many items the job is split'),
  shardingItemParameters: itemParameters.default(''),
  jobParameter: text.default(''),
  monitorExecution: flag.default(true),
  failover: flag.default(false),
  misfire: flag.default(true),
  maxTimeDiffSeconds: number(-INT_MAX - 1, 'negative for no check').default(-1),
  reconcileIntervalMinutes: number(-INT_MAX - 1, 'minutes, 0 for never').default(10),
  jobShardingStrategyType: text.optional(),
  jobExecutorThreadPoolSizeProviderType: z
    .union([text, number(1, 'how many items run at the same time')], {
      error: `expected a type such as CPU, or a whole number from 1 to ${INT_MAX}`,
    })
    .optional(),
  jobErrorHandlerType: text.optional(),
  jobListenerTypes: z
    .array(text.min(1, { error: 'expected the type of a listener' }), { error: 'expected a list of listener types' })
    .default([]),
  jobExtraConfigurations: z.unknown().optional(),
  description: text.default(''),
  props: props.default({}),
  disabled: flag.default(false),
  overwrite: flag.default(false),
  label: text.optional(),
  staticSharding: flag.default(false),
  className: text.optional(),
  dst: z
    .strictObject(
      { gap: oneOf('run-after', 'skip'), overlap: oneOf('first', 'second', 'both') },
      { error: "expected { gap: 'run-after' | 'skip', overlap: 'first' | 'second' | 'both' }" },
    )
    .optional(),
  timeout: timeout.optional(),
} satisfies Record<keyof JobOptions, z.ZodType>;

const SCHEMA = z.strictObject(FIELDS);

/** One thing that is wrong with a definition, where, and what to do. */
interface Problem {
  readonly path: string;
  readonly seen: unknown;
  readonly remedy: string;
  readonly unsupported?: true;
}

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
  const name = String(given.name ?? given.jobName ?? '?');
  const parsed = SCHEMA.safeParse(given);
  const problems = [
    ...(parsed.success ? [] : parsed.error.issues.flatMap((issue) => problemsOf(issue, given))),
    ...nameProblems(given),
    ...scheduleProblems(given, context.now ?? systemClock.now()),
    ...refusals(given),
  ];
  if (!parsed.success || problems.length > 0) throw invalid(name, problems);
  return complete(name, parsed.data);
}

function complete(name: string, options: z.output<typeof SCHEMA>): JobDefinition {
  const { name: _, jobExtraConfigurations: __, jobExecutorThreadPoolSizeProviderType: pool = '', ...fields } = options;
  return Object.freeze({
    ...fields,
    jobName: name,
    cron: orNull(options.cron),
    timeZone: orNull(options.timeZone),
    jobShardingStrategyType: orNull(options.jobShardingStrategyType),
    jobExecutorThreadPoolSizeProviderType: typeof pool === 'number' ? null : orNull(pool),
    jobErrorHandlerType: orNull(options.jobErrorHandlerType),
    jobListenerTypes: Object.freeze([...options.jobListenerTypes]),
    props: Object.freeze({ ...options.props }),
    label: orNull(options.label),
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
    return issue.keys.map((key) => ({ ...at(key), remedy: `expected no such option${suggestion(key)}` }));
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

function nameProblem(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return "expected a name other than '', '.' and '..'";
  if (name !== name.trim()) return 'expected a name without blanks at its ends';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what ZooKeeper refuses in a path
  const refused = /[/@\\^$|?*+()[\]{}\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/.exec(name)?.[0];
  if (refused === undefined) return undefined;
  return `expected a name without ${show(refused)}: it is a part of registry paths and of patterns of Java members`;
}

function scheduleProblems(_given: Readonly<Record<string, unknown>>, _now: number): Problem[] {
  return [];
}

function refusals(given: Readonly<Record<string, unknown>>): Problem[] {
  const { success, data } = CHECKED.safeParse(given);
  const found: Problem[] = (success ? unsupportedOptions(data) : []).map((each) => ({ ...each, unsupported: true }));
  if (given.jobExtraConfigurations === undefined) return found;
  const remedy = "expected none: Java's stored ones are kept; tracing is configured in the module";
  return [...found, { path: 'jobExtraConfigurations', seen: given.jobExtraConfigurations, remedy, unsupported: true }];
}

/** The options that may be unsupported, each read alone so that a mistake elsewhere does not hide them. */
const CHECKED = z.object({
  failover: z.boolean().optional().catch(undefined),
  staticSharding: z.boolean().optional().catch(undefined),
  maxTimeDiffSeconds: z.number().optional().catch(undefined),
  jobErrorHandlerType: z.string().optional().catch(undefined),
  jobShardingStrategyType: z.string().optional().catch(undefined),
  className: z.string().optional().catch(undefined),
  props: z.record(z.string(), z.string()).optional().catch(undefined),
});

function invalid(jobName: string, problems: readonly Problem[]): ConfigurationError {
  const lines = problems.map(({ path, seen, remedy }) => `jobs.${jobName}.${path}: seen ${show(seen)}, ${remedy}`);
  const code = problems.every((problem) => problem.unsupported) ? 'UNSUPPORTED_OPTION' : 'INVALID_CONFIGURATION';
  const path = `jobs.${jobName}${problems.length === 1 ? `.${problems[0]?.path}` : ''}`;
  const [only] = lines;
  if (lines.length === 1 && only !== undefined) return new ConfigurationError(code, only, { jobName, path });
  return new ConfigurationError(code, `${lines.length} problems:\n${lines.join('\n')}`, { jobName, path });
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const shown = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
  return shown.length > 120 ? `${shown.slice(0, 117)}…` : shown;
}

function suggestion(key: string): string {
  const near = Object.keys(FIELDS).find((name) => distance(name.toLowerCase(), key.toLowerCase()) <= 2);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** Levenshtein's edit distance. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [i, a] of [...left].entries()) {
    const next = [i + 1];
    for (const [j, b] of [...right].entries())
      next.push(Math.min((row[j] ?? 0) + (a === b ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    row = next;
  }
  return row[right.length] ?? 0;
}
