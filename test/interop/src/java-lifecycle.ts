/** Calls a method of the lifecycle API in the Java process. */
export type LifecycleCall = (method: string, values: Readonly<Record<string, unknown>>) => Promise<unknown>;

/** A job as `getJobBriefInfo` tells of it. */
export interface JobBriefInfo {
  readonly jobName: string;
  readonly status: 'OK' | 'CRASHED' | 'DISABLED' | 'SHARDING_FLAG';
  readonly description: string;
  readonly cron: string | null;
  readonly instanceCount: number;
  readonly shardingTotalCount: number;
}

/** An item as `getShardingInfo` tells of it. */
export interface ShardingInfo {
  readonly item: number;
  readonly serverIp: string;
  readonly instanceId: string;
  readonly status: 'DISABLED' | 'RUNNING' | 'SHARDING_FLAG' | 'PENDING';
  readonly failover: boolean;
}

/** A server as `getAllServersBriefInfo` tells of it. */
export interface ServerBriefInfo {
  readonly serverIp: string;
  readonly instances: readonly string[];
  readonly jobNames: readonly string[];
  readonly instancesNum: number;
  readonly jobsNum: number;
  readonly disabledJobsNum: number;
}

/** ElasticJob's lifecycle API, of which its console is made, under its own names. Its calls have no answers of their own. */
export class JavaLifecycle {
  constructor(private readonly call: LifecycleCall) {}

  async trigger(job: string): Promise<void> {
    await this.call('trigger', { job });
  }

  /** Of one server, or of all. */
  async disable(job: string, ip?: string): Promise<void> {
    await this.call('disable', { job, ip });
  }

  async enable(job: string, ip?: string): Promise<void> {
    await this.call('enable', { job, ip });
  }

  /** Removes the nodes of the instances of a server, or of all. */
  async shutdown(job: string, ip?: string): Promise<void> {
    await this.call('shutdown', { job, ip });
  }

  /** As {@link shutdown}, and removes the server. */
  async remove(job: string, ip?: string): Promise<void> {
    await this.call('remove', { job, ip });
  }

  async disableItem(job: string, item: number): Promise<void> {
    await this.call('disableItem', { job, item });
  }

  async enableItem(job: string, item: number): Promise<void> {
    await this.call('enableItem', { job, item });
  }

  /** What Java understood of the stored definition, as it would write it; `null` if there is none. */
  async getJobConfiguration(job: string): Promise<string | null> {
    return (await this.call('getJobConfiguration', { job })) as string | null;
  }

  /** Reads the stored definition, changes these options of it, by ElasticJob's names, and stores it. */
  async updateJobConfiguration(job: string, changes: Readonly<Record<string, unknown>>): Promise<void> {
    await this.call('updateJobConfiguration', { job, changes });
  }

  /** Removes the job with all its nodes. */
  async removeJobConfiguration(job: string): Promise<void> {
    await this.call('removeJobConfiguration', { job });
  }

  async getJobBriefInfo(job: string): Promise<JobBriefInfo | null> {
    return (await this.call('getJobBriefInfo', { job })) as JobBriefInfo | null;
  }

  async getAllJobsBriefInfo(): Promise<JobBriefInfo[]> {
    return (await this.call('getAllJobsBriefInfo', {})) as JobBriefInfo[];
  }

  async getAllServersBriefInfo(): Promise<ServerBriefInfo[]> {
    return (await this.call('getAllServersBriefInfo', {})) as ServerBriefInfo[];
  }

  async getShardingInfo(job: string): Promise<ShardingInfo[]> {
    return (await this.call('getShardingInfo', { job })) as ShardingInfo[];
  }

  /** What the dump service on a port of `ip` tells of the job. */
  async dump(job: string, ip: string, port: number): Promise<string> {
    return (await this.call('dump', { job, ip, port })) as string;
  }
}
