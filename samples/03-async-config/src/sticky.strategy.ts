import { type ShardingInput, ShardingStrategy } from '@elasticjob/nestjs';
import { Injectable } from '@nestjs/common';

/**
 * Leaves an item where it is, as long as its owner is there and has no more than its share; the others go to whoever has
 * least. A pure function of its input, since any instance may lead. The kernel brings a `STICKY` of its own, whose
 * shares differ by one at most; this one shows how to write a strategy.
 */
@Injectable()
@ShardingStrategy('STAY_PUT')
export class StickyStrategy implements ShardingStrategy {
  assign({ instances, itemCount, previous }: ShardingInput): (string | null)[] {
    const share = Math.ceil(itemCount / instances.length);
    const counts = new Map(instances.map(({ instanceId }) => [instanceId, 0]));
    const take = (instanceId: string): string => {
      counts.set(instanceId, (counts.get(instanceId) ?? 0) + 1);
      return instanceId;
    };

    const kept = Array.from({ length: itemCount }, (_, item) => {
      const owner = previous[item] ?? null;
      const count = owner === null ? undefined : counts.get(owner);
      return owner !== null && count !== undefined && count < share ? take(owner) : null;
    });
    return kept.map((owner) => {
      const [least] = [...counts].sort(([, one], [, other]) => one - other);
      return owner ?? (least === undefined ? null : take(least[0]));
    });
  }
}
