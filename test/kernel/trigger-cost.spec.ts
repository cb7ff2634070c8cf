import { createEngine, defineJob, silentLogger } from '@elasticjob/core';
import { ManualClock, MemoryServer } from '@elasticjob/core/testing';
import { describe, expect, it } from 'vitest';

type Driver = ReturnType<MemoryServer['driver']>;
type DriverSession = Awaited<ReturnType<Driver['open']>>;

const OPEN = '/n/job/extension/triggers/open';

/** A server that counts what it is asked. */
class CountingServer extends MemoryServer {
  readonly asked = { transactions: 0, operations: 0 };
  /** The sessions that read the list of open runs. */
  readonly readers: bigint[] = [];

  override driver(options?: Parameters<MemoryServer['driver']>[0]): Driver {
    const driver = super.driver(options);
    return { ...driver, open: async (onEvent) => this.#counted(await driver.open(onEvent)) };
  }

  #counted(session: DriverSession): DriverSession {
    const { asked, readers } = this;
    const multi: DriverSession['multi'] = (operations) => {
      asked.transactions += 1;
      asked.operations += operations.length;
      return session.multi?.(operations) ?? Promise.reject(new Error('no transactions'));
    };
    const children: DriverSession['children'] = (path, watcher) => {
      if (path === OPEN) readers.push(session.id);
      return session.children(path, watcher);
    };
    return new Proxy(session, {
      get(target, name) {
        if (name === 'multi') return multi;
        if (name === 'children') return children;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  }
}

describe('a thousand triggers asked for at once', () => {
  it('are made, begun and concluded in a few transactions, and nobody reads the list again', async () => {
    const clock = new ManualClock('2027-01-01T00:00:00Z');
    // As on a network, what is sent together arrives together.
    const server = new CountingServer({ clock, delivery: (deliver) => void setImmediate(deliver) });
    const [registry, asking] = [server.registry({ namespace: 'n' }), server.registry({ namespace: 'n' })];
    const engine = createEngine({ registry, instanceId: '10.0.0.1@-@a', clock, logger: silentLogger });
    const asker = createEngine({ registry: asking, clock, logger: silentLogger });
    const asked: string[] = [];
    const ran: unknown[] = [];
    await engine.add(defineJob({ name: 'job', shardingTotalCount: 100 }), {
      execute: ({ trigger }) => {
        ran.push(trigger?.id);
      },
    });
    await Promise.all([engine.start(), asker.start()]);
    const { commands, queries } = asker.operations;
    const ask = async (item: number): Promise<void> => {
      const { id } = await commands.trigger('job', { items: [item] });
      asked.push(id);
    };
    await ask(0);
    await queries.waitForTrigger('job', asked[0] ?? '');
    const before = { ...server.asked };
    server.readers.length = 0;
    await Promise.all(Array.from({ length: 1000 }, (_, number) => ask(number % 100)));
    // Whoever asks reads it to forget what is old: after every fiftieth, but not while it is still at it.
    expect(server.readers.length).toBeLessThan(20);
    // The last of each item.
    await Promise.all(asked.slice(-100).map((id) => queries.waitForTrigger('job', id)));
    expect(server.readers).not.toContain(registry.session.id);
    const { transactions, operations } = server.asked;
    // Entry and record; mark and entry; outcome, entry and mark.
    expect(operations - before.operations).toBe(7000);
    expect(transactions - before.transactions).toBeLessThan(300);
    expect(ran.sort()).toEqual(asked.sort());
    expect((await registry.children('job/extension/triggers/open'))?.names).toEqual([]);
    await Promise.all([engine.stop(), asker.stop()]);
  });
});
