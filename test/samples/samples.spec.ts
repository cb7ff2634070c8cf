import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it } from 'vitest';

const sample = (path: string): string => fileURLToPath(new URL(`../../samples/${path}`, import.meta.url));
const FIRST = sample('01-first-job/dist/main.js');
const CLUSTER = sample('02-cluster/dist/cluster.js');
const WORKER = sample('02-cluster/dist/main.js');
const SECURED = sample('04-tls/dist/cluster.js');
const SECURED_WORKER = sample('04-tls/dist/main.js');
const CONFIGURED = sample('03-async-config/dist/main.js');
const HTTP = sample('05-http-and-alerts/dist/main.js');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a sample to its end. `onOutput` sees everything written so far and may send a signal. */
async function run(
  file: string,
  args: readonly string[],
  onOutput: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: '1', ZOOKEEPER_CONNECT: '' };
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    onOutput(stdout, (signal) => void child.kill(signal));
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

describe('the first sample', () => {
  it('runs every item of a simple, a dataflow and a script job in six seconds', async () => {
    const { code, stdout, stderr } = await run(FIRST, ['--seconds', '6']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('item 1: invoices of Shanghai sent');
    expect(stdout).toMatch(/item 0: orders [\d, ]+ processed/);
    expect(stdout).toContain('cleaning up part 1 of 2 (sessions)');
    const runs = stdout.split('\n').find((line) => line.startsWith('runs: ')) ?? '';
    const items = ['clean-up/0', 'clean-up/1', 'invoice/0', 'invoice/1', 'invoice/2', 'orders/0', 'orders/1'];
    expect(runs.match(/[\w-]+\/\d ×[1-9]/g)?.map((each) => each.split(' ')[0])).toEqual(items);
  });

  it('waits for what runs when it is interrupted, and ends well', async () => {
    let sent = false;
    const { code, stdout, stderr } = await run(FIRST, [], (output, kill) => {
      if (sent || !output.includes('invoices of Beijing sent')) return;
      sent = true;
      kill('SIGINT');
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('stopping: no new runs, waiting for those under way');
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^runs: /);
  });

  it('explains itself, and what is wrong with its arguments', async () => {
    expect(await run(FIRST, ['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('--seconds 10') });
    const bad = await run(FIRST, ['--seconds', 'many']);
    expect(bad).toMatchObject({ code: 2, stderr: "--seconds: seen 'many', expected a number above 0\n" });
  });
});

describe('the sample with configuration', () => {
  it('runs every item, each with an instance of its own, by what the environment says', async () => {
    const { code, stdout, stderr } = await run(CONFIGURED, ['--seconds', '8']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [, runs, instances] = /digest: (\d+) runs of an item, (\d+) instances/.exec(stdout) ?? [];
    expect(Number(runs)).toBeGreaterThan(0);
    expect(instances).toBe(runs);
  });

  it('explains itself, and what is wrong with its arguments', async () => {
    expect(await run(CONFIGURED, ['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('--seconds') });
    expect(await run(CONFIGURED, ['--secnds', '8'])).toMatchObject({ code: 2 });
  });
});

describe('the sample with HTTP jobs and alerts', () => {
  it('asks for every item, tells of each failure once and signed, and lets no secret out', async () => {
    const { code, stdout, stderr } = await run(HTTP, ['--seconds', '6']);
    expect({ code, stderr: stderr.split('\n').filter((line) => !line.includes('[alerts]')) }).toEqual({
      code: 0,
      stderr: [''],
    });
    expect(stdout).toContain('/close-day?token={secret:SHOP_TOKEN}\n');
    const [, failures] = /asked: Asia ×[1-9] {2}Europe ×[1-9] {2}America ×([1-9]); strangers: 0/.exec(stdout) ?? [];
    expect(stdout).toContain(`alerts: ${failures}; refused: 0`);
    expect(stdout + stderr).not.toMatch(/token=[0-9a-f]/);
  });

  it('explains itself, and what is wrong with its arguments', async () => {
    expect(await run(HTTP, ['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('--seconds 6') });
    expect(await run(HTTP, ['--seconds', 'many'])).toMatchObject({ code: 2 });
  });
});

describe('the cluster sample', () => {
  it.each(['wire', 'native'])(
    'goes on without the leader it kills, in time and running nothing twice (%s)',
    async (client) => {
      const options = ['--processes', '3', '--seconds', '26', '--kill', '--client', client];
      const { code, stdout, stderr } = await run(CLUSTER, options);
      const verdict: unknown = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
      expect({ code, verdict }).toMatchObject({
        code: 0,
        verdict: {
          fires: 26,
          firesWithItemRunTwice: 0,
          overlappingRuns: 0,
          recoveryLimitMs: 6_500,
          itemsMissedOutsideTheWindow: [],
          ok: true,
          killed: { worker: expect.stringMatching(/^process [123]$/), items: expect.any(Array) },
        },
      });
      const { runsPerItem, recoveryMs, itemsPerProcess, killed } = verdict as {
        runsPerItem: Record<string, number>;
        recoveryMs: number;
        itemsPerProcess: Record<string, number[]>;
        killed: { worker: string; items: number[] };
      };
      expect(Object.keys(runsPerItem)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8']);
      expect(recoveryMs).toBeLessThanOrEqual(6_500);
      expect(killed.items).toHaveLength(3);
      expect(Object.keys(itemsPerProcess)).not.toContain(killed.worker);
      expect(Object.values(itemsPerProcess).flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      expect(stderr).toContain(`killing ${killed.worker}, which leads and owns`);
    },
  );

  it('ends one of its processes in order when it is told to', async () => {
    const namespace = `sample-${process.pid}-${Date.now()}`;
    let sent = false;
    const args = ['--connect', inject('zookeeper'), '--namespace', namespace];
    const { code, stdout } = await run(WORKER, args, (output, kill) => {
      if (sent || !output.includes('"kind":"begin"')) return;
      sent = true;
      kill('SIGTERM');
    });
    const messages = stdout.split('\n').filter((line) => line.startsWith('{"kind":'));
    const count = (kind: string): number => messages.filter((line) => line.includes(`"kind":"${kind}"`)).length;
    expect(code).toBe(0);
    expect(count('begin')).toBeGreaterThan(0);
    expect(count('end')).toBe(count('begin'));
  });

  it.each([
    [CLUSTER, ['--help'], '--processes N'],
    [WORKER, ['--help'], '--connect 127.0.0.1:2181'],
  ])('explains itself: %s', async (file, args, text) => {
    expect(await run(file, args)).toMatchObject({ code: 0, stdout: expect.stringContaining(text), stderr: '' });
  });

  it.each([
    [CLUSTER, ['--processes', '0'], '--processes takes 1 to 9'],
    [CLUSTER, ['--seconds', '0'], '--seconds takes a number above 0'],
    [CLUSTER, ['--kill', '--seconds', '20'], '--kill needs --seconds 25 or more'],
    [CLUSTER, ['--kill', '--processes', '1'], '--kill needs at least two processes'],
    [CLUSTER, ['--java', 'yes'], "--java takes 0 or 1, not 'yes'"],
    [CLUSTER, ['--java', '1', '--kill', '--seconds', '40'], '--kill needs --seconds 45 or more'],
    [WORKER, [], '--connect is missing: which ZooKeeper?'],
  ])('says what is wrong with its arguments: %s %j', async (file, args, text) => {
    const { code, stderr } = await run(file, args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(text) });
  });
});

describe('the sample with TLS and SASL', () => {
  it('runs every item for every fire, and refuses who has no certificate or a wrong password', async () => {
    const { code, stdout, stderr } = await run(SECURED, ['--processes', '2', '--seconds', '5']);
    const verdict: unknown = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    expect({ code, verdict }).toEqual({
      code: 0,
      verdict: {
        ...{ ok: true, fires: 5, missed: 0, runTwice: 0 },
        runsPerItem: { 0: 5, 1: 5, 2: 5, 3: 5, 4: 5, 5: 5 },
        itemsPerProcess: { 'process-1': expect.any(Array), 'process-2': expect.any(Array) },
        refused: {
          'without a certificate': expect.stringContaining('the server refused the certificate of this client'),
          'with a wrong password': expect.stringContaining('refused the SASL user "payroll"'),
        },
      },
    });
    expect(stderr).not.toContain('got in');
  });

  it('lets every process leave in order when it is interrupted', async () => {
    let sent = false;
    const child = spawn(process.execPath, [SECURED], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (!sent && stderr.includes('every item is owned')) sent = child.kill('SIGINT');
    });
    await once(child, 'close');
    expect({ code: child.exitCode, stdout }).toEqual({ code: 130, stdout: '' });
    expect(stderr).toContain('interrupted: the processes give their items away and leave');
  });

  it('says which variable is missing', async () => {
    const { code, stderr } = await run(SECURED_WORKER, []);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^ZOOKEEPER is missing in the environ/),
    });
  });

  it.each([
    [SECURED, '--processes N'],
    [SECURED_WORKER, 'ZOOKEEPER_PASSWORD_FILE'],
  ])('explains itself: %s', async (file, text) => {
    expect(await run(file, ['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining(text), stderr: '' });
  });

  it.each([
    [['--processes', '7'], '--processes takes 1 to 6'],
    [['--seconds', '0.5'], '--seconds takes a whole number above 0'],
  ])('says what is wrong with its arguments: %j', async (args, text) => {
    const { code, stderr } = await run(SECURED, args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(text) });
  });
});
