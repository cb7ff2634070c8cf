import { decodeInstance } from '../coordination/instance-yaml.js';
import { jobPath, layout, type ServerStatus } from '../coordination/job-layout.js';
import { decodeJobConfig, sameMeaning } from '../coordination/job-yaml.js';
import { encodePause } from '../coordination/pause.js';
import { forgetTriggers } from '../coordination/trigger-request.js';
import type { Clock } from '../foundation/clock.js';
import { ElasticJobError, messageOf, OperationError } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import type { JobDefinition } from '../job/definition.js';
import { looksLikeJava, serverIpOf } from '../job/identity.js';
import type { JobOptions } from '../job/job-options.js';
import type { Registry, RegistryNode } from '../registry/registry.js';
import { nameOf } from '../registry/registry-path.js';
import { type BackfillOptions, type BackfillReceipt, backfillJob } from './backfill-command.js';
import { mapBounded } from './bounded-reader.js';
import { type Catalogue, JOBS_AT_ONCE } from './catalogue.js';
import { configurationConflict } from './configuration-conflict.js';
import { type ConfigurationDifference, configurationDifferences } from './configuration-difference.js';
import { type Edited, editConfiguration, replaceConfiguration } from './configuration-edit.js';
import { invalidArgument } from './invalid-argument.js';
import { childNodes } from './job-reading.js';
import { changeValue, makeNode, type NodeChange, putValue, removeNode } from './node-changes.js';
import { maskSecrets } from './sensitive-values.js';
import { cancelRuns, type TriggerCancellation } from './trigger-cancellation.js';
import { type TriggerMoment, type TriggerOptions, type TriggerReceipt, triggerJob } from './trigger-command.js';
import { readRecord } from './trigger-report.js';

/** After how many triggers asked for by one process it looks for what can be forgotten. */
const FORGET_EVERY = 50;

/** What a command did. */
export interface CommandResult {
  /** The nodes that were changed, in order; none if all was so already. */
  readonly changes: readonly NodeChange[];
  /** Registered instances that do not know what was asked for and go on as before: Java members, by their ids. */
  readonly notObeyedBy: readonly string[];
}

/** What {@link JobCommands.updateConfiguration} did. */
export interface UpdateResult extends CommandResult {
  /** The version that is stored now. */
  readonly version: number;
  /** What is stored now (`other`), where it differs from before (`one`); secrets are hidden. */
  readonly differences: readonly ConfigurationDifference[];
}

/** Servers that a command is about: one in one job, all of one job, or one in all jobs that know it. */
export interface ServerTarget {
  readonly job?: string | undefined;
  /** Its address, as in `servers/{ip}`. */
  readonly server?: string | undefined;
}

/** What can be switched off and on: servers, or one item of a job. */
export interface SwitchTarget extends ServerTarget {
  /** Together with `job`, without `server`. */
  readonly item?: number;
}

/** Which instances are to stop a job: those of servers, or one. */
export interface ShutdownTarget extends ServerTarget {
  /** An instance id, together with `job`, without `server`. */
  readonly instance?: string;
}

/** Why a job is paused, and for how long. */
export interface PauseOptions {
  /** A sentence for whoever wonders. */
  readonly reason: string;
  /** Who asks for it. */
  readonly by?: string;
  /** The first planned time that is run again, a Date or epoch milliseconds. Default: until the job is resumed. */
  readonly until?: Date | number | null;
}

/** How a definition is changed. */
export interface UpdateOptions {
  /** The version that the change was made for, as `queries.configuration` tells it. Default: whichever is stored. */
  readonly version?: number;
  /** The changes are the whole definition; what they leave out gets its default. Default `false`: it stays. */
  readonly replace?: boolean;
}

/** What is above {@link JobCommands.removeConfiguration}'s caution. */
export interface RemovalOptions {
  /** Shut the registered instances down first, as Java's API does. Default `false`: the removal is refused. */
  readonly evenIfRunning?: boolean;
}

/**
 * What operators can do to jobs, over the registry alone: the members see the nodes and act, Java's too unless a command
 * says otherwise. All commands can be repeated: what is so already is not changed. Whatever was not found is an
 * `OperationError` that names it and what is there, and nothing is changed then. Errors of the registry are
 * `RegistryError`s; after one, some of several changes may have been made.
 */
export class JobCommands {
  /** How often a trigger was asked for here. */
  #triggered = 0;
  /** Jobs whose old triggers are being forgotten here. */
  readonly #forgetting = new Set<string>();

  constructor(
    private readonly registry: Registry,
    private readonly catalogue: Catalogue,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * Takes servers out, or switches an item off. A server that is disabled gives its items away and keeps its instances;
   * a disabled item is run by nobody. A server that joins later is not disabled: to stop a whole job, pause it.
   *
   * @example await commands.disable({ job: 'invoice', server: '10.0.0.1' })
   */
  disable(target: SwitchTarget): Promise<CommandResult> {
    return this.#switch(target, 'DISABLED');
  }

  /** Undoes {@link disable}. */
  enable(target: SwitchTarget): Promise<CommandResult> {
    return this.#switch(target, 'ENABLED');
  }

  /**
   * Stops jobs on instances, by removing the nodes by which they are registered. TypeScript members let running items
   * finish; they are back when their process is started again.
   */
  async shutdown(target: ShutdownTarget): Promise<CommandResult> {
    return done(await this.#shutDown(target));
  }

  /** Stops jobs on instances as {@link shutdown}, and forgets the servers. They are back when an instance starts there. */
  async remove(target: ServerTarget): Promise<CommandResult> {
    const places = await this.#places(target);
    const stopped = await this.#shutDown(target);
    const removed = await this.#atEach(places, (path) => removeNode(this.registry, path));
    return done([...stopped, ...removed]);
  }

  /** Has all items assigned anew: by a TypeScript leader at once, by a Java leader at its next fire. */
  async reshard(jobName: string): Promise<CommandResult> {
    await this.catalogue.config(jobName);
    return done(await makeNode(this.registry, jobPath(jobName, layout.necessary)));
  }

  /**
   * Keeps a job from starting anything, on all instances that are and that will be. What runs goes on. Each fire is
   * recorded as skipped, with the reason `paused`. A pause with an end ends by itself; another pause replaces it.
   *
   * Java members do not know pauses and go on: those that are registered are in the result, as `notObeyedBy`.
   *
   * @example await commands.pause('invoice', { reason: 'migration of the database', by: 'ann', until: tomorrow })
   */
  async pause(jobName: string, { reason, by = '', until = null }: PauseOptions): Promise<CommandResult> {
    await this.catalogue.config(jobName);
    if (typeof reason !== 'string' || reason.trim() === '')
      throw invalidArgument('reason', reason, 'expected a sentence that says why the job is paused');
    const end = until instanceof Date ? until.getTime() : until;
    if (end !== null && !(Number.isSafeInteger(end) && end > this.clock.now()))
      throw invalidArgument(
        'until',
        until,
        'expected a moment that is still to come, as a Date or in epoch milliseconds',
      );
    const document = encodePause({ reason, by, until: end });
    const changes = await putValue(this.registry, jobPath(jobName, layout.pause), document);
    const members = (await this.catalogue.reader.children(jobPath(jobName, layout.instances)))?.names ?? [];
    return { changes, notObeyedBy: members.filter(looksLikeJava) };
  }

  /** Ends a pause before its end, or one that has none. */
  async resume(jobName: string): Promise<CommandResult> {
    await this.catalogue.config(jobName);
    return done(await removeNode(this.registry, jobPath(jobName, layout.pause)));
  }

  /**
   * Has a job run now, as a whole, or the chosen items, or those of the chosen instances. Each item is run once by
   * whoever owns it when its turn comes: when its runs under way have ended, after what was triggered before. A trigger
   * is not lost when an instance goes: what was not begun is begun by the next owner, what was begun and not ended
   * follows the rules of crashed runs. Without an instance it waits for one. A paused job, and a disabled item, skip it.
   *
   * Java members are asked as their own API does, and told of in the result. What they would not understand is refused as
   * `UNSUPPORTED_BY_JAVA`. Three requests, and about ten more reads where there are Java members or `instances` are given.
   *
   * @example
   * const { id } = await commands.trigger('invoice', { items: [3], jobParameter: 'retry', key: 'retry-2027-01-05' });
   * const { counts } = await queries.waitForTrigger('invoice', id);
   */
  async trigger(jobName: string, options: TriggerOptions = {}): Promise<TriggerReceipt> {
    const moment = { now: this.clock.now(), number: this.#triggered++ };
    const receipt = await triggerJob(this.registry, this.catalogue, moment, jobName, options);
    await this.#forgetSometimes(jobName, moment);
    return receipt;
  }

  /**
   * Runs the past fires of a range of time, by the job's cron and zone: one trigger, in which each item is run once for
   * each fire, earlier fires first, with at most `concurrency` runs at a time. Handlers are told by `context.scheduledAt`
   * which fire they stand for, and by `context.window` the time since the fire before it. It goes on whoever goes away,
   * waits while the job is paused, can be followed by `queries.trigger` and called off by {@link cancelTrigger}.
   *
   * At most 1,000 fires and 20,000 runs. A definition without a zone is read in the zone of the process that asks.
   *
   * @example await commands.backfill('report', { from: new Date('2027-01-01T00:00:00Z'), concurrency: 4 })
   */
  async backfill(jobName: string, options: BackfillOptions): Promise<BackfillReceipt> {
    const moment = { now: this.clock.now(), number: this.#triggered++ };
    const receipt = await backfillJob(this.registry, this.catalogue, moment, jobName, options);
    await this.#forgetSometimes(jobName, moment);
    return receipt;
  }

  /** Calls off what has not been begun of a trigger. What runs goes on. */
  async cancelTrigger(jobName: string, id: string): Promise<TriggerCancellation> {
    await readRecord(this.registry, jobName, id);
    return cancelRuns(this.registry, jobName, id, this.clock.now());
  }

  /** What is remembered of triggers is bounded: whoever triggers takes away, now and then, what is too much. */
  async #forgetSometimes(jobName: string, { now, number }: TriggerMoment): Promise<void> {
    if (number % FORGET_EVERY !== 0 || this.#forgetting.has(jobName)) return;
    this.#forgetting.add(jobName);
    try {
      await forgetTriggers(this.registry, jobName, now);
    } catch (error) {
      // What was asked for is accepted all the same, and the next one tries again.
      if (!ElasticJobError.is(error)) throw error;
      this.logger.warn('triggers that have ended are forgotten later', { job: jobName, error: messageOf(error) });
    } finally {
      this.#forgetting.delete(jobName);
    }
  }

  /**
   * Changes a stored definition, which all members follow at once. The result is checked as `defineJob` checks; what Java
   * stored of its own is kept. Extensions that the definition names are not looked for: an instance that lacks one waits,
   * and says so.
   *
   * Throws a `ConfigurationConflictError` if another version than the expected one is stored: nothing is written then.
   *
   * @example await commands.updateConfiguration('invoice', { cron: '0 0 3 * * ?' }, { version: 4 })
   */
  async updateConfiguration(
    jobName: string,
    changes: Partial<JobOptions>,
    options: UpdateOptions = {},
  ): Promise<UpdateResult> {
    const node = await this.catalogue.config(jobName);
    const before = definitionOf(node);
    const wanted = this.#edited(jobName, node, given(changes), options.replace ?? false);
    const expected = options.version ?? node.stat.version;
    if (node.stat.version !== expected)
      throw configurationConflict(wanted.definition, before, expected, node.stat.version);
    if (sameMeaning(node.value, wanted.text)) return { ...done([]), version: expected, differences: [] };
    const result = await this.registry.write(node.path, wanted.text, expected);
    if (!result.written) {
      const found = await this.catalogue.config(jobName);
      throw configurationConflict(wanted.definition, definitionOf(found), expected, found.stat.version);
    }
    const change = { path: node.path, before: maskSecrets(node.value), after: maskSecrets(wanted.text) };
    const differences = before === null ? [] : configurationDifferences(before, wanted.definition);
    return { ...done([change]), version: result.version, differences };
  }

  /**
   * Removes a job with all that is stored of it. As long as instances are registered this is refused as `STILL_RUNNING`,
   * unless `evenIfRunning` says to shut them down first.
   */
  async removeConfiguration(jobName: string, { evenIfRunning = false }: RemovalOptions = {}): Promise<CommandResult> {
    await this.catalogue.config(jobName);
    const members = (await this.registry.children(jobPath(jobName, layout.instances)))?.names ?? [];
    if (members.length > 0 && !evenIfRunning) throw stillRunning(jobName, members);
    const stopped = await this.#shutDown({ job: jobName });
    const changes = [...stopped, ...(await removeNode(this.registry, jobName))];
    // A member that was about to start an item when it was told to stop makes nodes anew.
    for (let again = 0; again < 3 && (await this.registry.read(jobName)) !== null; again++) {
      await removeNode(this.registry, jobName);
    }
    return done(changes);
  }

  async #switch({ job, server, item }: SwitchTarget, status: ServerStatus): Promise<CommandResult> {
    if (item === undefined) {
      const places = await this.#places({ job, server });
      return done(await this.#atEach(places, (path) => changeValue(this.registry, path, status)));
    }
    if (job === undefined || server !== undefined)
      throw invalidArgument('target', { job, server, item }, 'expected an item together with its job, and no server');
    await this.catalogue.assertItem(job, item);
    const path = jobPath(job, layout.disabled(item));
    return done(await (status === 'DISABLED' ? makeNode(this.registry, path) : removeNode(this.registry, path)));
  }

  /** The paths of the servers that are meant, all of which exist. */
  async #places({ job, server }: ServerTarget): Promise<string[]> {
    if (job === undefined) {
      if (server === undefined) throw invalidArgument('target', {}, 'expected a job, a server, or both');
      return (await this.catalogue.jobsOf(server)).map((name) => jobPath(name, layout.server(server)));
    }
    await this.catalogue.config(job);
    if (server !== undefined) {
      await this.catalogue.assertServer(job, server);
      return [jobPath(job, layout.server(server))];
    }
    return (await this.catalogue.serversOf(job)).map((ip) => jobPath(job, layout.server(ip)));
  }

  async #atEach(paths: readonly string[], change: (path: string) => Promise<NodeChange[]>): Promise<NodeChange[]> {
    return (await mapBounded(paths, JOBS_AT_ONCE, change)).flat();
  }

  async #shutDown({ job, server, instance }: ShutdownTarget): Promise<NodeChange[]> {
    if (instance !== undefined) {
      if (job === undefined || server !== undefined)
        throw invalidArgument(
          'target',
          { job, server, instance },
          'expected an instance together with its job, and no server',
        );
      await this.catalogue.config(job);
      await this.catalogue.assertInstance(job, instance);
      return removeNode(this.registry, jobPath(job, layout.instance(instance)));
    }
    await this.#places({ job, server });
    const jobs = job === undefined ? await this.catalogue.jobsOf(server ?? '') : [job];
    const nodes = (await mapBounded(jobs, JOBS_AT_ONCE, (name) => this.#instances(name))).flat();
    const meant = nodes.filter((node) => server === undefined || serverOf(node) === server);
    return this.#atEach(
      meant.map(({ path }) => path),
      (path) => removeNode(this.registry, path),
    );
  }

  async #instances(jobName: string): Promise<RegistryNode[]> {
    return childNodes(this.catalogue.reader, jobPath(jobName, layout.instances));
  }

  #edited(jobName: string, node: RegistryNode, changes: Partial<JobOptions>, replace: boolean): Edited {
    for (const name of [changes.name, changes.jobName]) {
      if (name !== undefined && name !== jobName)
        throw invalidArgument('name', name, `expected '${jobName}': a job that is renamed is another job`);
    }
    if (changes.className !== undefined)
      throw invalidArgument('className', changes.className, 'expected none: it is no part of what can be changed here');
    const stored = decodeJobConfig(node.value);
    if (!stored.readable && !replace) {
      const remedy = 'give the whole definition and replace: true';
      throw new OperationError(
        'INVALID_ARGUMENT',
        `the stored definition of job '${jobName}' cannot be changed, because it cannot be read: ${stored.problem}; ${remedy}`,
        { jobName, path: node.path },
      );
    }
    const now = this.clock.now();
    if (stored.readable && !replace) return editConfiguration(stored, changes, now);
    const { shardingTotalCount = 0 } = changes;
    const whole = { ...changes, name: jobName, shardingTotalCount };
    return replaceConfiguration(stored.readable ? stored : null, whole, now);
  }
}

/** What is `undefined` was not given; what is `null` gets its default. */
function given(changes: Partial<JobOptions>): Partial<JobOptions> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
}

function done(changes: readonly NodeChange[]): CommandResult {
  return { changes, notObeyedBy: [] };
}

function definitionOf(node: RegistryNode): JobDefinition | null {
  const stored = decodeJobConfig(node.value);
  return stored.readable ? stored.definition : null;
}

function serverOf(node: RegistryNode): string {
  return decodeInstance(node.value)?.serverIp ?? serverIpOf(nameOf(node.path));
}

function stillRunning(jobName: string, members: readonly string[]): OperationError {
  const some = members.slice(0, 5).join(', ');
  const more = members.length > 5 ? ` and ${members.length - 5} more` : '';
  return new OperationError(
    'STILL_RUNNING',
    `job '${jobName}' is not removed, because ${members.length} instances are registered: ${some}${more}. ` +
      'Shut it down first, or ask for evenIfRunning.',
    { jobName },
  );
}
