import { describe, expect, it } from 'vitest';
import { ElasticJobError } from '../foundation/errors.js';
import { lifecycleContract } from '../foundation/lifecycle.contract.js';
import type { CreateResult, Registry, SessionState } from './registry.js';
import { type Bench, inState, observe, sessionWhere } from './registry-harness.contract.js';

/** Connections and sessions that break, and what becomes of requests and nodes then. */
export function sessionContract(bench: Bench): void {
  describe('lifecycle', () => {
    lifecycleContract(() => {
      const subject = bench.harness.registry();
      return { subject, isRunning: () => subject.session.state === 'connected' };
    });

    it('is not started again after it was stopped', async () => {
      const registry = bench.harness.registry();
      await registry.stop();
      await expect(registry.start()).rejects.toMatchObject({ code: 'REGISTRY_CLOSED' });
    });

    it('refuses requests once stopped', async () => {
      const registry = await bench.open();
      await registry.stop();
      await expect(registry.read('job')).rejects.toMatchObject({ code: 'REGISTRY_CLOSED' });
      await expect(registry.create('job', '', 'ephemeral')).rejects.toMatchObject({ code: 'REGISTRY_CLOSED' });
      const watching = registry.watchTree('job', [{ path: '' }], () => undefined);
      await expect(watching).rejects.toMatchObject({ code: 'REGISTRY_CLOSED' });
    });

    it('settles every request under way when it is stopped', async () => {
      const registry = await bench.open();
      const requests = Array.from({ length: 20 }, (_, item) => registry.create(`job/${item}`, '', 'ephemeral'));
      const outcomes = Promise.allSettled(requests);
      await registry.stop();
      for (const outcome of await outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'REGISTRY_CLOSED' });
      }
    });

    it('removes its ephemeral nodes at once when it is stopped, and keeps persistent ones', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await a.create('job/instances/a', '', 'ephemeral');
      await a.create('job/latch/n-', '', 'ephemeral-sequential');
      await a.create('job/config', 'kept', 'persistent');
      await a.stop();
      await b.time();
      expect(await b.read('job/instances/a')).toBeNull();
      expect((await b.children('job/latch'))?.names).toEqual([]);
      expect((await b.read('job/config'))?.value).toBe('kept');
    });
  });

  describe('session', () => {
    it('is the first, and its first connection, after the start', async () => {
      const registry = await bench.open();
      expect(registry.session).toMatchObject({ state: 'connected', epoch: 1, connection: 1 });
      expect(registry.session.id).not.toBe(0n);
      expect(registry.session.timeoutMs).toBeGreaterThan(0);
    });

    it('has an id of its own', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      expect(a.session.id).not.toBe(b.session.id);
    });

    it('is suspended while the connection is cut, and the same one afterwards', async () => {
      const registry = await bench.open();
      const { id } = registry.session;
      await bench.harness.disconnect(registry);
      await inState(registry, 'suspended');
      await bench.harness.reconnect(registry);
      expect(await inState(registry, 'connected')).toMatchObject({ id, epoch: 1, connection: 2 });
    });

    it('keeps its ephemeral nodes over a short cut', async () => {
      const registry = await bench.open();
      const made = await registry.create('job/mark', '', 'ephemeral');
      await bench.harness.disconnect(registry);
      await inState(registry, 'suspended');
      await bench.harness.reconnect(registry);
      const node = await registry.read('job/mark');
      expect(made.created && node?.stat.czxid).toBe(made.created && made.czxid);
    });

    it('is lost when it expired, and followed by a new one', async () => {
      const registry = await bench.open();
      const { id } = registry.session;
      const states = recordStates(registry);
      await bench.harness.expire(registry);
      const next = await sessionWhere(registry, (session) => session.epoch === 2);
      expect(next.state).toBe('connected');
      expect(next.id).not.toBe(id);
      expect(next.connection).toBeGreaterThan(1);
      expect(states).toEqual(['suspended', 'lost', 'connected']);
    });

    it('loses its ephemeral nodes and keeps persistent ones when it expires', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await a.create('job/instances/a', '', 'ephemeral');
      await a.create('job/config', '', 'persistent');
      const { until } = await observe(b, 'job/instances/a');
      await bench.harness.expire(a);
      await until((snapshot) => snapshot.node('') === null);
      expect(await b.read('job/config')).not.toBeNull();
    });

    it('is lost by our own clock when the server stays away for longer than it keeps sessions', async () => {
      const registry = await bench.open();
      const states = recordStates(registry);
      await bench.harness.disconnect(registry);
      await inState(registry, 'suspended');
      const lost = inState(registry, 'lost');
      await bench.harness.elapse(registry.session.timeoutMs);
      expect(await lost).toMatchObject({ epoch: 1 });
      await bench.harness.reconnect(registry);
      expect(await inState(registry, 'connected')).toMatchObject({ epoch: 2 });
      expect(states).toEqual(['suspended', 'lost', 'connected']);
    });

    it('ends closed, and tells nothing more', async () => {
      const registry = await bench.open();
      const states = recordStates(registry);
      await registry.stop();
      expect(registry.session.state).toBe('closed');
      expect(states).toEqual(['closed']);
    });

    it('is not told to listeners that were undone', async () => {
      const registry = await bench.open();
      const states: SessionState[] = [];
      registry.onSession(({ state }) => states.push(state))();
      await registry.stop();
      expect(states).toEqual([]);
    });

    it('is told to all listeners in order, even when one fails and one causes the next change', async () => {
      const registry = await bench.open();
      registry.onSession(() => {
        throw new Error('a broken listener');
      });
      const stopped = new Promise<void>((resolve) => {
        registry.onSession(({ state }) => {
          if (state === 'suspended') resolve(registry.stop());
        });
      });
      const states = recordStates(registry);
      await bench.harness.disconnect(registry);
      await stopped;
      expect(states).toEqual(['suspended', 'closed']);
    });
  });

  describe('requests over a cut', () => {
    it('waits for the connection with what can be repeated', async () => {
      const registry = await bench.open();
      await registry.put('job/config', 'x');
      await bench.harness.disconnect(registry);
      await inState(registry, 'suspended');
      const requests = Promise.all([
        registry.read('job/config'),
        registry.children('job'),
        registry.ensure('job/ensured'),
        registry.put('job/put', 'v'),
        registry.remove('job/absent'),
        registry.create('job/mark', 'me', 'ephemeral'),
      ]);
      await bench.harness.reconnect(registry);
      const [node, list, , , removed, mark] = await requests;
      expect(node?.value).toBe('x');
      expect(list?.names).toContain('config');
      expect(removed).toBe(false);
      expect(mark.created).toBe(true);
      expect((await registry.read('job/put'))?.value).toBe('v');
    });

    it('fails as connection loss, never as absent, when the connection does not come back', async () => {
      const registry = await bench.open({ baseSleepTimeMilliseconds: 20, maxSleepTimeMilliseconds: 20, maxRetries: 1 });
      await registry.put('job/config', 'x');
      await bench.harness.disconnect(registry);
      await inState(registry, 'suspended');
      const read = registry.read('job/config');
      const refused = expect(read).rejects.toMatchObject({ code: 'CONNECTION_LOSS', retryable: true });
      await bench.harness.elapse(100);
      await refused;
      await bench.harness.reconnect(registry);
    });

    it('fails as session lost when the session ended meanwhile', async () => {
      const registry = await bench.open({ maxRetries: 100 });
      await bench.harness.disconnect(registry);
      await inState(registry, 'suspended');
      const create = registry.create('job/mark', 'me', 'ephemeral');
      const refused = expect(create).rejects.toMatchObject({ code: 'SESSION_LOST', retryable: true });
      await bench.harness.elapse(registry.session.timeoutMs);
      await refused;
      await bench.harness.reconnect(registry);
      expect(await registry.read('job/mark')).toBeNull();
    });

    it('fails as session lost when the session ended while it waited for an earlier one of the same node', async () => {
      const registry = await bench.open({ maxRetries: 100 });
      await bench.harness.disconnect(registry);
      await inState(registry, 'suspended');
      const creates = ['one', 'other'].map((value) => registry.create('job/mark', value, 'persistent'));
      const refused = creates.map((create) => expect(create).rejects.toMatchObject({ code: 'SESSION_LOST' }));
      await bench.harness.elapse(registry.session.timeoutMs);
      await bench.harness.reconnect(registry);
      await Promise.all(refused);
      expect(await registry.read('job/mark')).toBeNull();
    });

    it.each([false, true])(
      'tells the truth about exclusive creates that were in flight, grouped: %s',
      async (grouped) => {
        const [a, b] = [await bench.open(), await bench.open()];
        await a.ensure('marks');
        const make = (_: unknown, item: number) => a.create(`marks/${item}`, 'me', 'ephemeral', { grouped });
        const creates = Array.from({ length: 40 }, make);
        const outcomes = Promise.allSettled(creates);
        await bench.harness.disconnect(a);
        await bench.harness.reconnect(a);
        for (const [item, outcome] of (await outcomes).entries()) {
          await expectTruth(outcome, (await b.read(`marks/${item}`))?.stat.czxid);
        }
      },
    );

    it('says that it does not know what became of sequential creates in flight, and of no other', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await a.ensure('latch');
      const creates = Array.from({ length: 20 }, (_, item) => a.create(`latch/${item}-`, '', 'ephemeral-sequential'));
      const outcomes = Promise.allSettled(creates);
      await bench.harness.disconnect(a);
      await bench.harness.reconnect(a);
      for (const outcome of await outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'RESULT_UNKNOWN' });
        else await expectTruth(outcome, (await b.read(madePath(outcome.value)))?.stat.czxid);
      }
    });

    it('never reports a write in flight as done that was not, or the other way round', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await Promise.all(Array.from({ length: 20 }, (_, item) => a.put(`data/${item}`, 'old')));
      const writes = Array.from({ length: 20 }, (_, item) => a.write(`data/${item}`, 'new', 0));
      const outcomes = Promise.allSettled(writes);
      await bench.harness.disconnect(a);
      await bench.harness.reconnect(a);
      await b.time();
      for (const [item, outcome] of (await outcomes).entries()) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'RESULT_UNKNOWN' });
        else expect((await b.read(`data/${item}`))?.value).toBe(outcome.value.written ? 'new' : 'old');
      }
    });

    it('does not remove by a repeated request what another made after the first one was applied', async () => {
      const [a, b] = [await bench.open(), await bench.open()];
      await a.create('mark', 'a', 'persistent');
      const removal = a.remove('mark').catch((error: unknown) => error);
      await bench.harness.disconnect(a);
      const taken = await b.create('mark', 'b', 'persistent');
      await bench.harness.reconnect(a);
      await removal;
      await b.time();
      const left = await b.read('mark');
      expect(left?.value ?? null).toBe(taken.created ? 'b' : null);
    });

    it('does not guess the outcome of a commit in flight', async () => {
      const registry = await bench.open();
      await registry.ensure('job');
      const create = { kind: 'create', path: 'job/a', value: '', mode: 'persistent' } as const;
      const outcome = registry.commit([[create]]).catch((error: unknown) => error);
      await bench.harness.disconnect(registry);
      await bench.harness.reconnect(registry);
      const result = await outcome;
      if (ElasticJobError.is(result)) expect(result.code).toBe('RESULT_UNKNOWN');
      else expect([result, await registry.read('job/a')]).toMatchObject([{ committed: true }, {}]);
    });
  });
}

function recordStates(registry: Registry): SessionState[] {
  const states: SessionState[] = [];
  registry.onSession(({ state }) => states.push(state));
  return states;
}

function madePath(result: CreateResult): string {
  return result.created ? result.path : '';
}

/** A create that says it made a node made the one that is there; one that failed says that it does not know. */
async function expectTruth(outcome: PromiseSettledResult<CreateResult>, czxid: bigint | undefined): Promise<void> {
  if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'RESULT_UNKNOWN' });
  else expect(outcome.value).toMatchObject({ created: true, czxid });
}
