import { deferred } from '@elasticjob/core/testing';
import { afterEach, describe, expect, inject, it } from 'vitest';
import type { Client } from './drivers.js';
import { KernelCluster, type KernelClusterOptions, nextSecond, SECOND } from './kernel-harness.js';

/** One call of the listener. */
interface OnceCall {
  readonly phase: 'before' | 'after';
  readonly instance: string;
  readonly scheduledAt: number;
}

/** What instances on a real server do about a listener that is called once for all of them. */
export function onceFlows(client: Client): void {
  let calls: OnceCall[] = [];
  let cluster = new KernelCluster(inject('zookeeper'));
  afterEach(() => cluster.end());

  const begin = (options: KernelClusterOptions = {}): KernelCluster => {
    calls = [];
    cluster = new KernelCluster(inject('zookeeper'), {
      client,
      extensions: (instance) => ({
        listeners: [
          {
            type: 'ONCE',
            beforeJobExecutedAtLastStarted: ({ scheduledAt }) =>
              void calls.push({ phase: 'before', instance, scheduledAt }),
            afterJobExecutedAtLastCompleted: ({ scheduledAt }) =>
              void calls.push({ phase: 'after', instance, scheduledAt }),
          },
        ],
      }),
      ...options,
      job: { jobListenerTypes: ['ONCE'], ...options.job },
    });
    return cluster;
  };
  const times = (phase: OnceCall['phase'], scheduledAt: number): number =>
    calls.filter((call) => call.phase === phase && call.scheduledAt === scheduledAt).length;

  describe('a listener that is called once for all instances', () => {
    it('is called once at the begin and once at the end of each fire, while instances come and leave', async () => {
      begin();
      await cluster.share('a', 'b');
      const from = nextSecond();
      await cluster.start('c');
      await cluster.shared('a', 'b', 'c');
      await cluster.stop('a');
      await cluster.shared('b', 'c');
      const to = nextSecond();
      await cluster.until(() => times('after', to) > 0);
      for (let at = from; at <= to; at += SECOND)
        expect([at, times('before', at), times('after', at)]).toEqual([at, 1, 1]);
    });

    it('is called although the connection of the one that is to call breaks', async () => {
      const gate = deferred();
      let held: string | null = null;
      begin({
        work: async (_context, instance) => {
          held ??= instance;
          if (held === instance) await gate.promise;
        },
      });
      await cluster.share('a', 'b');
      await cluster.until(() => held !== null);
      const node = cluster.nodes.get(held ?? '');
      const at = cluster.calls.find(({ instance }) => instance === held)?.scheduledAt ?? 0;
      await node?.proxy.cut();
      gate.resolve();
      await node?.proxy.restore();
      await cluster.until(() => times('after', at) > 0);
      expect(times('after', at)).toBe(1);
    });
  });
}
