import { DataflowJob, type DataflowJobHandler, type ShardingContext } from '@elasticjob/nestjs';
import { Injectable, Logger } from '@nestjs/common';

interface Order {
  readonly id: number;
}

/** Where the sample's orders come from; an application would ask its database for those of the item. */
@Injectable()
export class OrderStore {
  #next = 1;
  readonly #waiting = new Map<number, Order[]>();

  /** Three orders have come in for an item since it was last asked for. */
  receive(item: number): void {
    this.#waiting.set(
      item,
      Array.from({ length: 3 }, () => ({ id: this.#next++ })),
    );
  }

  take(item: number, count: number): Order[] {
    return this.#waiting.get(item)?.splice(0, count) ?? [];
  }
}

/** Works orders off in batches until none is left, every three seconds: a streaming dataflow job. */
@Injectable()
@DataflowJob({
  name: 'orders',
  cron: '*/3 * * * * *',
  shardingTotalCount: 2,
  props: { 'streaming.process': 'true' },
})
export class OrdersJob implements DataflowJobHandler<Order> {
  private readonly logger = new Logger('orders');

  readonly #seen = new WeakSet<ShardingContext>();

  constructor(private readonly store: OrderStore) {}

  /** Called again and again within a run, with the same context, until it comes back empty. */
  fetchData(context: ShardingContext): Order[] {
    if (!this.#seen.has(context)) this.store.receive(context.shardingItem);
    this.#seen.add(context);
    return this.store.take(context.shardingItem, 2);
  }

  processData({ shardingItem }: ShardingContext, orders: readonly Order[]): void {
    this.logger.log(`item ${shardingItem}: orders ${orders.map(({ id }) => id).join(', ')} processed`);
  }
}
