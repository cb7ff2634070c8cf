import { type ShardingContext, SimpleJob, type SimpleJobHandler } from '@elasticjob/nestjs';
import { Injectable } from '@nestjs/common';
import { say } from './messages.js';

/** Six items each second. Nothing in a job knows how the registry is protected. */
@Injectable()
@SimpleJob({ name: 'payroll', cron: '* * * * * *', shardingTotalCount: 6 })
export class PayrollJob implements SimpleJobHandler {
  async execute({ shardingItem: item, scheduledAt }: ShardingContext): Promise<void> {
    say({ kind: 'ran', item, scheduledAt });
  }
}
