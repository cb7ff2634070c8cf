// Starts a ZooKeeper server, prints its port and folder, and waits to be killed.
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const source = fileURLToPath(new URL('../support/src/zookeeper-server.ts', import.meta.url));
const { startZooKeeper } = (await runnerImport(source)).module;
const { servers, folder } = await startZooKeeper({ own: true });
process.stdout.write(`${JSON.stringify({ port: servers[0].port, folder })}\n`);
process.stdin.resume();
