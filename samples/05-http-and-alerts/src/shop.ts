import type { IncomingMessage } from 'node:http';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { type Answer, type LocalServer, startServer } from './local-server.js';

/** An item each. */
export const REGIONS = ['Asia', 'Europe', 'America'] as const;

/** Whose books cannot be closed, so that there is something to be alerted of. */
const BROKEN = 'America';

/** The context that comes with each request, as far as the shop looks at it. */
interface Context {
  readonly shardingItem: number;
  readonly shardingParameter: string;
}

/** The application that jobs are about: any program that speaks HTTP, here one of this process. */
export class Shop implements OnApplicationShutdown {
  /** How often each region was asked to close its day. */
  readonly closings = new Map<string, number>();
  /** Requests without the right token. */
  strangers = 0;
  readonly #logger = new Logger('shop');
  #server: LocalServer | null = null;

  constructor(private readonly token: string) {}

  async start(): Promise<this> {
    this.#server = await startServer((request, body) => this.#answer(request, body));
    return this;
  }

  get address(): string {
    if (this.#server === null) throw new Error('the shop is not open');
    return this.#server.address;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#server?.close();
  }

  #answer({ url = '', headers }: IncomingMessage, body: string): Answer {
    const token = new URL(url, this.address).searchParams.get('token');
    if (token !== this.token) {
      this.strangers += 1;
      return { status: 401, text: 'who are you?' };
    }
    const { shardingItem, shardingParameter: region } = JSON.parse(String(headers.shardingcontext)) as Context;
    this.closings.set(region, (this.closings.get(region) ?? 0) + 1);
    this.#logger.log(`item ${shardingItem}: ${region}, ${body}, fencing token ${headers['elasticjob-fencing-token']}`);
    if (region === BROKEN) return { status: 503, text: 'the books of America are locked' };
    return { status: 200, text: 'closed' };
  }
}
