import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { clusters } from './clusters.js';
import { JOB, YEARLY } from './mixed-cluster.js';

const open = clusters();

/** The nodes of a dump, without what is in them. */
const paths = (dump: string): string[] => dump.split('\n').flatMap((line) => /^(\/\S+) \|/.exec(line)?.[1] ?? []);

/** A port that nobody listens on: Java has to be told one. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('a dump of a job', () => {
  it('that a Java client asks of a TypeScript member tells the nodes that a Java member tells', async () => {
    const cluster = await open({ cron: YEARLY });
    const ts = await cluster.tsMember({}, undefined, { dumpPort: 0 });
    const java = await cluster.java();
    await cluster.shared(ts);
    const port = ts.engine.dumpAddress?.port ?? 0;
    const ours = await java.lifecycle.dump(JOB, '127.0.0.1', port);
    expect(paths(ours)).toContain(`/${JOB}/leader/election/instance`);
    expect(ours).toContain('| ENABLED\n');
    expect(ours).not.toContain(ts.ip);
    const free = await freePort();
    await java.serveDumps(free);
    const theirs = await java.lifecycle.dump(JOB, '127.0.0.1', free);
    expect(paths(ours)).toEqual(paths(theirs));
  });

  it('that nobody knows the command of is empty, in both languages', async () => {
    const cluster = await open({ cron: YEARLY });
    const ts = await cluster.tsMember({}, undefined, { dumpPort: 0 });
    const java = await cluster.java();
    const free = await freePort();
    await java.serveDumps(free);
    for (const port of [ts.engine.dumpAddress?.port ?? 0, free]) {
      const socket = connect(port, '127.0.0.1');
      socket.write('unknown_command\n');
      expect(await text(socket)).toBe('');
    }
  });
});
