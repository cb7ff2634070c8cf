import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startZooKeeper, type ZooKeeper } from '@elasticjob/test-support';
import { Fires } from './fires.js';
import type { Message } from './messages.js';
import { Worker } from './worker.js';

const HELP = `Makes certificates and a password on the spot, starts a ZooKeeper that demands both, and several processes that share
the six items of a job over mutual TLS and SASL. Two more, one without a certificate and one with a wrong password,
are refused. Ends with one JSON line.

  npm run cluster:tls -- --processes 3 --seconds 10

  --processes N   processes to start, 1 to 6, default 3
  --seconds N     how long to watch once every item is owned, default 10
  --help
`;

const ITEMS = 6;
const USER = 'payroll';
const FIRE_MS = 1_000;

interface Options {
  readonly processes: number;
  readonly seconds: number;
}

const command = readCommand();
if (typeof command === 'object') process.exitCode = await watch(command);
else if (command === 'help') process.stdout.write(HELP);
else {
  process.stderr.write(`${command}\n\n${HELP}`);
  process.exitCode = 2;
}

/** What is to be done, or what is wrong with the command line. */
function readCommand(): Options | string {
  try {
    const { values } = parseArgs({
      options: {
        processes: { type: 'string', default: '3' },
        seconds: { type: 'string', default: '10' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) return 'help';
    const options = { processes: Number(values.processes), seconds: Number(values.seconds) };
    const { processes, seconds } = options;
    if (!Number.isInteger(processes) || processes < 1 || processes > ITEMS) return `--processes takes 1 to ${ITEMS}`;
    return Number.isInteger(seconds) && seconds > 0 ? options : '--seconds takes a whole number above 0';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Runs the cluster and resolves to the exit code. */
async function watch(options: Options): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  tell('making certificates and a password; starting a ZooKeeper that demands both');
  const password = randomBytes(24).toString('base64url');
  const zooKeeper = await startZooKeeper({
    tls: { clientAuth: 'need' },
    sasl: { users: { [USER]: password }, required: true },
  });
  const members: Worker[] = [];
  const intruders: Worker[] = [];
  try {
    const fires = new Fires(ITEMS, FIRE_MS);
    const access = makeAccess(zooKeeper, password);
    for (let number = 1; number <= options.processes; number++) {
      const name = `process-${number}`;
      members.push(new Worker(name, await access.member(name), (worker, line) => hear(worker, line, fires)));
    }
    for (const [name, environment] of Object.entries(await access.intruders())) {
      intruders.push(new Worker(name, environment, hearIntruder));
    }
    return await observe(members, intruders, fires, options, interrupted.signal);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    tell('interrupted: the processes give their items away and leave');
    return 130;
  } finally {
    await Promise.all([...members, ...intruders].map((worker) => worker.leave()));
    await zooKeeper.stop();
  }
}

/** The environments of processes: who they are and whom they trust. No secret is in them, only files that hold one. */
function makeAccess({ secure, folder }: ZooKeeper, password: string) {
  if (secure === undefined || folder === undefined) throw new Error('the ZooKeeper that was started speaks no TLS');
  const { connectString, authority } = secure;
  const secret = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const anonymous = {
    ZOOKEEPER: connectString,
    ZOOKEEPER_CA: authority.certFile,
    ZOOKEEPER_USER: USER,
    ZOOKEEPER_PASSWORD_FILE: secret('password', password),
  };
  /** With a certificate of its own. */
  const member = async (name: string): Promise<Record<string, string>> => {
    const { certFile, keyFile } = await authority.issue(name);
    return { ...anonymous, ZOOKEEPER_CERT: certFile, ZOOKEEPER_KEY: keyFile };
  };
  const intruders = async (): Promise<Record<string, Record<string, string>>> => ({
    'without a certificate': anonymous,
    'with a wrong password': { ...(await member('intruder')), ZOOKEEPER_PASSWORD_FILE: secret('guess', 'guessed') },
  });
  return { member, intruders };
}

function hear(worker: Worker, line: Message | string, fires: Fires): void {
  if (typeof line === 'string') {
    tell(`${worker.name}: ${line}`);
    return;
  }
  switch (line.kind) {
    case 'ready':
      tell(`${worker.name} is ${line.instanceId}`);
      break;
    case 'assigned':
      worker.items = line.items;
      tell(`${worker.name} owns ${line.items.join(' ') || 'nothing'}`);
      break;
    case 'ran':
      fires.ran(line.item, line.scheduledAt);
      break;
  }
}

function hearIntruder(worker: Worker, line: Message | string): void {
  if (typeof line !== 'string') tell(`a process ${worker.name} got in: ${JSON.stringify(line)}`);
}

async function observe(
  members: readonly Worker[],
  intruders: readonly Worker[],
  fires: Fires,
  { seconds }: Options,
  signal: AbortSignal,
): Promise<number> {
  await shared(members, signal);
  const from = Math.ceil(Date.now() / FIRE_MS) * FIRE_MS + FIRE_MS;
  const to = from + seconds * FIRE_MS;
  tell(`every item is owned; watching ${seconds} fires`);
  const refused = await refusals(intruders, signal);
  // Half a second after the last fire, so that its runs have ended.
  await sleep(Math.max(0, to - FIRE_MS / 2 - Date.now()), undefined, { signal });
  const findings = fires.between(from, to);
  const itemsPerProcess = Object.fromEntries(members.map(({ name, items }) => [name, items]));
  const allRefused = Object.values(refused).every((reason) => reason !== null);
  const ok = findings.missed === 0 && findings.runTwice === 0 && allRefused;
  process.stdout.write(`${JSON.stringify({ ok, ...findings, itemsPerProcess, refused })}\n`);
  return ok ? 0 : 1;
}

/** Why each intruder was refused; `null` for one that was not. Each ends by itself. */
async function refusals(intruders: readonly Worker[], signal: AbortSignal): Promise<Record<string, string | null>> {
  const reasons = intruders.map(async (intruder): Promise<[string, string | null]> => {
    const code = await unlessAborted(intruder.ended(), signal);
    const reason = code === 1 ? intruder.lastLine : null;
    tell(`a process ${intruder.name} was ${reason === null ? 'let in' : `refused: ${reason}`}`);
    return [intruder.name, reason];
  });
  return Object.fromEntries(await Promise.all(reasons));
}

/** Resolves once every process owns items, and every item is owned by one of them. */
async function shared(members: readonly Worker[], signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const items = members.flatMap((member) => member.items);
    const everybody = members.every((member) => member.items.length > 0);
    if (everybody && items.length === ITEMS && new Set(items).size === ITEMS) return;
    const ended = members.find((member) => !member.isRunning);
    if (ended !== undefined) throw new Error(`${ended.name} ended before every item was owned: ${ended.lastLine}`);
    if (Date.now() > deadline) throw new Error('the items are not shared after a minute');
    await sleep(50, undefined, { signal });
  }
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([promise, aborted]);
}

function tell(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 23)} ${text}\n`);
}
