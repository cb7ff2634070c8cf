import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodePlan } from '../coordination/assignment-plan.js';
import { encodeInstance } from '../coordination/instance-yaml.js';
import { encodeJobConfig } from '../coordination/job-yaml.js';
import { ManualClock } from '../foundation/clock.js';
import { RegistryError } from '../foundation/errors.js';
import { silentLogger } from '../foundation/logger.js';
import { defineJob } from '../job/define-job.js';
import type { JobOptions } from '../job/job-options.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { createOperations, type Operations } from './operations.js';

const START = Date.UTC(2027, 0, 1);
const A = '10.0.0.1@-@101-0000000a';
const B = '10.0.0.2@-@102-0000000b';

let clock: ManualClock;
let registry: Registry;
let operations: Operations;

beforeEach(async () => {
  clock = new ManualClock(START);
  registry = new MemoryServer({ clock }).registry({ namespace: 'test' });
  await registry.start();
  operations = createOperations(registry, { clock });
});
afterEach(() => registry.stop());

/** A job as its members leave it, without members. */
async function stored(name: string, options: Partial<JobOptions> = {}, extra: string | null = null): Promise<void> {
  const given = { name, cron: '0 0 3 * * ?', timeZone: 'UTC', shardingTotalCount: 2, ...options };
  await registry.put(name, name);
  await registry.put(`${name}/config`, encodeJobConfig(defineJob(given, { now: START }), extra));
}

async function member(
  job: string,
  instanceId: string,
  status = 'ENABLED',
  labels: string | null = null,
): Promise<void> {
  const serverIp = instanceId.split('@')[0] ?? '';
  await registry.put(`${job}/servers/${serverIp}`, status);
  await registry.create(
    `${job}/instances/${instanceId}`,
    encodeInstance({ instanceId, serverIp, labels }),
    'ephemeral',
  );
}

async function own(job: string, owners: readonly string[]): Promise<void> {
  for (const [item, owner] of owners.entries()) await registry.put(`${job}/sharding/${item}/instance`, owner);
}

/** Everything that stands in the namespace. */
async function everything(): Promise<Record<string, string>> {
  const nodes: Record<string, string> = {};
  const walk = async (parent: string): Promise<void> => {
    for (const name of (await registry.children(parent))?.names ?? []) {
      const path = parent === '' ? name : `${parent}/${name}`;
      nodes[path] = (await registry.read(path))?.value ?? '';
      await walk(path);
    }
  };
  await walk('');
  return nodes;
}

describe('servers', () => {
  beforeEach(async () => {
    await stored('invoice');
    await stored('report');
    await member('invoice', A);
    await member('invoice', B);
    await member('report', A);
  });

  it('are disabled and enabled one by one, for one job or for all', async () => {
    const { commands } = operations;
    expect(await commands.disable({ job: 'invoice', server: '10.0.0.1' })).toEqual({
      changes: [{ path: 'invoice/servers/10.0.0.1', before: 'ENABLED', after: 'DISABLED' }],
      notObeyedBy: [],
    });
    const everywhere = await commands.disable({ server: '10.0.0.1' });
    expect(everywhere.changes.map(({ path }) => path)).toEqual(['report/servers/10.0.0.1']);
    const whole = await commands.disable({ job: 'invoice' });
    expect(whole.changes.map(({ path }) => path)).toEqual(['invoice/servers/10.0.0.2']);
    expect((await commands.enable({ server: '10.0.0.1' })).changes).toHaveLength(2);
    expect((await commands.enable({ job: 'invoice' })).changes).toHaveLength(1);
    expect((await commands.enable({ job: 'invoice' })).changes).toEqual([]);
  });

  it('are shut down: the nodes of their instances go, and nothing else', async () => {
    const result = await operations.commands.shutdown({ job: 'invoice', server: '10.0.0.1' });
    expect(result.changes).toEqual([
      { path: `invoice/instances/${A}`, before: expect.stringContaining(A), after: null },
    ]);
    const nodes = await everything();
    expect(nodes).not.toHaveProperty([`invoice/instances/${A}`]);
    expect(nodes).toMatchObject({
      [`invoice/instances/${B}`]: expect.anything(),
      'invoice/servers/10.0.0.1': 'ENABLED',
    });
    expect(nodes).toHaveProperty([`report/instances/${A}`]);
  });

  it('are shut down by what the instances say of their server, not by their ids', async () => {
    const text = encodeInstance({ instanceId: 'x@-@1', serverIp: '10.0.0.2', labels: null });
    await registry.create('invoice/instances/x@-@1', text, 'ephemeral');
    const { changes } = await operations.commands.shutdown({ server: '10.0.0.2' });
    expect(changes.map(({ path }) => path)).toEqual([`invoice/instances/${B}`, 'invoice/instances/x@-@1']);
  });

  it('are removed, after their instances', async () => {
    const { changes } = await operations.commands.remove({ server: '10.0.0.1' });
    expect(changes.map(({ path }) => path)).toEqual([
      `invoice/instances/${A}`,
      `report/instances/${A}`,
      'invoice/servers/10.0.0.1',
      'report/servers/10.0.0.1',
    ]);
    const { changes: rest } = await operations.commands.remove({ job: 'invoice' });
    expect(rest.map(({ path }) => path)).toEqual([`invoice/instances/${B}`, 'invoice/servers/10.0.0.2']);
  });

  it('can be shut down instance by instance', async () => {
    const { changes } = await operations.commands.shutdown({ job: 'invoice', instance: A });
    expect(changes.map(({ path }) => path)).toEqual([`invoice/instances/${A}`]);
    await expect(operations.commands.shutdown({ job: 'invoice', instance: A })).rejects.toMatchObject({
      code: 'UNKNOWN_INSTANCE',
      message: expect.stringContaining(`there are: ${B}`),
    });
  });
});

describe('what is not there', () => {
  beforeEach(async () => {
    await stored('invoice');
    await member('invoice', A);
  });

  it.each<[string, () => Promise<unknown>, string, string]>([
    [
      'a job',
      () => operations.commands.disable({ job: 'invoise' }),
      'UNKNOWN_JOB',
      "'invoise' in the registry; there are: invoice",
    ],
    [
      'a job that is no name',
      () => operations.commands.pause('invoice/config', { reason: 'x' }),
      'UNKNOWN_JOB',
      'there are: invoice',
    ],
    ['a job whose name leads elsewhere', () => operations.queries.job('..'), 'INVALID_PATH', '".."'],
    ['a job without a name', () => operations.commands.reshard(''), 'UNKNOWN_JOB', "''"],
    [
      'a server in a job',
      () => operations.commands.disable({ job: 'invoice', server: '10.0.0.7' }),
      'UNKNOWN_SERVER',
      "'10.0.0.7' in job 'invoice'; there are: 10.0.0.1",
    ],
    [
      'a server in any job',
      () => operations.commands.remove({ server: '10.0.0.7' }),
      'UNKNOWN_SERVER',
      'in any job; there are: 10.0.0.1',
    ],
    [
      'an item',
      () => operations.commands.disable({ job: 'invoice', item: 2 }),
      'UNKNOWN_ITEM',
      "item 2 of job 'invoice'; its items are 0 to 1",
    ],
    [
      'an item that is no number',
      () => operations.commands.disable({ job: 'invoice', item: 0.5 }),
      'UNKNOWN_ITEM',
      'item 0.5',
    ],
    ['an item to explain', () => operations.queries.why('invoice', -1), 'UNKNOWN_ITEM', 'item -1'],
    ['a target', () => operations.commands.disable({}), 'INVALID_ARGUMENT', 'expected a job, a server, or both'],
    ['a job for an item', () => operations.commands.enable({ item: 1 }), 'INVALID_ARGUMENT', 'together with its job'],
  ])('is named, with what is there instead: %s', async (_, ask, code, message) => {
    const before = await everything();
    await expect(ask()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(await everything()).toEqual(before);
  });

  it('is named with the nearest names only, where there are many', async () => {
    for (let index = 10; index < 40; index++) await stored(`job-${index}`);
    await expect(operations.queries.job('job-1x')).rejects.toThrow(
      /there is no job 'job-1x' in the registry; the nearest of 31: job-10, job-11, .*job-17$/,
    );
  });
});

describe('an item', () => {
  it('is switched off and on, also before it was ever assigned', async () => {
    await stored('invoice');
    const { commands } = operations;
    const off = await commands.disable({ job: 'invoice', item: 1 });
    expect(off.changes).toEqual([{ path: 'invoice/sharding/1/disabled', before: null, after: '' }]);
    expect((await commands.disable({ job: 'invoice', item: 1 })).changes).toEqual([]);
    expect((await operations.queries.job('invoice')).items.map(({ status }) => status)).toEqual([
      'SHARDING_FLAG',
      'DISABLED',
    ]);
    const on = await commands.enable({ job: 'invoice', item: 1 });
    expect(on.changes).toEqual([{ path: 'invoice/sharding/1/disabled', before: '', after: null }]);
  });

  it('can be switched on when the definition has it no more', async () => {
    await stored('invoice');
    await registry.put('invoice/sharding/9/disabled', '');
    expect((await operations.commands.enable({ job: 'invoice', item: 9 })).changes).toHaveLength(1);
  });
});

describe('a pause', () => {
  beforeEach(() => stored('invoice'));

  it('is stored with its reason, who asked for it and its end, and tells which members do not obey', async () => {
    await member('invoice', A);
    await member('invoice', '10.0.0.3@-@4711');
    const until = new Date(START + 60_000);
    const result = await operations.commands.pause('invoice', { reason: 'stocktaking', by: 'ann', until });
    expect(result).toEqual({
      changes: [
        {
          path: 'invoice/extension/pause',
          before: null,
          after: `{"v":1,"reason":"stocktaking","by":"ann","until":${START + 60_000}}`,
        },
      ],
      notObeyedBy: ['10.0.0.3@-@4711'],
    });
    expect((await operations.queries.job('invoice')).pause).toEqual({
      reason: 'stocktaking',
      by: 'ann',
      until: START + 60_000,
    });
    await clock.advance(60_000);
    expect((await operations.queries.job('invoice')).pause).toBeNull();
  });

  it('is replaced by another, and ended', async () => {
    const { commands } = operations;
    await commands.pause('invoice', { reason: 'one' });
    const other = await commands.pause('invoice', { reason: 'other' });
    expect(other.changes[0]?.before).toContain('one');
    expect((await commands.pause('invoice', { reason: 'other' })).changes).toEqual([]);
    expect((await commands.resume('invoice')).changes).toHaveLength(1);
    expect((await commands.resume('invoice')).changes).toEqual([]);
  });

  it.each<[string, object]>([
    ['has no reason', { reason: ' ' }],
    ['has ended before', { reason: 'x', until: START }],
    ['has an end that is no moment', { reason: 'x', until: new Date('soon') }],
  ])('is refused if it %s', async (_, options) => {
    await expect(operations.commands.pause('invoice', options as { reason: string })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    expect(await registry.read('invoice/extension/pause')).toBeNull();
  });

  it('is refused if its reason would cut the connection', async () => {
    await expect(operations.commands.pause('invoice', { reason: 'x'.repeat(1_000_001) })).rejects.toMatchObject({
      code: 'VALUE_TOO_LARGE',
    });
    expect(await registry.read('invoice/extension/pause')).toBeNull();
  });
});

const TRACING = [
  'jobExtraConfigurations:',
  '- !!org.apache.shardingsphere.elasticjob.kernel.tracing.yaml.YamlTracingConfiguration',
  '  tracingStorageConfiguration: !!org.apache.shardingsphere.elasticjob.tracing.rdb.yaml.YamlDataSourceConfiguration',
  '    props:',
  '      password: hunter2',
  '  type: RDB',
  '',
].join('\n');

describe('a definition', () => {
  beforeEach(() => stored('invoice', { props: { 'email.password': 'hunter2', region: 'eu' } }, TRACING));

  it("is changed for the version that was looked at, and keeps Java's own part", async () => {
    const { version } = await operations.queries.configuration('invoice');
    const result = await operations.commands.updateConfiguration('invoice', { cron: '0 0 4 * * ?' }, { version });
    expect(result).toMatchObject({
      version: version + 1,
      differences: [{ option: 'cron', one: "'0 0 3 * * ?'", other: "'0 0 4 * * ?'" }],
      changes: [{ path: 'invoice/config', after: expect.stringContaining('cron: 0 0 4 * * ?') }],
    });
    expect(JSON.stringify(result)).not.toContain('hunter2');
    const text = (await registry.read('invoice/config'))?.value;
    expect(text).toContain(TRACING);
    expect(text).toContain('email.password: hunter2');
  });

  it('is not written when nothing changes', async () => {
    const { version } = await operations.queries.configuration('invoice');
    const result = await operations.commands.updateConfiguration('invoice', {
      props: { region: 'eu', 'email.password': '***' },
    });
    expect(result).toEqual({ changes: [], notObeyedBy: [], version, differences: [] });
  });

  it('is not changed when somebody else changed it meanwhile, and both sides are told', async () => {
    const { version } = await operations.queries.configuration('invoice');
    await operations.commands.updateConfiguration('invoice', {
      cron: '0 0 5 * * ?',
      props: { 'email.password': 'hunter3' },
    });
    const update = operations.commands.updateConfiguration(
      'invoice',
      { cron: '0 0 4 * * ?', props: { 'email.password': 'hunter4' } },
      { version },
    );
    await expect(update).rejects.toMatchObject({
      code: 'CONFIGURATION_CONFLICT',
      expectedVersion: version,
      foundVersion: version + 1,
      differences: [
        { option: 'cron', one: "'0 0 4 * * ?'", other: "'0 0 5 * * ?'" },
        { option: 'props.email.password', one: "'***'", other: "'***'" },
      ],
      message: expect.not.stringContaining('hunter'),
    });
    expect((await operations.queries.configuration('invoice')).definition?.cron).toBe('0 0 5 * * ?');
  });

  it('is changed by exactly one of many who change the same version', async () => {
    const { version } = await operations.queries.configuration('invoice');
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, (_, index) =>
        operations.commands.updateConfiguration('invoice', { description: `change ${index}` }, { version }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CONFIGURATION_CONFLICT' });
  });

  it('is refused when it is wrong, and nothing is written', async () => {
    const before = await everything();
    await expect(operations.commands.updateConfiguration('invoice', { cron: '0 0 25 * * ?' })).rejects.toMatchObject({
      code: 'INVALID_CONFIGURATION',
    });
    await expect(operations.commands.updateConfiguration('invoice', { name: 'other' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const large = operations.commands.updateConfiguration('invoice', { jobParameter: 'x'.repeat(1_000_000) });
    await expect(large).rejects.toMatchObject({ code: 'VALUE_TOO_LARGE' });
    expect(await everything()).toEqual(before);
  });

  it('that nobody can read is replaced as a whole only', async () => {
    await registry.put('invoice/config', 'cron: [');
    await expect(operations.commands.updateConfiguration('invoice', { description: 'x' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('replace: true'),
    });
    await operations.commands.updateConfiguration('invoice', { shardingTotalCount: 4 }, { replace: true });
    expect((await operations.queries.configuration('invoice')).definition?.shardingTotalCount).toBe(4);
  });

  it('keeps what is undefined, gives what is null its default, and has no class', async () => {
    const { commands, queries } = operations;
    await commands.updateConfiguration('invoice', JSON.parse('{"timeZone":null}'));
    const changes: object = { cron: undefined, description: 'x' };
    await commands.updateConfiguration('invoice', changes);
    const { definition } = await queries.configuration('invoice');
    expect(definition).toMatchObject({ cron: '0 0 3 * * ?', timeZone: null, description: 'x' });
    await expect(commands.updateConfiguration('invoice', { className: 'x' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('is replaced as a whole, with defaults for what is left out', async () => {
    await operations.commands.updateConfiguration('invoice', { shardingTotalCount: 4 }, { replace: true });
    const { definition, extra } = await operations.queries.configuration('invoice', { secrets: true });
    expect(definition).toMatchObject({ shardingTotalCount: 4, cron: null, props: {} });
    expect(extra).toBe(TRACING);
  });

  it('keeps its secrets when it comes back as it was shown, also as a whole', async () => {
    const { commands, queries } = operations;
    const { definition } = await queries.configuration('invoice');
    const { shardingTotalCount = 0, props = {} } = definition ?? {};
    await commands.updateConfiguration(
      'invoice',
      { shardingTotalCount, props, cron: '0 0 5 * * ?' },
      { replace: true },
    );
    const stored = (await queries.configuration('invoice', { secrets: true })).definition;
    expect(stored).toMatchObject({ cron: '0 0 5 * * ?', props: { 'email.password': 'hunter2', region: 'eu' } });
  });

  it('is shown without secrets unless they are asked for', async () => {
    const shown = await operations.queries.configuration('invoice');
    expect(JSON.stringify(shown)).not.toContain('hunter2');
    expect(shown.definition?.props).toEqual({ 'email.password': '***', region: 'eu' });
    const { definition, text } = await operations.queries.configuration('invoice', { secrets: true });
    expect([definition?.props['email.password'], text.includes('password: hunter2')]).toEqual(['hunter2', true]);
  });

  it('is removed with all that is stored of the job, not while instances are registered unless asked', async () => {
    await member('invoice', A);
    await own('invoice', [A, A]);
    await stored('report');
    await expect(operations.commands.removeConfiguration('invoice')).rejects.toMatchObject({
      code: 'STILL_RUNNING',
      message: expect.stringContaining(A),
    });
    const { changes } = await operations.commands.removeConfiguration('invoice', { evenIfRunning: true });
    expect(changes.map(({ path }) => path)).toEqual([`invoice/instances/${A}`, 'invoice']);
    expect(Object.keys(await everything())).toEqual(['report', 'report/config']);
  });
});

describe('a resharding', () => {
  it('is asked for once', async () => {
    await stored('invoice');
    const first = await operations.commands.reshard('invoice');
    expect(first.changes).toEqual([{ path: 'invoice/leader/sharding/necessary', before: null, after: '' }]);
    expect((await operations.commands.reshard('invoice')).changes).toEqual([]);
    expect((await operations.queries.job('invoice')).reshardingSince).toBe(START);
  });
});

describe('what is asked about jobs', () => {
  it('is nothing in a namespace without jobs', async () => {
    expect(await operations.queries.jobs()).toEqual({ jobs: [], ignored: [] });
    expect(await operations.queries.servers()).toEqual([]);
  });

  it('is told of each, of its servers, instances and items', async () => {
    await stored('invoice', { description: 'sends invoices' });
    await member('invoice', A);
    await member('invoice', B, 'DISABLED', 'weight=3,draining');
    await own('invoice', [A, '10.0.0.9@-@gone']);
    await registry.create('invoice/sharding/0/running', A, 'ephemeral');
    await registry.put('invoice/sharding/1/failover', A);
    await registry.put('invoice/leader/failover/items/1', '');
    await registry.create('invoice/leader/election/instance', A, 'ephemeral');
    expect((await operations.queries.jobs()).jobs).toEqual([
      {
        jobName: 'invoice',
        status: 'SHARDING_FLAG',
        description: 'sends invoices',
        cron: '0 0 3 * * ?',
        timeZone: 'UTC',
        instanceCount: 2,
        shardingTotalCount: 2,
        pause: null,
      },
    ]);
    expect(await operations.queries.job('invoice')).toMatchObject({
      className: 'invoice',
      leader: A,
      servers: [
        { serverIp: '10.0.0.1', status: 'ENABLED', instances: [A] },
        { serverIp: '10.0.0.2', status: 'DISABLED', instances: [B] },
      ],
      instances: [
        {
          instanceId: A,
          isLeader: true,
          isEnabled: true,
          kind: 'typescript',
          items: [0],
          withdrawal: null,
          since: START,
        },
        {
          instanceId: B,
          isLeader: false,
          isEnabled: false,
          withdrawal: 'draining',
          labels: { weight: '3' },
          items: [],
        },
      ],
      items: [
        {
          item: 0,
          status: 'RUNNING',
          owner: A,
          serverIp: '10.0.0.1',
          isOwnerOnline: true,
          running: { instanceId: A, since: START, isLasting: false, isLeftBehind: false },
        },
        {
          item: 1,
          status: 'SHARDING_FLAG',
          serverIp: '10.0.0.9',
          isOwnerOnline: false,
          failover: A,
          awaitsFailover: true,
        },
      ],
      ignored: [],
    });
  });

  it('is told of servers in all jobs, and of the jobs of one', async () => {
    for (const job of ['a', 'b', 'c']) await stored(job);
    await member('a', A);
    await member('b', A, 'DISABLED');
    await member('b', B);
    expect(await operations.queries.servers()).toEqual([
      { serverIp: '10.0.0.1', instances: [A], jobNames: ['a', 'b'], disabledJobNames: ['b'] },
      { serverIp: '10.0.0.2', instances: [B], jobNames: ['b'], disabledJobNames: [] },
    ]);
    const { jobs } = await operations.queries.jobs({ server: '10.0.0.1' });
    expect(jobs.map(({ jobName, status }) => `${jobName}:${status}`)).toEqual(['a:SHARDING_FLAG', 'b:SHARDING_FLAG']);
  });

  it('passes over what means nothing where it stands, and tells of it', async () => {
    await stored('invoice');
    await member('invoice', A);
    await own('invoice', [A, A]);
    await registry.put('invoice/instances/10.0.0.3@-@3', '');
    await registry.put('invoice/instances/10.0.0.4@-@4', 'TRIGGER');
    await registry.put('invoice/instances/10.0.0.5@-@5', '!!evil.Class {a: 1}');
    for (const junk of ['x', '-1', '01', '1.5', '7', '99999999999']) await registry.put(`invoice/sharding/${junk}`, '');
    await registry.put('stray/thing', '');
    await registry.put('broken/config', '!!javax.script.ScriptEngineManager []');
    const { jobs, ignored } = await operations.queries.jobs();
    expect(jobs.map(({ jobName, status }) => `${jobName}:${status}`)).toEqual(['broken:CRASHED', 'invoice:OK']);
    expect(ignored.map(({ path }) => path).sort()).toEqual([
      'broken/config',
      'invoice/instances/10.0.0.3@-@3',
      'invoice/instances/10.0.0.4@-@4',
      'invoice/instances/10.0.0.5@-@5',
      'stray',
    ]);
    const job = await operations.queries.job('invoice');
    expect(job.items.map(({ item, status }) => `${item}:${status}`)).toEqual(['0:PENDING', '1:PENDING']);
    expect(job.ignored.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['x', '-1', '01', '1.5', '7', '99999999999'].map((junk) => `invoice/sharding/${junk}`)),
    );
    expect((await operations.queries.job('broken')).problem).toMatch(/tag|options/);
  });

  it('goes by the plan where that is in force, without a read for each item', async () => {
    await stored('invoice');
    await member('invoice', A);
    await registry.ensure('invoice/leader/sharding');
    const spans = [{ after: 0, owners: [A, A] }] as const;
    const plan = { changes: 0, strategy: 'X', members: [A], labels: [null], spans };
    await registry.put('invoice/extension/plan', encodePlan(plan));
    const paths: string[] = [];
    const watched = createOperations(
      new Proxy(registry, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name, target);
          if (typeof value !== 'function') return value;
          return (...given: unknown[]) => {
            paths.push(String(given[0]));
            return Reflect.apply(value, target, given);
          };
        },
      }),
      { clock },
    );
    expect((await watched.queries.jobs()).jobs).toMatchObject([{ status: 'OK' }]);
    expect(paths.filter((path) => path.includes('invoice/sharding'))).toEqual([]);
  });

  it('is told that a trigger was accepted, also if those of long ago cannot be forgotten at that moment', async () => {
    await stored('invoice');
    const refusing = new Proxy(registry, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...given: unknown[]) => {
          const forgets = name === 'children' && String(given[0]).includes('extension/triggers/records');
          if (forgets) return Promise.reject(new RegistryError('CONNECTION_LOSS', 'gone'));
          return Reflect.apply(value, target, given);
        };
      },
    });
    const told: string[] = [];
    const logger = { ...silentLogger, warn: (text: string) => void told.push(text) };
    const { commands } = createOperations(refusing, { clock, logger });
    const { id, isNew } = await commands.trigger('invoice');
    expect(isNew).toBe(true);
    expect(told).toEqual(['triggers that have ended are forgotten later']);
    expect(await operations.queries.trigger('invoice', id)).toMatchObject({ id });
  });

  it('is told when a job fires next, by its own zone, and what of that falls into a pause', async () => {
    await stored('invoice', { cron: '0 0 3 * * ?', timeZone: 'Asia/Shanghai' });
    await operations.commands.pause('invoice', { reason: 'x', until: Date.UTC(2027, 0, 2) });
    expect(await operations.queries.nextFires('invoice', 2)).toEqual({
      cron: '0 0 3 * * ?',
      timeZone: 'Asia/Shanghai',
      isAssumedZone: false,
      fires: [
        { at: Date.UTC(2027, 0, 1, 19), paused: true },
        { at: Date.UTC(2027, 0, 2, 19), paused: false },
      ],
      problem: null,
    });
    await expect(operations.queries.nextFires('invoice', 0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('is told why there are no fires', async () => {
    await stored('invoice', { cron: null });
    expect(await operations.queries.nextFires('invoice')).toMatchObject({ fires: [], problem: /triggered/ });
  });
});

describe('a thousand jobs', () => {
  it('are listed with a few requests under way at a time', async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `job-${1000 + index}`);
    await Promise.all(names.map((name) => stored(name)));
    let underWay = 0;
    let most = 0;
    const counted = async <T>(answer: Promise<T>): Promise<T> => {
      underWay += 1;
      most = Math.max(most, underWay);
      try {
        return await answer;
      } finally {
        underWay -= 1;
      }
    };
    const counting = Object.create(registry, {
      read: { value: (path: string) => counted(registry.read(path)) },
      children: { value: (path: string) => counted(registry.children(path)) },
    }) as Registry;
    const { jobs } = await createOperations(counting, { clock, readsAtOnce: 20 }).queries.jobs();
    expect([jobs.length, most]).toEqual([1000, 20]);
  });
});

describe('a dump', () => {
  beforeEach(async () => {
    await stored('invoice', { props: { 'email.password': 'hunter2' } });
    await member('invoice', A);
    await member('invoice', '10.0.0.11@-@7');
    await stored('report');
  });

  it('is a line for each node, children in descending order, without addresses and secrets', async () => {
    const lines = (await operations.dump.job('invoice')).split('\n');
    expect(lines.slice(0, 4)).toEqual([
      '/invoice/servers | ',
      '/invoice/servers/ip1 | ENABLED',
      '/invoice/servers/ip2 | ENABLED',
      '/invoice/instances | ',
    ]);
    expect(lines).toContain('/invoice/instances/ip1@-@7 | jobInstanceId: ip1@-@7');
    expect(lines).toContain('  email.password: ***');
    expect(lines.join('\n')).not.toMatch(/10\.0\.0|hunter2|report/);
  });

  it('is of a whole namespace too', async () => {
    const dump = await operations.dump.namespace();
    expect(dump).toMatch(/^\/report \| report\n\/report\/config \| cron: /);
    expect(dump).toContain('\n/invoice/servers/ip1 | ENABLED\n');
  });

  it('of a job that is not there is an error', () =>
    expect(operations.dump.job('other')).rejects.toMatchObject({ code: 'UNKNOWN_JOB' }));
});
