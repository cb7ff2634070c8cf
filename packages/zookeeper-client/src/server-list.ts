import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { NamedServer } from './connect-string.js';
import { messageOf, ZooKeeperError } from './errors.js';

/** Where to connect: an address, and the name that a certificate has to show. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number;
  /** As in the connect string. */
  readonly host: string;
}

/** What fails when no name of a connect string has an address: the `request` of the error. */
export const RESOLVE = 'resolve';

/** How a server is called in messages. */
export function nameOf({ host, address, port }: ServerAddress): string {
  return host === address ? `${host}:${port}` : `${host}:${port} (${address})`;
}

/** What a {@link ServerList} is told. */
export interface ServerListOptions {
  /** Whether each round is in an order of its own, so that clients spread over the servers. */
  readonly shuffle: boolean;
  /** From 0 to 1. */
  readonly random: () => number;
  /** All addresses of a name; a test gives its own. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

/**
 * The servers in rounds: each address once, then, with the names resolved anew, all of them again. Going on in the round
 * after a lost connection means trying another server first.
 */
export class ServerList {
  readonly #round: ServerAddress[] = [];

  constructor(
    private readonly servers: readonly NamedServer[],
    private readonly options: ServerListOptions,
  ) {}

  /**
   * The next address to try; `begins` when it is the first of a round. Rejects with a `ZooKeeperError` of code
   * `CONNECTION_LOSS` when no name can be resolved.
   */
  async next(): Promise<{ readonly server: ServerAddress; readonly begins: boolean }> {
    const begins = this.#round.length === 0;
    if (begins) this.#round.push(...(await this.#resolveAll()));
    const server = this.#round.shift();
    if (server === undefined) throw new ZooKeeperError('CONNECTION_LOSS', 'there is no server to connect to');
    return { server, begins };
  }

  async #resolveAll(): Promise<ServerAddress[]> {
    const problems: string[] = [];
    const found = await Promise.all(
      this.servers.map(async ({ host, port }) => {
        try {
          const addresses = isIP(host) > 0 ? [host] : await (this.options.resolve ?? resolveName)(host);
          return addresses.map((address) => ({ address, port, host }));
        } catch (error) {
          problems.push(`${host}: ${messageOf(error)}`);
          return [];
        }
      }),
    );
    const all = found.flat();
    if (all.length > 0) return this.options.shuffle ? this.#shuffled(all) : all;
    const message = `no server of the connect string can be resolved: ${problems.join('; ')}`;
    throw new ZooKeeperError('CONNECTION_LOSS', message, { request: RESOLVE });
  }

  /** @see Fisher and Yates, as told by Knuth (The Art of Computer Programming, 3.4.2, algorithm P). */
  #shuffled(all: readonly ServerAddress[]): ServerAddress[] {
    const order = [...all];
    for (let last = order.length - 1; last > 0; last--) {
      const pick = Math.floor(this.options.random() * (last + 1));
      const [one, other] = [order[last], order[pick]];
      if (one !== undefined && other !== undefined) [order[last], order[pick]] = [other, one];
    }
    return order;
  }
}

async function resolveName(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
