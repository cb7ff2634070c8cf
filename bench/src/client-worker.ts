import { systemClock } from '@elasticjob/core';
import { deferred } from '@elasticjob/core/testing';
import { type ClientPackage, type ComparedClient, type Done, openClient } from './client-adapters.js';
import type { ClientOrder, ClientTold } from './client-process.js';
import { quantile } from './statistics.js';

/**
 * The process that {@link ClientProcess} starts: one client of one package. Its arguments are the name of the package,
 * the connect string, and a node of its own; what it is to do comes as {@link ClientOrder}s, what it has to say goes as
 * {@link ClientTold}.
 */

const VALUE = Buffer.alloc(100, 'x');

const [, , name, connectString = '', root = ''] = process.argv;
const client = await openClient(name as ClientPackage, connectString);
await asked((done) => client.create(root, VALUE, done));

function tell(told: ClientTold): void {
  process.send?.(told);
}

/** Figures of one order, with the processor time of this process. */
async function measured(work: () => Promise<Record<string, number>>): Promise<Record<string, number>> {
  const before = process.cpuUsage();
  const figures = await work();
  const { user, system } = process.cpuUsage(before);
  return { ...figures, processorMs: (user + system) / 1000 };
}

function asked(send: (done: Done) => void): Promise<void> {
  const answer = deferred();
  send((error) => (error === null || error === undefined ? answer.resolve() : answer.reject(error)));
  return answer.promise;
}

/** Sends `count` requests without waiting for an answer; resolves with the last answer. */
function pipelined(count: number, send: (index: number, done: Done) => void): Promise<void> {
  const all = deferred();
  let open = count;
  const done: Done = (error) => {
    open -= 1;
    if (error !== null && error !== undefined) all.reject(error);
    else if (open === 0) all.resolve();
  };
  for (let index = 0; index < count; index++) send(index, done);
  return all.promise;
}

/** Milliseconds from before the first request is made until the last answer. */
async function elapsed(work: () => Promise<void>): Promise<number> {
  const from = systemClock.monotonic();
  await work();
  return systemClock.monotonic() - from;
}

/** One get after the other. */
async function latency(count: number): Promise<Record<string, number>> {
  const times: number[] = [];
  const over = deferred();
  let sent = systemClock.monotonic();
  const next = (): void => client.get(root, answered);
  const answered: Done = (error) => {
    const now = systemClock.monotonic();
    times.push(now - sent);
    sent = now;
    if (error !== null && error !== undefined) over.reject(error);
    else if (times.length === count) over.resolve();
    else next();
  };
  next();
  await over.promise;
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

/** Many of one kind, then many of the next. */
async function throughput(count: number): Promise<Record<string, number>> {
  const path = (index: number): string => `${root}/n${index}`;
  const create = await elapsed(() => pipelined(count, (index, done) => client.create(path(index), VALUE, done)));
  const get = await elapsed(() => pipelined(count, (index, done) => client.get(path(index), done)));
  const remove = await elapsed(() => pipelined(count, (index, done) => client.remove(path(index), done)));
  const perSecond = (ms: number): number => (count / ms) * 1000;
  return { create: perSecond(create), get: perSecond(get), remove: perSecond(remove) };
}

/** One transaction that creates many. What it made is removed outside of the measurement. */
async function transaction(
  create: NonNullable<ComparedClient['createAll']>,
  count: number,
): Promise<Record<string, number>> {
  const paths = Array.from({ length: count }, (_, index) => `${root}/m${index}`);
  const ms = await elapsed(() => asked((done) => create(paths, VALUE, done)));
  await pipelined(count, (index, done) => client.remove(paths[index] ?? '', done));
  return { ms };
}

/** Notifications of watches on single nodes, each set again at once: `rounds` times one per node. */
async function notifications(nodes: number, rounds: number): Promise<Record<string, number>> {
  const over = deferred();
  let [armed, round, first, ms] = [0, 0, 0, 0];
  const arm = (index: number): void => client.getWatched(`${root}/w${index}`, () => hear(index), hasArmed);
  const hear = (index: number): void => {
    if (first === 0) first = systemClock.monotonic();
    arm(index);
  };
  const hasArmed: Done = (error) => {
    if (error !== null && error !== undefined) return over.reject(error);
    armed += 1;
    if (armed < nodes) return;
    armed = 0;
    if (first !== 0) ms += systemClock.monotonic() - first;
    first = 0;
    if (round === rounds) return over.resolve();
    round += 1;
    tell({ kind: 'armed' });
  };
  for (let index = 0; index < nodes; index++) arm(index);
  await over.promise;
  return { perSecond: ((nodes * rounds) / ms) * 1000 };
}

/** Notifications of one watch on a whole tree. */
async function treeNotifications(
  watch: NonNullable<ComparedClient['watchTree']>,
  path: string,
  count: number,
): Promise<Record<string, number>> {
  const over = deferred();
  let [heard, first] = [0, 0];
  const hear = (): void => {
    if (heard === 0) first = systemClock.monotonic();
    heard += 1;
    if (heard === count) over.resolve();
  };
  await asked((done) => watch(path, hear, done));
  tell({ kind: 'armed' });
  await over.promise;
  return { perSecond: (count / (systemClock.monotonic() - first)) * 1000 };
}

async function follow(order: ClientOrder): Promise<Record<string, number> | null> {
  switch (order.kind) {
    case 'latency':
      return measured(() => latency(order.count));
    case 'throughput':
      return measured(() => throughput(order.count));
    case 'transaction': {
      const { createAll } = client;
      return createAll === undefined ? null : transaction(createAll, order.count);
    }
    case 'notifications':
      return measured(() => notifications(order.nodes, order.rounds));
    case 'tree-notifications': {
      const { watchTree } = client;
      return watchTree === undefined ? null : measured(() => treeNotifications(watchTree, order.path, order.count));
    }
    case 'memory':
      return { mib: process.memoryUsage.rss() / 2 ** 20 };
  }
}

process.on('message', (order: ClientOrder) => {
  follow(order).then(
    (figures) => tell({ kind: 'answer', figures }),
    (error: unknown) => {
      process.stderr.write(`${name}: ${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
});
tell({ kind: 'answer', figures: {} });
