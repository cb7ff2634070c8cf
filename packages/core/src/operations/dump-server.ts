import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Clock, Timer } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { ElasticJobError, messageOf } from '../foundation/errors.js';
import { type Lifecycle, TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import type { RegistryDump } from './registry-dump.js';

/** Where dumps can be asked for. */
export interface DumpAddress {
  readonly host: string;
  readonly port: number;
}

/** What a dump server needs. */
export interface DumpServices {
  readonly dump: Pick<RegistryDump, 'job'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The longest line that is read, bytes: a command and the name of a job. */
const LONGEST_LINE = 1024;

/** How long a client may take for its line, milliseconds. */
const LINE_MS = 5_000;

/** How long the answer may take, and the client to read it, milliseconds. */
const ANSWER_MS = 30_000;

/** More clients at a time are turned away. */
const MOST_CLIENTS = 16;

/**
 * Dumps of jobs over TCP, as ElasticJob's tools ask for them: the client sends the line `dump@{job}`, the server writes
 * the dump and closes. An unknown job gives an empty line, any other command nothing. There is no authentication, which
 * is why it listens on the loopback address unless told otherwise, and why secrets and addresses are hidden.
 *
 * A port that cannot be had is logged and leaves the jobs alone. Each connection has its own time, so that one that says
 * nothing is in nobody's way.
 *
 * @see ElasticJob's SnapshotService
 */
export class DumpServer implements Lifecycle {
  #started: Promise<void> | null = null;
  #stopped: Promise<void> | null = null;
  #server: Server | null = null;
  readonly #sockets = new Set<Socket>();
  readonly #tasks: TaskGroup;

  constructor(
    private readonly services: DumpServices,
    private readonly wanted: DumpAddress,
  ) {
    this.#tasks = new TaskGroup(services.logger);
  }

  /** Where it listens; `null` while it does not. */
  get address(): DumpAddress | null {
    const address = this.#server?.listening ? (this.#server.address() as AddressInfo) : null;
    return address === null ? null : { host: address.address, port: address.port };
  }

  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #start(): Promise<void> {
    if (this.#stopped !== null) return;
    // A client that has said its line and closed its side is still to be answered.
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket));
    server.maxConnections = MOST_CLIENTS;
    this.#server = server;
    const settled = deferred();
    server.on('error', (error) => {
      this.services.logger.warn('the dump service does not listen', { ...this.wanted, error: messageOf(error) });
      settled.resolve();
    });
    server.listen(this.wanted.port, this.wanted.host, () => settled.resolve());
    await settled.promise;
  }

  async #stop(): Promise<void> {
    await this.#started;
    const server = this.#server;
    if (server?.listening) {
      const closed = deferred();
      server.close(() => closed.resolve());
      for (const socket of this.#sockets) socket.destroy();
      await closed.promise;
    }
    await this.#tasks.drained();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    let timer = this.#limit(socket, LINE_MS);
    socket.on('error', (error) =>
      this.services.logger.debug('a client of the dump service failed', { error: messageOf(error) }),
    );
    socket.on('close', () => {
      timer.cancel();
      this.#sockets.delete(socket);
    });
    onLine(socket, (line) => {
      timer.cancel();
      timer = this.#limit(socket, ANSWER_MS);
      this.#tasks.run('dump', () => this.#answer(socket, line));
    });
  }

  #limit(socket: Socket, ms: number): Timer {
    return this.services.clock.setTimer(ms, () => socket.destroy());
  }

  async #answer(socket: Socket, line: string | null): Promise<void> {
    const [, jobName] = /^dump@([^@]+)$/.exec(line ?? '') ?? [];
    const text = jobName === undefined ? '' : await this.#dump(jobName);
    if (!socket.destroyed) socket.end(text);
  }

  async #dump(jobName: string): Promise<string> {
    try {
      return await this.services.dump.job(jobName);
    } catch (error) {
      if (ElasticJobError.is(error, 'UNKNOWN_JOB') || ElasticJobError.is(error, 'INVALID_PATH')) return '\n';
      this.services.logger.warn('a dump failed', { job: jobName, error: messageOf(error) });
      return `the dump failed${ElasticJobError.is(error) ? ` with ${error.code}` : ''}: see the log of this process\n`;
    }
  }
}

/** Calls `listener` once: with the first line, ended by the end of what is sent if need be; with `null` if it is too long. */
function onLine(socket: Socket, listener: (line: string | null) => void): void {
  let text = '';
  const done = (line: string | null): void => {
    socket.off('data', onData);
    socket.off('end', onEnd);
    // What comes after the line is not looked at, and must not stand in the way of the end.
    socket.resume();
    listener(line);
  };
  const onData = (chunk: Buffer): void => {
    text += chunk.toString('latin1');
    const end = text.indexOf('\n');
    if (end < 0 && text.length <= LONGEST_LINE) return;
    done(end < 0 || end > LONGEST_LINE ? null : decode(text.slice(0, end)));
  };
  const onEnd = (): void => done(decode(text));
  socket.on('data', onData);
  socket.on('end', onEnd);
}

/** Bytes were kept one by one, because a character may come in two pieces. */
function decode(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8').replace(/\r$/, '');
}
