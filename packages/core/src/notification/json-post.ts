import { exchange, type HttpAnswer } from '../execution/http-exchange.js';
import type { PropReader } from '../execution/prop-reader.js';
import type { Clock } from '../foundation/clock.js';

/** Where a channel posts to, and how patiently. */
export interface PostTarget {
  readonly url: URL;
  readonly connectTimeoutMs: number;
  readonly readTimeoutMs: number;
}

/** Reads the address and the timeouts of a channel, whose props all begin with the same word. */
export function readTarget(props: PropReader, prefix: string, address: string): PostTarget {
  return {
    url: props.url(`${prefix}.${address}`),
    connectTimeoutMs: props.milliseconds(`${prefix}.connectTimeoutMilliseconds`, 3_000),
    readTimeoutMs: props.milliseconds(`${prefix}.readTimeoutMilliseconds`, 5_000),
  };
}

/**
 * Posts JSON. Rejects unless the status is from 200 to 299; no redirect is followed. Messages name the host only, since
 * the rest of the address may be a secret; what the other side said they repeat, secrets included.
 */
export async function postJson(
  target: PostTarget,
  body: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
  clock: Clock,
): Promise<HttpAnswer> {
  const { host } = target.url;
  const sent = { 'Content-Type': 'application/json; charset=utf-8', ...headers };
  const answer = await exchange({ ...target, method: 'POST', headers: sent, body, signal }, clock);
  if (answer.status >= 200 && answer.status <= 299) return answer;
  const redirect = answer.location === undefined ? '' : ', a redirect, which is not followed';
  throw new Error(`${host} answered with status ${answer.status}${redirect}: ${answer.body}`);
}
