import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { type Answer, type LocalServer, startServer } from './local-server.js';

/** Older requests are refused: somebody may have recorded and repeated them. */
const LONGEST_AGE_MS = 60_000;

/** What a webhook is sent, as far as it is looked at here. */
interface Alert {
  readonly jobName: string;
  readonly item: number | null;
  readonly error: { readonly code: string | null; readonly message: string };
}

/** Whoever wants to know of failures: a pager, a chat, a ticket system. It believes nothing that is not signed. */
export class AlertReceiver implements OnApplicationShutdown {
  readonly alerts: Alert[] = [];
  refused = 0;
  readonly #logger = new Logger('alerts');
  #server: LocalServer | null = null;

  constructor(private readonly key: string) {}

  async start(): Promise<this> {
    this.#server = await startServer((request, body) => this.#answer(request, body));
    return this;
  }

  get address(): string {
    if (this.#server === null) throw new Error('nobody receives alerts');
    return this.#server.address;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#server?.close();
  }

  #answer({ headers }: IncomingMessage, body: string): Answer {
    if (!this.#isSigned(String(headers['elasticjob-timestamp']), String(headers['elasticjob-signature']), body)) {
      this.refused += 1;
      return { status: 401, text: 'not signed by whom I know' };
    }
    const alert = JSON.parse(body) as Alert;
    this.alerts.push(alert);
    this.#logger.warn(`${alert.jobName}, item ${alert.item}: ${alert.error.code}: ${alert.error.message}`);
    return { status: 204, text: '' };
  }

  #isSigned(timestamp: string, signature: string, body: string): boolean {
    const expected = `sha256=${createHmac('sha256', this.key).update(`${timestamp}.${body}`).digest('hex')}`;
    const [one, other] = [Buffer.from(signature), Buffer.from(expected)];
    const isFresh = Math.abs(Date.now() - Number(timestamp)) <= LONGEST_AGE_MS;
    return isFresh && one.length === other.length && timingSafeEqual(one, other);
  }
}
