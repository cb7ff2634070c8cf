import { describe, expect, it } from 'vitest';
import { nameOf, ServerList } from './server-list.js';

const NAMES: Readonly<Record<string, readonly string[]>> = { a: ['10.0.0.1', '10.0.0.2'], b: ['10.0.0.3'] };

async function resolve(host: string): Promise<readonly string[]> {
  const addresses = NAMES[host];
  if (addresses === undefined) throw new Error(`ENOTFOUND ${host}`);
  return addresses;
}

async function take(list: ServerList, count: number): Promise<string[]> {
  const taken: string[] = [];
  for (let index = 0; index < count; index++) {
    const { server, begins } = await list.next();
    taken.push(`${begins ? '> ' : ''}${server.address}`);
  }
  return taken;
}

const named = (...hosts: string[]): { host: string; port: number }[] => hosts.map((host) => ({ host, port: 2181 }));

describe('a list of servers', () => {
  it('gives each address of each name once in a round, and says where a round begins', async () => {
    const list = new ServerList(named('a', '::1', 'b'), { shuffle: false, random: () => 0, resolve });
    const round = ['> 10.0.0.1', '10.0.0.2', '::1', '10.0.0.3'];
    expect(await take(list, 8)).toEqual([...round, ...round]);
  });

  it('has each round in an order of its own, all of them equally likely', async () => {
    let state = 1;
    const random = (): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    const orders = new Map<string, number>();
    const list = new ServerList(named('1.1.1.1', '2.2.2.2', '3.3.3.3'), { shuffle: true, random, resolve });
    for (let round = 0; round < 6_000; round++) {
      const order = (await take(list, 3)).join().replace('> ', '');
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(6);
    for (const count of orders.values()) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  });

  it('does without names that cannot be resolved, and says why when there are no others', async () => {
    const some = new ServerList(named('x', 'b'), { shuffle: false, random: () => 0, resolve });
    expect(await take(some, 2)).toEqual(['> 10.0.0.3', '> 10.0.0.3']);
    const none = new ServerList(named('x', 'y'), { shuffle: false, random: () => 0, resolve });
    await expect(none.next()).rejects.toThrow(/x: ENOTFOUND x; y: ENOTFOUND y/);
    await expect(none.next()).rejects.toMatchObject({ code: 'CONNECTION_LOSS', retryable: true });
  });

  it('calls a server by its name, and by its address as well where that differs', () => {
    expect(nameOf({ host: '10.0.0.3', address: '10.0.0.3', port: 1 })).toBe('10.0.0.3:1');
    expect(nameOf({ host: 'b', address: '10.0.0.3', port: 1 })).toBe('b:1 (10.0.0.3)');
  });
});
