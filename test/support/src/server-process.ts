import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastLines } from './command.js';
import { fourLetter, parseCounters, type ServerCounters } from './four-letter.js';
import type { ServerWords } from './server-features.js';

const START_DEADLINE_MS = 60_000;

/** One ZooKeeper server process of this machine. */
export interface ServerProcess {
  /** Where clients connect, on 127.0.0.1. The same after a restart. */
  readonly port: number;
  /** Where they connect over TLS; `undefined` without it. */
  readonly securePort: number | undefined;
  /** Process id, `undefined` while it does not run. */
  readonly pid: number | undefined;
  /** Starts it again with the data it had; resolves when it serves. */
  start(): Promise<void>;
  /** SIGTERM; resolves when the process has ended. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process has ended. */
  kill(): Promise<void>;
  /** SIGSTOP: it keeps its connections and answers nothing from the return of this call on. */
  suspend(): void;
  /** SIGCONT. */
  resume(): void;
  fourLetter(word: string): Promise<string>;
  counters(): Promise<ServerCounters>;
}

/** What a server is told; `folder` is its own. */
export interface ServerSettings {
  readonly folder: string;
  readonly port: number;
  readonly securePort: number | undefined;
  readonly classPath: string;
  readonly tickTimeMs: number;
  /** Whether a transaction is on the disk before it is acknowledged. */
  readonly durable: boolean;
  /** What it can do beyond the defaults. */
  readonly features: ServerWords;
  /** Its number in the ensemble and the `server.N` lines, or `undefined` for a single server. */
  readonly ensemble?: { readonly id: number; readonly members: readonly string[] };
}

/** Writes the server's folder; nothing runs before {@link ServerProcess.start}. */
export function createServerProcess(settings: ServerSettings): ServerProcess {
  writeFolder(settings);
  return new LocalServer(settings);
}

function writeFolder({ folder, port, tickTimeMs, durable, features, ensemble }: ServerSettings): void {
  mkdirSync(join(folder, 'data'), { recursive: true });
  const lines = [
    `dataDir=${join(folder, 'data')}`,
    `clientPort=${port}`,
    'clientPortAddress=127.0.0.1',
    `tickTime=${tickTimeMs}`,
    'initLimit=20',
    'syncLimit=10',
    'maxClientCnxns=0',
    'admin.enableServer=false',
    '4lw.commands.whitelist=*',
    `forceSync=${durable ? 'yes' : 'no'}`,
    ...features.config,
    ...(ensemble?.members ?? []),
  ];
  writeFileSync(join(folder, 'zoo.cfg'), `${lines.join('\n')}\n`);
  if (ensemble !== undefined) writeFileSync(join(folder, 'data', 'myid'), `${ensemble.id}\n`);
}

class LocalServer implements ServerProcess {
  #child: ChildProcess | undefined;

  constructor(private readonly settings: ServerSettings) {}

  get port(): number {
    return this.settings.port;
  }

  get securePort(): number | undefined {
    return this.settings.securePort;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    if (this.#child === undefined) this.#launch();
    await this.#serving();
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  suspend(): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    this.#child?.kill('SIGSTOP');
    while (!isStopped(pid)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  fourLetter(word: string): Promise<string> {
    return fourLetter(this.port, word);
  }

  async counters(): Promise<ServerCounters> {
    return parseCounters(await this.fourLetter('mntr'));
  }

  #launch(): void {
    const { folder, classPath, features } = this.settings;
    const log = openSync(join(folder, 'server.log'), 'a');
    const child = spawn(
      'java',
      [
        '-Xmx256m',
        '-XX:+UseSerialGC',
        '-Dzookeeper.jmx.log4j.disable=true',
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
        ...features.java,
        ...['-cp', classPath],
        'org.apache.zookeeper.server.quorum.QuorumPeerMain',
        join(folder, 'zoo.cfg'),
      ],
      { cwd: folder, stdio: ['ignore', log, log], detached: true },
    );
    closeSync(log);
    // A test that forgets to stop its server still ends; the guard of the whole environment then ends the server.
    child.unref();
    writeFileSync(join(folder, 'pid'), String(child.pid));
    child.once('exit', () => {
      rmSync(join(folder, 'pid'), { force: true });
      if (this.#child === child) this.#child = undefined;
    });
    this.#child = child;
  }

  async #serving(): Promise<void> {
    const deadline = performance.now() + START_DEADLINE_MS;
    while (!(await this.#serves())) {
      if (this.#child === undefined) throw this.#startFailure('ended while starting');
      if (performance.now() > deadline) throw this.#startFailure(`did not serve within ${START_DEADLINE_MS / 1_000} s`);
      await sleep(50);
    }
  }

  async #serves(): Promise<boolean> {
    try {
      // An ensemble member answers `ruok` before it has a leader, but says its mode only when it serves.
      if (!(await this.fourLetter('srvr')).includes('Mode: ')) return false;
      // The port for TLS is opened after the other.
      return this.securePort === undefined || (await isOpen(this.securePort));
    } catch {
      return false;
    }
  }

  #startFailure(what: string): Error {
    const log = readFileSync(join(this.settings.folder, 'server.log'), 'utf8');
    return new Error(
      `The ZooKeeper server on 127.0.0.1:${this.port} ${what}. Its log ends with:\n${lastLines(log, 15)}`,
    );
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(signal);
    child.ref();
    await ended;
  }
}

/** Whether somebody listens. */
async function isOpen(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Whether every thread of a process stands still; where there is no `/proc` to ask, the signal has to do. */
function isStopped(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return true;
  return readdirSync(tasks).every((task) => {
    try {
      // The state stands after the name, which is in parentheses and may hold some itself.
      return /\) [TtZX] /.test(readFileSync(join(tasks, task, 'stat'), 'utf8'));
    } catch {
      // The thread has ended.
      return true;
    }
  });
}
