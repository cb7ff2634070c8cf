import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { OperationError, RegistryError } from '../foundation/errors.js';
import { lifecycleContract } from '../foundation/lifecycle.contract.js';
import { type Logger, silentLogger, writeLogger } from '../foundation/logger.js';
import { DumpServer } from './dump-server.js';

const unknown = new OperationError('UNKNOWN_JOB', 'there is no such job');
const dumps: Record<string, () => Promise<string>> = {
  invoice: async () => '/invoice/config | cron: x\n',
  broken: async () => {
    throw new RegistryError('CONNECTION_LOSS', 'no answer of 10.0.0.1');
  },
};
const dump = { job: (name: string): Promise<string> => dumps[name]?.() ?? Promise.reject(unknown) };

let clock: ManualClock;
let server: DumpServer;
let lines: string[];
const sockets: Socket[] = [];

const make = (port = 0): DumpServer => {
  const logger: Logger = writeLogger((line) => lines.push(line), 'warn');
  return new DumpServer({ dump, clock, logger }, { host: '127.0.0.1', port });
};

beforeEach(async () => {
  clock = new ManualClock();
  lines = [];
  server = make();
  await server.start();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server.stop();
});

async function client(): Promise<Socket> {
  const socket = connect(server.address?.port ?? 0, '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

async function ask(line: string | Buffer): Promise<string> {
  const socket = await client();
  socket.write(line);
  return text(socket);
}

describe('a client of the dump service', () => {
  it('is given the dump of a job, and the connection is closed', async () => {
    expect(await ask('dump@invoice\n')).toBe('/invoice/config | cron: x\n');
    expect(await ask('dump@invoice\r\n')).toBe('/invoice/config | cron: x\n');
  });

  it('is given it also if it ends its side instead of the line', async () => {
    const socket = await client();
    socket.end('dump@invoice');
    expect(await text(socket)).toBe('/invoice/config | cron: x\n');
  });

  it('is given an empty line for an unknown job', async () => expect(await ask('dump@other\n')).toBe('\n'));

  it.each(['unknown_command\n', 'dump\n', 'dump@\n', 'dump@a@b\n', 'DUMP@invoice\n', '\n'])(
    'is given nothing for %j',
    async (line) => expect(await ask(line)).toBe(''),
  );

  it('is given nothing for a line that does not end', async () => expect(await ask('x'.repeat(5000))).toBe(''));

  it('is told that a dump failed, without what the registry said', async () => {
    expect(await ask('dump@broken\n')).toBe('the dump failed with CONNECTION_LOSS: see the log of this process\n');
    expect(lines.join()).toContain('no answer of 10.0.0.1');
  });

  it('that says nothing is in nobody’s way, and is sent away after a while', async () => {
    const silent = await client();
    const closed = once(silent, 'close');
    expect(await ask('dump@invoice\n')).toContain('cron');
    await clock.advance(5000);
    await closed;
  });

  it('may come in many pieces, also within a character', async () => {
    dumps.häufig = async () => 'found\n';
    const socket = await client();
    const answer = text(socket);
    for (const byte of Buffer.from('dump@häufig\n')) {
      socket.write(Buffer.from([byte]));
      await settle();
    }
    expect(await answer).toBe('found\n');
  });

  it('that goes away while its dump is made harms nobody', async () => {
    const release = deferred<string>();
    const begun = deferred();
    dumps.slow = () => {
      begun.resolve();
      return release.promise;
    };
    const socket = await client();
    socket.write('dump@slow\n');
    await begun.promise;
    socket.destroy();
    release.resolve('late\n');
    expect(await ask('dump@invoice\n')).toContain('cron');
    expect(lines).toEqual([]);
  });
});

describe('the dump service', () => {
  it('listens on the loopback address, and not any more once it is stopped', async () => {
    expect(server.address).toMatchObject({ host: '127.0.0.1' });
    const silent = await client();
    const closed = once(silent, 'close');
    await server.stop();
    await closed;
    expect(server.address).toBeNull();
  });

  it('logs that a port is taken, and stays down', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = holder.address();
    const other = make(typeof address === 'object' ? (address?.port ?? 0) : 0);
    await other.start();
    expect([other.address, lines.length]).toEqual([null, 1]);
    expect(lines[0]).toMatch(/does not listen.*EADDRINUSE/);
    await other.stop();
    holder.close();
  });
});

describe('as a lifecycle', () =>
  lifecycleContract(() => {
    const subject = new DumpServer({ dump, clock, logger: silentLogger }, { host: '127.0.0.1', port: 0 });
    return { subject, isRunning: () => subject.address !== null };
  }));
