import { z } from 'zod';
import { messageOf } from '../foundation/errors.js';
import { parseDuration } from './duration.js';
import { parseItemParameters } from './item-parameters.js';
import type { JobOptions } from './job-options.js';
import { MOST_MAKE_UPS, parseMisfirePolicy } from './misfire-policy.js';
import { show } from './option-problems.js';

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

const misfirePolicy = text.transform((value, check) => {
  const policy = parseMisfirePolicy(value);
  if (policy !== null) return policy;
  check.addIssue({
    code: 'custom',
    message: `expected skip, fire-once or fire-all:n with n from 1 to ${MOST_MAKE_UPS}`,
  });
  return z.NEVER;
});

const itemParameters = text.superRefine((value, check) => {
  try {
    parseItemParameters(value);
  } catch (error) {
    check.addIssue({ code: 'custom', message: `expected item=text,item=text: ${messageOf(error)}` });
  }
});

/** Options of ours are stored under the prefix; only what a job kind reads from the props is given there by hand. */
export function isReservedProp(key: string): boolean {
  return key.startsWith(OWN_PROPS_PREFIX) && !key.startsWith(`${OWN_PROPS_PREFIX}script.`);
}

const props = z
  .record(
    z.string(),
    z.string({ error: 'expected a text, as everything in props is: put the value into quotation marks' }),
    { error: 'expected an object of texts' },
  )
  .superRefine((value, check) => {
    for (const key of Object.keys(value).filter(isReservedProp))
      check.addIssue({ code: 'custom', path: [key], message: 'expected a name without this reserved prefix' });
  });

const jobName = text.superRefine((value, check) => {
  const message = nameProblem(value);
  if (message !== undefined) check.addIssue({ code: 'custom', message });
});

/** Each option by itself. */
export const OPTION_SCHEMAS = {
  name: jobName.optional(),
  jobName: jobName.optional(),
  cron: text.optional(),
  timeZone: text.optional(),
  shardingTotalCount: number(1, 'into how many items the job is split'),
  shardingItemParameters: itemParameters.default(''),
  jobParameter: text.default(''),
  monitorExecution: flag.default(true),
  failover: flag.default(false),
  misfire: flag.optional(),
  misfirePolicy: misfirePolicy.optional(),
  maxTimeDiffSeconds: number(-INT_MAX - 1, 'negative for no check').default(-1),
  maxTimeDiffAction: oneOf('skip', 'report').optional(),
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

/** Shape and range of every option; each error says what was expected. What depends on two options is not here. */
export const JOB_SCHEMA = z.strictObject(OPTION_SCHEMAS);

function nameProblem(name: string): string | undefined {
  if (name === '' || name === '.' || name === '..') return "expected a name other than '', '.' and '..'";
  if (name !== name.trim()) return 'expected a name without blanks at its ends';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what ZooKeeper refuses in a path
  const refused = /[/@\\^$|?*+()[\]{}\u0000-\u001f\u007f-\u009f\ud800-\uf8ff\ufff0-\uffff]/.exec(name)?.[0];
  if (refused === undefined) return undefined;
  return `expected a name without ${show(refused)}: it is a part of registry paths and of patterns of Java members`;
}
