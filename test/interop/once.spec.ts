import type { JobListener, RunContext } from '@elasticjob/core';
import type { JavaEvent } from '@elasticjob/interop';
import { describe, expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { type JavaNode, JOB, type MixedCluster, type TsMember, YEARLY } from './mixed-cluster.js';

const open = clusters();
const ONCE = { jobListenerTypes: ['ONCE'] } as const;

/** What was called once for all, in both languages, with the time at which it was heard of. */
interface OnceCalls {
  readonly calls: { readonly phase: 'before' | 'after'; readonly by: 'ts' | 'java'; readonly at: number }[];
  readonly listener: JobListener;
}

function onceCalls(): OnceCalls {
  const calls: OnceCalls['calls'] = [];
  const note = (phase: 'before' | 'after') => (_run: RunContext) =>
    void calls.push({ phase, by: 'ts', at: Date.now() });
  const listener: JobListener = {
    type: 'ONCE',
    beforeJobExecutedAtLastStarted: note('before'),
    afterJobExecutedAtLastCompleted: note('after'),
    startedTimeoutMs: 10_000,
  };
  return { calls, listener };
}

/** Calls of Java's listener. */
function javaCalls(java: JavaNode, phase: 'before' | 'after'): JavaEvent[] {
  return java.events.filter((event) => event.kind === `once-${phase}`);
}

const leftovers = ({ nodes }: MixedCluster): number =>
  nodes.names('guarantee/started').length + nodes.names('guarantee/completed').length;

async function shared(
  first: 'ts' | 'java',
  cluster: MixedCluster,
  { listener }: OnceCalls,
): Promise<{ readonly java: JavaNode; readonly ts: TsMember }> {
  const joinTs = () => cluster.tsMember({ ...ONCE }, undefined, {}, { listeners: [listener] });
  if (first === 'ts') {
    const ts = await joinTs();
    const java = await cluster.javaMember(ONCE);
    await cluster.shared(java, ts);
    return { java, ts };
  }
  const java = await cluster.javaMember(ONCE);
  await cluster.sharedBy(java, java);
  const ts = await joinTs();
  await cluster.sharedBy(java, java, ts);
  // What Java was asked to run so that it assigns is run by the other too.
  await cluster.until(() => cluster.runs.some(({ by }) => by === ts.instanceId));
  await cluster.until(() => cluster.nodes.names('trigger').length === 0);
  await cluster.until(() => cluster.runs.every(({ endedAt }) => endedAt !== null) && leftovers(cluster) === 0);
  return { java, ts };
}

describe.each(['ts', 'java'] as const)(
  'a listener that is called once for members of both languages, %s leading',
  (first) => {
    it('is called once before all items and once after them, by one of them, again and again', async () => {
      const cluster = await open({ cron: YEARLY });
      const once = onceCalls();
      const { java } = await shared(first, cluster, once);
      const total = (phase: 'before' | 'after'): number =>
        once.calls.filter((call) => call.phase === phase).length + javaCalls(java, phase).length;
      // What Java tells of the round before may come later than the registry shows that it is over.
      await cluster.until(() => total('before') === total('after'));
      const [before, after, runs] = [total('before'), total('after'), cluster.runs.length];
      for (let times = 1; times <= 3; times++) {
        await java.lifecycle.trigger(JOB);
        await cluster.until(() => total('before') >= before + times && total('after') >= after + times);
        await cluster.until(() => cluster.nodes.names('trigger').length === 0);
        await cluster.until(() => leftovers(cluster) === 0 && cluster.runs.every(({ endedAt }) => endedAt !== null));
        expect([total('before') - before, total('after') - after]).toEqual([times, times]);
        expect(cluster.runs.length - runs).toBe(4 * times);
      }
    });

    it('is called once for each fire of the clock', async () => {
      const cluster = await open({ cron: '0/2 * * * * ?' });
      const once = onceCalls();
      const { java, ts } = await shared(first, cluster, once);
      const since = cluster.runs.length;
      await cluster.until(() => cluster.runs.length >= since + 4 * 4);
      const total = (phase: 'before' | 'after'): number =>
        once.calls.filter((call) => call.phase === phase).length + javaCalls(java, phase).length;
      await ts.engine.stop();
      const fires = new Set(ts.contexts.map(({ scheduledAt }) => scheduledAt)).size;
      expect(total('after')).toBeGreaterThanOrEqual(fires - 1);
      expect(total('before')).toBeLessThanOrEqual(fires + 2);
      expect(java.log).not.toContain('Job timeout');
    });
  },
);
