import { createHmac } from 'node:crypto';
import type { Clock } from '../foundation/clock.js';
import { type PostTarget, postJson, readTarget } from './json-post.js';
import { cutToBytes, noticeText } from './notice.js';
import type { Channel } from './notifying-handler.js';

/** DingTalk refuses requests of more than 20,000 bytes; in JSON a text is longer than itself. */
const DINGTALK_MAX_BYTES = 9_000;
/** WeCom refuses texts of more bytes. */
const WECHAT_MAX_BYTES = 2_048;

/**
 * DINGTALK: posts each failure as a text to a robot of a DingTalk group.
 *
 * Props, as in ElasticJob: `dingtalk.webhook` (required), `dingtalk.keyword` (put in front of the text, for robots that
 * demand one), `dingtalk.secret` (for robots that demand a signature), `dingtalk.connectTimeoutMilliseconds` (3000),
 * `dingtalk.readTimeoutMilliseconds` (5000).
 */
export const dingtalkChannel: Channel = {
  type: 'DINGTALK',
  open(props, { clock }) {
    const target = readTarget(props, 'dingtalk', 'webhook');
    const keyword = props.text('dingtalk.keyword');
    const secret = props.text('dingtalk.secret');
    return async (notice, signal) => {
      const url = secret === '' ? target.url : signedUrl(target.url, secret, clock.now());
      const text = cutToBytes(keyword + noticeText(notice), DINGTALK_MAX_BYTES);
      await postText({ ...target, url }, text, signal, clock);
    };
  },
};

/**
 * WECHAT: posts each failure as a text to a robot of a WeCom group, in 2048 bytes, since WeCom takes no more.
 *
 * Props, as in ElasticJob: `wechat.webhook` (required), `wechat.connectTimeoutMilliseconds` (3000),
 * `wechat.readTimeoutMilliseconds` (5000).
 */
export const wechatChannel: Channel = {
  type: 'WECHAT',
  open(props, { clock }) {
    const target = readTarget(props, 'wechat', 'webhook');
    return (notice, signal) => postText(target, cutToBytes(noticeText(notice), WECHAT_MAX_BYTES), signal, clock);
  },
};

/** Both robots take the same message, and say with status 200 what they think of it. */
async function postText(target: PostTarget, content: string, signal: AbortSignal, clock: Clock): Promise<void> {
  const body = JSON.stringify({ msgtype: 'text', text: { content } });
  const answer = await postJson(target, body, {}, signal, clock);
  const { errcode, errmsg } = readVerdict(answer.body);
  if (String(errcode) === '0') return;
  throw new Error(`${target.url.host} refused the message: errcode ${String(errcode)}, ${String(errmsg)}`);
}

function readVerdict(body: string): { errcode?: unknown; errmsg?: unknown } {
  try {
    return Object(JSON.parse(body));
  } catch {
    return { errmsg: `the answer is not JSON: ${body}` };
  }
}

function signedUrl(url: URL, secret: string, now: number): URL {
  const sign = createHmac('sha256', secret).update(`${now}\n${secret}`).digest('base64');
  const separator = url.search === '' ? '?' : '&';
  return new URL(`${url.href}${separator}timestamp=${now}&sign=${encodeURIComponent(sign)}`);
}
