import { createOperations, type ShardingContext } from '@elasticjob/core';
import { type Deferred, deferred, settle } from '@elasticjob/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { Cluster, type ClusterOptions, JOB, type Node, SECOND, skips } from './cluster.js';

let cluster = new Cluster();
afterEach(() => cluster.end());

/** A job that fires in years. */
const ON_DEMAND = { cron: '0 0 0 1 1 ? 2030' } as const;

/** What handlers were given, and their calls in the test's hand: each waits until it is released. */
class Desk {
  readonly contexts: { readonly instance: string; readonly context: ShardingContext }[] = [];
  readonly #calls: Deferred<void>[] = [];
  held = false;

  work = async (context: ShardingContext, instance: string): Promise<void> => {
    this.contexts.push({ instance, context });
    if (!this.held) return;
    const call = deferred();
    this.#calls.push(call);
    context.signal.addEventListener('abort', () => call.reject(context.signal.reason));
    await call.promise;
  };

  /** Ends all calls that wait. */
  async release(): Promise<void> {
    for (const call of this.#calls.splice(0)) call.resolve();
    await settle();
  }

  get ran(): string[] {
    return this.contexts.map(({ instance, context }) => `${instance}:${context.shardingItem}`);
  }
}

function begin(desk: Desk, options: ClusterOptions = {}): Cluster {
  cluster = new Cluster({ ...options, job: { ...ON_DEMAND, ...options.job }, work: desk.work });
  return cluster;
}

async function states(node: Node, id: string): Promise<string[]> {
  const { runs } = await node.engine.operations.queries.trigger(JOB, id);
  return runs.map(({ item, state, reason }) => `${item}:${state}${reason === null ? '' : ` ${reason}`}`);
}

async function open(node: Node): Promise<readonly string[]> {
  return (await node.registry.children(`${JOB}/extension/triggers/open`))?.names ?? [];
}

describe.each([true, false])('a trigger, with transactions: %s', (atomicCommit) => {
  it('runs each item once, on whoever owns it, and tells how that went', async () => {
    const desk = new Desk();
    begin(desk, { atomicCommit });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    const { id, isNew, items } = await b.engine.job(JOB).trigger({ by: 'ann' });
    await settle();
    expect([isNew, items]).toEqual([true, [0, 1, 2]]);
    expect(desk.ran.sort()).toEqual(['a:1', 'b:0', 'b:2']);
    const report = await a.engine.operations.queries.trigger(JOB, id);
    expect(report).toMatchObject({ kind: 'manual', by: 'ann', isOver: true, counts: { done: 3, pending: 0 } });
    expect(report.runs.map(({ instanceId }) => instanceId)).toEqual([b.instanceId, a.instanceId, b.instanceId]);
    expect(await open(a)).toEqual([]);
    expect((await a.registry.children(`${JOB}/sharding/0`))?.names).toEqual(['instance']);
  });

  it('of chosen items, with a parameter for these runs only, tells the handler so', async () => {
    const desk = new Desk();
    begin(desk, { atomicCommit, job: { jobParameter: 'usual' } });
    const a = await cluster.start('a');
    await cluster.start('b');
    const at = cluster.clock.now();
    const { id } = await a.engine.job(JOB).trigger({ items: [2, 1, 2], jobParameter: 'special', by: 'ann' });
    await settle();
    await a.engine.job(JOB).trigger({ items: [1] });
    await settle();
    const given = desk.contexts.map(({ context }) => [context.shardingItem, context.jobParameter, context.scheduledAt]);
    expect(given.sort()).toEqual([
      [1, 'special', at],
      [1, 'usual', at],
      [2, 'special', at],
    ]);
    const [first] = desk.contexts;
    expect(first?.context.trigger).toEqual({ kind: 'manual', id, by: 'ann', key: null });
    expect(first?.context.window).toBeUndefined();
    expect(first?.context.fencingToken).toBeGreaterThan(0n);
  });

  it('with a key that is remembered does nothing, and gives the id of the first', async () => {
    const desk = new Desk();
    begin(desk, { atomicCommit });
    const a = await cluster.start('a');
    const job = a.engine.job(JOB);
    const keys = ['month/end', 'month/end', 'other.'];
    const receipts = await Promise.all(keys.map((key) => job.trigger({ items: [0], key })));
    await settle();
    const again = await job.trigger({ items: [1], key: 'month/end' });
    await settle();
    expect(receipts.map(({ isNew }) => isNew)).toEqual([true, false, true]);
    expect(again).toMatchObject({ isNew: false, id: receipts[0]?.id });
    expect(receipts[1]?.id).toBe(receipts[0]?.id);
    expect(desk.ran).toEqual(['a:0', 'a:0']);
  });

  it('that comes while its item runs waits until that has ended, and is not merged with others', async () => {
    const desk = new Desk();
    begin(desk, { atomicCommit });
    const a = await cluster.start('a');
    desk.held = true;
    const job = a.engine.job(JOB);
    await job.trigger({ items: [0] });
    await settle();
    const second = await job.trigger({ items: [0, 1] });
    const third = await job.trigger({ items: [0] });
    await settle();
    expect(desk.ran).toEqual(['a:0', 'a:1']);
    expect(await states(a, second.id)).toEqual(['0:pending', '1:running']);
    await desk.release();
    expect(desk.ran).toEqual(['a:0', 'a:1', 'a:0']);
    expect(await states(a, second.id)).toEqual(['0:running', '1:done']);
    await desk.release();
    await desk.release();
    expect(await states(a, third.id)).toEqual(['0:done']);
    expect(desk.ran).toHaveLength(4);
  });

  it('is begun by the next owner when its target dies before it began', async () => {
    const desk = new Desk();
    begin(desk, { atomicCommit });
    await cluster.start('a');
    const b = await cluster.start('b');
    desk.held = true;
    await b.engine.job(JOB).trigger({ items: [1] });
    await settle();
    const { id } = await b.engine.job(JOB).trigger({ items: [1] });
    await settle();
    expect(desk.ran).toEqual(['a:1']);
    desk.held = false;
    await cluster.kill('a');
    await cluster.clock.advance(2 * SECOND);
    expect(desk.ran).toEqual(['a:1', 'b:1']);
    expect(await states(b, id)).toEqual(['1:done']);
    expect(await open(b)).toEqual([]);
  });

  it('whose instance dies in mid-run is lost without failover, and says so', async () => {
    const desk = new Desk();
    begin(desk, { atomicCommit });
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    desk.held = true;
    const { id } = await b.engine.job(JOB).trigger({ items: [1] });
    await settle();
    await cluster.kill('a');
    await cluster.clock.advance(3 * SECOND);
    const report = await b.engine.operations.queries.trigger(JOB, id);
    expect(report).toMatchObject({ isOver: true, runs: [{ state: 'lost', instanceId: a.instanceId }] });
    expect(desk.ran).toEqual(['a:1']);
    expect(await open(b)).toEqual([]);
  });

  it('whose instance dies in mid-run is run once more with failover, as what it was asked for', async () => {
    const desk = new Desk();
    begin(desk, { atomicCommit, job: { failover: true } });
    await cluster.start('a');
    const b = await cluster.start('b');
    desk.held = true;
    const { id } = await b.engine.job(JOB).trigger({ items: [1], jobParameter: 'special' });
    await settle();
    desk.held = false;
    await cluster.kill('a');
    await cluster.clock.advance(3 * SECOND);
    expect(desk.ran).toEqual(['a:1', 'b:1']);
    expect(desk.contexts[1]?.context).toMatchObject({ jobParameter: 'special', trigger: { id, kind: 'manual' } });
    const report = await b.engine.operations.queries.trigger(JOB, id);
    expect(report.runs).toMatchObject([{ state: 'done', instanceId: b.instanceId }]);
    expect(await open(b)).toEqual([]);
    expect((await b.registry.children(`${JOB}/sharding/1`))?.names).toEqual(['instance']);
  });
});

describe('an instance that takes over a run that was asked for', () => {
  it('executes it before it leaves, also if it is told to leave before it knows what was asked for', async () => {
    const desk = new Desk();
    begin(desk, { job: { failover: true } });
    await cluster.start('a');
    const b = await cluster.start('b');
    desk.held = true;
    const { id } = await b.engine.job(JOB).trigger({ items: [1] });
    await settle();
    desk.held = false;
    const gate = deferred();
    const children = b.registry.children.bind(b.registry);
    b.registry.children = async (path) => {
      if (path.endsWith('/triggers/open')) await gate.promise;
      return children(path);
    };
    await cluster.kill('a');
    await settle();
    const left = cluster.stop('b');
    await settle();
    gate.resolve();
    await left;
    expect(desk.ran).toEqual(['a:1', 'b:1']);
    const c = await cluster.start('c');
    expect(await states(c, id)).toEqual(['1:done']);
    expect((await c.registry.children(`${JOB}/sharding/1`))?.names).toEqual(['instance']);
  });
});

describe('a trigger', () => {
  it('whose run waits for a place in the pool is given to others by an instance that must leave', async () => {
    const desk = new Desk();
    begin(desk, { job: { shardingTotalCount: 2, jobExecutorThreadPoolSizeProviderType: 1 } });
    const a = await cluster.start('a');
    desk.held = true;
    const { id } = await a.engine.job(JOB).trigger();
    await settle();
    expect(desk.ran).toEqual(['a:0']);
    await cluster.stop('a');
    desk.held = false;
    const b = await cluster.start('b');
    expect(desk.ran).toEqual(['a:0', 'b:1']);
    expect(await states(b, id)).toEqual(['0:failed', '1:done']);
  });

  it('that nobody can run yet waits for an instance', async () => {
    const desk = new Desk();
    begin(desk);
    await cluster.start('a');
    const operator = cluster.server.registry({ namespace: 'test' });
    await operator.start();
    await cluster.stop('a');
    const { commands } = createOperations(operator, { clock: cluster.clock });
    await commands.trigger(JOB);
    await settle();
    expect(desk.ran).toEqual([]);
    await cluster.start('b');
    expect(desk.ran.sort()).toEqual(['b:0', 'b:1', 'b:2']);
    await operator.stop();
  });

  it('of a failing handler says how it failed', async () => {
    cluster = new Cluster({
      job: { ...ON_DEMAND, jobErrorHandlerType: 'IGNORE' },
      work: () => Promise.reject(new Error(`no invoice ${'x'.repeat(500)}`)),
    });
    const a = await cluster.start('a');
    const { id } = await a.engine.job(JOB).trigger({ items: [0] });
    const report = await a.engine.operations.queries.waitForTrigger(JOB, id);
    expect(report.counts).toMatchObject({ failed: 1 });
    expect(report.runs[0]?.message).toMatch(/^no invoice x{189}$/);
  });

  it('is recorded as skipped where its job is paused, its item switched off, or there is no such item any more', async () => {
    const desk = new Desk();
    begin(desk);
    const a = await cluster.start('a');
    const { commands } = a.engine.operations;
    await commands.disable({ job: JOB, item: 1 });
    await settle();
    const disabled = await commands.trigger(JOB, { items: [1] });
    await commands.pause(JOB, { reason: 'stocktaking' });
    await settle();
    const paused = await commands.trigger(JOB, { items: [0] });
    await settle();
    await commands.resume(JOB);
    await settle();
    desk.held = true;
    await commands.trigger(JOB, { items: [2] });
    await settle();
    const surplus = await commands.trigger(JOB, { items: [2] });
    await commands.updateConfiguration(JOB, { shardingTotalCount: 2 });
    await settle();
    await desk.release();
    await cluster.clock.advance(2 * SECOND);
    expect(await states(a, disabled.id)).toEqual(['1:skipped disabled']);
    expect(await states(a, paused.id)).toEqual(['0:skipped paused']);
    expect(await states(a, surplus.id)).toEqual(['2:skipped surplus']);
    expect(skips(a)).toEqual(['disabled:1', 'paused:0', 'surplus:2']);
    expect(desk.ran).toEqual(['a:2']);
    expect(await open(a)).toEqual([]);
  });

  it('that is called off begins nothing more, and what runs goes on', async () => {
    const desk = new Desk();
    begin(desk);
    const a = await cluster.start('a');
    desk.held = true;
    const { commands } = a.engine.operations;
    await commands.trigger(JOB, { items: [0] });
    await settle();
    const { id } = await commands.trigger(JOB);
    await settle();
    expect(await commands.cancelTrigger(JOB, id)).toEqual({ cancelled: 1, running: 2 });
    await desk.release();
    expect(await states(a, id)).toEqual(['0:skipped cancelled', '1:done', '2:done']);
    expect(await open(a)).toEqual([]);
    await expect(commands.cancelTrigger(JOB, 'nothing')).rejects.toMatchObject({ code: 'UNKNOWN_TRIGGER' });
  });

  it('goes with its item when that moves before it was begun', async () => {
    const desk = new Desk();
    begin(desk);
    const a = await cluster.start('a');
    desk.held = true;
    await a.engine.job(JOB).trigger({ items: [1] });
    await settle();
    const { id } = await a.engine.job(JOB).trigger({ items: [1] });
    const b = await cluster.start('b', { instanceId: '10.0.0.9@-@b' });
    expect((await cluster.owners())[1]).not.toBe('nobody');
    await desk.release();
    await desk.release();
    const owner = (await cluster.owners())[1];
    expect(desk.ran).toEqual(['a:1', `${owner}:1`]);
    expect(await states(b, id)).toEqual(['1:done']);
  });

  it('that another instance gives back without having begun it is seen to by its owner', async () => {
    const desk = new Desk();
    begin(desk);
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    await a.engine.operations.commands.disable({ job: JOB, item: 1 });
    await settle();
    // As whoever owned the item a moment ago.
    const hold = JSON.stringify({
      v: 1,
      instance: b.instanceId,
      session: b.registry.session.id.toString(16),
      since: 0,
    });
    const read = a.registry.read.bind(a.registry);
    a.registry.read = async (path) => {
      if (path.includes('/triggers/open/')) {
        a.registry.read = read;
        await b.registry.put(path, hold);
      }
      return read(path);
    };
    const { id } = await b.engine.job(JOB).trigger({ items: [1] });
    await cluster.clock.advance(2 * SECOND);
    expect(await states(b, id)).toEqual(['1:running']);
    const [name = ''] = await open(a);
    await b.registry.put(`${JOB}/extension/triggers/open/${name}`, '');
    await cluster.clock.advance(2 * SECOND);
    expect(await states(b, id)).toEqual(['1:skipped disabled']);
    expect(await open(a)).toEqual([]);
  });

  it('of chosen instances runs what they own', async () => {
    const desk = new Desk();
    begin(desk);
    const a = await cluster.start('a');
    const b = await cluster.start('b');
    const { items } = await a.engine.job(JOB).trigger({ instances: [b.instanceId] });
    await settle();
    expect(items).toEqual([0, 2]);
    expect(desk.ran.sort()).toEqual(['b:0', 'b:2']);
    const unknown = a.engine.job(JOB).trigger({ instances: ['10.0.0.7@-@c'] });
    await expect(unknown).rejects.toMatchObject({ code: 'UNKNOWN_INSTANCE' });
  });

  it('is not taken by an instance whose assignment is no longer the present one, until it has another', async () => {
    const desk = new Desk();
    begin(desk);
    const a = await cluster.start('a');
    const { id } = a.registry.session;
    cluster.server.cut(id);
    const operator = cluster.server.registry({ namespace: 'test' });
    await operator.start();
    await createOperations(operator, { clock: cluster.clock }).commands.trigger(JOB, { items: [0] });
    await settle();
    expect(desk.ran).toEqual([]);
    cluster.server.restore(id);
    await cluster.clock.advance(3 * SECOND);
    expect(desk.ran).toEqual(['a:0']);
    await operator.stop();
  });

  it('works for a job without marks', async () => {
    const desk = new Desk();
    begin(desk, { job: { monitorExecution: false } });
    const a = await cluster.start('a');
    const { id } = await a.engine.job(JOB).trigger();
    await settle();
    expect(desk.ran).toHaveLength(3);
    expect(await states(a, id)).toEqual(['0:done', '1:done', '2:done']);
    expect(desk.contexts[0]?.context.fencingToken).toBeUndefined();
  });
});

describe('a trigger with Java members', () => {
  const JAVA = '10.0.0.1@-@4711';
  const JAVA_NODE = `jobInstanceId: ${JAVA}\nserverIp: 10.0.0.1\n`;

  it('asks them as their own API does, and is refused where they would not understand it', async () => {
    const desk = new Desk();
    begin(desk);
    const java = cluster.server.registry({ namespace: 'test' });
    await java.start();
    const a = await cluster.start('a', { instanceId: '10.0.0.2@-@a' });
    await java.put(`${JOB}/servers/10.0.0.1`, 'ENABLED');
    await java.create(`${JOB}/instances/${JAVA}`, JAVA_NODE, 'ephemeral');
    await settle();
    const javas = (await cluster.owners()).flatMap((owner, item) => (owner === '4711' ? [item] : []));
    const ours = [0, 1, 2].filter((item) => !javas.includes(item));
    expect(javas.length).toBeGreaterThan(0);
    const receipt = await a.engine.job(JOB).trigger();
    await settle();
    expect(receipt).toMatchObject({ items: ours, javaInstances: [JAVA] });
    expect((await java.children(`${JOB}/trigger`))?.names).toEqual([JAVA]);
    expect(desk.contexts.map(({ context }) => context.shardingItem)).toEqual(ours);
    const refused = a.engine.job(JOB).trigger({ jobParameter: 'special' });
    await expect(refused).rejects.toMatchObject({
      code: 'UNSUPPORTED_BY_JAVA',
      message: expect.stringMatching(/4711 would run it, and Java members do not understand jobParameter/),
    });
    await a.engine.job(JOB).trigger({ items: ours, jobParameter: 'special' });
    await settle();
    expect(desk.contexts).toHaveLength(2 * ours.length);
    await java.stop();
  });
});

describe('what is asked for wrongly', () => {
  it('is refused, naming what was expected', async () => {
    begin(new Desk());
    const a = await cluster.start('a');
    const job = a.engine.job(JOB);
    await expect(job.trigger({ items: [7] })).rejects.toMatchObject({ code: 'UNKNOWN_ITEM' });
    await expect(job.trigger({ items: [] })).rejects.toThrow(/items: seen \[\], expected at least one/);
    await expect(job.trigger({ key: '' })).rejects.toThrow(/key: seen '', expected 1 to 200 characters/);
    await expect(a.engine.operations.commands.trigger('nothing')).rejects.toMatchObject({ code: 'UNKNOWN_JOB' });
    await expect(a.engine.operations.queries.waitForTrigger(JOB, 'no')).rejects.toMatchObject({
      code: 'UNKNOWN_TRIGGER',
    });
    expect(await open(a)).toEqual([]);
  });
});
