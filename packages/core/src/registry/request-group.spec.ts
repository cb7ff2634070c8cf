import { describe, expect, it } from 'vitest';
import { type Deferred, deferred } from '../foundation/deferred.js';
import { ElasticJobError } from '../foundation/errors.js';
import type { DriverSession } from './driver.js';
import { MemoryServer } from './memory-server.js';
import { refusal } from './refusal.js';
import type { Operation } from './registry.js';
import { RequestGroup } from './request-group.js';

const noMulti = { atomicCommit: false };

describe('what is asked for in the same instant', () => {
  it('goes as one transaction, which is the one of all the nodes it makes', async () => {
    const { group, sent, driver } = await recorded();
    const made = await Promise.all(['/n/a', '/n/b', '/n/c'].map((path) => group.create(path, 'me', 'ephemeral')));
    expect(sent).toEqual(['multi create /n/a, create /n/b, create /n/c']);
    for (const { path, czxid } of made) expect((await driver.get(path)).stat.czxid).toBe(czxid);
    expect(new Set(made.map(({ czxid }) => czxid)).size).toBe(1);
  });

  it('keeps its order, also of removals among creates', async () => {
    const { group, sent, driver } = await recorded();
    await driver.create('/n/a', 'old', 'persistent');
    sent.length = 0;
    await Promise.all([group.remove('/n/a'), group.create('/n/a', 'new', 'ephemeral')]);
    expect(sent).toEqual(['multi remove /n/a, create /n/a']);
    expect((await driver.get('/n/a')).value).toBe('new');
  });

  it('keeps what belongs together, and refuses only what cannot be done', async () => {
    const { group, sent, driver } = await recorded();
    const pair = (name: string): Operation[] =>
      ['mark', 'entry'].map((part) => ({ kind: 'create', path: `/n/${part}-${name}`, value: '', mode: 'persistent' }));
    const both = await Promise.all([group.commit(pair('a')), group.commit(pair('b'))]);
    expect(sent).toEqual(['multi create /n/mark-a, create /n/entry-a, create /n/mark-b, create /n/entry-b']);
    expect(both.map((result) => result.committed && result.zxid)).toEqual(
      Array(2).fill((await driver.get('/n/mark-a')).stat.czxid),
    );
    sent.length = 0;
    const mixed = await Promise.all([group.commit(pair('c')), group.commit([...pair('d'), ...pair('a')])]);
    expect(mixed).toMatchObject([{ committed: true }, { committed: false, index: 2, reason: 'NODE_EXISTS' }]);
    expect(sent).toHaveLength(3);
    expect(await driver.exists('/n/mark-d')).toBeNull();
  });

  describe('while four transactions are under way', () => {
    async function busy() {
      const answers = Array.from({ length: 4 }, () => deferred());
      const { group, sent } = await recorded({}, answers);
      const commit = (name: string) =>
        group.commit([{ kind: 'create', path: `/n/${name}`, value: '', mode: 'ephemeral' }]);
      const first: Promise<unknown>[] = [];
      for (const name of ['a', 'b', 'c', 'd']) {
        first.push(commit(name));
        await Promise.resolve();
      }
      expect(sent).toHaveLength(4);
      return { group, sent, commit, answers, first };
    }

    it('waits, if it is a commit, and goes with all that has come by then', async () => {
      const { sent, commit, answers, first } = await busy();
      const rest = [commit('e')];
      await Promise.resolve();
      rest.push(commit('f'));
      await Promise.resolve();
      expect(sent).toHaveLength(4);
      answers[1]?.resolve();
      await Promise.all(rest);
      expect(sent[4]).toBe('multi create /n/e, create /n/f');
      for (const answer of answers) answer.resolve();
      await Promise.all(first);
    });

    it('does not wait if it is a mark, and takes along what waits', async () => {
      const { group, sent, commit, answers, first } = await busy();
      const waiting = commit('e');
      await Promise.resolve();
      await group.create('/n/mark', '', 'ephemeral');
      expect(sent[4]).toBe('multi create /n/e, create /n/mark');
      for (const answer of answers) answer.resolve();
      await Promise.all([...first, waiting]);
    });
  });

  it('goes as it is when it is alone', async () => {
    const { group, sent } = await recorded();
    await group.create('/n/a', '', 'ephemeral');
    await group.remove('/n/a');
    expect(sent).toEqual(['create /n/a', 'remove /n/a']);
  });

  it('goes one by one when the transaction is refused, and each fares as if it had been alone', async () => {
    const { group, sent, driver } = await recorded();
    await driver.create('/n/taken', '', 'persistent');
    sent.length = 0;
    const outcomes = await Promise.allSettled([
      group.create('/n/a', '', 'ephemeral'),
      group.create('/n/taken', '', 'ephemeral'),
      group.remove('/n/absent'),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(outcomes.flatMap((one) => ('reason' in one ? one.reason.code : []))).toEqual(['NODE_EXISTS', 'NO_NODE']);
    expect(sent.slice(1)).toEqual(['create /n/a', 'create /n/taken', 'remove /n/absent']);
  });

  it('goes in portions that the server takes', async () => {
    const { group, sent } = await recorded();
    await Promise.all(Array.from({ length: 300 }, (_, item) => group.create(`/n/${item}`, '', 'ephemeral')));
    expect(sent.map((request) => request.split(',').length)).toEqual([128, 128, 44]);
    sent.length = 0;
    const large = 'x'.repeat(200_000);
    await Promise.all(['/n/a', '/n/b'].map((path) => group.create(path, large, 'ephemeral')));
    expect(sent).toEqual(['create /n/a', 'create /n/b']);
  });

  it('goes one by one over a driver without transactions', async () => {
    const { group, sent } = await recorded(noMulti);
    await Promise.all(['/n/a', '/n/b'].map((path) => group.create(path, '', 'ephemeral')));
    expect(sent).toEqual(['create /n/a', 'create /n/b']);
  });

  it('shares the fate of its transaction when the answer is lost', async () => {
    const { driver } = await recorded();
    const lost = refusal('CONNECTION_LOSS', '', 'the connection is lost');
    const broken: DriverSession = { ...bound(driver), multi: () => Promise.reject(lost) };
    const group = new RequestGroup(broken);
    const outcomes = await Promise.allSettled(['/n/a', '/n/b'].map((path) => group.create(path, '', 'ephemeral')));
    for (const one of outcomes) expect('reason' in one && ElasticJobError.is(one.reason, 'CONNECTION_LOSS')).toBe(true);
  });
});

/** A group over a memory server that has the node `/n`, and what it sends; the first answers come when these resolve. */
async function recorded(abilities: { atomicCommit?: boolean } = {}, answers: readonly Deferred<void>[] = []) {
  const connected = deferred();
  const session = await new MemoryServer().driver(abilities).open(() => connected.resolve());
  await connected.promise;
  const driver = bound(session);
  await driver.create('/n', '', 'persistent');
  const sent: string[] = [];
  const text = ({ kind, path }: Operation): string => `${kind} ${path}`;
  const { multi } = driver;
  const recording: DriverSession = {
    ...driver,
    create: (path, value, mode) => {
      sent.push(`create ${path}`);
      return driver.create(path, value, mode);
    },
    remove: (path, version) => {
      sent.push(`remove ${path}`);
      return driver.remove(path, version);
    },
    ...(multi && {
      multi: async (operations: readonly Operation[]) => {
        sent.push(`multi ${operations.map(text).join(', ')}`);
        const answer = answers[sent.length - 1];
        const result = await multi(operations);
        await answer?.promise;
        return result;
      },
    }),
  };
  return { group: new RequestGroup(recording), sent, driver: recording };
}

function bound(session: DriverSession): DriverSession {
  return {
    id: session.id,
    timeoutMs: session.timeoutMs,
    create: (...args) => session.create(...args),
    get: (...args) => session.get(...args),
    exists: (...args) => session.exists(...args),
    children: (...args) => session.children(...args),
    set: (...args) => session.set(...args),
    remove: (...args) => session.remove(...args),
    sync: (...args) => session.sync(...args),
    close: () => session.close(),
    ...(session.multi && { multi: session.multi }),
  };
}
