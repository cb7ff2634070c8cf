import { type ShardingContext, SimpleJob, type SimpleJobHandler } from '@elasticjob/nestjs';
import { Injectable, Logger } from '@nestjs/common';

/** Sends the invoices of one city per item, every two seconds. */
@Injectable()
@SimpleJob({
  name: 'invoice',
  cron: '0/2 * * * * ?',
  shardingTotalCount: 3,
  shardingItemParameters: '0=Beijing,1=Shanghai,2=Guangzhou',
})
export class InvoiceJob implements SimpleJobHandler {
  private readonly logger = new Logger('invoice');

  execute(context: ShardingContext): void {
    this.logger.log(`item ${context.shardingItem}: invoices of ${context.shardingParameter} sent`);
  }
}
