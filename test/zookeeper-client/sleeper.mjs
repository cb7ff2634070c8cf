// A process with a session and an ephemeral node. It is stopped for longer than the session lasts, and tells what it
// believed when it woke up: how many turns of its event loop, counted from the first one in which the clock had jumped,
// began in the belief that the session was still there.
//
//   node sleeper.mjs <connect string>
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const source = fileURLToPath(new URL('../../packages/zookeeper-client/src/index.ts', import.meta.url));
const { ZooKeeper } = (await runnerImport(source)).module;

const client = new ZooKeeper({ connectString: process.argv[2], sessionTimeoutMs: 2_000 });
await client.connect();
const { path } = await client.create(`/sleeper-${process.pid}-${Date.now()}`, '', { mode: 'ephemeral' });

let believed = 0;
let last = performance.now();
const turn = setInterval(() => {
  const now = performance.now();
  if (now - last > client.timeoutMs / 2 && client.state === 'connected') believed += 1;
  last = now;
}, 20);

client.onSession(({ state, reason }) => {
  if (state !== 'lost') return;
  process.stdout.write(`lost ${reason?.code}\n`);
  // The timers that are due run before anything else does in the turn in which the process wakes up.
  setImmediate(() => {
    clearInterval(turn);
    process.stdout.write(`turns that believed in the session: ${believed}\n`);
  });
});
process.stdout.write(`${path}\n`);
