import { type ShardingContext, SimpleJob, type SimpleJobHandler } from '@elasticjob/nestjs';
import { Injectable, Logger, Scope } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { Draft } from './draft.js';
import { ITEMS } from './tally.js';

let made = 0;

/**
 * Writes a digest per region. Its cron comes from the configuration. It is request-scoped: each item of each run has an
 * instance of its own, with a draft of its own, and may keep what it likes in `this`.
 */
@Injectable({ scope: Scope.REQUEST })
@SimpleJob({
  name: 'digest',
  cron: (config: ConfigService) => config.get<string>('DIGEST_CRON', '0/2 * * * * ?'),
  inject: [ConfigService],
  shardingTotalCount: ITEMS.digest,
  shardingItemParameters: '0=Asia,1=Europe,2=America',
  // Otherwise the cron that was stored first would hold, whatever the configuration says later.
  overwrite: true,
})
export class DigestJob implements SimpleJobHandler {
  private readonly logger = new Logger('digest');
  private readonly number = ++made;

  constructor(private readonly draft: Draft) {}

  static get made(): number {
    return made;
  }

  async execute({ shardingItem, shardingParameter, scheduledAt }: ShardingContext): Promise<void> {
    this.draft.write(`${shardingParameter}`);
    // Items run at the same time: with one instance for all they would write into each other's draft here.
    await new Promise((resolve) => setTimeout(resolve, 50));
    this.draft.write(new Date(scheduledAt).toISOString().slice(11, 19));
    this.logger.log(`item ${shardingItem}: instance ${this.number} wrote ${this.draft}`);
  }
}
