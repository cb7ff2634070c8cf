import { register } from 'node:module';
import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerSetup } from './runner.js';

/** One thread of the simulation: runs the seeds it is sent, one after the other, and sends back what came of each. */
const { client, plant, lines } = workerData as WorkerSetup;
if (plant !== undefined) register('./plant-hook.js', import.meta.url, { data: plant });
// Only now, so that a planted defect is in the kernel when it is loaded.
const { simulate } = await import('./simulate.js');

parentPort?.on('message', async (seeds: readonly number[]) => {
  for (const seed of seeds) {
    const request = { seed, ...(client === undefined ? {} : { client }), ...(lines === undefined ? {} : { lines }) };
    parentPort?.postMessage(await simulate(request));
  }
});
