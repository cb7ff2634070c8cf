// A process with one job of six items, firing every second. Tells what it does as one JSON text per line.
//
//   node kernel-worker.mjs <connect string> <namespace> <instance id> [milliseconds of work per item] [more options]
//
// The last is a JSON text: options of the job, and `client`.
//
// A line `hold` on its input makes the runs of every fire after that moment last until their signal aborts; `work` ends that.
import { createInterface } from 'node:readline';
import { createEngine, defineJob, silentLogger } from '../../packages/core/dist/index.js';

const [connectString, namespace, instanceId, work = '50', more = '{}'] = process.argv.slice(2);
const { client = 'wire', ...job } = JSON.parse(more);
const tell = (message) => process.stdout.write(`${JSON.stringify({ ...message, t: Date.now() })}\n`);
let holdsAfter = Number.POSITIVE_INFINITY;

const traces = {
  emit(event) {
    if (event.kind === 'coordination') tell({ kind: event.event, ...event.details });
    if (event.kind === 'item-started') {
      const { item, scheduledAt, source, fencingToken } = event;
      tell({ kind: 'started', item, scheduledAt, source, token: String(fencingToken) });
    }
    if (event.kind === 'item-finished') {
      const { item, scheduledAt, success, failureCause } = event;
      tell({ kind: 'finished', item, scheduledAt, success, failureCause });
    }
    if (event.kind === 'fire-skipped') {
      tell({ kind: 'skipped', items: event.items, scheduledAt: event.scheduledAt, reason: event.reason });
    }
  },
};

async function execute({ shardingItem: item, scheduledAt, signal, fencingToken }) {
  tell({ kind: 'begin', item, scheduledAt, at: Date.now(), fencingToken: String(fencingToken) });
  await new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => {
      tell({ kind: 'aborted', item, reason: signal.reason.code, at: Date.now() });
      reject(signal.reason);
    });
    if (scheduledAt <= holdsAfter) setTimeout(resolve, Number(work));
  });
  tell({ kind: 'end', item, scheduledAt, at: Date.now() });
}

const engine = createEngine({
  registry: { connectString, namespace, client, sessionTimeoutMilliseconds: 4000, baseSleepTimeMilliseconds: 100 },
  instanceId,
  logger: silentLogger,
  traceSinks: [traces],
});
// Listened for before the start: a process may be told to leave while it is still coming up.
const signals = { SIGTERM: 0 };
process.on('SIGTERM', async () => {
  signals.SIGTERM += 1;
  tell({ kind: 'signal', count: signals.SIGTERM });
  await engine.stop();
  process.exit(0);
});
process.on('unhandledRejection', (error) => {
  tell({ kind: 'unhandled', error: String(error) });
  process.exit(3);
});
createInterface({ input: process.stdin }).on('line', (line) => {
  const at = Date.now();
  holdsAfter = line === 'hold' ? at : Number.POSITIVE_INFINITY;
  tell({ kind: 'told', at });
});

await engine.start();
const options = { name: 'job', cron: '* * * * * *', shardingTotalCount: 6, timeZone: 'UTC', ...job };
await engine.add(defineJob(options), { execute });
tell({ kind: 'ready', session: String(engine.registry.session.id) });
