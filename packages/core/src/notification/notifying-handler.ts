import type { JobErrorHandler, JobFailure } from '../execution/job-extensions.js';
import { PropReader } from '../execution/prop-reader.js';
import { hideSecrets, type Secrets } from '../execution/secrets.js';
import type { Clock } from '../foundation/clock.js';
import { ElasticJobError, messageOf } from '../foundation/errors.js';
import type { Logger } from '../foundation/logger.js';
import type { Moderation } from './moderation.js';
import { cutTo, errorOf, type Notice } from './notice.js';

/** What all notifying error handlers need. */
export interface NotifyingServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly moderation: Moderation;
  readonly instanceId: string;
  readonly secrets: Secrets;
}

/** Sends a notice to where a job's props say. Ends when the signal aborts. */
export type Send = (notice: Notice, signal: AbortSignal) => Promise<void>;

/** A way to tell people of failures: mail, a chat, a program. */
export interface Channel {
  /** The name used in `jobErrorHandlerType`. */
  readonly type: string;
  /** Reads a job's props, noting in `props` what is wrong with them, and gives what sends its notices. */
  open(props: PropReader, services: NotifyingServices): Send;
}

/**
 * An error handler that tells of failures through a channel. Handling a failure only hands the notice over to the
 * deliveries, so that neither a slow channel nor a broken one holds up a run.
 */
export function notifyingHandler(channel: Channel, services: NotifyingServices): JobErrorHandler {
  const { type } = channel;
  return {
    type,
    prepare(definition) {
      const props = new PropReader(definition, services.secrets);
      const send = channel.open(props, services);
      props.check();
      return { type, handle: (failure) => handOver(failure, type, send, services) };
    },
    handle({ jobName }) {
      throw new ElasticJobError(
        'INVALID_STATE',
        `the error handler ${type} has not read the props of job '${jobName}'`,
      );
    },
  };
}

/** How much of what the other side said goes into the log, characters. */
const MAX_SAID = 600;

function handOver(failure: JobFailure, handler: string, send: Send, services: NotifyingServices): void {
  const { jobName, item } = failure;
  const notice = noticeOf(failure, services);
  services.moderation.offer(jobName, handler, (omitted) => ({
    jobName,
    item,
    handler,
    failure: notice.error.message,
    async send(signal) {
      try {
        await send({ ...notice, omitted }, signal);
      } catch (error) {
        // What the other side said may repeat what it was sent.
        throw new Error(cutTo(MAX_SAID, hideSecrets(messageOf(error), services.secrets)), { cause: error });
      }
    },
  }));
}

function noticeOf(
  { jobName, item, error }: JobFailure,
  { clock, instanceId, secrets }: NotifyingServices,
): Omit<Notice, 'omitted'> {
  const told = errorOf(error, (text) => hideSecrets(text, secrets));
  return { jobName, item, instanceId, at: clock.now(), error: told };
}
