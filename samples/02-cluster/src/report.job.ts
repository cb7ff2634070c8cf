import { type ShardingContext, SimpleJob, type SimpleJobHandler } from '@elasticjob/nestjs';
import { Injectable } from '@nestjs/common';
import { say } from './messages.js';

/** How long each item works, milliseconds. */
const WORK_MS = 30;

/** Nine items each second, each of which tells when it began and when it ended. Java members could share it. */
@Injectable()
@SimpleJob({ name: 'report', cron: '0/1 * * * * ?', shardingTotalCount: 9, misfire: false, overwrite: true })
export class ReportJob implements SimpleJobHandler {
  async execute({ shardingItem: item, scheduledAt, fencingToken }: ShardingContext): Promise<void> {
    const run = { item, scheduledAt, fencingToken: String(fencingToken) };
    say({ kind: 'begin', ...run, at: Date.now() });
    await new Promise((resolve) => setTimeout(resolve, WORK_MS));
    say({ kind: 'end', ...run, at: Date.now() });
  }
}
