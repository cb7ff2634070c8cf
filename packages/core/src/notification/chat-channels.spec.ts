import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { closeServers, type Respond, serve } from '../execution/http-harness.contract.js';
import { ManualClock } from '../foundation/clock.js';
import { NOTICE, never, openChannel } from './channel-harness.contract.js';
import { dingtalkChannel, wechatChannel } from './chat-channels.js';

afterEach(closeServers);

const TEXT = `Job 'invoice' failed: item 2, on 10.0.0.1@-@7, at 2027-01-02T03:04:05.000Z\n\n${NOTICE.error.trace}\n`;

const ok: Respond = (response) => response.end('{"errcode":0,"errmsg":"ok"}');

describe('DINGTALK', () => {
  it('posts a text with the keyword in front of it', async () => {
    const { uri, heard } = await serve(ok);
    const props = { 'dingtalk.webhook': `${uri}/robot/send?access_token=a`, 'dingtalk.keyword': 'alert: ' };
    await openChannel(dingtalkChannel, props)(NOTICE, never());
    expect(heard).toMatchObject([{ method: 'POST', path: '/robot/send?access_token=a' }]);
    expect(JSON.parse(heard[0]?.body ?? '')).toEqual({ msgtype: 'text', text: { content: `alert: ${TEXT}` } });
  });

  it('signs the address as the robot demands', async () => {
    const { uri, heard } = await serve(ok);
    const props = { 'dingtalk.webhook': `${uri}/send?access_token=a`, 'dingtalk.secret': 'SEC+/=' };
    await openChannel(dingtalkChannel, props, { clock: new ManualClock(1_800_000_000_000) })(NOTICE, never());
    const query = new URL(heard[0]?.path ?? '', uri).searchParams;
    expect([...query.keys()]).toEqual(['access_token', 'timestamp', 'sign']);
    expect(query.get('timestamp')).toBe('1800000000000');
    expect(query.get('sign')).toBe(createHmac('sha256', 'SEC+/=').update('1800000000000\nSEC+/=').digest('base64'));
  });

  it('takes a text of any length', async () => {
    const { uri, heard } = await serve(ok);
    const error = { ...NOTICE.error, trace: '"'.repeat(100_000) };
    await openChannel(dingtalkChannel, { 'dingtalk.webhook': uri })({ ...NOTICE, error }, never());
    expect(Buffer.byteLength(heard[0]?.body ?? '')).toBeLessThan(20_000);
  });
});

describe('WECHAT', () => {
  it('posts a text as long as the robot takes', async () => {
    const { uri, heard } = await serve(ok);
    const send = openChannel(wechatChannel, { 'wechat.webhook': uri });
    await send(NOTICE, never());
    await send({ ...NOTICE, error: { ...NOTICE.error, trace: '纸'.repeat(5_000) } }, never());
    const texts = heard.map(({ body }) => String(JSON.parse(body).text.content));
    expect(texts[0]).toBe(TEXT);
    expect(Buffer.byteLength(texts[1] ?? '')).toBeLessThanOrEqual(2_048);
    expect(texts[1]).toMatch(/^Job 'invoice' failed: .*纸…$/s);
  });
});

describe.each([
  ['DINGTALK', dingtalkChannel, 'dingtalk.webhook'],
  ['WECHAT', wechatChannel, 'wechat.webhook'],
])('%s', (_, channel, prop) => {
  it.each<[string, Respond, string]>([
    [
      'refuses the message',
      (response) => response.end('{"errcode":310000,"errmsg":"keywords not in content"}'),
      'refused the message: errcode 310000, keywords not in content',
    ],
    ['answers something else', (response) => response.end('<html>'), 'the answer is not JSON: <html>'],
    ['answers nothing', (response) => response.end(), 'the answer is not JSON'],
    ['fails', (response) => response.writeHead(502).end('bad gateway'), 'answered with status 502: bad gateway'],
  ])('fails when the robot %s', async (_case, respond, message) => {
    const { uri } = await serve(respond);
    await expect(openChannel(channel, { [prop]: uri })(NOTICE, never())).rejects.toThrow(message);
  });

  it('takes a code written as a text, as Java does', async () => {
    const { uri } = await serve((response) => response.end('{"errcode":"0"}'));
    await expect(openChannel(channel, { [prop]: uri })(NOTICE, never())).resolves.toBeUndefined();
  });

  it('needs its address', () => {
    expect(() => openChannel(channel, {})).toThrow(`jobs.invoice.props.${prop}: seen nothing, expected an address`);
  });
});
