import { describe, expect, it } from 'vitest';
import { literalSecrets } from './literal-secrets.js';

describe('props that hold a secret as it is', () => {
  it.each([
    [{ 'email.password': 'hunter2' }, 'email.password'],
    [{ 'webhook.secret': 'k3y' }, 'webhook.secret'],
    [{ 'dingtalk.webhook': 'https://oapi.dingtalk.com/robot/send?access_token=abc' }, 'dingtalk.webhook'],
    [{ 'wechat.webhook': 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc' }, 'wechat.webhook'],
    [{ 'webhook.url': 'https://hooks.example.com/x?token=abc' }, 'webhook.url'],
    [{ 'http.uri': 'https://user:pass@example.com/' }, 'http.uri'],
    [{ 'http.headers': 'Authorization: Bearer abcdef' }, 'http.headers'],
  ])('are found: %o', (props, name) => expect(literalSecrets(props)).toEqual([name]));

  it.each([
    [{ 'email.password': '{secret:MAIL}' }],
    [{ 'webhook.url': 'https://hooks.example.com/x?token={secret:HOOK}' }],
    [{ 'webhook.url': 'https://hooks.example.com/x', 'webhook.readTimeoutMilliseconds': '5000' }],
    [{ 'email.password': '' }],
    [{ 'email.host': 'smtp.example.com', 'email.username': 'jobs' }],
    // What an application's own handler reads cannot be a reference.
    [{ 'database.password': 'x' }],
  ])('are not %o', (props) => expect(literalSecrets(props)).toEqual([]));
});
