import { jobPath, layout } from '../coordination/job-layout.js';
import { decodeJobConfig, type StoredJobConfig } from '../coordination/job-yaml.js';
import { type ElasticJobErrorCode, OperationError } from '../foundation/errors.js';
import { nearestNames, show } from '../job/option-problems.js';
import type { RegistryNode } from '../registry/registry.js';
import { mapBounded, type NodeReader } from './bounded-reader.js';

/** How many jobs are looked at at the same time. */
export const JOBS_AT_ONCE = 32;

/** How many existing names an error lists. */
const NAMES_SHOWN = 8;

/** What there is in a namespace, and the errors about what there is not. */
export class Catalogue {
  /** What was last read of definitions: whoever triggers a job hundreds of times a second reads the same text each time. */
  readonly #stored = new Map<string, { readonly text: string; readonly stored: StoredJobConfig }>();

  constructor(readonly reader: NodeReader) {}

  /** Names below the namespace, ascending. They need not all be jobs. */
  async names(): Promise<readonly string[]> {
    return (await this.reader.children(''))?.names ?? [];
  }

  /** The node of the job's stored definition; an `UNKNOWN_JOB` if there is none. */
  async config(jobName: string): Promise<RegistryNode> {
    const config = isName(jobName) ? await this.reader.read(jobPath(jobName, layout.config)) : null;
    if (config !== null) return config;
    throw await this.unknownJob(jobName);
  }

  /** What is stored of the job's definition; an `UNKNOWN_JOB` if nothing is. */
  async stored(jobName: string): Promise<StoredJobConfig> {
    const { value: text } = await this.config(jobName);
    const known = this.#stored.get(jobName);
    if (known?.text === text) return known.stored;
    const stored = decodeJobConfig(text);
    this.#stored.set(jobName, { text, stored });
    return stored;
  }

  /** The error about a job that is not there. */
  async unknownJob(jobName: string): Promise<OperationError> {
    return unknown('UNKNOWN_JOB', `job ${show(jobName)} in the registry`, jobName, await this.names(), { jobName });
  }

  /** Addresses of the servers that a job knows, ascending. */
  async serversOf(jobName: string): Promise<readonly string[]> {
    return (await this.reader.children(jobPath(jobName, layout.servers)))?.names ?? [];
  }

  /** The servers of each job in the namespace. */
  async servers(): Promise<ReadonlyMap<string, readonly string[]>> {
    const names = await this.names();
    const servers = await mapBounded(names, JOBS_AT_ONCE, (jobName) => this.serversOf(jobName));
    return new Map(names.map((jobName, index) => [jobName, servers[index] ?? []]));
  }

  /** The jobs that know a server; an `UNKNOWN_SERVER` if there is none. */
  async jobsOf(serverIp: string): Promise<string[]> {
    const servers = await this.servers();
    const jobs = [...servers].filter(([, known]) => known.includes(serverIp)).map(([jobName]) => jobName);
    if (jobs.length > 0) return jobs;
    const known = [...new Set([...servers.values()].flat())].sort();
    throw unknown('UNKNOWN_SERVER', `server ${show(serverIp)} in any job`, serverIp, known);
  }

  /** Throws an `UNKNOWN_SERVER` if the job does not know the server. */
  async assertServer(jobName: string, serverIp: string): Promise<void> {
    const known = await this.serversOf(jobName);
    if (!known.includes(serverIp)) {
      throw unknown('UNKNOWN_SERVER', `server ${show(serverIp)} in job '${jobName}'`, serverIp, known, { jobName });
    }
  }

  /** Throws an `UNKNOWN_INSTANCE` if no such instance of the job is registered. */
  async assertInstance(jobName: string, instanceId: string): Promise<void> {
    const known = (await this.reader.children(jobPath(jobName, layout.instances)))?.names ?? [];
    if (!known.includes(instanceId)) {
      const what = `instance ${show(instanceId)} of job '${jobName}'`;
      throw unknown('UNKNOWN_INSTANCE', what, instanceId, known, { jobName });
    }
  }

  /** Throws an `UNKNOWN_ITEM` if the job's definition has no such item and no node of one is left. */
  async assertItem(jobName: string, item: number): Promise<void> {
    const stored = await this.stored(jobName);
    const count = stored.readable ? stored.definition.shardingTotalCount : 0;
    if (Number.isSafeInteger(item) && item >= 0 && item < count) return;
    const left = (await this.reader.children(jobPath(jobName, layout.items)))?.names ?? [];
    if (left.includes(String(item))) return;
    const there = count > 0 ? `its items are 0 to ${count - 1}` : list(left);
    throw new OperationError('UNKNOWN_ITEM', `there is no item ${show(item)} of job '${jobName}'; ${there}`, {
      jobName,
      ...(Number.isSafeInteger(item) ? { item } : {}),
    });
  }
}

/** Whether it can be one segment of a path at all; the registry checks the rest. */
export function isName(name: string): boolean {
  return typeof name === 'string' && name !== '' && !name.includes('/');
}

function unknown(
  code: ElasticJobErrorCode,
  what: string,
  name: string,
  known: readonly string[],
  details: { readonly jobName?: string } = {},
): OperationError {
  const near = nearestNames(String(name), known, NAMES_SHOWN);
  const there = known.length <= NAMES_SHOWN ? list(near) : `the nearest of ${known.length}: ${near.join(', ')}`;
  return new OperationError(code, `there is no ${what}; ${there}`, details);
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'there are none' : `there are: ${names.join(', ')}`;
}
