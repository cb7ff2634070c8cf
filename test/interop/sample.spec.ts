import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const CLUSTER = fileURLToPath(new URL('../../samples/02-cluster/dist/cluster.js', import.meta.url));

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [CLUSTER, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ZOOKEEPER_CONNECT: '', ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

describe('the cluster sample with a Java process', () => {
  it('goes on without the process of ours that it kills, and then without the Java process', {
    timeout: 150_000,
  }, async () => {
    const { code, stdout, stderr } = await run(['--java', '1', '--processes', '2', '--seconds', '45', '--kill']);
    expect(stdout, stderr).not.toBe('');
    const verdict: unknown = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    expect({ code, verdict }).toMatchObject({
      code: 0,
      verdict: {
        ok: true,
        fires: 45,
        overlappingRuns: 0,
        killed: [{ worker: expect.stringMatching(/^process [12]$/) }, { worker: 'Java process' }],
      },
    });
    const { itemsPerProcess } = verdict as { itemsPerProcess: Record<string, number[]> };
    expect(Object.values(itemsPerProcess)).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8]]);
  });

  it('says what to install where there is no JDK', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'elasticjob-interop-'));
    const { code, stdout, stderr } = await run(['--java', '1'], { PATH: empty });
    rmSync(empty, { recursive: true });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      'The command javac was not found. The real ElasticJob for Java needs a JDK 17 or later and Maven (on Debian: ' +
        'apt-get install --no-install-recommends openjdk-17-jdk-headless maven).\n',
    );
  });
});
