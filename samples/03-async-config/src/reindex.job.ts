import { type ShardingContext, SimpleJob, type SimpleJobHandler } from '@elasticjob/nestjs';
import { Injectable, Logger } from '@nestjs/common';
import { ITEMS } from './tally.js';

/** Rebuilds one part of an index per item. Without a cron: it runs when somebody triggers it. */
@Injectable()
@SimpleJob({
  name: 'reindex',
  shardingTotalCount: ITEMS.reindex,
  jobShardingStrategyType: 'STAY_PUT',
})
export class ReindexJob implements SimpleJobHandler {
  private readonly logger = new Logger('reindex');

  execute({ shardingItem, shardingTotalCount }: ShardingContext): void {
    this.logger.log(`part ${shardingItem + 1} of ${shardingTotalCount} rebuilt`);
  }
}
