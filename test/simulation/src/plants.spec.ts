import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PLANTS, type Plant, planted } from './plants.js';
import { runHistories } from './runner.js';
import type { HistoryResult } from './simulate.js';

const core = fileURLToPath(new URL('../../../packages/core/dist/', import.meta.url));

/** The first history that shows the defect, `null` if none of the seeds does. */
async function firstToShow(plant: Plant, seeds: number): Promise<HistoryResult | null> {
  const found: HistoryResult[] = [];
  const stop = new AbortController();
  await runHistories({
    plant,
    seeds: [plant.seed ?? 1, ...Array.from({ length: seeds - 1 }, (_, index) => index + 1)],
    workers: 2,
    signal: stop.signal,
    onResult: (result) => {
      if (result.violation === null) return;
      found.push(result);
      stop.abort();
    },
  });
  return found[0] ?? null;
}

describe('a defect planted in the kernel', () => {
  it.each(PLANTS)('is found within 2,000 histories: $defect', { timeout: 600_000 }, async (plant) => {
    const result = await firstToShow(plant, 2000);
    expect(result?.violation).toBeTruthy();
  });

  it('has to fit exactly once, or says so', () => {
    const plant = { name: 'x', defect: '', file: 'a.js', edits: [{ from: 'one', to: 'two' }] };
    expect(planted(plant, 'one, three')).toBe('two, three');
    expect(() => planted(plant, 'one, one')).toThrow("plant 'x': a.js contains its fragment 2 times, expected once");
    expect(() => planted(plant, 'three')).toThrow('0 times');
  });

  it.each(PLANTS)('fits the kernel as it is compiled now: $name', (plant) => {
    const source = readFileSync(`${core}${plant.file}`, 'utf8');
    expect(planted(plant, source)).not.toBe(source);
  });
});
