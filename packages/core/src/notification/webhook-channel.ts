import { createHmac } from 'node:crypto';
import { postJson, readTarget } from './json-post.js';
import type { Notice } from './notice.js';
import type { Channel } from './notifying-handler.js';

/**
 * WEBHOOK: posts each failure as JSON to `webhook.url`. With `webhook.secret` the request is signed: the header
 * `elasticjob-signature` is `sha256=` and the hexadecimal HMAC-SHA256, by the secret, of the header
 * `elasticjob-timestamp` (epoch milliseconds), a dot, and the body. A receiver compares both and refuses old times.
 *
 * Props: `webhook.url` (required), `webhook.secret`, `webhook.connectTimeoutMilliseconds` (3000),
 * `webhook.readTimeoutMilliseconds` (5000).
 */
export const webhookChannel: Channel = {
  type: 'WEBHOOK',
  open(props, { clock }) {
    const target = readTarget(props, 'webhook', 'url');
    const secret = props.text('webhook.secret');
    return async (notice, signal) => {
      const body = webhookBody(notice);
      const headers = secret === '' ? {} : signature(body, secret, clock.now());
      await postJson(target, body, headers, signal, clock);
    };
  },
};

function webhookBody({ jobName, item, instanceId, at, omitted, error }: Notice): string {
  const { name, code = null, message, trace } = error;
  return JSON.stringify({
    event: 'job-failed',
    jobName,
    item: item ?? null,
    instanceId,
    at: new Date(at).toISOString(),
    omitted,
    error: { name, code, message, trace },
  });
}

function signature(body: string, secret: string, now: number): Readonly<Record<string, string>> {
  const digest = createHmac('sha256', secret).update(`${now}.${body}`).digest('hex');
  return { 'elasticjob-timestamp': String(now), 'elasticjob-signature': `sha256=${digest}` };
}
