import { ConfigurationError } from '../foundation/errors.js';
import type { JobDefinition } from '../job/definition.js';
import type { Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';
import { decodeJobConfig, encodeJobConfig, sameMeaning } from './job-yaml.js';

/** What became of a definition at the registry, and the text of the one that holds. */
export type Publication = { readonly className: string; readonly text: string } & (
  | {
      /** `published`: the definition stands there as given. `adopted`: another one holds, because `overwrite` is off. */
      readonly outcome: 'published' | 'adopted';
    }
  | {
      /** What stands there cannot be read; nothing was changed. */
      readonly outcome: 'unreadable';
      readonly problem: string;
    }
);

/**
 * Publishes a job's definition, or adopts the one that the registry already has: the first one published holds until it
 * is edited there, or until an instance comes with `overwrite`. The stored text is rewritten only if its meaning
 * differs.
 *
 * Throws a `ConfigurationError` of code `JOB_CLASS_CONFLICT` if the job is stored as another class's.
 */
export async function publish(
  registry: Registry,
  definition: JobDefinition,
  /** The class name that the job must have, `null` to adopt whatever is stored. */
  className: string | null,
): Promise<Publication> {
  const { jobName } = definition;
  const path = jobPath(jobName, layout.config);
  const text = encodeJobConfig(definition);
  const [root, config] = await Promise.all([registry.read(jobName), registry.read(path)]);
  const stored = root === null || root.value === '' ? null : root.value;
  if (stored !== null && className !== null && stored !== className) throw classConflict(jobName, stored, className);
  const name = stored ?? className ?? jobName;

  if (config === null) {
    const created = await registry.create(path, text, 'persistent');
    if (!created.created) return publish(registry, definition, className);
    if (stored === null) await registry.put(jobName, name);
    return { outcome: 'published', className: name, text };
  }
  const decoded = decodeJobConfig(config.value);
  if (!decoded.readable) {
    return { outcome: 'unreadable', className: name, text: config.value, problem: decoded.problem };
  }
  if (stored === null) await registry.put(jobName, name);
  if (sameMeaning(config.value, text)) return { outcome: 'published', className: name, text: config.value };
  if (!definition.overwrite) return { outcome: 'adopted', className: name, text: config.value };
  const complete = encodeJobConfig(definition, decoded.extra);
  const result = await registry.write(path, complete, config.stat.version);
  if (!result.written) return publish(registry, definition, className);
  return { outcome: 'published', className: name, text: complete };
}

function classConflict(jobName: string, stored: string, given: string): ConfigurationError {
  return new ConfigurationError(
    'JOB_CLASS_CONFLICT',
    `job '${jobName}' is stored in the registry as the class '${stored}', this instance says '${given}'. ` +
      `Give the job another name, set className: '${stored}' if it is the same job, or remove the stored job.`,
    { jobName, path: jobName },
  );
}
