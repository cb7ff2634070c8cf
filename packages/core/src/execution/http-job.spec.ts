import type { ServerResponse } from 'node:http';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { StoppedError } from '../foundation/abort.js';
import { type Clock, ManualClock, systemClock, type Timer } from '../foundation/clock.js';
import { type Deferred, deferred } from '../foundation/deferred.js';
import { ElasticJobError } from '../foundation/errors.js';
import { silentLogger, writeLogger } from '../foundation/logger.js';
import { contextAsJson, type ShardingContext } from '../job/context.js';
import { defineJob } from '../job/define-job.js';
import { closeServers, listen, serve } from './http-harness.contract.js';
import { HTTP_PROPS, httpJob } from './http-job.js';
import { SCRIPT_COMMAND_LINE, scriptJob } from './script-job.js';
import type { Secrets } from './secrets.js';

afterEach(closeServers);

/** Tells when timers are set. */
class WatchedClock extends ManualClock {
  #timers = 0;
  #awaited: { readonly count: number; readonly set: Deferred<void> } | null = null;

  /** Resolves when `more` timers were set after this call. */
  nextTimer(more = 1): Promise<void> {
    const set = deferred();
    this.#awaited = { count: this.#timers + more, set };
    return set.promise;
  }

  override setTimer(ms: number, callback: () => void): Timer {
    this.#timers++;
    if (this.#awaited?.count === this.#timers) this.#awaited.set.resolve();
    return super.setTimer(ms, callback);
  }
}

function contextOf(changes: Partial<ShardingContext> = {}): ShardingContext {
  return {
    jobName: 'report',
    taskId: 'report@-@1@-@READY@-@i',
    shardingTotalCount: 2,
    jobParameter: "a='b'",
    shardingItem: 1,
    shardingParameter: '上海\u007f',
    scheduledAt: 1_700_000_000_000,
    trigger: undefined,
    window: undefined,
    signal: new AbortController().signal,
    fencingToken: 42n,
    ...changes,
  };
}

interface Given {
  readonly props?: Readonly<Record<string, string>>;
  readonly context?: Partial<ShardingContext>;
  readonly clock?: Clock;
  readonly secrets?: Secrets;
}

async function run(method: string, uri: string, given: Given = {}): Promise<void> {
  const { props, clock = systemClock, secrets, context } = given;
  const named = { [HTTP_PROPS.uri]: uri, [HTTP_PROPS.method]: method, ...props };
  const definition = defineJob({ name: 'report', shardingTotalCount: 2, props: named });
  const execute = httpJob(clock, secrets).prepare(definition, undefined);
  await execute(contextOf(context), { logger: silentLogger, mayContinue: () => true });
}

const failure = async (run: Promise<void>): Promise<ElasticJobError> => {
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (ElasticJobError.is(error)) return error;
  throw new Error(`expected a failure, seen ${error}`);
};

describe('an HTTP job', () => {
  it('sends the context as JSON in a header that any server can read', async () => {
    const { uri, heard } = await serve((response) => response.end());
    await run('GET', `${uri}/clean?all=1`);
    expect(heard).toMatchObject([{ method: 'GET', path: '/clean?all=1', body: '' }]);
    const header = String(heard[0]?.headers.shardingcontext);
    expect(header).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(header)).toEqual(JSON.parse(contextAsJson(contextOf())));
    expect(Object.keys(JSON.parse(header))).toEqual([
      'jobName',
      'taskId',
      'shardingTotalCount',
      'jobParameter',
      'shardingItem',
      'shardingParameter',
    ]);
    expect(heard[0]?.headers).toMatchObject({
      'elasticjob-fencing-token': '42',
      'elasticjob-scheduled-at': '1700000000000',
    });
  });

  it('has no fencing token where the run has none', async () => {
    const { uri, heard } = await serve((response) => response.end());
    await run('GET', uri, { context: { fencingToken: undefined } });
    expect(heard[0]?.headers).not.toHaveProperty('elasticjob-fencing-token');
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('%s sends the data, its length and its type', async (method) => {
    const { uri, heard } = await serve((response) => response.end());
    const data = '{"name":"发票"}';
    await run(method, uri, { props: { [HTTP_PROPS.data]: data, [HTTP_PROPS.contentType]: 'application/json' } });
    const headers = { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(data)) };
    expect(heard).toMatchObject([{ method, body: data, headers }]);
  });

  it('sends data without a type as a form, as Java does', async () => {
    const { uri, heard } = await serve((response) => response.end());
    await run('post', uri, { props: { [HTTP_PROPS.data]: 'a=1' } });
    expect(heard[0]).toMatchObject({
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
  });

  it.each([200, 201, 204, 299])('succeeds with status %i', async (status) => {
    const { uri } = await serve((response) => response.writeHead(status).end());
    await expect(run('GET', uri)).resolves.toBeUndefined();
  });

  it.each([304, 400, 404, 500, 503])('fails with status %i, also without a body', async (status) => {
    const { uri } = await serve((response) => response.writeHead(status).end());
    const error = await failure(run('GET', uri));
    expect(error).toMatchObject({ code: 'HTTP_FAILED', jobName: 'report', item: 1 });
    expect(error.message).toBe(
      `the request of job 'report', item 1, failed: GET ${uri}: status ${status}, expected 200 to 299; the answer has no body`,
    );
  });

  it('says what a server that failed has to say, but not all of it', async () => {
    const { uri } = await serve((response) => response.writeHead(500).end(`no paper\n${'x'.repeat(100_000)}`));
    const { message } = await failure(run('GET', uri));
    expect(message).toContain('the answer: no paper\nxxx');
    expect(message.length).toBeLessThan(800);
  });

  it('fails when the answer is larger than it may be, and reads no more of it', async () => {
    const { uri } = await serve((response) => {
      const more = (): void => {
        while (response.write(Buffer.alloc(65_536))) if (response.destroyed) return;
        response.once('drain', more);
      };
      more();
    });
    expect((await failure(run('GET', uri))).message).toContain('the answer has more than 16777216 bytes');
  });

  it('fails when the answer breaks off', async () => {
    const { uri } = await serve((response) => {
      response.writeHead(200, { 'Content-Length': '10' });
      response.write('half', () => response.destroy());
    });
    expect((await failure(run('GET', uri))).message).toContain('the connection was closed before the answer had ended');
  });

  it('fails when the server would rather speak another protocol', async () => {
    const { uri } = await serve((response) => {
      response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n');
    });
    const error = await failure(run('GET', uri, { props: { [HTTP_PROPS.readTimeout]: '0' } }));
    expect(error.message).toContain('status 101, expected 200 to 299; the answer has no body');
  });

  it('fails when there is no answer', async () => {
    const { uri } = await serve((response) => response.destroy());
    expect((await failure(run('GET', uri))).message).toContain('the connection was closed without an answer');
  });

  it('fails when nobody is there', async () => {
    const { uri } = await serve((response) => response.end());
    await closeServers();
    expect((await failure(run('GET', uri))).message).toContain('ECONNREFUSED');
  });
});

describe('an HTTP job waits no longer than it is told', () => {
  it('for the connection', async () => {
    // Accepts, and never answers the greeting of TLS.
    const connected = deferred();
    const port = await listen(
      createServer((socket) => socket.on('error', () => undefined).once('data', () => connected.resolve())),
    );
    const clock = new ManualClock();
    const error = failure(run('GET', `https://127.0.0.1:${port}/`, { clock }));
    await connected.promise;
    await clock.advance(3_000);
    expect((await error).message).toContain('not connected within 3000 ms (connect timeout)');
    expect(clock.pendingTimers).toBe(0);
  });

  it('for the beginning of an answer', async () => {
    const asked = deferred();
    const { uri } = await serve(() => asked.resolve());
    const clock = new ManualClock();
    const error = failure(run('GET', uri, { clock, props: { [HTTP_PROPS.readTimeout]: '700' } }));
    await asked.promise;
    await clock.advance(700);
    expect((await error).message).toContain('no answer for 700 ms (read timeout)');
  });

  it('for each further piece of it, however long all of them take', async () => {
    const pieces: ServerResponse[] = [];
    const asked = deferred();
    const { uri } = await serve((response) => {
      pieces.push(response);
      response.write('1', () => asked.resolve());
    });
    const clock = new WatchedClock();
    const begun = clock.nextTimer(3);
    const error = failure(run('GET', uri, { clock, props: { [HTTP_PROPS.readTimeout]: '60000' } }));
    await asked.promise;
    await begun;
    for (let piece = 0; piece < 3; piece++) {
      await clock.advance(50_000);
      const heard = clock.nextTimer();
      pieces[0]?.write('more');
      await heard;
    }
    await clock.advance(60_000);
    expect((await error).message).toContain('no answer for 60000 ms (read timeout)');
  });

  it('and with 0 as long as it takes', async () => {
    const asked = deferred<ServerResponse>();
    const { uri } = await serve((response) => asked.resolve(response));
    const clock = new ManualClock();
    const none = { [HTTP_PROPS.readTimeout]: '0', [HTTP_PROPS.connectTimeout]: '0' };
    const done = run('GET', uri, { clock, props: none });
    const response = await asked.promise;
    expect(clock.pendingTimers).toBe(0);
    response.end();
    await done;
  });

  it('and ends when the run is stopped, with the reason, closing its connection', async () => {
    const closed = deferred();
    const asked = deferred();
    const { uri } = await serve((response) => {
      response.on('close', () => closed.resolve());
      asked.resolve();
    });
    const abort = new AbortController();
    const done = run('GET', uri, { context: { signal: abort.signal } });
    await asked.promise;
    const reason = new StoppedError();
    abort.abort(reason);
    await expect(done).rejects.toBe(reason);
    await closed.promise;
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('of GET with status %i is followed, with the context', async (status) => {
    const { uri, heard } = await serve((response, { path }) => {
      if (path === '/old') response.writeHead(status, { Location: '/new?x=1' });
      response.end();
    });
    await run('GET', `${uri}/old`);
    expect(heard.map(({ path }) => path)).toEqual(['/old', '/new?x=1']);
    expect(heard[1]?.headers.shardingcontext).toBe(heard[0]?.headers.shardingcontext);
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('of %s is a failure that names the target', async (method) => {
    const { uri, heard } = await serve((response) => response.writeHead(307, { Location: '/new?token=t0k3n' }).end());
    const { message } = await failure(run(method, `${uri}/old`));
    expect(message).toContain(`redirected to ${uri}/new, which is not followed for ${method}; correct http.uri`);
    expect(heard).toHaveLength(1);
  });

  it('in a circle ends after the fifth', async () => {
    const { uri, heard } = await serve((response) => response.writeHead(302, { Location: '/again' }).end());
    expect((await failure(run('HEAD', uri))).message).toContain('redirected more than 5 times');
    expect(heard).toHaveLength(6);
  });

  it('to something that is no web address is a failure', async () => {
    const { uri } = await serve((response) => response.writeHead(302, { Location: 'file:///etc/passwd' }).end());
    expect((await failure(run('GET', uri))).message).toContain('which is no address of http or https');
  });
});

describe('the definition of an HTTP job', () => {
  const kind = httpJob(systemClock);
  const definition = (props: Readonly<Record<string, string>>, className?: string) =>
    defineJob({ name: 'report', shardingTotalCount: 1, props, ...(className && { className }) });

  it('is recognised by its class name as Java stores it, or by its address', () => {
    expect(kind.accepts(definition({}, 'HTTP'), undefined)).toBe(true);
    expect(kind.accepts(definition({ [HTTP_PROPS.uri]: 'http://x' }), undefined)).toBe(true);
    expect(kind.accepts(definition({ [HTTP_PROPS.uri]: 'http://x' }), { execute: () => undefined })).toBe(false);
    expect(kind.accepts(definition({}), undefined)).toBe(false);
    const both = { [HTTP_PROPS.uri]: 'http://x', [SCRIPT_COMMAND_LINE]: 'ls' };
    expect(scriptJob(systemClock).accepts(definition(both, 'HTTP'), undefined)).toBe(false);
    expect(kind.accepts(definition(both, 'HTTP'), undefined)).toBe(true);
  });

  it('is refused with everything that is wrong, each by the name of its option', async () => {
    const props = {
      [HTTP_PROPS.uri]: 'ftp://user:s3cret@host/?t0k3n',
      [HTTP_PROPS.method]: 'FETCH',
      [HTTP_PROPS.connectTimeout]: 'soon',
      [HTTP_PROPS.readTimeout]: '-1',
      [HTTP_PROPS.contentType]: 'text/plain\r\nX: y',
    };
    const refused = await failure((async () => void kind.prepare(definition(props), undefined))());
    expect(refused.code).toBe('INVALID_CONFIGURATION');
    expect(refused.message.split('\n')).toEqual([
      '5 problems:',
      "jobs.report.props.http.method: seen 'FETCH', expected one of GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS",
      "jobs.report.props.http.uri: seen '(not shown)', expected a whole address that begins with http:// or https://",
      "jobs.report.props.http.content.type: seen 'text/plain\\r\\nX: y', expected plain characters only",
      "jobs.report.props.http.connect.timeout.milliseconds: seen 'soon', expected milliseconds, a whole number from 0 to 2147483647",
      "jobs.report.props.http.read.timeout.milliseconds: seen '-1', expected milliseconds, a whole number from 0 to 2147483647",
    ]);
  });

  it('is refused without an address or a method, and with data that would not be sent', async () => {
    const prepare = (props: Readonly<Record<string, string>>) => () => kind.prepare(definition(props), undefined);
    expect(prepare({})).toThrow('props.http.uri: seen nothing, expected an address');
    expect(prepare({})).toThrow('props.http.method: seen nothing, expected one of GET');
    const get = { [HTTP_PROPS.uri]: 'http://x', [HTTP_PROPS.method]: 'GET', [HTTP_PROPS.data]: 'x' };
    expect(prepare(get)).toThrow("props.http.data: seen 'x', expected none, since GET sends no body");
  });
});

describe('secrets of an HTTP job', () => {
  it('stand where the definition refers to them, and in no message', async () => {
    const { uri, heard } = await serve((response, { path, body }) => response.writeHead(403).end(`${path} ${body}?`));
    const lines: string[] = [];
    const props = {
      [HTTP_PROPS.uri]: `${uri.replace('//', '//me:p4ssword@')}/hooks/{secret:HOOK}?key={secret:HOOK}`,
      [HTTP_PROPS.method]: 'POST',
      [HTTP_PROPS.data]: 'token={secret:API_TOKEN}',
    };
    const secrets = { HOOK: 'h00k', API_TOKEN: 't0k3n' };
    const execute = httpJob(systemClock, secrets).prepare(
      defineJob({ name: 'report', shardingTotalCount: 1, props }),
      undefined,
    );
    const logger = writeLogger((line) => lines.push(line), 'debug');
    const { message } = await failure(execute(contextOf(), { logger, mayContinue: () => true }));
    expect(heard).toMatchObject([{ path: '/hooks/h00k?key=h00k', body: 'token=t0k3n' }]);
    expect(message).toContain(`POST ${uri}/hooks/{secret:HOOK}: status 403`);
    expect(message).toContain('the answer: /hooks/{secret:HOOK}?key={secret:HOOK} token={secret:API_TOKEN}?');
    for (const secret of ['h00k', 't0k3n', 'p4ssword']) expect(message + lines.join()).not.toContain(secret);
  });

  it('must be known', () => {
    const props = { [HTTP_PROPS.uri]: 'http://x/{secret:HOK}', [HTTP_PROPS.method]: 'GET' };
    const definition = defineJob({ name: 'report', shardingTotalCount: 1, props });
    expect(() => httpJob(systemClock, { HOOK: 'h00k' }).prepare(definition, undefined)).toThrow(
      "jobs.report.props.http.uri: seen '{secret:HOK}', expected the name of one of the engine's secrets (there are: HOOK)",
    );
  });
});
