import type { Contender } from './contender.js';
import type { ContestOrder, ContestSetup, ContestTold } from './contender-worker.js';
import { WorkerProcess } from './worker-process.js';

/** Processes with an engine each, on our own client. They join all jobs together, as an engine does at its start. */
export const ours: Contender = {
  name: 'ours',
  async start({ number, onBegin, connectString, namespace, sessionTimeoutMs }) {
    const instanceId = `10.0.0.${number}@-@${number}`;
    const registry = { connectString, namespace, sessionTimeoutMilliseconds: sessionTimeoutMs };
    let heard: (() => void) | null = null;
    const setup: ContestSetup = { registry, instanceId };
    const process = new WorkerProcess<ContestOrder, ContestTold>('./contender-worker.js', setup, (told) => {
      if (told.kind === 'begin') onBegin(told.job, told.item);
      else heard?.();
    });
    const done = async (order: () => void): Promise<void> => {
      const answer = new Promise<void>((resolve) => {
        heard = resolve;
      });
      order();
      await Promise.race([answer, process.failed]);
    };
    await done(() => undefined);
    return {
      instanceId,
      pid: process.pid,
      join: (jobs, company) => done(() => process.order({ jobs, isAlone: company === 'alone' })),
      kill: () => process.kill(),
    };
  },
};
