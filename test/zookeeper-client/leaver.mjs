// A process that uses a client and closes it: while connected, while connecting, or before it was asked to connect. It
// ends by itself, unless something was left behind that keeps it alive.
//
//   node leaver.mjs <connect string>
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const source = fileURLToPath(new URL('../../packages/zookeeper-client/src/index.ts', import.meta.url));
const { ZooKeeper } = (await runnerImport(source)).module;

const connected = new ZooKeeper({ connectString: process.argv[2] });
await connected.connect();
await connected.addWatch('/', 'recursive', () => undefined);
const connecting = new ZooKeeper({ connectString: '127.0.0.1:1' });
connecting.connect({ timeoutMs: 3_600_000 }).catch(() => undefined);
const idle = new ZooKeeper({ connectString: process.argv[2] });
await Promise.all([connected.close(), connecting.close(), idle.close()]);
process.stdout.write('closed\n');
