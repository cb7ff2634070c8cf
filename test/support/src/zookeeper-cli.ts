import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type SecureAccess, startZooKeeper } from './zookeeper-server.js';

const USAGE = `Usage: node test/support/dist/zookeeper-cli.js [options]

Starts ZooKeeper on free ports of 127.0.0.1, prints the connect string, and runs until Ctrl-C.
Its data is removed when it ends.

Options:
  --servers 1|3     a single server (default) or an ensemble of three
  --tick-time MS    ZooKeeper's tickTime in milliseconds (default 500: sessions of 1 to 10 seconds)
  --durable         write every transaction to the disk before acknowledging it
  --tls none|need   a port for TLS too, which asks clients for no certificate or for one; prints that port's connect
                    string, and where the certificates for clients are
  --sasl NAME       require SASL, and accept this user; the password is ZOOKEEPER_PASSWORD, or one made up, whose file
                    is printed
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
      tls: { type: 'string' },
      sasl: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const password = process.env.ZOOKEEPER_PASSWORD ?? randomBytes(18).toString('base64url');
  const zookeeper = await startZooKeeper({
    servers: serverCount(values.servers),
    tickTime: tickTime(values['tick-time']),
    durable: values.durable,
    own: true,
    ...(values.tls === undefined ? {} : { tls: { clientAuth: clientAuth(values.tls) } }),
    ...(values.sasl === undefined ? {} : { sasl: { users: { [values.sasl]: password }, required: true } }),
  });
  const connectString = zookeeper.secure?.connectString ?? zookeeper.connectString;
  process.stdout.write(`${connectString}\n`);
  process.stderr.write(`ZooKeeper serves at ${connectString}. Ctrl-C ends it.\n`);
  if (zookeeper.secure !== undefined) explainTls(zookeeper.secure);
  if (values.sasl !== undefined) explainSasl(values.sasl, password, zookeeper.folder);
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

function clientAuth(text: string): 'none' | 'need' {
  if (text === 'none' || text === 'need') return text;
  throw new Error(`--tls is '${text}', expected none or need`);
}

function explainTls({ authority, client }: SecureAccess): void {
  process.stderr.write(`Trust ${authority.certFile}; as a client show ${client.certFile} with ${client.keyFile}.\n`);
}

/** Says where the password is, not what it is: a terminal keeps what it has shown. */
function explainSasl(name: string, password: string, folder: string | undefined): void {
  if (process.env.ZOOKEEPER_PASSWORD !== undefined || folder === undefined) return;
  const file = join(folder, 'password');
  writeFileSync(file, password, { mode: 0o600 });
  process.stderr.write(`The password of ${name} is in ${file}.\n`);
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
