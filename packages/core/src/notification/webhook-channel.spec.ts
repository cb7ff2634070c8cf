import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { closeServers, serve } from '../execution/http-harness.contract.js';
import { StoppedError } from '../foundation/abort.js';
import { ManualClock } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { ExecutionError } from '../foundation/errors.js';
import { NOTICE, never, openChannel } from './channel-harness.contract.js';
import { errorOf } from './notice.js';
import { webhookChannel } from './webhook-channel.js';

afterEach(closeServers);

describe('WEBHOOK', () => {
  it('posts what failed, where, when and why, as JSON', async () => {
    const { uri, heard } = await serve((response) => response.end());
    await openChannel(webhookChannel, { 'webhook.url': `${uri}/hook` })(NOTICE, never());
    expect(heard).toMatchObject([
      { method: 'POST', path: '/hook', headers: { 'content-type': 'application/json; charset=utf-8' } },
    ]);
    expect(JSON.parse(heard[0]?.body ?? '')).toEqual({
      event: 'job-failed',
      jobName: 'invoice',
      item: 2,
      instanceId: '10.0.0.1@-@7',
      at: '2027-01-02T03:04:05.000Z',
      omitted: 0,
      error: { name: 'Error', code: null, message: 'no paper', trace: NOTICE.error.trace },
    });
    expect(heard[0]?.headers).not.toHaveProperty('elasticjob-signature');
  });

  it('tells the code of an error of ours, and that it was no item that failed', async () => {
    const { uri, heard } = await serve((response) => response.writeHead(204).end());
    const error = errorOf(new ExecutionError('SCRIPT_FAILED', 'exited with code 1'));
    await openChannel(webhookChannel, { 'webhook.url': uri })({ ...NOTICE, item: undefined, error }, never());
    const body = JSON.parse(heard[0]?.body ?? '');
    expect(body).toMatchObject({ item: null, error: { name: 'ExecutionError', code: 'SCRIPT_FAILED' } });
  });

  it('signs time and body with a secret that only both sides know', async () => {
    const { uri, heard } = await serve((response) => response.end());
    const props = { 'webhook.url': uri, 'webhook.secret': '{secret:HOOK}' };
    const clock = new ManualClock(1_800_000_000_000);
    await openChannel(webhookChannel, props, { clock, secrets: { HOOK: 'k3y' } })(NOTICE, never());
    const [request] = heard;
    const expected = createHmac('sha256', 'k3y').update(`1800000000000.${request?.body}`).digest('hex');
    expect(request?.headers).toMatchObject({
      'elasticjob-timestamp': '1800000000000',
      'elasticjob-signature': `sha256=${expected}`,
    });
  });

  it.each([
    [500, {}, 'answered with status 500: out of order'],
    [302, { Location: '/elsewhere?key=t0k3n' }, 'answered with status 302, a redirect, which is not followed: out of'],
  ])('fails with status %i, naming the host only', async (status, headers, message) => {
    const { uri, heard } = await serve((response) => response.writeHead(status, headers).end('out of order'));
    const sent = openChannel(webhookChannel, { 'webhook.url': `${uri}/hook/t0k3n?key=t0k3n` })(NOTICE, never());
    const error: unknown = await sent.catch((reason: unknown) => reason);
    expect(String(error)).toContain(`${new URL(uri).host} ${message}`);
    expect(String(error)).not.toContain('t0k3n');
    expect(heard).toHaveLength(1);
  });

  it('gives a receiver that says nothing up after the read timeout', async () => {
    const asked = deferred();
    const { uri } = await serve(() => asked.resolve());
    const clock = new ManualClock();
    const sent = openChannel(webhookChannel, { 'webhook.url': uri }, { clock })(NOTICE, never());
    sent.catch(() => undefined);
    await asked.promise;
    await clock.advance(5_000);
    await expect(sent).rejects.toThrow('no answer for 5000 ms (read timeout)');
  });

  it('ends when it is told to', async () => {
    const asked = deferred();
    const { uri } = await serve(() => asked.resolve());
    const abort = new AbortController();
    const sent = openChannel(webhookChannel, { 'webhook.url': uri })(NOTICE, abort.signal);
    await asked.promise;
    abort.abort(new StoppedError('enough'));
    await expect(sent).rejects.toThrow('enough');
  });

  it('fails when nobody is there', async () => {
    const { uri } = await serve(() => undefined);
    await closeServers();
    await expect(openChannel(webhookChannel, { 'webhook.url': uri })(NOTICE, never())).rejects.toThrow('ECONNREFUSED');
  });

  it.each([
    [{}, 'jobs.invoice.props.webhook.url: seen nothing, expected an address'],
    [
      { 'webhook.url': 'example.com/hook' },
      "jobs.invoice.props.webhook.url: seen '(not shown)', expected a whole address",
    ],
    [
      { 'webhook.url': 'http://x', 'webhook.readTimeoutMilliseconds': '5s' },
      "jobs.invoice.props.webhook.readTimeoutMilliseconds: seen '5s', expected milliseconds",
    ],
    [{ 'webhook.url': 'http://x', 'webhook.secret': '{secret:NONE}' }, 'jobs.invoice.props.webhook.secret: seen'],
  ])('refuses %o when the job is defined', (props, message) => {
    expect(() => openChannel(webhookChannel, props)).toThrow(message);
  });
});
