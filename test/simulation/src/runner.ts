import { Worker } from 'node:worker_threads';
import type { ClientKind } from './client.js';
import type { Plant } from './plants.js';
import type { HistoryResult } from './simulate.js';

/** Which histories to run, and how. */
export interface RunOptions {
  readonly seeds: Iterable<number>;
  /** Default: drawn from each seed. */
  readonly client?: ClientKind;
  /** A defect to put into the kernel. */
  readonly plant?: Plant;
  readonly workers: number;
  /** How many lines are told of a violation. */
  readonly lines?: number;
  /** Called for each history as it ends. */
  readonly onResult: (result: HistoryResult) => void;
  /** Ends the run early; histories under way are given up. */
  readonly signal?: AbortSignal;
}

/** What a worker is told at its start. */
export interface WorkerSetup {
  readonly client: ClientKind | undefined;
  readonly plant: Plant | undefined;
  readonly lines: number | undefined;
}

/** How many seeds a worker is given at once. */
const AT_ONCE = 4;

/** Runs histories on several threads. Resolves when all have ended or the signal aborts; rejects if a thread fails. */
export async function runHistories(options: RunOptions): Promise<void> {
  const seeds = options.seeds[Symbol.iterator]();
  const workers = Array.from({ length: options.workers }, () => drive(options, seeds));
  await Promise.all(workers);
}

async function drive(options: RunOptions, seeds: Iterator<number>): Promise<void> {
  const { client, plant, lines, signal, onResult } = options;
  if (signal?.aborted) return;
  const workerData: WorkerSetup = { client, plant, lines };
  // The workers are the compiled files, also when a test runs this from its source.
  const url = new URL('../dist/worker.js', import.meta.url);
  const worker = new Worker(url, { workerData });
  const ended = new Promise<void>((resolve, reject) => {
    let left = 0;
    const next = (): void => {
      const batch: number[] = [];
      while (batch.length < AT_ONCE) {
        const { value, done } = seeds.next();
        if (done) break;
        batch.push(value);
      }
      left = batch.length;
      if (left === 0) resolve();
      else worker.postMessage(batch);
    };
    worker.on('message', (result: HistoryResult) => {
      onResult(result);
      left -= 1;
      if (signal?.aborted) resolve();
      else if (left === 0) next();
    });
    worker.on('error', reject);
    signal?.addEventListener('abort', () => resolve(), { once: true });
    next();
  });
  try {
    await ended;
  } finally {
    await worker.terminate();
  }
}
