import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fourLetter, startZooKeeper, type ZooKeeper } from '@elasticjob/test-support';
import { afterEach, describe, expect, it } from 'vitest';

let zookeeper: ZooKeeper | undefined;
afterEach(() => zookeeper?.stop());

async function start(servers: 1 | 3): Promise<ZooKeeper> {
  zookeeper = await startZooKeeper({ servers, own: true });
  return zookeeper;
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('startZooKeeper', () => {
  it('starts a single server that answers four-letter words and counts', async () => {
    const { servers, connectString } = await start(1);
    expect(servers.map((server) => `127.0.0.1:${server.port}`)).toEqual([connectString]);
    expect(await servers[0]?.fourLetter('srvr')).toContain('Mode: standalone');
    expect(await servers[0]?.fourLetter('ruok')).toBe('imok');
    const before = await servers[0]?.counters();
    const after = await servers[0]?.counters();
    expect(after?.packetsReceived).toBeGreaterThan(before?.packetsReceived ?? 0);
    expect(after).toMatchObject({ watches: 0, ephemerals: 0 });
  });

  it('starts an ensemble of three with one leader', async () => {
    const { servers } = await start(3);
    const modes = await Promise.all(servers.map((server) => server.fourLetter('srvr')));
    expect(modes.filter((text) => text.includes('Mode: leader'))).toHaveLength(1);
    expect(modes.filter((text) => text.includes('Mode: follower'))).toHaveLength(2);
  });

  it('leaves no process and no folder when it is stopped, not even of a suspended server', async () => {
    const { servers, folder, stop } = await start(3);
    const pids = servers.map((server) => server.pid);
    servers[1]?.suspend();
    await stop();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(folder ?? '')).toBe(false);
  });

  it('ends the server and removes its folder when the process that started it is killed', async () => {
    const script = fileURLToPath(new URL('server-holder.mjs', import.meta.url));
    const holder = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await once(holder.stdout, 'data')) as [Buffer];
    const { port, folder } = JSON.parse(line.toString()) as { port: number; folder: string };
    expect(await fourLetter(port, 'ruok')).toBe('imok');
    holder.kill('SIGKILL');
    await expect.poll(() => existsSync(folder), { timeout: 10_000 }).toBe(false);
    // Whoever connects while it ends is cut off.
    const answer = (): Promise<string> => fourLetter(port, 'ruok').catch((error: Error) => error.message);
    await expect.poll(answer, { timeout: 10_000 }).toContain('ECONNREFUSED');
  });

  it('starts a killed server again on the same port', async () => {
    const { servers } = await start(1);
    const [server] = servers;
    const { port, pid } = server ?? {};
    await server?.kill();
    expect(isAlive(pid)).toBe(false);
    await server?.start();
    expect(server?.pid).not.toBe(pid);
    expect(await fourLetter(port ?? 0, 'ruok')).toBe('imok');
  });
});
