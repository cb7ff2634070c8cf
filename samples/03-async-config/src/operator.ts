import { ElasticJobHandle, InjectElasticJob } from '@elasticjob/nestjs';
import { Injectable, Logger } from '@nestjs/common';

/** What a controller or a command would do with jobs: ask for the next fires, and run one now. */
@Injectable()
export class Operator {
  private readonly logger = new Logger('operator');

  constructor(
    @InjectElasticJob('digest') private readonly digest: ElasticJobHandle,
    @InjectElasticJob('reindex') private readonly reindex: ElasticJobHandle,
  ) {}

  async runNow(signal: AbortSignal): Promise<void> {
    // A trigger waits for the owners of its items; here they are to be told of first.
    await this.reindex.waitFor(({ items }) => items.length > 0, signal);
    const { items } = this.reindex.status();
    this.logger.log(`reindex: this process owns the items ${items.join(', ')}, as STAY_PUT has assigned them`);
    const { items: asked } = await this.reindex.trigger({ by: 'operator' });
    this.logger.log(`reindex: triggered for ${asked.length} items`);

    const next = this.digest.nextFires(3).map((fire) => fire.toISOString().slice(11, 19));
    this.logger.log(`digest: next at ${next.join(', ')} UTC`);
  }
}
