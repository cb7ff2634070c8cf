import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { javaClassPath } from '@elasticjob/interop';
import { startZooKeeper } from '@elasticjob/test-support';
import { JavaWorker } from './java-worker.js';
import type { Message } from './messages.js';
import { RunLog } from './run-log.js';
import { FIRE_MS, judge, judgeMixed, type Kill } from './verdict.js';
import { Worker } from './worker.js';

const HELP = `Starts a real ZooKeeper and several processes that share the nine items of a job firing each second, and
tells who owns what. Ends with one JSON line about every fire.

  npm run cluster -- --processes 3 --seconds 40 --kill

  --processes N   processes to start, default 3
  --seconds N     how long to watch once every item is owned, default 30
  --kill          after 15 s kill -9 the process that leads; exits 0 only if its items ran again in time
  --java N        one more process, of the real ElasticJob for Java, if N is 1; needs a JDK 17 and Maven. With --kill a
                  process of ours is killed after 15 s, and the Java process after 35 s
  --client NAME   the client library of the processes: wire, our own (default), or native, the package zookeeper
  --help
`;

const ITEMS = 9;
const TICK_MS = 500;
const SESSION_MS = 4000;
const WORK_MS = 30;
const NAMESPACE = 'cluster';
const KILL_AFTER_S = 15;
const KILL_JAVA_AFTER_S = 35;
/** From the kill until all items run again: the session times out, rounded up to a tick, and the next fire comes. */
const RECOVERY_LIMIT_MS = SESSION_MS + TICK_MS + 2000;
/** A Java leader assigns at its next fire, and runs what it waited with after that. */
const JAVA_RECOVERY_LIMIT_MS = RECOVERY_LIMIT_MS + 2000;

interface Options {
  readonly client: string;
  readonly processes: number;
  readonly java: boolean;
  readonly seconds: number;
  readonly kill: boolean;
}

type Member = Worker | JavaWorker;

/** The processes of the cluster and what they told. */
class Cluster {
  readonly log = new RunLog(ITEMS);
  readonly workers: Member[] = [];

  constructor(private readonly connectString: string) {}

  async start({ processes: count, client, java }: Options): Promise<void> {
    // First, so that the job is stored as its class: our own members adopt it.
    if (java) this.workers.push(await this.#startJava());
    const options = ['--connect', this.connectString, '--session-timeout', String(SESSION_MS), '--client', client];
    for (let number = 1; number <= count; number++) {
      this.workers.push(new Worker(`process ${number}`, options, (worker, message) => this.#hear(worker, message)));
    }
  }

  #startJava(): Promise<JavaWorker> {
    const options = { namespace: NAMESPACE, sessionTimeoutMs: SESSION_MS, items: ITEMS, workMs: WORK_MS };
    return JavaWorker.start('Java process', this.connectString, options, (worker, message) =>
      this.#hear(worker, message),
    );
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

  #hear(worker: Member, message: Message): void {
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
        java: { type: 'string', default: '0' },
        seconds: { type: 'string', default: '30' },
        kill: { type: 'boolean', default: false },
        client: { type: 'string', default: 'wire' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) return 'help';
    const { kill, client, java } = values;
    if (java !== '0' && java !== '1') return `--java takes 0 or 1, not '${java}'`;
    const [processes, seconds] = [Number(values.processes), Number(values.seconds)];
    const options = { processes, seconds, kill, client, java: java === '1' };
    return problemOf(options) ?? options;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function problemOf({ processes, seconds, kill, client, java }: Options): string | null {
  if (client !== 'wire' && client !== 'native') return `--client takes wire or native, not '${client}'`;
  if (!Number.isInteger(processes) || processes < 1 || processes > ITEMS) return `--processes takes 1 to ${ITEMS}`;
  if (!(seconds > 0)) return '--seconds takes a number above 0';
  if (kill && processes < 2) return '--kill needs at least two processes: somebody has to take the items over';
  const least = (java ? KILL_JAVA_AFTER_S : KILL_AFTER_S) + 10;
  if (kill && seconds < least) return `--kill needs --seconds ${least} or more`;
  return null;
}

/** Runs the cluster and resolves to the exit code. */
async function watch(options: Options): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  if (options.java && !(await hasJava())) return 1;
  tell('starting ZooKeeper');
  const zooKeeper = await startZooKeeper({ servers: 1, tickTime: TICK_MS });
  const cluster = new Cluster(`${zooKeeper.connectString}`);
  try {
    await cluster.start(options);
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

/** Builds the Java process if need be, or says what is missing. */
async function hasJava(): Promise<boolean> {
  try {
    await javaClassPath();
    return true;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return false;
  }
}

async function observe(cluster: Cluster, options: Options, signal: AbortSignal): Promise<number> {
  await shared(cluster, signal);
  const from = Math.ceil(Date.now() / FIRE_MS) * FIRE_MS + FIRE_MS;
  const to = from + options.seconds * FIRE_MS;
  tell(`every item is owned; watching ${options.seconds} fires`);
  const verdict = options.java
    ? await observeMixed(cluster, from, to, options.kill, signal)
    : await observeOwn(cluster, from, to, options.kill, signal);
  process.stdout.write(`${JSON.stringify({ ...verdict, itemsPerProcess: cluster.owned })}\n`);
  return verdict.ok ? 0 : 1;
}

async function observeOwn(cluster: Cluster, from: number, to: number, kills: boolean, signal: AbortSignal) {
  const leads = (worker: Member): boolean => worker.isLeader && worker.items.length > 0;
  const victim = { what: 'which leads and owns', limitMs: RECOVERY_LIMIT_MS, is: leads };
  const kill = kills ? await killOne(cluster, from + (KILL_AFTER_S - 0.5) * FIRE_MS, victim, signal) : null;
  // Half a second after the last fire, so that its runs have ended.
  await until(to - FIRE_MS / 2, signal);
  return judge(cluster.log, from, to, kill);
}

async function observeMixed(cluster: Cluster, from: number, to: number, kills: boolean, signal: AbortSignal) {
  const killed: Kill[] = [];
  if (kills) {
    const ours = { what: 'which owns', limitMs: JAVA_RECOVERY_LIMIT_MS, is: (one: Member) => one instanceof Worker };
    killed.push(await killOne(cluster, from + (KILL_AFTER_S - 0.5) * FIRE_MS, ours, signal));
    const java = { what: 'which owns', limitMs: RECOVERY_LIMIT_MS, is: (one: Member) => one instanceof JavaWorker };
    killed.push(await killOne(cluster, from + (KILL_JAVA_AFTER_S - 0.5) * FIRE_MS, java, signal));
  }
  await until(to - FIRE_MS / 2, signal);
  return judgeMixed(cluster.log, from, to, killed);
}

interface Victim {
  /** Words between its name and its items. */
  readonly what: string;
  readonly limitMs: number;
  is(worker: Member): boolean;
}

async function killOne(cluster: Cluster, at: number, victim: Victim, signal: AbortSignal): Promise<Kill> {
  await until(at, signal);
  const found = cluster.workers.find((worker) => worker.isRunning && victim.is(worker));
  if (found === undefined) throw new Error('no such process leads and owns items: nothing to kill');
  const kill = { worker: found.name, at: Date.now(), items: found.items, recoveryLimitMs: victim.limitMs };
  tell(`killing ${found.name}, ${victim.what} ${found.items.join(' ')}`);
  await found.end('SIGKILL');
  return kill;
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
