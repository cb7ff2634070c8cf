import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { runHistories } from './runner.js';
import type { HistoryResult } from './simulate.js';

const HISTORIES = 2000;

/** A history as a failing test shows it. */
function told({ seed, client, violation, lines }: HistoryResult): string {
  const replay = `npm run simulate -- --seed ${seed} --client ${client} --trace`;
  return [...lines, `${violation?.promise}: ${violation?.seen}`, replay].join('\n');
}

async function run(seeds: readonly number[]): Promise<HistoryResult[]> {
  const results: HistoryResult[] = [];
  await runHistories({
    seeds,
    workers: Math.min(2, availableParallelism()),
    onResult: (result) => results.push(result),
  });
  return results;
}

describe('histories drawn from seeds', () => {
  it(`keep every promise, ${HISTORIES} of them`, { timeout: 900_000 }, async () => {
    const results = await run(Array.from({ length: HISTORIES }, (_, index) => index + 1));
    expect(results.filter(({ violation }) => violation !== null).map(told)).toEqual([]);
    expect(results).toHaveLength(HISTORIES);
    // What did not happen was not tested either.
    const total = (what: string): number => results.reduce((sum, { counts }) => sum + (counts[what] ?? 0), 0);
    expect(total('runs')).toBeGreaterThan(HISTORIES * 20);
    expect(total('taken over')).toBeGreaterThan(HISTORIES / 8);
    for (const fault of ['crash', 'pause', 'partition', 'expiry', 'disconnect', 'leave', 'server partition']) {
      expect(total(fault), fault).toBeGreaterThan(HISTORIES / 4);
    }
  });

  it('are the same for the same seed, line for line', { timeout: 60_000 }, async () => {
    const seeds = [3, 4, 5, 6];
    const first = await runAll(seeds);
    const second = await runAll([...seeds].reverse());
    expect(second.reverse()).toEqual(first);
  });
});

/** All lines of these histories, one after the other on one thread. */
async function runAll(seeds: readonly number[]): Promise<HistoryResult[]> {
  const results: HistoryResult[] = [];
  await runHistories({
    seeds,
    workers: 1,
    lines: Number.MAX_SAFE_INTEGER,
    onResult: (result) => results.push(result),
  });
  return results;
}
