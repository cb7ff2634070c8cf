import { encodeJobConfig } from '../coordination/job-yaml.js';
import { ConfigurationError } from '../foundation/errors.js';
import { defineJob } from '../job/define-job.js';
import type { JobDefinition } from '../job/definition.js';
import type { JobOptions } from '../job/job-options.js';
import { isReservedProp } from '../job/job-schema.js';
import { MASK, maskProp, maskSecrets } from './sensitive-values.js';

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
 * A stored definition with some options changed, checked as {@link defineJob} checks. What this version does not know is
 * kept as it stands: Java's `jobExtraConfigurations`, and props with our prefix. A text that is given as it is shown, with
 * a secret hidden, is unchanged.
 *
 * Throws a `ConfigurationError`, as `defineJob`.
 */
export function editConfiguration(base: EditBase, changes: Partial<JobOptions>, now: number): Edited {
  const stored = base.definition;
  const props = (own: boolean): Record<string, string> =>
    Object.fromEntries(Object.entries(stored.props).filter(([name]) => isReservedProp(name) === own));
  const options = { ...toOptions({ ...stored, props: props(false) }), ...unmask(changes, stored) };
  const definition = defineJob(options, { now });
  const complete = { ...definition, props: { ...definition.props, ...props(true) }, className: null };
  return { definition: complete, text: encodeJobConfig(complete, base.extra) };
}

/**
 * A definition given as a whole, in the place of a stored one, `null` if that cannot be read. Of the stored one are kept
 * Java's own part, and what comes back as it was shown: hidden secrets, and props with our prefix.
 *
 * Throws a `ConfigurationError`, as `defineJob`.
 */
export function replaceConfiguration(base: EditBase | null, options: JobOptions, now: number): Edited {
  const definition = defineJob(base === null ? options : { ...options, ...unmask(options, base.definition) }, { now });
  const kept = Object.entries(base?.definition.props ?? {}).filter(
    ([name, value]) => isReservedProp(name) && options.props?.[name] === value,
  );
  const complete = { ...definition, props: { ...definition.props, ...Object.fromEntries(kept) }, className: null };
  return { definition: complete, text: encodeJobConfig(complete, base?.extra ?? null) };
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

/**
 * What was shown with a secret hidden and comes back as it was shown is unchanged. Props of ours that come back as they
 * are stored are left out here: they are kept anyway.
 *
 * Throws a `ConfigurationError` if a text was changed around a secret that is hidden in it: what would be stored is the mask.
 */
function unmask(changes: Partial<JobOptions>, stored: JobDefinition): Partial<JobOptions> {
  const before = toOptions(stored);
  const text = (option: keyof JobOptions, value: unknown): unknown => {
    const known = before[option];
    return typeof known === 'string' ? unmasked(option, value, known, maskSecrets(known)) : value;
  };
  const texts = Object.entries(changes).map(([option, value]) => [option, text(option as keyof JobOptions, value)]);
  const props = Object.entries(changes.props ?? {})
    .map(([name, value]): [string, string] => {
      const known = stored.props[name];
      return [name, known === undefined ? value : unmasked(`props.${name}`, value, known, maskProp(name, known))];
    })
    .filter(([name, value]) => !(isReservedProp(name) && stored.props[name] === value));
  return { ...Object.fromEntries(texts), ...(changes.props === undefined ? {} : { props: Object.fromEntries(props) }) };
}

function unmasked<T>(option: string, value: T, known: string, shown: string): T | string {
  if (value === shown) return known;
  const isHalfHidden = shown !== known && typeof value === 'string' && value.includes(MASK) && !known.includes(MASK);
  if (!isHalfHidden) return value;
  throw new ConfigurationError(
    'INVALID_CONFIGURATION',
    `${option}: seen ${MASK} in the place of a stored secret, in a text that was changed; expected the whole text, or a reference {secret:NAME}`,
  );
}
