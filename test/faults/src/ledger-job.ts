import { setTimeout as sleep } from 'node:timers/promises';
import type { ShardingContext, SimpleJobHandler } from '@elasticjob/core';
import type { LedgerWrite } from './ledger.js';
import type { LedgerClient } from './ledger-client.js';
import type { WorkerMessage } from './worker-message.js';

const FOR_EVER_MS = 2 ** 31 - 1;

/** What a handler of these jobs works with. */
export interface LedgerJobServices {
  readonly ledger: LedgerClient;
  readonly instance: string;
  /** How long an item works, milliseconds; `null` until it is aborted. */
  readonly workMs: number | null;
  tell(message: WorkerMessage): void;
}

/**
 * Work that is written to the ledger before and after. When it is aborted it still tries to write its end, as code does
 * that does not look at its signal: this is what the ledger has to refuse once somebody else has run the item.
 */
export function ledgerJob({ ledger, instance, workMs, tell }: LedgerJobServices): SimpleJobHandler {
  const write = async (what: LedgerWrite['what'], run: Omit<LedgerWrite, 'what' | 'instance'>): Promise<void> => {
    const { accepted, greatest } = await ledger.write({ what, ...run, instance });
    if (!accepted) throw new Error(`the ledger refused the ${what} of token ${run.token}: it has seen ${greatest}`);
  };
  return {
    async execute(context) {
      const run = describe(context);
      tell({ kind: 'begin', ...run, trigger: context.trigger?.id ?? null, at: Date.now() });
      context.signal.addEventListener('abort', () => {
        tell({ kind: 'aborted', ...run, reason: String(context.signal.reason?.code), at: Date.now() });
      });
      await write('begin', run);
      try {
        await sleep(workMs ?? FOR_EVER_MS, undefined, { signal: context.signal });
      } finally {
        await write('end', run);
      }
      tell({ kind: 'end', ...run, at: Date.now() });
    },
  };
}

function describe(context: ShardingContext): Omit<LedgerWrite, 'what' | 'instance'> {
  const { jobName: job, shardingItem: item, scheduledAt, fencingToken } = context;
  return { job, item, scheduledAt, token: String(fencingToken) };
}
