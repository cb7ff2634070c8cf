import { afterEach, describe, expect, inject, it } from 'vitest';
import { TestSessions } from './driver-sessions.js';
import type { Client } from './drivers.js';
import { dump } from './kernel-harness.js';
import { type Message, ProcessCluster, type WorkerProcess } from './kernel-processes.js';

const connectString = inject('zookeeper');
const sessions = new TestSessions();
let cluster = new ProcessCluster(connectString);
const begin = (client: Client): ProcessCluster => {
  cluster = new ProcessCluster(connectString, { client, failover: true, cron: '*/5 * * * * *' });
  return cluster;
};
afterEach(async () => {
  await cluster.end();
  await sessions.closeAll();
});

/** Everything of the job in the registry. */
async function nodes(): Promise<Record<string, string>> {
  const { session } = await sessions.open(connectString);
  return dump(session, `/${cluster.namespace}/job`);
}

/** What tells of runs, crashed or not. */
async function signs(): Promise<Record<string, string>> {
  const all = Object.entries(await nodes());
  return Object.fromEntries(
    all.filter(([path]) => /^sharding\/\d+\/(running|failover|failovering)$|^leader\/failover\/\w+\/./.test(path)),
  );
}

const takenOver = (...workers: readonly WorkerProcess[]): Message[] =>
  workers.flatMap((worker) => worker.of('started').filter(({ source }) => source === 'FAILOVER'));

/** Makes the next fire's runs of this process last, and resolves to them once they have begun. */
async function holdNextFire(worker: WorkerProcess): Promise<Message[]> {
  worker.write('hold');
  await cluster.until(() => worker.has('told'));
  const told = worker.of('told')[0]?.at ?? 0;
  const held = (): Message[] => worker.of('started').filter(({ scheduledAt = 0 }) => scheduledAt > told);
  await cluster.until(() => held().length === worker.items.length);
  return held();
}

/** Resolves when every item has been run for a fire that is planned after now. */
async function pastNextFire(...workers: readonly WorkerProcess[]): Promise<void> {
  const now = Date.now();
  const ran = (item: number): boolean =>
    workers.some((worker) => worker.of('finished').some((run) => run.item === item && Number(run.scheduledAt) > now));
  await cluster.until(() => [0, 1, 2, 3, 4, 5].every(ran));
}

const runs = (messages: readonly Message[]): string[] =>
  messages.map(({ item, scheduledAt }) => `${item}@${scheduledAt}`).sort();

describe.each<Client>(['wire', 'native'])('runs of a process, with the %s client,', (client) => {
  it('that is killed are executed once more by the others, with greater tokens, and nothing is left of them', async () => {
    begin(client);
    const [a, b, c] = [cluster.start('a'), cluster.start('b'), cluster.start('c')];
    await cluster.shared(a, b, c);
    const cut = await holdNextFire(b);
    const before = await signs();
    for (const { item } of cut) expect(before[`sharding/${item}/running`]).toBe(`P ${b.instanceId}`);
    expect((await nodes())[`extension/sessions/${b.instanceId}`]).toBe('E ');
    b.signal('SIGKILL');
    await cluster.until(() => takenOver(a, c).length === cut.length);
    await pastNextFire(a, c);
    const again = takenOver(a, c);
    expect(runs(again)).toEqual(runs(cut));
    const greatest = cut.map(({ token = '0' }) => BigInt(token)).reduce((one, two) => (one > two ? one : two));
    expect(again.every(({ token = '0' }) => BigInt(token) > greatest)).toBe(true);
    await pastNextFire(a, c);
    expect(takenOver(a, c)).toHaveLength(cut.length);
    expect(Object.keys(await signs()).filter((path) => !path.endsWith('/running'))).toEqual([]);
  });

  it('that sleeps longer than its session are aborted when it wakes, and executed once more by the others', async () => {
    begin(client);
    const [a, b] = [cluster.start('a'), cluster.start('b')];
    await cluster.shared(a, b);
    const cut = await holdNextFire(b);
    b.signal('SIGSTOP');
    await cluster.until(() => takenOver(a).length === cut.length);
    b.signal('SIGCONT');
    b.write('work');
    await cluster.until(() => b.of('aborted').length === cut.length);
    await cluster.shared(a, b);
    await pastNextFire(a, b);
    expect(runs(takenOver(a, b))).toEqual(runs(cut));
    const failed = b.of('finished').filter(({ success }) => success === false);
    expect(runs(failed)).toEqual(runs(cut));
    expect(Object.keys(await signs()).filter((path) => !path.endsWith('/running'))).toEqual([]);
  });

  it('that are all killed are executed once by those that are started then, together', async () => {
    begin(client);
    const [a, b] = [cluster.start('a'), cluster.start('b')];
    await cluster.shared(a, b);
    const cut = (await Promise.all([holdNextFire(a), holdNextFire(b)])).flat();
    a.signal('SIGKILL');
    b.signal('SIGKILL');
    await Promise.all([a.exited(), b.exited()]);
    // One of them comes back under its id.
    const [again, other] = [cluster.start('a'), cluster.start('d')];
    await cluster.until(() => takenOver(again, other).length === cut.length);
    await pastNextFire(again, other);
    expect(runs(takenOver(again, other))).toEqual(runs(cut));
    expect(Object.keys(await signs()).filter((path) => !path.endsWith('/running'))).toEqual([]);
  });

  it('that leaves in order are not executed again', async () => {
    begin(client);
    const [a, b] = [cluster.start('a'), cluster.start('b', 2_000)];
    await cluster.shared(a, b);
    const from = b.of('started').length;
    await cluster.until(() => b.of('started').length > from);
    b.signal('SIGTERM');
    expect(await b.exited()).toBe(0);
    await pastNextFire(a);
    expect(takenOver(a, b)).toEqual([]);
    expect(b.of('finished').every(({ success }) => success === true)).toBe(true);
  });
});
