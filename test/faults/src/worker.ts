// One instance: runs the jobs it is told of, and tells on its output what happens. SIGTERM makes it leave in order; it
// ends when its input closes.
import { parseArgs } from 'node:util';
import { createEngine, defineJob, silentLogger, type TraceEvent } from '@elasticjob/core';
import { cronOf, type JobPlan } from './job-plan.js';
import { jsonLine } from './json-lines.js';
import { LedgerClient } from './ledger-client.js';
import { ledgerJob } from './ledger-job.js';
import type { WorkerMessage } from './worker-message.js';

const { values } = parseArgs({
  options: {
    connect: { type: 'string', default: '' },
    namespace: { type: 'string', default: '' },
    instance: { type: 'string', default: '' },
    'session-timeout': { type: 'string', default: '4000' },
    ledger: { type: 'string', default: '' },
    jobs: { type: 'string', default: '[]' },
    client: { type: 'string' },
  },
});
const instance = values.instance;
const jobs = JSON.parse(values.jobs) as readonly JobPlan[];

/** How often the event loop is looked at, and what counts as a standstill of it, milliseconds. */
const LOOK_MS = 20;
const STANDSTILL_MS = 500;

function tell(message: WorkerMessage): void {
  process.stdout.write(jsonLine(message));
}

/** Of which instance an item's crashed run is this one's to execute again, by job and item. */
const takenFrom = new Map<string, string | null>();

function trace(event: TraceEvent): void {
  const { jobName: job, at } = event;
  if (event.kind === 'item-started' && event.source === 'FAILOVER') {
    const { item, scheduledAt, fencingToken } = event;
    const from = takenFrom.get(`${job}/${item}`) ?? null;
    tell({ kind: 'taken-over', job, item, scheduledAt, token: String(fencingToken), from, at });
  } else if (event.kind === 'item-finished') {
    const { item, scheduledAt, success, failureCause } = event;
    tell({ kind: 'finished', job, item, scheduledAt, success, cause: failureCause?.split('\n', 1)[0], at });
  } else if (event.kind === 'fire-skipped') {
    const { items, scheduledAt, reason } = event;
    tell({ kind: 'skipped', job, items, scheduledAt, reason, at });
  } else if (event.kind === 'coordination') {
    const { items } = event.details;
    if (event.event === 'taken-over') noteTakeovers(job, event.details);
    tell({
      kind: 'coordination',
      job,
      event: event.event,
      items: event.event === 'assigned' ? (items as number[]) : undefined,
      details: event.details,
      at,
    });
  }
}

function noteTakeovers(job: string, details: Readonly<Record<string, unknown>>): void {
  const { items, from } = details as { readonly items: number[]; readonly from: (string | null)[] };
  for (const [position, item] of items.entries()) takenFrom.set(`${job}/${item}`, from[position] ?? null);
}

function watchLoop(): void {
  let looked = performance.now();
  setInterval(() => {
    const sleptMs = performance.now() - looked;
    looked = performance.now();
    if (sleptMs > STANDSTILL_MS) tell({ kind: 'woke', sleptMs: Math.round(sleptMs), at: Date.now() });
  }, LOOK_MS).unref();
}

const ledger = await LedgerClient.connect(Number(values.ledger));
const engine = createEngine({
  registry: {
    connectString: values.connect,
    namespace: values.namespace,
    sessionTimeoutMilliseconds: Number(values['session-timeout']),
    baseSleepTimeMilliseconds: 100,
    ...(values.client === undefined ? {} : { client: values.client as 'wire' | 'native' }),
  },
  instanceId: instance,
  logger: silentLogger,
  traceSinks: [{ emit: trace }],
});
// Listened for before the start: an instance may be told to leave while it is still coming up.
process.once('SIGTERM', () => {
  void engine.stop().then(() => process.exit(0));
});
// Ctrl-C is for the process that started this one, whose end closes the input.
process.on('SIGINT', () => undefined);
process.stdin.on('end', () => process.exit(0)).resume();
watchLoop();

await engine.start();
await Promise.all(
  jobs.map((job) => {
    const { name, items: shardingTotalCount, failover = false } = job;
    const definition = defineJob({ name, cron: cronOf(job), shardingTotalCount, timeZone: 'UTC', failover });
    return engine.add(definition, ledgerJob({ ledger, instance, workMs: job.workMs, tell }));
  }),
);
tell({ kind: 'ready' });
