import type { ConnectionEvent } from '@elasticjob/core/driver';
import { describe, expect, it } from 'vitest';
import { type ClientKind, ClientSession, type Host } from './client.js';
import { settled } from './determinism.js';
import { Ensemble } from './ensemble.js';
import { Random } from './random.js';
import { Timeline } from './timeline.js';

/** An ensemble with fixed delays, and clients of it. */
class Bench {
  readonly random = new Random(1);
  readonly timeline = new Timeline(0, this.random);
  readonly ensemble: Ensemble;

  constructor() {
    this.ensemble = new Ensemble({ timeline: this.timeline, random: this.random, tickMs: 500, delay: () => 1 });
  }

  client(kind: ClientKind = 'native'): { session: ClientSession; events: ConnectionEvent[]; host: MutableHost } {
    const { timeline, random, ensemble } = this;
    const host = { paused: false, gone: false, networkCut: false };
    const events: ConnectionEvent[] = [];
    const parts = { timeline, random, ensemble, host, kind, sessionTimeoutMs: 4000, delay: () => 1, pause: () => 100 };
    return { session: new ClientSession(parts, (event) => events.push(event)), events, host };
  }

  async goOn(ms: number): Promise<void> {
    const limit = this.timeline.now + ms;
    for (let next = this.timeline.next(limit); next !== null; next = this.timeline.next(limit)) {
      next.run();
      await settled();
    }
  }

  /** What a promise has come to after `ms`. */
  async outcome<T>(promise: Promise<T>, ms = 100): Promise<T | Error | 'pending'> {
    let outcome: T | Error | 'pending' = 'pending';
    promise.then(
      (value) => {
        outcome = value;
      },
      (error: Error) => {
        outcome = error;
      },
    );
    await this.goOn(ms);
    return outcome;
  }
}

type MutableHost = { -readonly [Key in keyof Host]: Host[Key] };

describe('a simulated ensemble', () => {
  it('gives a session, and ends it at the first tick after its silence', async () => {
    const bench = new Bench();
    const { session, events, host } = bench.client();
    await bench.goOn(100);
    expect(events).toEqual(['connected']);
    const { id } = session;
    host.paused = true;
    await bench.goOn(3900);
    expect(bench.ensemble.leader.isAlive(id)).toBe(true);
    await bench.goOn(1000);
    expect(bench.ensemble.leader.isAlive(id)).toBe(false);
    host.paused = false;
    bench.timeline.release(host);
    await bench.goOn(2000);
    expect(events).toEqual(['connected', 'disconnected', 'expired']);
  });

  it('removes what an expired session owns, in one transaction', async () => {
    const bench = new Bench();
    const { session } = bench.client();
    await bench.goOn(100);
    await bench.outcome(session.create('/a', '', 'ephemeral'));
    await bench.outcome(session.create('/b', '', 'ephemeral'));
    await bench.outcome(session.create('/c', '', 'persistent'));
    bench.ensemble.leader.close(session.id);
    const last = bench.ensemble.leader.log.at(-1);
    expect(last?.changes.map(({ path }) => path)).toEqual(['/a', '/b']);
    expect(bench.ensemble.leader.tree.has('/c')).toBe(true);
  });

  it('answers a write only when the own server has applied it, and reads from that server alone', async () => {
    const bench = new Bench();
    const [one, other] = [bench.client(), bench.client()];
    await bench.goOn(100);
    for (const server of bench.ensemble.servers) server.lagMs = 50;
    const write = bench.outcome(one.session.create('/a', 'x', 'persistent'), 60);
    expect(await write).toBe('pending');
    expect(bench.ensemble.leader.tree.has('/a')).toBe(true);
    await bench.goOn(100);
    expect(await bench.outcome(one.session.get('/a'))).toMatchObject({ value: 'x' });
    expect(await bench.outcome(other.session.exists('/a'))).not.toBeNull();
  });

  it('shows an old state until a sync has caught up', async () => {
    const bench = new Bench();
    const { session } = bench.client();
    await bench.goOn(100);
    for (const server of bench.ensemble.servers) server.lagMs = 400;
    const other = bench.client();
    await bench.goOn(2000);
    void other.session.create('/a', '', 'persistent').catch(() => undefined);
    await bench.goOn(450);
    expect(bench.ensemble.leader.tree.has('/a')).toBe(true);
    expect(await bench.outcome(session.exists('/a'), 5)).toBeNull();
    expect(await bench.outcome(session.sync('/a'), 1500)).toBeUndefined();
    expect(await bench.outcome(session.exists('/a'), 5)).not.toBeNull();
  });

  it('notifies of a change before it answers a later request', async () => {
    const bench = new Bench();
    const [one, other] = [bench.client(), bench.client()];
    await bench.goOn(100);
    await bench.outcome(one.session.create('/a', '', 'persistent'));
    const heard: string[] = [];
    await bench.outcome(one.session.get('/a', () => heard.push('notified')));
    void other.session.set('/a', 'x', -1).then(() => undefined);
    await bench.goOn(2);
    void one.session.create('/b', '', 'persistent').then(() => heard.push('answered'));
    await bench.goOn(100);
    expect(heard).toEqual(['notified', 'answered']);
  });

  it('tells an exists-watch nothing of a node that came and went during a cut, and a children-watch of its parent something', async () => {
    const bench = new Bench();
    const [one, other] = [bench.client(), bench.client()];
    await bench.goOn(100);
    await bench.outcome(one.session.create('/p', '', 'persistent'));
    const heard: string[] = [];
    await bench.outcome(one.session.exists('/p/a', () => heard.push('exists')));
    await bench.outcome(one.session.children('/p', () => heard.push('children')));
    one.host.networkCut = true;
    one.session.disconnect(false);
    await bench.outcome(other.session.create('/p/a', '', 'persistent'));
    await bench.outcome(other.session.remove('/p/a', -1));
    one.host.networkCut = false;
    await bench.goOn(3000);
    expect(one.events).toEqual(['connected', 'disconnected', 'connected']);
    expect(heard).toEqual(['children']);
  });

  it('keeps a recursive watch over a reconnect, and tells nothing of what happened meanwhile', async () => {
    const bench = new Bench();
    const [one, other] = [bench.client('wire'), bench.client()];
    await bench.goOn(100);
    await bench.outcome(other.session.create('/p', '', 'persistent'));
    const heard: string[] = [];
    await bench.outcome(
      one.session.watchTree?.('/p', ({ kind, path }) => heard.push(`${kind} ${path}`)) as Promise<unknown>,
    );
    one.host.networkCut = true;
    one.session.disconnect(false);
    await bench.outcome(other.session.create('/p/a', '', 'persistent'));
    one.host.networkCut = false;
    await bench.goOn(3000);
    await bench.outcome(other.session.create('/p/b', '', 'persistent'));
    expect(heard).toEqual(['created /p/b']);
  });

  it('applies all of a transaction or nothing', async () => {
    const bench = new Bench();
    const { session } = bench.client('wire');
    await bench.goOn(100);
    const create = { kind: 'create', path: '/a', value: '', mode: 'persistent' } as const;
    const check = { kind: 'check', path: '/b', version: 0 } as const;
    const refused = session.multi?.([create, check]) as Promise<unknown>;
    expect(await bench.outcome(refused)).toEqual({ committed: false, index: 1, reason: 'NO_NODE' });
    expect(bench.ensemble.leader.tree.has('/a')).toBe(false);
    expect(await bench.outcome(session.multi?.([create]) as Promise<unknown>)).toEqual({
      committed: true,
      zxid: expect.any(BigInt),
    });
    expect(bench.ensemble.leader.tree.has('/a')).toBe(true);
  });

  it('refuses a client that has seen more than the server, which then comes to another', async () => {
    const bench = new Bench();
    const { session, events } = bench.client();
    await bench.goOn(100);
    bench.ensemble.servers[0].isolate();
    bench.ensemble.servers[1].isolate();
    await bench.goOn(3000);
    await bench.outcome(session.create('/a', '', 'persistent'), 500);
    expect(events.at(-1)).toBe('connected');
    expect(bench.ensemble.leader.tree.has('/a')).toBe(true);
  });
});
