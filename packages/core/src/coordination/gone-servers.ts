import { RareMap } from '../foundation/rare-map.js';
import { serverIpOf } from '../job/identity.js';
import type { Registry } from '../registry/registry.js';
import { jobPath, layout } from './job-layout.js';
import type { JobView } from './job-view.js';

/** How long a server is known after the last of its instances was seen, milliseconds. */
export const FORGOTTEN_AFTER_MS = 3_600_000;

/**
 * Servers whose instances are gone: in containers every start has an address of its own, and `servers` would grow for ever.
 * The leader forgets them after an hour in which it saw none of their instances. A server that is not enabled stays:
 * somebody wants that to be remembered.
 */
export class GoneServers {
  /** When each was first seen without an instance, by the monotonic clock. */
  readonly #since = new RareMap<string, number>();

  /** The addresses that are to be forgotten by now. */
  look({ servers, members }: Pick<JobView, 'servers' | 'members'>, now: number): string[] {
    const present = new Set([...members.values()].map(({ serverIp }) => serverIp));
    for (const ip of this.#since.keys()) if (present.has(ip) || !servers.has(ip)) this.#since.delete(ip);
    const gone = [...servers.keys()].filter((ip) => servers.get(ip) === 'ENABLED' && !present.has(ip));
    for (const ip of gone) if (!this.#since.has(ip)) this.#since.set(ip, now);
    return gone.filter((ip) => now - (this.#since.get(ip) ?? now) >= FORGOTTEN_AFTER_MS);
  }

  /** Somebody else looks from now on. */
  reset(): void {
    this.#since.clear();
  }
}

/**
 * Forgets a server, if it still has no instance and is still enabled. One that starts in this moment announces itself again
 * when it sees that it is not known.
 */
export async function forgetServer(registry: Registry, jobName: string, ip: string): Promise<boolean> {
  const path = jobPath(jobName, layout.server(ip));
  const [server, instances] = await Promise.all([
    registry.read(path),
    registry.children(jobPath(jobName, layout.instances)),
  ]);
  if (server?.value !== 'ENABLED' || instances?.names.some((id) => serverIpOf(id) === ip)) return false;
  return (await registry.commit([[{ kind: 'remove', path, version: server.stat.version }]])).committed;
}
