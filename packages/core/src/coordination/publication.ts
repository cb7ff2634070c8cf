import { ConfigurationError } from '../foundation/errors.js';
import type { JobDefinition } from '../job/definition.js';
import type { Operation, Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';
import { decodeJobConfig, encodeJobConfig, sameMeaning } from './job-yaml.js';

/** What became of a definition at the registry, and the text of the one that holds. */
export type Publication = { readonly className: string; readonly text: string } & (
  | {
      /** The definition stands there as given. */
      readonly outcome: 'published';
    }
  | {
      /** Another one holds, because `overwrite` is off. */
      readonly outcome: 'adopted';
      readonly stored: JobDefinition;
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
  const [name, config] = await Promise.all([claimClass(registry, jobName, className), registry.read(path)]);

  if (config === null) {
    const created = (await setUp(registry, jobName, text)) || (await registry.create(path, text, 'persistent')).created;
    if (!created) return publish(registry, definition, className);
    return { outcome: 'published', className: name, text };
  }
  const decoded = decodeJobConfig(config.value);
  if (!decoded.readable) {
    return { outcome: 'unreadable', className: name, text: config.value, problem: decoded.problem };
  }
  if (sameMeaning(config.value, text)) return { outcome: 'published', className: name, text: config.value };
  if (!definition.overwrite) {
    return { outcome: 'adopted', className: name, text: config.value, stored: decoded.definition };
  }
  const complete = encodeJobConfig(definition, decoded.extra);
  const result = await registry.write(path, complete, config.stat.version);
  if (!result.written) return publish(registry, definition, className);
  return { outcome: 'published', className: name, text: complete };
}

/** What every job has below its node, parents first: each would be made later, one by one, by whoever needs it. */
const SKELETON = [
  layout.servers,
  layout.instances,
  'leader',
  'leader/election',
  layout.electionLatch,
  layout.resharding,
  layout.items,
  'extension',
];

/** Stores a new job's definition with all that it needs at once. Resolves to whether nothing of it was there yet. */
async function setUp(registry: Registry, jobName: string, text: string): Promise<boolean> {
  const create = (path: string, value: string): Operation => ({
    kind: 'create',
    path: jobPath(jobName, path),
    value,
    mode: 'persistent',
  });
  const config = create(layout.config, text);
  const result = await registry.commit([SKELETON.map((path) => create(path, '')), [config]]);
  return result.committed;
}

/** The class that the job is stored as, storing it if nobody has; of two that come together the first one's counts. */
async function claimClass(registry: Registry, jobName: string, className: string | null): Promise<string> {
  const root = await registry.read(jobName);
  if (root !== null && root.value !== '') {
    if (className !== null && root.value !== className) throw classConflict(jobName, root.value, className);
    return root.value;
  }
  const name = className ?? jobName;
  const stored =
    root === null
      ? (await registry.create(jobName, name, 'persistent')).created
      : (await registry.write(jobName, name, root.stat.version)).written;
  return stored ? name : claimClass(registry, jobName, className);
}

function classConflict(jobName: string, stored: string, given: string): ConfigurationError {
  return new ConfigurationError(
    'JOB_CLASS_CONFLICT',
    `job '${jobName}' is stored in the registry as the class '${stored}', this instance says '${given}'. ` +
      `Give the job another name, set className: '${stored}' if it is the same job, or remove the stored job.`,
    { jobName, path: jobName },
  );
}
