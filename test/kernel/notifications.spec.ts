import {
  createEngine,
  defineJob,
  type Engine,
  type EngineOptions,
  type LogFields,
  type Logger,
} from '@elasticjob/core';
import { deferred, MemoryServer, MemoryTraceSink } from '@elasticjob/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeServers, serve } from '../../packages/core/src/execution/http-harness.contract.js';

const SECRETS = { HOOK: 'h00k-t0k3n' };

let lines: string[] = [];
let traces = new MemoryTraceSink();
let server = new MemoryServer();
const engines: Engine[] = [];

beforeEach(() => {
  lines = [];
  traces = new MemoryTraceSink();
  server = new MemoryServer();
});
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.stop()));
  await closeServers();
});

const keep: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (text, fields) => write(text, fields),
  error: (text, fields) => write(text, fields),
  child: () => keep,
};

function write(text: string, fields: LogFields = {}): void {
  lines.push(`${text} ${JSON.stringify(fields)}`);
}

/** An engine that stops within about half a second. */
async function start(options: Partial<EngineOptions> = {}): Promise<Engine> {
  const engine = createEngine({
    registry: server.registry({ namespace: 'test' }),
    secrets: SECRETS,
    logger: keep,
    traceSinks: [traces],
    drainTimeoutMs: 400,
    abortGraceMs: 100,
    handoverTimeoutMs: 0,
    ...options,
  });
  engines.push(engine);
  await engine.start();
  return engine;
}

/** Adds a job whose only item always fails, and waits until it is assigned. */
async function addFailing(engine: Engine, props: Readonly<Record<string, string>>) {
  const options = { name: 'invoice', shardingTotalCount: 1, jobErrorHandlerType: 'webhook', props };
  const handle = await engine.add(defineJob(options), {
    execute: () => Promise.reject(new Error('no paper')),
  });
  await handle.waitFor(({ items }) => items.length === 1);
  return handle;
}

const runs = (): number => traces.of('status').filter(({ state }) => state === 'TASK_ERROR').length;

describe('a job that fails with a notifying error handler', () => {
  it('is told of, with a secret that the registry does not have', async () => {
    const heard = deferred<string>();
    const { uri } = await serve((response, { path, body }) => {
      response.end();
      heard.resolve(`${path} ${body}`);
    });
    const engine = await start();
    const handle = await addFailing(engine, { 'webhook.url': `${uri}/{secret:HOOK}` });
    await handle.trigger();
    expect(await heard.promise).toMatch(/^\/h00k-t0k3n \{"event":"job-failed","jobName":"invoice","item":0,/);
    const stored = await engine.registry.read('invoice/config');
    expect(String(stored?.value)).toContain('{secret:HOOK}');
    expect(
      JSON.stringify([stored, lines, traces.events], (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    ).not.toContain(SECRETS.HOOK);
  });

  it('goes on while the receiver hangs, and stops within its time, closing the connection', async () => {
    const [asked, closed] = [deferred(), deferred()];
    const { uri } = await serve((response) => {
      response.on('close', () => closed.resolve());
      asked.resolve();
    });
    const engine = await start();
    const handle = await addFailing(engine, { 'webhook.url': uri });
    for (let run = 1; run <= 3; run++) {
      await handle.trigger();
      await traces.waitFor(() => runs() === run);
    }
    await asked.promise;
    await engine.stop();
    await closed.promise;
    expect(lines).toContain('notifications of failures were dropped {"job":"invoice","dropped":3}');
  });

  it('follows its stored definition to another receiver, and waits while that cannot be followed', async () => {
    const [first, second] = [deferred(), deferred()];
    const one = await serve((response) => first.resolve(void response.end()));
    const two = await serve((response) => second.resolve(void response.end()));
    const engine = await start();
    const handle = await addFailing(engine, { 'webhook.url': one.uri });
    await handle.trigger();
    await first.promise;
    const change = async (from: string, to: string): Promise<void> => {
      const stored = await engine.registry.read('invoice/config');
      await engine.registry.put('invoice/config', String(stored?.value).replace(from, to));
    };
    await change(one.uri, 'ftp://nowhere');
    await handle.waitFor(({ state }) => state === 'waiting');
    expect(handle.status().problem).toContain('jobs.invoice.props.webhook.url: seen');
    await change('ftp://nowhere', two.uri);
    await handle.waitFor(({ state, items }) => state === 'active' && items.length === 1);
    await handle.trigger();
    await second.promise;
    expect(one.heard).toHaveLength(1);
  });

  it('is refused on a member that does not have the secret, naming the option', async () => {
    const engine = await start({ secrets: { OTHER: 'x' } });
    const added = addFailing(engine, { 'webhook.url': 'https://example.com/{secret:HOOK}' });
    await expect(added).rejects.toThrow(
      "jobs.invoice.props.webhook.url: seen '{secret:HOOK}', expected the name of one of the engine's secrets (there are: OTHER)",
    );
  });
});

describe('an HTTP job', () => {
  it('is stored as Java knows it and runs in the cluster without a handler', async () => {
    const { uri, heard } = await serve((response) => response.end());
    const engine = await start();
    const props = { 'http.uri': `${uri}/close-day`, 'http.method': 'POST', 'http.data': 'token={secret:HOOK}' };
    const handle = await engine.add(defineJob({ name: 'close-day', shardingTotalCount: 2, props }), undefined);
    await handle.waitFor(({ items }) => items.length === 2);
    await handle.trigger();
    await traces.waitFor(({ kind }) => kind === 'status' && traces.of('status').at(-1)?.state === 'TASK_FINISHED');
    expect(heard.map(({ body }) => body)).toEqual([`token=${SECRETS.HOOK}`, `token=${SECRETS.HOOK}`]);
    const contexts = heard.map(({ headers }) => JSON.parse(String(headers.shardingcontext)));
    expect(contexts.map(({ shardingItem }) => shardingItem).sort()).toEqual([0, 1]);
    const root = await engine.registry.read('close-day');
    expect(String(root?.value)).toBe('HTTP');
  });
});
