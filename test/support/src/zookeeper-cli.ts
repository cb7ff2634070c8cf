import { parseArgs } from 'node:util';
import { startZooKeeper } from './zookeeper-server.js';

const USAGE = `Usage: node test/support/dist/zookeeper-cli.js [options]

Starts ZooKeeper on free ports of 127.0.0.1, prints the connect string, and runs until Ctrl-C.
Its data is removed when it ends.

Options:
  --servers 1|3     a single server (default) or an ensemble of three
  --tick-time MS    ZooKeeper's tickTime in milliseconds (default 500: sessions of 1 to 10 seconds)
  --durable         write every transaction to the disk before acknowledging it
  --help            this text

Environment: ZOOKEEPER_HOME names an unpacked ZooKeeper distribution; without it Debian's package is used, and installed
if this user may.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      servers: { type: 'string', default: '1' },
      'tick-time': { type: 'string', default: '500' },
      durable: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const zookeeper = await startZooKeeper({
    servers: serverCount(values.servers),
    tickTime: tickTime(values['tick-time']),
    durable: values.durable,
    own: true,
  });
  process.stdout.write(`${zookeeper.connectString}\n`);
  process.stderr.write(`ZooKeeper serves at ${zookeeper.connectString}. Ctrl-C ends it.\n`);
  await interrupted();
  await zookeeper.stop();
}

function serverCount(text: string): 1 | 3 {
  if (text === '1') return 1;
  if (text === '3') return 3;
  throw new Error(`--servers is '${text}', expected 1 or 3`);
}

function tickTime(text: string): number {
  const ms = Number(text);
  if (!Number.isInteger(ms) || ms < 50) throw new Error(`--tick-time is '${text}', expected milliseconds, at least 50`);
  return ms;
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    const alive = setInterval(() => undefined, 60_000);
    const end = (): void => {
      clearInterval(alive);
      resolve();
    };
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
  });
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
