import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startZooKeeper } from '@elasticjob/test-support';
import type { Message } from './messages.js';
import { RunLog } from './run-log.js';
import { Worker } from './worker.js';

const HELP = `Starts a real ZooKeeper and several processes that share the nine items of a job firing each second, and
tells who owns what. Ends with one JSON line about every fire.

  npm run cluster -- --processes 3 --seconds 40 --kill

  --processes N   processes to start, default 3
  --seconds N     how long to watch once every item is owned, default 30
  --kill          after 15 s kill -9 the process that leads; exits 0 only if its items ran again in time
  --client NAME   the client library of the processes: wire, our own (default), or native, the package zookeeper
  --help
`;

const ITEMS = 9;
const TICK_MS = 500;
const SESSION_MS = 4000;
const FIRE_MS = 1000;
const KILL_AFTER_S = 15;
/** From the kill until all items run again: the session times out, rounded up to a tick, and the next fire comes. */
const RECOVERY_LIMIT_MS = SESSION_MS + TICK_MS + 2000;

interface Options {
  readonly client: string;
  readonly processes: number;
  readonly seconds: number;
  readonly kill: boolean;
}

/** The processes of the cluster and what they told. */
class Cluster {
  readonly log = new RunLog(ITEMS);
  readonly workers: Worker[] = [];

  constructor(private readonly connectString: string) {}

  start({ processes: count, client }: Options): void {
    const options = ['--connect', this.connectString, '--session-timeout', String(SESSION_MS), '--client', client];
    for (let number = 1; number <= count; number++) {
      this.workers.push(new Worker(`process ${number}`, options, (worker, message) => this.#hear(worker, message)));
    }
  }

  get owned(): Record<string, readonly number[]> {
    return Object.fromEntries(
      this.workers.filter(({ isRunning }) => isRunning).map(({ name, items }) => [name, items]),
    );
  }

  /** Whether every process runs and every item is owned by one of them. */
  get isShared(): boolean {
    const running = this.workers.filter(({ isRunning }) => isRunning);
    const items = running.flatMap((worker) => worker.items);
    return (
      running.every((worker) => worker.items.length > 0) && new Set(items).size === ITEMS && items.length === ITEMS
    );
  }

  async end(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.end('SIGTERM')));
  }

  #hear(worker: Worker, message: Message): void {
    switch (message.kind) {
      case 'ready':
        tell(`${worker.name} (pid ${worker.pid}) is ${message.instanceId}`);
        break;
      case 'elected':
        for (const other of this.workers) other.isLeader = other === worker;
        tell(`${worker.name} leads`);
        break;
      case 'assigned':
        worker.items = message.items;
        tell(`${worker.name} owns ${message.items.join(' ') || 'nothing'}`);
        break;
      case 'begin':
        this.log.begin({
          worker: worker.name,
          item: message.item,
          scheduledAt: message.scheduledAt,
          beganAt: message.at,
        });
        break;
      case 'end':
        this.log.end(worker.name, message.item, message.scheduledAt, message.at);
        break;
    }
  }
}

interface Kill {
  readonly worker: string;
  readonly at: number;
  readonly items: readonly number[];
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
        seconds: { type: 'string', default: '30' },
        kill: { type: 'boolean', default: false },
        client: { type: 'string', default: 'wire' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) return 'help';
    const { kill, client } = values;
    const options = { processes: Number(values.processes), seconds: Number(values.seconds), kill, client };
    return problemOf(options) ?? options;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function problemOf({ processes, seconds, kill, client }: Options): string | null {
  if (client !== 'wire' && client !== 'native') return `--client takes wire or native, not '${client}'`;
  if (!Number.isInteger(processes) || processes < 1 || processes > ITEMS) return `--processes takes 1 to ${ITEMS}`;
  if (!(seconds > 0)) return '--seconds takes a number above 0';
  if (kill && processes < 2) return '--kill needs at least two processes: somebody has to take the items over';
  if (kill && seconds < KILL_AFTER_S + 10) return `--kill needs --seconds ${KILL_AFTER_S + 10} or more`;
  return null;
}

/** Runs the cluster and resolves to the exit code. */
async function watch(options: Options): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  tell('starting ZooKeeper');
  const zooKeeper = await startZooKeeper({ servers: 1, tickTime: TICK_MS });
  const cluster = new Cluster(`${zooKeeper.connectString}`);
  try {
    cluster.start(options);
    return await observe(cluster, options, interrupted.signal);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
    tell('interrupted');
    return 130;
  } finally {
    await cluster.end();
    await zooKeeper.stop();
  }
}

async function observe(cluster: Cluster, options: Options, signal: AbortSignal): Promise<number> {
  await shared(cluster, signal);
  const from = Math.ceil(Date.now() / FIRE_MS) * FIRE_MS + FIRE_MS;
  const to = from + options.seconds * FIRE_MS;
  tell(`every item is owned; watching ${options.seconds} fires`);
  const kill = options.kill ? await killLeader(cluster, from + (KILL_AFTER_S - 0.5) * FIRE_MS, signal) : null;
  // Half a second after the last fire, so that its runs have ended.
  await until(to - FIRE_MS / 2, signal);
  const owned = cluster.owned;
  const verdict = judge(cluster.log, from, to, kill);
  process.stdout.write(`${JSON.stringify({ ...verdict, itemsPerProcess: owned })}\n`);
  return verdict.ok ? 0 : 1;
}

async function killLeader(cluster: Cluster, at: number, signal: AbortSignal): Promise<Kill> {
  await until(at, signal);
  const leader = cluster.workers.find((worker) => worker.isLeader && worker.items.length > 0);
  if (leader === undefined) throw new Error('no process leads and owns items: nothing to kill');
  const kill = { worker: leader.name, at: Date.now(), items: leader.items };
  tell(`killing ${leader.name}, which leads and owns ${leader.items.join(' ')}`);
  await leader.end('SIGKILL');
  return kill;
}

/** What is said in the end, and whether it is as it should be. */
function judge(log: RunLog, from: number, to: number, kill: Kill | null) {
  const all = log.findings(from, to, FIRE_MS);
  const { firesMissed, ...counts } = all;
  const fine = counts.firesWithItemRunTwice === 0 && counts.overlappingRuns === 0;
  if (kill === null) {
    return { ok: fine && Object.keys(firesMissed).length === 0, ...counts, firesSkippedWithoutOwner: firesMissed };
  }
  const again = log.firstRunsAfter(kill.at);
  const recoveredAt = again.includes(null) ? null : Math.max(...again.map(Number));
  const recoveryMs = recoveredAt === null ? null : recoveredAt - kill.at;
  // Outside of the window from the kill to the first fire after the recovery, every item ran on every fire.
  const outside =
    recoveredAt === null
      ? []
      : [
          [from, Math.floor(kill.at)],
          [Math.ceil(recoveredAt / FIRE_MS) * FIRE_MS, to],
        ];
  const missedOutside = outside.flatMap(([begin = 0, end = 0]) =>
    Object.keys(log.findings(begin, end, FIRE_MS).firesMissed),
  );
  return {
    ok: fine && missedOutside.length === 0 && recoveryMs !== null && recoveryMs <= RECOVERY_LIMIT_MS,
    ...counts,
    firesSkippedWithoutOwner: firesMissed,
    killed: kill,
    recoveryMs,
    recoveryLimitMs: RECOVERY_LIMIT_MS,
    itemsMissedOutsideTheWindow: missedOutside,
  };
}

/** Resolves once the items are shared by all processes. */
async function shared(cluster: Cluster, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!cluster.isShared) {
    const ended = cluster.workers.find((worker) => !worker.isRunning);
    if (ended !== undefined) throw new Error(`${ended.name} ended before every item was owned`);
    if (Date.now() > deadline)
      throw new Error(`the items are not shared after a minute: ${JSON.stringify(cluster.owned)}`);
    await sleep(50, undefined, { signal });
  }
}

async function until(time: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.max(0, time - Date.now()), undefined, { signal });
}

function tell(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 23)} ${text}\n`);
}
