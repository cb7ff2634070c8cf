import { deferred } from '../foundation/deferred.js';
import { ElasticJobError, messageOf } from '../foundation/errors.js';
import { TaskGroup } from '../foundation/lifecycle.js';
import type { Logger } from '../foundation/logger.js';
import type { Registry } from '../registry/registry.js';
import { resign } from './leader-election.js';
import type { Membership } from './membership.js';

/** Who leaves which job. */
export interface Leaving {
  readonly registry: Registry;
  readonly logger: Logger;
  readonly jobName: string;
  readonly membership: Membership;
  /**
   * Resolves when nothing is under way any more that could make this instance leader or member again, or with which it
   * still acts as one.
   */
  readonly atRest: () => Promise<void>;
}

/**
 * Gives up leadership and membership. While the connection is gone nothing can be given up: the nodes go with the session,
 * or, since that may go on for other jobs, are removed when the connection comes back to it.
 */
export async function leaveMembership(leaving: Leaving): Promise<void> {
  // Also in a session it is not registered in yet: it may be about to be.
  if (leaving.registry.session.state === 'connected') await deregister(leaving);
  else deregisterWhenBack(leaving);
}

async function deregister(leaving: Leaving): Promise<void> {
  const { registry, logger, jobName, membership } = leaving;
  try {
    if (await restsWhileConnected(leaving)) {
      await resign(registry, jobName);
      await membership.leave();
      return;
    }
  } catch (error) {
    if (!ElasticJobError.is(error) || !error.retryable) throw error;
    logger.warn('the connection was lost while this instance left the job', { error: messageOf(error) });
  }
  deregisterWhenBack(leaving);
}

/** Those nodes too that a request under way still makes. */
function deregisterWhenBack(leaving: Leaving): void {
  const undo = leaving.registry.onSession(({ state }) => {
    if (state === 'suspended') return;
    undo();
    if (state === 'connected') new TaskGroup(leaving.logger).run('late leave', () => deregister(leaving));
  });
}

/** Resolves to `false` when the connection is gone before: what is under way may go on with the next one. */
async function restsWhileConnected({ registry, atRest }: Leaving): Promise<boolean> {
  const disconnected = deferred<false>();
  const undo = registry.onSession(({ state }) => {
    if (state !== 'connected') disconnected.resolve(false);
  });
  try {
    return await Promise.race([atRest().then(() => true), disconnected.promise]);
  } finally {
    undo();
  }
}
