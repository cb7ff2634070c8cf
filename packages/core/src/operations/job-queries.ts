import type { Withdrawal } from '../coordination/instance-labels.js';
import { decodeJobConfig } from '../coordination/job-yaml.js';
import { isPausedAt, type Pause } from '../coordination/pause.js';
import type { Clock } from '../foundation/clock.js';
import type { JobDefinition } from '../job/definition.js';
import { type InstanceLabels, looksLikeJava, serverIpOf } from '../job/identity.js';
import type { Registry } from '../registry/registry.js';
import { mapBounded } from './bounded-reader.js';
import { type Catalogue, isName, JOBS_AT_ONCE } from './catalogue.js';
import { invalidArgument } from './invalid-argument.js';
import { explainItem, type ItemExplanation } from './item-explanation.js';
import {
  type ItemStatus,
  instanceOf,
  isEnabledServer,
  isStandingBy,
  itemStatus,
  type JobHealth,
  jobHealth,
} from './job-health.js';
import { type IgnoredNode, type ItemChoice, type ItemReading, type JobReading, readJob } from './job-reading.js';
import { type PlannedFires, plannedFires } from './planned-fires.js';
import { maskProps, maskSecrets } from './sensitive-values.js';
import { listTriggers, readTrigger, type TriggerReport, type TriggerSummary, untilOver } from './trigger-report.js';

/** A job in a list. */
export interface JobSummary {
  readonly jobName: string;
  readonly status: JobHealth;
  readonly description: string;
  readonly cron: string | null;
  readonly timeZone: string | null;
  readonly instanceCount: number;
  /** 0 if the definition cannot be read. */
  readonly shardingTotalCount: number;
  /** The pause that holds now. */
  readonly pause: Pause | null;
}

/** All jobs of a namespace. */
export interface JobList {
  /** In the order of their names. */
  readonly jobs: readonly JobSummary[];
  /** What is below the namespace and no job, and what is below a job and not what it should be. */
  readonly ignored: readonly IgnoredNode[];
}

/** A server in one job. */
export interface JobServer {
  readonly serverIp: string;
  readonly status: 'ENABLED' | 'DISABLED';
  /** Ids of the instances that are registered there. */
  readonly instances: readonly string[];
}

/** A registered instance of a job. */
export interface JobInstance {
  readonly instanceId: string;
  readonly serverIp: string;
  readonly labels: InstanceLabels;
  /** Why it takes on nothing; `null` if it takes part. */
  readonly withdrawal: Withdrawal | null;
  /** Whether its server is enabled. */
  readonly isEnabled: boolean;
  readonly isLeader: boolean;
  /** A guess by its id: Java's ends with the bare process id. */
  readonly kind: 'java' | 'typescript';
  /** When it registered, epoch milliseconds by the registry's clock. */
  readonly since: number;
  /** Items that it owns. */
  readonly items: readonly number[];
}

/** The mark of a run. */
export interface JobItemMark {
  /** Who runs the item; `null` if an old Java member did not say. */
  readonly instanceId: string | null;
  /** When it was made, epoch milliseconds by the registry's clock. */
  readonly since: number;
  /** Whether it stays when the session that made it ends, as marks with failover do. */
  readonly isLasting: boolean;
  /** Whether the instance is gone, and its run with it. */
  readonly isLeftBehind: boolean;
}

/** An item of a job. */
export interface JobItem {
  readonly item: number;
  readonly status: ItemStatus;
  readonly owner: string | null;
  /** The owner's server, also when it is not registered any more. */
  readonly serverIp: string | null;
  readonly isOwnerOnline: boolean;
  readonly disabled: boolean;
  /** Who runs it, and since when. */
  readonly running: JobItemMark | null;
  /** The instance that took it over from one that died; `null` if none did. */
  readonly failover: string | null;
  /** Its run died with its instance, and nobody has taken it over yet. */
  readonly awaitsFailover: boolean;
  /** A fire fell into a run and is to be made up for. */
  readonly misfire: boolean;
}

/** Everything about a job. */
export interface JobDetails extends JobSummary {
  /** The class, as Java calls it. */
  readonly className: string;
  /** Why the stored definition cannot be read; `null` if it can. */
  readonly problem: string | null;
  /** The id of the leader. */
  readonly leader: string | null;
  /** Since when items are to be assigned anew, epoch milliseconds by the registry's clock. */
  readonly reshardingSince: number | null;
  readonly servers: readonly JobServer[];
  readonly instances: readonly JobInstance[];
  readonly items: readonly JobItem[];
  readonly ignored: readonly IgnoredNode[];
}

/** A server in all jobs that know it. */
export interface ServerSummary {
  readonly serverIp: string;
  /** Ids of the instances that are registered there, for whichever job. */
  readonly instances: readonly string[];
  readonly jobNames: readonly string[];
  /** Those of the jobs in which it is disabled. */
  readonly disabledJobNames: readonly string[];
}

/** What is stored of a job's definition. */
export interface StoredConfiguration {
  readonly jobName: string;
  /** To be given to `commands.updateConfiguration`, so that nobody's change is lost. */
  readonly version: number;
  /** When it was last written, epoch milliseconds by the registry's clock. */
  readonly changedAt: number;
  /** `null` if it cannot be read. */
  readonly definition: JobDefinition | null;
  /** Java's `jobExtraConfigurations`, as they stand. */
  readonly extra: string | null;
  /** The whole text. */
  readonly text: string;
  /** Why it cannot be read; `null` if it can. */
  readonly problem: string | null;
}

/** The most fires that are told at once. */
const MOST_FIRES = 1000;

/**
 * What operators can ask about jobs, over the registry alone. Nothing is changed, and nothing is watched but by
 * {@link waitForTrigger}: each answer is of the moment in which its nodes were read. However many jobs there are, only a few requests are under way at a time.
 * Nodes that mean nothing where they stand are passed over and told of. Whatever was not found is an `OperationError`
 * that names it and what is there.
 */
export class JobQueries {
  constructor(
    private readonly registry: Registry,
    private readonly catalogue: Catalogue,
    private readonly clock: Clock,
  ) {}

  /** All jobs; with `server`, those that know this server. */
  async jobs({ server }: { readonly server?: string } = {}): Promise<JobList> {
    const names = server === undefined ? await this.catalogue.names() : await this.catalogue.jobsOf(server);
    const readings = await mapBounded(names, JOBS_AT_ONCE, (name) => readJob(this.catalogue.reader, name, 'none'));
    const now = this.clock.now();
    const strays = names.filter((_, index) => readings[index] === null);
    const found = readings.filter((reading) => reading !== null);
    return {
      jobs: found.map((reading) => summary(reading, now)),
      ignored: [...strays.map(noJob), ...found.flatMap(({ ignored }) => ignored)],
    };
  }

  /** Everything about one job. */
  async job(jobName: string): Promise<JobDetails> {
    return details(await this.#read(jobName, 'all'), this.clock.now());
  }

  /** All servers that any job knows, in the order of their addresses as texts. */
  async servers(): Promise<ServerSummary[]> {
    const names = await this.catalogue.names();
    const readings = await mapBounded(names, JOBS_AT_ONCE, (name) => readJob(this.catalogue.reader, name, 'none'));
    return serverSummaries(readings.filter((reading) => reading !== null));
  }

  /**
   * The stored definition. Secrets in it are hidden unless `secrets` is set; a hidden one that is given back to
   * `commands.updateConfiguration` stays as it is.
   */
  async configuration(
    jobName: string,
    { secrets = false }: { readonly secrets?: boolean } = {},
  ): Promise<StoredConfiguration> {
    const { value, stat } = await this.catalogue.config(jobName);
    const stored = decodeJobConfig(value);
    const text = (given: string): string => (secrets ? given : maskSecrets(given));
    const common = { jobName, version: stat.version, changedAt: stat.mtime, text: text(value) };
    if (!stored.readable) return { ...common, definition: null, extra: null, problem: stored.problem };
    const { definition, extra } = stored;
    return {
      ...common,
      definition: secrets ? definition : masked(definition),
      extra: extra === null ? null : text(extra),
      problem: null,
    };
  }

  /** The next fires of a job, at most 1000, and which of them fall into its pause. */
  async nextFires(jobName: string, count = 10): Promise<PlannedFires> {
    if (!Number.isSafeInteger(count) || count < 1 || count > MOST_FIRES)
      throw invalidArgument('count', count, `expected 1 to ${MOST_FIRES}`);
    const { stored, pause } = await this.#read(jobName, 'none');
    return plannedFires(stored, pause, this.clock.now(), count);
  }

  /** Why an item runs, or does not. */
  async why(jobName: string, item: number): Promise<ItemExplanation> {
    const reading = await this.#read(jobName, item);
    const [found] = reading.items;
    if (found !== undefined) return explainItem(reading, found, this.clock.now());
    await this.catalogue.assertItem(jobName, item);
    throw invalidArgument('item', item, 'expected one that is listed: there are too many to look at');
  }

  /** What became of a trigger so far: each of its runs, where it is, and how it ended. */
  trigger(jobName: string, id: string): Promise<TriggerReport> {
    return readTrigger(this.catalogue.reader, jobName, id);
  }

  /** The triggers of a job that are remembered, latest first. */
  triggers(jobName: string): Promise<TriggerSummary[]> {
    return listTriggers(this.catalogue.reader, jobName);
  }

  /**
   * Resolves when all runs of a trigger have ended, however; what Java members run is not waited for. Rejects with the
   * reason of `signal` when that aborts.
   */
  async waitForTrigger(jobName: string, id: string, signal?: AbortSignal): Promise<TriggerReport> {
    await untilOver(this.registry, jobName, id, signal);
    return this.trigger(jobName, id);
  }

  async #read(jobName: string, items: ItemChoice): Promise<JobReading> {
    const reading = isName(jobName) ? await readJob(this.catalogue.reader, jobName, items) : null;
    if (reading === null) throw await this.catalogue.unknownJob(jobName);
    return reading;
  }
}

function summary(reading: JobReading, now: number): JobSummary {
  const definition = reading.stored.readable ? reading.stored.definition : null;
  return {
    jobName: reading.jobName,
    status: jobHealth(reading, now),
    description: maskSecrets(definition?.description ?? ''),
    cron: definition?.cron ?? null,
    timeZone: definition?.timeZone ?? null,
    instanceCount: reading.instances.length,
    shardingTotalCount: definition?.shardingTotalCount ?? 0,
    pause: isPausedAt(reading.pause, now) ? reading.pause : null,
  };
}

function details(reading: JobReading, now: number): JobDetails {
  return {
    ...summary(reading, now),
    className: reading.className,
    problem: reading.stored.readable ? null : reading.stored.problem,
    leader: reading.leader,
    reshardingSince: reading.resharding.since,
    servers: serversOf(reading),
    instances: instancesOf(reading),
    items: reading.items.map((item) => itemOf(reading, item)),
    ignored: reading.ignored,
  };
}

/** Also of servers whose node somebody removed while instances were there. */
function serversOf(reading: JobReading): JobServer[] {
  const addresses = new Set([...reading.servers.keys(), ...reading.instances.map(({ serverIp }) => serverIp)]);
  return [...addresses].sort().map((serverIp) => ({
    serverIp,
    status: isEnabledServer(reading, serverIp) ? 'ENABLED' : 'DISABLED',
    instances: reading.instances.filter((each) => each.serverIp === serverIp).map(({ instanceId }) => instanceId),
  }));
}

function instancesOf(reading: JobReading): JobInstance[] {
  const items = new Map<string, number[]>();
  for (const [item, owner] of reading.owners) items.set(owner, [...(items.get(owner) ?? []), item]);
  return reading.instances.map((instance) => ({
    ...instance,
    isEnabled: isEnabledServer(reading, instance.serverIp),
    isLeader: instance.instanceId === reading.leader,
    kind: looksLikeJava(instance.instanceId) ? 'java' : 'typescript',
    items: items.get(instance.instanceId) ?? [],
  }));
}

function itemOf(reading: JobReading, item: ItemReading): JobItem {
  const owner = instanceOf(reading, item.owner);
  const { running } = item;
  return {
    ...item,
    status: itemStatus(reading, item),
    serverIp: owner?.serverIp ?? (item.owner === null ? null : serverIpOf(item.owner)),
    isOwnerOnline: owner !== undefined,
    running: running === null ? null : { ...running, isLeftBehind: !isStandingBy(reading, running) },
    awaitsFailover: reading.awaitingFailover.has(item.item),
  };
}

function serverSummaries(readings: readonly JobReading[]): ServerSummary[] {
  const found = readings.flatMap((reading) => serversOf(reading).map((server) => ({ ...server, reading })));
  const addresses = [...new Set(found.map(({ serverIp }) => serverIp))].sort();
  return addresses.map((serverIp) => {
    const here = found.filter((server) => server.serverIp === serverIp);
    const names = (servers: typeof here): string[] => servers.map(({ reading }) => reading.jobName);
    return {
      serverIp,
      instances: [...new Set(here.flatMap(({ instances }) => instances))].sort(),
      jobNames: names(here),
      disabledJobNames: names(here.filter(({ status }) => status === 'DISABLED')),
    };
  });
}

function masked(definition: JobDefinition): JobDefinition {
  const texts = ['description', 'jobParameter', 'shardingItemParameters'] as const;
  const hidden = Object.fromEntries(texts.map((name) => [name, maskSecrets(definition[name])]));
  return { ...definition, ...hidden, props: maskProps(definition.props) };
}

function noJob(path: string): IgnoredNode {
  return { path, problem: 'no job: it has no node config' };
}
