import { encodeJobConfig } from '../coordination/job-yaml.js';
import { defineJob } from '../job/define-job.js';
import type { JobDefinition } from '../job/definition.js';
import type { JobOptions } from '../job/job-options.js';
import { isReservedProp } from '../job/job-schema.js';
import { unsupportedOptions } from '../job/unsupported-options.js';
import { maskProp, maskSecrets } from './sensitive-values.js';

/** What a change of a definition starts from. */
export interface EditBase {
  readonly definition: JobDefinition;
  /** Java's own part of the stored text. */
  readonly extra: string | null;
}

/** A changed definition, and its text. */
export interface Edited {
  readonly definition: JobDefinition;
  readonly text: string;
}

/**
 * A stored definition with some options changed, checked as {@link defineJob} checks. What this version does not know or
 * does not do is kept as it stands, as long as it is not what is changed: Java's `jobExtraConfigurations`, props with our
 * prefix, options that only Java members keep. A text that is given as it is shown, with a secret hidden, is unchanged.
 *
 * Throws a `ConfigurationError`, as `defineJob`.
 */
export function editConfiguration(base: EditBase, changes: Partial<JobOptions>, now: number): Edited {
  const stored = base.definition;
  const { kept, checked } = separate(stored, changes);
  const options = { ...toOptions(checked), ...unmask(changes, stored) };
  const definition = defineJob(options, { now });
  const complete = { ...definition, ...kept.fields, props: { ...definition.props, ...kept.props }, className: null };
  return { definition: complete, text: encodeJobConfig(complete, base.extra) };
}

/** A definition as options that {@link defineJob} makes the same definition of. The class is not among them. */
export function toOptions({ className: _, jobName, poolSize, ...fields }: JobDefinition): JobOptions {
  const pool = poolSize ?? fields.jobExecutorThreadPoolSizeProviderType;
  return {
    ...fields,
    name: jobName,
    jobExecutorThreadPoolSizeProviderType: pool,
    jobListenerTypes: [...fields.jobListenerTypes],
    props: { ...fields.props },
  };
}

/** Parts of the stored definition that are not to be checked, because the change does not touch them; and the rest. */
function separate(stored: JobDefinition, changes: Partial<JobOptions>): { kept: Kept; checked: JobDefinition } {
  const paths = unsupportedOptions(stored).map(({ path }) => path);
  const fields = paths.filter((path) => path in UNSET && !(path in changes));
  const isKept = (name: string): boolean =>
    isReservedProp(name) || (changes.props === undefined && paths.includes(`props.${name}`));
  const part = (wanted: boolean): Record<string, string> =>
    Object.fromEntries(Object.entries(stored.props).filter(([name]) => isKept(name) === wanted));
  const unset = Object.fromEntries(fields.map((name) => [name, Reflect.get(UNSET, name)]));
  const original = Object.fromEntries(fields.map((name) => [name, Reflect.get(stored, name)]));
  return {
    kept: { fields: original, props: part(true) },
    checked: { ...stored, ...unset, props: part(false) },
  };
}

interface Kept {
  readonly fields: Partial<JobDefinition>;
  readonly props: Readonly<Record<string, string>>;
}

/** The options that a version may not do, as if nobody had asked for them. */
const UNSET: Partial<JobDefinition> = {
  failover: false,
  staticSharding: false,
  maxTimeDiffSeconds: -1,
  jobErrorHandlerType: null,
  jobShardingStrategyType: null,
};

/**
 * What was shown with a secret hidden and comes back as it was shown is unchanged. Props of ours that come back as they
 * are stored are left out here: they are kept anyway.
 */
function unmask(changes: Partial<JobOptions>, stored: JobDefinition): Partial<JobOptions> {
  const before = toOptions(stored);
  const text = (option: keyof JobOptions, value: unknown): unknown => {
    const known = before[option];
    return typeof known === 'string' && value === maskSecrets(known) ? known : value;
  };
  const texts = Object.entries(changes).map(([option, value]) => [option, text(option as keyof JobOptions, value)]);
  const props = Object.entries(changes.props ?? {})
    .map(([name, value]): [string, string] => {
      const known = stored.props[name];
      return [name, known !== undefined && value === maskProp(name, known) ? known : value];
    })
    .filter(([name, value]) => !(isReservedProp(name) && stored.props[name] === value));
  return { ...Object.fromEntries(texts), ...(changes.props === undefined ? {} : { props: Object.fromEntries(props) }) };
}
